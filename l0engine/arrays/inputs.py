"""What the torch module takes in, as the rest of the library wants it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

from l0engine.errors import ProblemError


def plain(a: Any) -> Any:
    """A NumPy array or SciPy sparse array for a dense or sparse Tensor; anything else as it is."""
    if not isinstance(a, Tensor):
        return a
    a = a.detach().cpu()
    a = a.float() if a.dtype in (torch.float16, torch.bfloat16) else a
    if a.layout is torch.strided:
        return a.numpy()
    a = a.to_sparse_coo().coalesce()
    a = a.to_dense().to_sparse_coo().coalesce() if a.dense_dim() else a
    return sp.coo_array((a.values().numpy(), tuple(a.indices().numpy())), shape=tuple(a.shape))


def numbers(name: str, values: Any, length: int, *, high: float = math.inf) -> np.ndarray:
    """Finite numbers from 0 to `high`, one given for all or one each, as float64 of shape (length,), or a ProblemError."""
    try:
        a = np.asarray(plain(values), np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"{name} holds something that is not a number: give real numbers only.") from None
    if a.ndim and a.shape != (length,):
        raise ProblemError(f"{name} has shape {a.shape}: give one number, or an array of shape ({length},).")
    if not (np.isfinite(a) & (a >= 0) & (a <= high)).all():
        raise ProblemError(
            f"{name} holds a value out of bounds: give finite numbers {'of 0 or more' if high == math.inf else f'from 0 to {high:g}'}."
        )
    return np.broadcast_to(a, (length,)).copy()


def group_name(group: Any) -> str:
    """The name of a target group: the same for 1, NumPy's 1 and 1.0."""
    return str(int(group)) if isinstance(group, float | np.floating) and float(group).is_integer() else str(group)
