"""LinearMap: ``matrix @ weights`` and its transpose on any device, through one autograd Function."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, cast

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

#: Above this share of non-zeros a dense product streams fewer bytes than a sparse one.
DENSE_FROM = 0.5


class LinearMap(Protocol):
    """Products with a fixed float32 matrix of shape (n_targets, n_households)."""

    def matvec(self, weights: Tensor) -> Tensor:
        """``matrix @ weights``: (n_households,) -> (n_targets,)."""

    def rmatvec(self, residual: Tensor) -> Tensor:
        """``matrix.T @ residual``: (n_targets,) -> (n_households,)."""


class DenseMap:
    """A dense torch matrix."""

    def __init__(self, matrix: sp.csc_array, device: torch.device) -> None:
        self._matrix = torch.from_numpy(matrix.toarray(order="C")).to(device)
        self._transpose = self._matrix.T

    def matvec(self, weights: Tensor) -> Tensor:
        return self._matrix @ weights

    def rmatvec(self, residual: Tensor) -> Tensor:
        return self._transpose @ residual


class TorchCSRMap:
    """torch CSR tensors of the matrix and of its stored transpose; CUDA, and the CPU where torch has MKL."""

    def __init__(self, matrix: sp.csc_array, device: torch.device, rows: sp.csr_array | None = None) -> None:
        self._matrix = _torch_csr(matrix.tocsr() if rows is None else rows, device)
        self._transpose = _torch_csr(matrix.T, device)

    def matvec(self, weights: Tensor) -> Tensor:
        return self._matrix @ weights

    def rmatvec(self, residual: Tensor) -> Tensor:
        return self._transpose @ residual


class ScipyMap:
    """SciPy products on the CPU, one thread; for torch without MKL."""

    def __init__(self, matrix: sp.csc_array, device: torch.device) -> None:
        self._matrix, self._transpose = matrix.tocsr(), matrix.T

    def matvec(self, weights: Tensor) -> Tensor:
        return torch.from_numpy(self._matrix @ weights.detach().numpy())

    def rmatvec(self, residual: Tensor) -> Tensor:
        return torch.from_numpy(self._transpose @ residual.detach().numpy())


class GatherMap:
    """Gather, multiply and scatter-add: needs no sparse kernels, so it runs on every torch device."""

    def __init__(self, matrix: sp.csc_array, device: torch.device) -> None:
        coo = matrix.tocoo()
        self._rows, self._columns = (torch.from_numpy(i.astype(np.int64)).to(device) for i in coo.coords)
        self._data, self._shape = torch.from_numpy(coo.data).to(device), matrix.shape

    def matvec(self, weights: Tensor) -> Tensor:
        return weights.new_zeros(self._shape[0]).index_add_(0, self._rows, self._data * weights[self._columns])

    def rmatvec(self, residual: Tensor) -> Tensor:
        return residual.new_zeros(self._shape[1]).index_add_(0, self._columns, self._data * residual[self._rows])


def has_mkl() -> bool:
    """Whether this build of torch multiplies CSR tensors on the CPU."""
    return bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


def linear_map(matrix: sp.csc_array, device: torch.device, rows: sp.csr_array | None = None) -> LinearMap:
    """The fastest products for a matrix on a device.

    Parameters
    ----------
    matrix : csc_array, shape (n_targets, n_households)
        Columns are what a fit drops, so it comes by columns.
    device : torch.device
    rows : csr_array, optional
        The same matrix by rows, where it is at hand.
    """
    m = matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)
    if m.nnz > DENSE_FROM * m.shape[0] * m.shape[1]:
        return DenseMap(m, device)
    if device.type == "cuda" or (device.type == "cpu" and has_mkl()):
        return TorchCSRMap(m, device, rows if m is matrix else None)
    return ScipyMap(m, device) if device.type == "cpu" else GatherMap(m, device)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, map_: LinearMap) -> Tensor:
        ctx.map = map_
        return map_.matvec(weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.map.rmatvec(grads[0].contiguous()), None


def product(map_: LinearMap, weights: Tensor) -> Tensor:
    """``matrix @ weights``, differentiable in the weights."""
    return cast(Tensor, _Product.apply(weights, map_))  # type: ignore[no-untyped-call]


def _torch_csr(m: Any, device: torch.device) -> Tensor:
    m = sp.csr_array(m)
    index = np.int32 if max(m.nnz, *m.shape) < 2**31 else np.int64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")  # torch calls its CSR tensors beta; the tests hold them to SciPy's products
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nothing here writes
        pointers, columns = (torch.from_numpy(i.astype(index, copy=False)) for i in (m.indptr, m.indices))
        return torch.sparse_csr_tensor(pointers, columns, torch.from_numpy(m.data), size=m.shape, check_invariants=False).to(device)
