"""LinearMap: products with a matrix of targets x households and with its transpose, on any device, in one floating type.

A sparse matrix is stored twice, by rows and by columns, since both products must stream it in order. All that is made of it (columns that
stay, another precision, squares) is made where it is.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self, cast

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

#: Above this share of non-zeros a dense product streams fewer bytes than a sparse one.
DENSE_FROM = 0.5
#: On a GPU a Gram matrix is added up from dense blocks of so many entries.
BLOCK = 2**27


class LinearMap(Protocol):
    """Products with a fixed matrix of shape (n_targets, n_households)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Targets and households."""

    @property
    def device(self) -> torch.device:
        """Where it is."""

    def matvec(self, weights: Tensor) -> Tensor:
        """``matrix @ weights``: (n_households,) -> (n_targets,)."""

    def rmatvec(self, residual: Tensor) -> Tensor:
        """``matrix.T @ residual``: (n_targets,) -> (n_households,)."""

    def columns(self, chosen: Tensor) -> LinearMap:
        """The columns of some households, given by ascending indices of type int64."""

    def to(self, dtype: torch.dtype) -> LinearMap:
        """The same matrix in another precision; itself where it has that."""

    def scaled(self, factors: Tensor) -> LinearMap:
        """The same matrix with each row multiplied by a factor, shape (n_targets,)."""

    def dense(self) -> DenseMap:
        """The same matrix with all its zeros."""

    def squared(self) -> LinearMap:
        """The squares of the entries."""

    def weighted(self, rows: Tensor, columns: Tensor) -> LinearMap:
        """The same matrix with each row and each column multiplied by a factor."""

    def outer(self) -> Tensor:
        """``matrix @ matrix.T``, shape (n_targets, n_targets)."""

    def inner(self) -> Tensor:
        """``matrix.T @ matrix``, shape (n_households, n_households)."""

    def host(self) -> sp.csc_array:
        """The matrix as SciPy has it, on the host."""


class DenseMap:
    """A dense torch matrix."""

    def __init__(self, matrix: Tensor) -> None:
        self._matrix, self.shape, self.device = matrix, (matrix.shape[0], matrix.shape[1]), matrix.device
        self._transpose = matrix.T

    def matvec(self, weights: Tensor) -> Tensor:
        return self._matrix @ weights

    def rmatvec(self, residual: Tensor) -> Tensor:
        return self._transpose @ residual

    def columns(self, chosen: Tensor) -> DenseMap:
        return DenseMap(self._matrix.index_select(1, chosen))

    def to(self, dtype: torch.dtype) -> DenseMap:
        return DenseMap(self._matrix.to(dtype))

    def scaled(self, factors: Tensor) -> DenseMap:
        return DenseMap(self._matrix * factors[:, None])

    def dense(self) -> DenseMap:
        return self

    def squared(self) -> DenseMap:
        return DenseMap(self._matrix * self._matrix)

    def weighted(self, rows: Tensor, columns: Tensor) -> DenseMap:
        return DenseMap(self._matrix * rows[:, None] * columns)

    def outer(self) -> Tensor:
        return self._matrix @ self._transpose

    def inner(self) -> Tensor:
        return self._transpose @ self._matrix

    def host(self) -> sp.csc_array:
        return sp.csc_array(self._matrix.cpu().numpy())


@dataclass(frozen=True, eq=False)
class ByRows(ABC):
    """A sparse matrix by rows; how it is multiplied is for the device to say.

    Attributes
    ----------
    pointers : Tensor of int, shape (n_rows + 1,)
        Where the entries of each row begin, and the last end.
    indices : Tensor of int, shape (n_entries,)
        Columns of the entries.
    data : Tensor, shape (n_entries,)
    width : int
        Number of columns.
    """

    pointers: Tensor
    indices: Tensor
    data: Tensor
    width: int

    @abstractmethod
    def product(self, vector: Tensor) -> Tensor:
        """The product with a vector, shape (n_rows,)."""

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.pointers) - 1

    def rows(self, chosen: Tensor) -> Self:
        """Some rows, given by indices."""
        counts = self.pointers.diff().index_select(0, chosen)
        pointers = torch.zeros(len(chosen) + 1, dtype=self.pointers.dtype, device=self.pointers.device)
        torch.cumsum(counts, 0, dtype=pointers.dtype, out=pointers[1:])
        total = int(pointers[-1])
        at = torch.arange(total, dtype=torch.int64, device=pointers.device)
        at += torch.repeat_interleave(self.pointers.index_select(0, chosen) - pointers[:-1], counts, output_size=total)
        return replace(self, pointers=pointers, indices=self.indices.index_select(0, at), data=self.data.index_select(0, at))

    def weighted(self, rows: Tensor, columns: Tensor) -> Self:
        """Entries times the factors of their rows and columns."""
        return replace(self, data=self.data * rows.index_select(0, self.numbered()) * columns.index_select(0, self.indices))

    def times(self, other: ByRows) -> Tensor:
        """The product with another sparse matrix, dense; on the CPU."""
        return torch.from_numpy((self.array() @ other.array()).toarray())

    def numbered(self) -> Tensor:
        """The row of each entry, shape (n_entries,)."""
        rows = torch.arange(self.height, dtype=self.indices.dtype, device=self.indices.device)
        return torch.repeat_interleave(rows, self.pointers.diff(), output_size=len(self.indices))

    def array(self) -> sp.csr_array:
        """As SciPy has it; a view where it is on the CPU."""
        data, indices, pointers = (t.cpu().numpy() for t in (self.data, self.indices, self.pointers))
        return sp.csr_array((data, indices, pointers), shape=(self.height, self.width))


class TorchRows(ByRows):
    """By torch's CSR tensors: short rows on CUDA, and the CPU where torch has MKL."""

    @cached_property
    def _tensor(self) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")  # torch calls its CSR tensors beta; the tests hold them to SciPy's products
            shape = (self.height, self.width)
            return torch.sparse_csr_tensor(self.pointers, self.indices, self.data, size=shape, check_invariants=False)

    def product(self, vector: Tensor) -> Tensor:
        return self._tensor @ vector

    def times(self, other: ByRows) -> Tensor:
        assert isinstance(other, TorchRows)
        out = torch.zeros(self.height, other.width, dtype=self.data.dtype)
        return torch.addmm(out, self._tensor, other._tensor, beta=0)


class ScipyRows(ByRows):
    """By SciPy on the CPU, one thread; for torch without MKL."""

    def product(self, vector: Tensor) -> Tensor:
        return torch.from_numpy(self.array() @ vector.detach().numpy())


class SegmentRows(ByRows):
    """By sums over segments, always in the same order; long rows on CUDA, where the CSR product adds in any order."""

    def product(self, vector: Tensor) -> Tensor:
        terms = self.data * vector.index_select(0, self.indices)
        return torch.segment_reduce(terms, "sum", offsets=self.pointers, initial=0, unsafe=True)


class GatherRows(ByRows):
    """By gathering and scattering: needs no sparse kernels, so it runs on every torch device."""

    def product(self, vector: Tensor) -> Tensor:
        terms = self.data * vector.index_select(0, self.indices)
        return vector.new_zeros(self.height).index_add_(0, self.numbered(), terms)


@dataclass(frozen=True, eq=False)
class SparseMap:
    """A sparse matrix by rows, and its transpose by rows."""

    by_rows: ByRows
    by_columns: ByRows

    @property
    def shape(self) -> tuple[int, int]:
        return self.by_rows.height, self.by_rows.width

    @property
    def device(self) -> torch.device:
        return self.by_rows.data.device

    def matvec(self, weights: Tensor) -> Tensor:
        return self.by_rows.product(weights)

    def rmatvec(self, residual: Tensor) -> Tensor:
        return self.by_columns.product(residual)

    def columns(self, chosen: Tensor) -> SparseMap:
        kept = self.by_columns.rows(chosen)
        return SparseMap(_transposed(kept, type(self.by_rows)), kept)

    def to(self, dtype: torch.dtype) -> SparseMap:
        return self._with(self.by_rows.data.to(dtype), self.by_columns.data.to(dtype))

    def scaled(self, factors: Tensor) -> SparseMap:
        rows, columns = self.by_rows, self.by_columns
        return self._with(rows.data * factors.index_select(0, rows.numbered()), columns.data * factors.index_select(0, columns.indices))

    def dense(self) -> DenseMap:
        out = torch.zeros(self.shape, dtype=self.by_rows.data.dtype, device=self.device)
        out[self.by_rows.numbered().long(), self.by_rows.indices.long()] = self.by_rows.data
        return DenseMap(out)

    def squared(self) -> SparseMap:
        return self._with(self.by_rows.data**2, self.by_columns.data**2)

    def weighted(self, rows: Tensor, columns: Tensor) -> SparseMap:
        return SparseMap(self.by_rows.weighted(rows, columns), self.by_columns.weighted(columns, rows))

    def outer(self) -> Tensor:
        return squared_by_blocks(self.by_columns) if self.device.type == "cuda" else self.by_rows.times(self.by_columns)

    def inner(self) -> Tensor:
        return squared_by_blocks(self.by_rows) if self.device.type == "cuda" else self.by_columns.times(self.by_rows)

    def host(self) -> sp.csc_array:
        return sp.csc_array(self.by_columns.array().T)

    def _with(self, by_rows: Tensor, by_columns: Tensor) -> SparseMap:
        return SparseMap(replace(self.by_rows, data=by_rows), replace(self.by_columns, data=by_columns))


def squared_by_blocks(half: ByRows) -> Tensor:
    """``matrix.T @ matrix`` from dense blocks of rows, for a device that multiplies dense matrices far faster than sparse ones."""
    out, step = torch.zeros(2 * (half.width,), dtype=half.data.dtype, device=half.data.device), max(BLOCK // half.width, 1)
    for first in range(0, half.height, step):
        part = half.rows(torch.arange(first, min(first + step, half.height), device=out.device))
        block = torch.zeros(part.height, half.width, dtype=out.dtype, device=out.device)
        block[part.numbered().long(), part.indices.long()] = part.data
        out.addmm_(block.T, block)
    return out


def has_mkl() -> bool:
    """Whether this build of torch multiplies CSR tensors on the CPU."""
    return bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


def linear_map(
    matrix: Any,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    rows: sp.csr_array | None = None,
    chosen: np.ndarray | None = None,
) -> LinearMap:
    """The fastest products for a matrix on a device.

    Parameters
    ----------
    matrix : csc_array or csr_array, shape (n_targets, n_households)
        It is copied to the device as it is; what else is made of it is made there.
    device : torch.device
    dtype : torch.dtype
    rows : csr_array, optional
        The same matrix by rows, where a csc_array is given and it is at hand.
    chosen : ndarray of int, optional
        Rows of a csr_array that are wanted; all by default.
    """
    everything = chosen is None or len(chosen) == matrix.shape[0]
    if matrix.nnz > DENSE_FROM * matrix.shape[0] * matrix.shape[1]:
        matrix = matrix if everything else matrix[chosen]
        return DenseMap(torch.from_numpy(matrix.toarray(order="C")).to(device, dtype))
    long, short = _kinds(device)
    if matrix.format == "csc":
        half = _uploaded(short, sp.csr_array(matrix.T), device, dtype)
        return SparseMap(_transposed(half, long) if rows is None else _uploaded(long, rows, device, dtype), half)
    half = _uploaded(long, matrix, device, dtype)
    half = half if everything else half.rows(torch.tensor(chosen, device=device))
    return SparseMap(half, _transposed(half, short))


def _kinds(device: torch.device) -> tuple[type[ByRows], type[ByRows]]:
    """How a device multiplies long rows, and short ones."""
    if device.type == "cuda":
        return SegmentRows, TorchRows
    if device.type == "cpu":
        return 2 * ((TorchRows if has_mkl() else ScipyRows),)
    return GatherRows, GatherRows


def _uploaded(kind: type[ByRows], m: sp.csr_array, device: torch.device, dtype: torch.dtype) -> ByRows:
    index = np.int32 if max(m.nnz, *m.shape) < 2**31 else np.int64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nothing here writes
        pointers, indices, data = (
            torch.from_numpy(a) for a in (m.indptr.astype(index, copy=False), m.indices.astype(index, copy=False), m.data)
        )
        return kind(pointers.to(device), indices.to(device), data.to(device, dtype), m.shape[1])


def _transposed(half: ByRows, kind: type[ByRows]) -> ByRows:
    """The transpose by rows."""
    if half.data.device.type != "cpu":
        return _sorted_by_columns(half, kind)
    other = half.array().tocsc()
    return kind(torch.from_numpy(other.indptr), torch.from_numpy(other.indices), torch.from_numpy(other.data), half.height)


def _sorted_by_columns(half: ByRows, kind: type[ByRows]) -> ByRows:
    """The transpose by rows where SciPy is not at hand."""
    columns, order = torch.sort(half.indices, stable=True)
    ends = torch.arange(half.width + 1, dtype=columns.dtype, device=columns.device)
    pointers = torch.searchsorted(columns, ends, out_int32=columns.dtype == torch.int32)
    return kind(pointers, half.numbered().index_select(0, order), half.data.index_select(0, order), half.height)


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
