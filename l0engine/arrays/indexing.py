"""Slices of torch tensors, NumPy arrays, pandas frames and SciPy sparse matrices, each given back as its own kind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse as sp
from torch import Tensor

from l0engine.errors import ConfigError, ProblemError


def count(name: str, value: Any, low: int, high: float = math.inf) -> int:
    """A whole number from `low` to `high`, as an int, or a ConfigError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and low <= value <= high):
        span = f"of {low} or more" if high == math.inf else f"from {low} to {high:,}"
        raise ConfigError(f"{name} is {value}: set it to a whole number {span}.")
    return int(value)


def checked_axis(data: Any, dim: int, size: int) -> int:
    """`dim` counted from the first axis, once the data is of a known kind and has `size` slices along it, or a ProblemError."""
    if not (isinstance(data, Tensor | np.ndarray | pd.DataFrame | pd.Series) or _is_sparse(data)):
        raise ProblemError(f"The data is a {type(data).__name__}: give a torch Tensor, NumPy array, pandas frame or SciPy sparse matrix.")
    axes = len(data.shape)
    if not -axes <= dim < axes:
        raise ProblemError(f"The data has {axes} axes and no axis {dim}: count axes from 0, or from -1 backwards.")
    if data.shape[dim] != size:
        raise ProblemError(f"The data has length {data.shape[dim]:,} along axis {dim} but there are {size:,} gates: give one slice a gate.")
    return dim % axes


def take(data: Any, indices: Tensor, dim: int) -> Any:
    """The slices of `data` at `indices` along axis `dim`."""
    if isinstance(data, Tensor):
        where = indices.to(data.device)
        if data.layout in (torch.strided, torch.sparse_coo):
            return data.index_select(dim, where)
        return _coo(data).index_select(dim, where).to_sparse(layout=data.layout)
    at = indices.cpu().numpy()
    if isinstance(data, np.ndarray):
        return data.take(at, dim)
    if isinstance(data, pd.DataFrame | pd.Series):
        slices: Any = data.iloc
        return slices[at] if dim == 0 else slices[:, at]
    chosen = data.tocsr()[at] if dim == 0 else data.tocsc()[:, at]
    return chosen.asformat(data.format)


def scale(data: Any, factors: Tensor, dim: int) -> Any:
    """`data` with each slice along axis `dim` multiplied by its factor; a Tensor's result is differentiable in the factors."""
    shape = [-1 if axis == dim else 1 for axis in range(len(data.shape))]
    if isinstance(data, Tensor):
        f = factors.to(data.device, data.dtype if data.is_floating_point() else factors.dtype)
        if data.layout is torch.strided:
            return data * f.reshape(shape)
        coo = _coo(data).coalesce()
        at = coo.indices()
        return torch.sparse_coo_tensor(at, coo.values() * f[at[dim]], coo.shape, is_coalesced=True).to_sparse(layout=data.layout)
    by = factors.detach().cpu().numpy()
    if isinstance(data, pd.DataFrame | pd.Series):
        try:
            return data.mul(by, axis=dim)  # type: ignore[arg-type]
        except TypeError:
            raise ProblemError("The frame holds a column that is not numeric: encode it or leave it out.") from None
    if not np.issubdtype(data.dtype, np.number) and data.dtype != bool:
        raise ProblemError(f"The data is of type {data.dtype}, which is not numeric: give numbers.")
    by = (by.astype(data.dtype) if np.issubdtype(data.dtype, np.inexact) else by).reshape(shape)
    return data.multiply(by).asformat(data.format) if _is_sparse(data) else data * by


def like(indices: Tensor, data: Any) -> Any:
    """Indices as a Tensor on the data's device for a Tensor, else as a NumPy array."""
    return indices.to(data.device) if isinstance(data, Tensor) else indices.cpu().numpy()


def top(scores: np.ndarray, k: int) -> Tensor:
    """Indices, ascending, of the `k` largest of one-dimensional `scores`; of equal ones the first."""
    if k == 0:
        return torch.empty(0, dtype=torch.long)
    bar = np.partition(scores, len(scores) - k)[len(scores) - k]
    chosen = scores > bar
    ties = np.flatnonzero(scores == bar)
    chosen[ties[: k - np.count_nonzero(chosen)]] = True
    return torch.from_numpy(np.flatnonzero(chosen))


def _is_sparse(data: Any) -> bool:
    return bool(sp.issparse(data))


def _coo(data: Tensor) -> Tensor:
    return data.to_sparse_coo()  # type: ignore[no-any-return,no-untyped-call]
