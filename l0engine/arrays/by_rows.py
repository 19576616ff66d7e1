"""ByRows: a sparse matrix by rows on any device; how it is multiplied is for the device to say, see `kinds`."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

#: Up to so many entries SciPy's product on one thread takes less than torch's on two.
FEW = 100_000
#: On a GPU the square of a matrix is added up from dense blocks of so many entries.
BLOCK = 2**27


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


class ScipyRows(ByRows):
    """By SciPy on the CPU, one thread; for torch without MKL."""

    @cached_property
    def _array(self) -> sp.csr_array:
        return self.array()

    def product(self, vector: Tensor) -> Tensor:
        return torch.from_numpy(self._array @ vector.detach().numpy())


class TorchRows(ScipyRows):
    """By torch's CSR tensors: short rows on CUDA, and the CPU where torch has MKL, but for `FEW` entries, where SciPy is the faster."""

    @cached_property
    def _tensor(self) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")  # torch calls its CSR tensors beta; the tests hold them to SciPy's products
            shape = (self.height, self.width)
            return torch.sparse_csr_tensor(self.pointers, self.indices, self.data, size=shape, check_invariants=False)

    def product(self, vector: Tensor) -> Tensor:
        few = len(self.data) <= FEW and not vector.is_cuda
        return super().product(vector) if few else self._tensor @ vector

    def times(self, other: ByRows) -> Tensor:
        assert isinstance(other, TorchRows)
        out = torch.zeros(self.height, other.width, dtype=self.data.dtype)
        return torch.addmm(out, self._tensor, other._tensor, beta=0)


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


def kinds(device: torch.device) -> tuple[type[ByRows], type[ByRows]]:
    """How a device multiplies long rows, and short ones."""
    if device.type == "cuda":
        return SegmentRows, TorchRows
    if device.type == "cpu":
        return 2 * ((TorchRows if has_mkl() else ScipyRows),)
    return GatherRows, GatherRows


def uploaded(kind: type[ByRows], m: sp.csr_array, device: torch.device, dtype: torch.dtype) -> ByRows:
    """A matrix of SciPy on a device; a view where it is on the CPU and of that type already."""
    index = np.int32 if max(m.nnz, *m.shape) < 2**31 else np.int64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nothing here writes
        pointers, indices, data = (
            torch.from_numpy(a) for a in (m.indptr.astype(index, copy=False), m.indices.astype(index, copy=False), m.data)
        )
        return kind(pointers.to(device), indices.to(device), data.to(device, dtype), m.shape[1])


def transposed(half: ByRows, kind: type[ByRows]) -> ByRows:
    """The transpose by rows."""
    if half.data.device.type != "cpu":
        return sorted_by_columns(half, kind)
    other = half.array().tocsc()
    return kind(torch.from_numpy(other.indptr), torch.from_numpy(other.indices), torch.from_numpy(other.data), half.height)


def sorted_by_columns(half: ByRows, kind: type[ByRows]) -> ByRows:
    """The transpose by rows where SciPy is not at hand."""
    columns, order = torch.sort(half.indices, stable=True)
    ends = torch.arange(half.width + 1, dtype=columns.dtype, device=columns.device)
    pointers = torch.searchsorted(columns, ends, out_int32=columns.dtype == torch.int32)
    return kind(pointers, half.numbered().index_select(0, order), half.data.index_select(0, order), half.height)
