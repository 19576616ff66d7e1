"""LinearMap: products with a matrix of targets x households and with its transpose, on any device, in one floating type.

A sparse matrix is stored twice, by rows and by columns, since both products must stream it in order. All that is made of it (columns that
stay, another precision, squares) is made where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from scipy import sparse as sp
from torch import Tensor

from l0engine.arrays.areas import Areas
from l0engine.arrays.by_rows import ByRows, kinds, squared_by_blocks, transposed, uploaded

#: Above this share of non-zeros a dense product streams fewer bytes than a sparse one.
DENSE_FROM = 0.5


class LinearMap(Protocol):
    """Products with a fixed matrix of shape (n_targets, n_households)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Targets and households."""

    @property
    def entries(self) -> int:
        """How many it stores."""

    @property
    def device(self) -> torch.device:
        """Where it is."""

    @property
    def areas(self) -> Areas | None:
        """Which rows never meet, where it is known."""

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

    def outer_by_areas(self) -> tuple[Tensor, Tensor]:
        """The same without its zeros, where there are `areas`: their rows by the rows of the same area and the border, shape (n_areas,
        n_largest, n_largest + n_border), with rows of 0 where an area has fewer; and the border, shape (n_border, n_border).
        """

    def inner(self) -> Tensor:
        """``matrix.T @ matrix``, shape (n_households, n_households)."""

    def host(self) -> sp.csc_array:
        """The matrix as SciPy has it, on the host."""


class DenseMap:
    """A dense torch matrix."""

    areas: Areas | None = None

    def __init__(self, matrix: Tensor) -> None:
        self._matrix, self.shape, self.device = matrix, (matrix.shape[0], matrix.shape[1]), matrix.device
        self._transpose = matrix.T

    @property
    def entries(self) -> int:
        return self._matrix.numel()

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

    def outer_by_areas(self) -> tuple[Tensor, Tensor]:
        raise AssertionError("a matrix with next to no zeros has no areas")

    def inner(self) -> Tensor:
        return self._transpose @ self._matrix

    def host(self) -> sp.csc_array:
        return sp.csc_array(self._matrix.cpu().numpy())


@dataclass(frozen=True, eq=False)
class SparseMap:
    """A sparse matrix by rows, and its transpose by rows."""

    by_rows: ByRows
    by_columns: ByRows
    areas: Areas | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.by_rows.height, self.by_rows.width

    @property
    def device(self) -> torch.device:
        return self.by_rows.data.device

    @property
    def entries(self) -> int:
        return len(self.by_rows.data)

    def matvec(self, weights: Tensor) -> Tensor:
        return self.by_rows.product(weights)

    def rmatvec(self, residual: Tensor) -> Tensor:
        return self.by_columns.product(residual)

    def columns(self, chosen: Tensor) -> SparseMap:
        kept = self.by_columns.rows(chosen)
        return SparseMap(transposed(kept, type(self.by_rows)), kept, self.areas)

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
        return SparseMap(self.by_rows.weighted(rows, columns), self.by_columns.weighted(columns, rows), self.areas)

    def outer(self) -> Tensor:
        return squared_by_blocks(self.by_columns) if self.device.type == "cuda" else self.by_rows.times(self.by_columns)

    def outer_by_areas(self) -> tuple[Tensor, Tensor]:
        areas = self.areas
        assert areas is not None
        n, largest, width = len(areas.sizes), int(areas.sizes.max()), int(areas.sizes.max()) + len(areas.border)
        columns = replace(self.by_columns, indices=areas.place.index_select(0, self.by_columns.indices), width=width)
        product = self.by_rows.rows(areas.order).times(columns)  # rows of two areas have one place: they never meet
        local = product.new_zeros(n * largest, width)
        local[areas.slots] = product[: len(areas.slots)]
        return local.view(n, largest, width), product[len(areas.slots) :, largest:]

    def inner(self) -> Tensor:
        return squared_by_blocks(self.by_rows) if self.device.type == "cuda" else self.by_columns.times(self.by_rows)

    def host(self) -> sp.csc_array:
        return sp.csc_array(self.by_columns.array().T)

    def _with(self, by_rows: Tensor, by_columns: Tensor) -> SparseMap:
        return SparseMap(replace(self.by_rows, data=by_rows), replace(self.by_columns, data=by_columns), self.areas)


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
    long, short = kinds(device)
    if matrix.format == "csc":
        half = uploaded(short, sp.csr_array(matrix.T), device, dtype)
        return SparseMap(transposed(half, long) if rows is None else uploaded(long, rows, device, dtype), half)
    half = uploaded(long, matrix, device, dtype)
    half = half if everything else half.rows(torch.tensor(chosen, device=device))
    return SparseMap(half, transposed(half, short))


def applied(map_: LinearMap, weights: np.ndarray) -> np.ndarray:
    """``matrix @ weights`` of NumPy arrays, wherever the matrix is."""
    return np.asarray(map_.matvec(torch.tensor(weights, device=map_.device)).cpu().numpy())


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
