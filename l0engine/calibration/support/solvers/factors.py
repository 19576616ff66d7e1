"""Cholesky factors of ``B B' + T``, with T diagonal and all its diagonal 1: of the whole, of the smaller system that stands for it, or by
areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy.linalg import blas
from torch import Tensor

from l0engine.arrays.areas import Areas, full_work
from l0engine.arrays.linear_map import LinearMap


def factor_work(n_targets: int, areas: Areas | None) -> float:
    """Multiplications that a factor of a system of so many targets takes."""
    return full_work(n_targets) if areas is None else areas.work


class Factor(Protocol):
    """A factor of a system of n_targets rows."""

    def solve(self, v: Tensor) -> Tensor:
        """What the inverse of the system makes of a vector of float64, shape (n_targets,)."""


@dataclass(frozen=True, eq=False)
class Whole:
    """The lower factor of the whole system, shape (n_targets, n_targets)."""

    lower: Tensor

    @classmethod
    def of(cls, b: LinearMap, rest: Tensor, dtype: torch.dtype) -> Whole | None:
        """The factor for B and the diagonal of T, shape (n_targets,); None where the system is not definite in a precision."""
        h = b.to(dtype).outer()
        h.diagonal().add_(rest.to(dtype))
        lower, failed = torch.linalg.cholesky_ex(h)
        return None if bool(failed) else cls(lower)

    def solve(self, v: Tensor) -> Tensor:
        if v.is_cuda or not len(v):
            return torch.cholesky_solve(v[:, None].to(self.lower.dtype), self.lower)[:, 0].to(v.dtype)
        lower = self._by_columns
        solve = blas.strsv if lower.dtype == np.float32 else blas.dtrsv  # for one right-hand side several times faster than torch or LAPACK
        half = solve(lower, v.numpy().astype(lower.dtype), lower=1)
        return torch.from_numpy(np.asarray(solve(lower, half, lower=1, trans=1), np.float64))

    @cached_property
    def _by_columns(self) -> np.ndarray:
        """The lower factor as BLAS wants it."""
        return np.asfortranarray(self.lower.numpy())


@dataclass(frozen=True, eq=False)
class Thin:
    """For a B with fewer columns than rows: the factor of ``I + B' T^-1 B``, always in double precision. Source: Woodbury (1950)."""

    inner: Whole
    b: LinearMap
    rest: Tensor

    @classmethod
    def of(cls, b: LinearMap, rest: Tensor) -> Thin | None:
        """See `Whole.of`."""
        h = b.scaled(1 / rest.sqrt()).inner()
        h.diagonal().add_(1.0)
        lower, failed = torch.linalg.cholesky_ex(h)
        return None if bool(failed) else cls(Whole(lower), b, rest)

    def solve(self, v: Tensor) -> Tensor:
        return (v - self.b.matvec(self.inner.solve(self.b.rmatvec(v / self.rest)))) / self.rest


@dataclass(frozen=True, eq=False)
class ByAreas:
    """For a B whose rows have areas: their factors, and that of the border without what they explain of it.

    Attributes
    ----------
    areas : Areas
    inverse : Tensor, shape (n_areas, n_largest, n_largest)
        Inverse lower factors of the areas.
    across : Tensor, shape (n_areas * n_largest, n_border)
        The border by the areas, times these inverses.
    border : Whole
    """

    areas: Areas
    inverse: Tensor
    across: Tensor
    border: Whole

    @classmethod
    def of(cls, b: LinearMap, rest: Tensor, dtype: torch.dtype) -> ByAreas | None:
        """See `Whole.of`."""
        areas = b.areas
        assert areas is not None
        local, border = b.to(dtype).outer_by_areas()
        n, largest, _ = local.shape
        diagonal = rest.new_ones(n * largest)  # of 1 where an area has fewer rows
        diagonal[areas.slots] = rest[areas.local]
        inside, across = local[:, :, :largest], local[:, :, largest:]
        inside.diagonal(dim1=1, dim2=2).add_(diagonal.view(n, largest).to(dtype))
        lower, failed = torch.linalg.cholesky_ex(inside)
        if bool(failed.any()):
            return None
        inverse = torch.linalg.solve_triangular(lower, torch.eye(largest, dtype=dtype).expand_as(lower), upper=False)
        explained = (inverse @ across).view(n * largest, -1)
        left = torch.addmm(border, explained.T, explained, alpha=-1)
        left.diagonal().add_(rest[areas.border].to(dtype))
        lower, failed = torch.linalg.cholesky_ex(left)
        return None if bool(failed) else cls(areas, inverse, explained, Whole(lower))

    def solve(self, v: Tensor) -> Tensor:
        areas, dtype = self.areas, self.across.dtype
        n, largest, _ = self.inverse.shape
        inside = torch.zeros(n * largest, dtype=dtype)
        inside[areas.slots] = v[areas.local].to(dtype)
        inside = (self.inverse @ inside.view(n, largest, 1)).flatten()
        border = self.border.solve(v[areas.border] - (self.across.T @ inside).to(v.dtype))
        inside = inside - self.across @ border.to(dtype)
        inside = (self.inverse.mT @ inside.view(n, largest, 1)).flatten()
        solution = torch.empty_like(v)
        solution[areas.border], solution[areas.local] = border, inside[areas.slots].to(v.dtype)
        return solution
