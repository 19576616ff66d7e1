"""Weights that trade a convex cost for squared residuals, by Newton steps in as many variables as there are targets.

    minimise  sum_j D_j(w_j) + sum_i (A w - b)_i^2 / (2 tau_i)  over w

has a smooth convex dual, ``minimise f(theta) = sum_j D_j*((A' theta)_j) - b' theta + sum_i tau_i theta_i^2 / 2``, whose solution gives
``w_j = D_j*'((A' theta)_j)``; see `anchors` for the costs. Targets that contradict each other do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from l0engine.arrays.areas import Areas, full_work
from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.support.solvers.anchors import Anchor
from l0engine.calibration.support.solvers.factors import ByAreas, Factor, Thin, Whole, factor_work
from l0engine.heeding import heed

#: A Newton system is factored where that is no more work than for so many targets; beyond, nothing is as large as their square.
DENSE_TARGETS, DENSE_ON_GPU = 4000, 24_000
NEWTON_STEPS = 100
#: A system of up to so many multiplications is made and factored anew in each step: faster there than to improve on an older factor.
SMALL_WORK, SMALL_ON_GPU = 1e7, 1e12
#: Iterations of conjugate gradients that a factor of an earlier curvature gets before a new one is made.
PATIENCE = 6
#: They end when the residual has shrunk to this share.
ROUGH = 0.4


@dataclass(frozen=True, eq=False)
class Scaled:
    """Factor of a Newton system whose diagonal was scaled to 1, by a scale of shape (n_targets,)."""

    factor: Factor
    scale: Tensor

    def solve(self, v: Tensor) -> Tensor:
        """What the inverse of the system makes of a vector, shape (n_targets,)."""
        return self.scale * self.factor.solve(self.scale * v)


def work(n_targets: int, n_kept: int) -> int:
    """Multiplications that a Newton system takes."""
    return min(n_targets, n_kept) * n_targets * n_kept


def is_factored(n_targets: int, areas: Areas | None) -> bool:
    """Whether a Newton system of targets with some areas is factored on the CPU, however many weights move."""
    return factor_work(n_targets, areas) <= full_work(DENSE_TARGETS)


class Dual(NamedTuple):
    """What a solution has for a like problem to start from: theta, shape (n_targets,), and its last factor."""

    theta: Tensor
    factor: Scaled | None


class DualProblem:
    """The problem at the head of this file for one matrix, on the matrix's device; each solution starts from the one before.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_kept)
    b : Tensor of float64, shape (n_targets,)
    after : Dual, optional
        Solution of a like problem to start from.
    rough : float
        See `ROUGH`.
    """

    def __init__(self, a: LinearMap, b: Tensor, after: Dual | None = None, rough: float = ROUGH) -> None:
        n_targets, n_kept = a.shape
        self._rough, self._direct = rough, work(n_targets, n_kept) <= (SMALL_ON_GPU if b.is_cuda else SMALL_WORK)
        self._largest = DENSE_ON_GPU if b.is_cuda else DENSE_TARGETS
        self.a, self.b = a.dense() if self._direct and not b.is_cuda else a, b
        self.squares = self.a.squared()
        self.theta = torch.zeros_like(b) if after is None else after.theta
        self._factor = None if after is None else after.factor

    @property
    def dual(self) -> Dual:
        """The solution reached."""
        return Dual(self.theta, self._factor)

    def solve(self, anchor: Anchor, tau: Tensor, enough: float, steps: int = NEWTON_STEPS) -> Tensor:
        """The weights, shape (n_kept,), by Newton steps with exact line search until the decrease left is below `enough`.

        `tau`, shape (n_targets,), is positive.
        """
        for _ in range(steps):
            heed()
            w, slope = anchor.weights(self.a.rmatvec(self.theta))
            gradient = self.a.matvec(w) - self.b + tau * self.theta
            direction = -self._inverse(slope, tau, gradient)
            if not -float(gradient @ direction) > enough:
                return w
            size = self._line_search(anchor, tau, direction)
            if size == 0:
                return w
            self.theta = self.theta + size * direction
        return anchor.weights(self.a.rmatvec(self.theta)).value

    def fit_pull(self, pull: Tensor, importance: Tensor, tau: Tensor) -> None:
        """Set theta so that ``A' theta`` comes closest to a pull, in least squares of some importance; both of shape (n_kept,)."""
        self.theta = self._inverse(importance, tau, self.a.matvec(importance * pull))

    def _line_search(self, anchor: Anchor, tau: Tensor, direction: Tensor) -> float:
        """The step along a descent direction at which f is least, 0 where rounding hides the descent; f is convex: one step has slope 0."""
        at, along = self.a.rmatvec(self.theta), self.a.rmatvec(direction)
        pulled = tau * direction
        constant, rise = float(pulled @ self.theta - self.b @ direction), float(pulled @ direction)

        @cache  # the root finder asks for both ends again
        def slope(size: float) -> float:
            return float(anchor.weights(at + size * along).value @ along) + constant + size * rise

        if not slope(0.0) < 0:
            return 0.0
        top = 1.0
        while slope(top) < 0 and top < 1e6:
            top *= 2
        return float(brentq(slope, 0.0, top, xtol=1e-12, rtol=1e-2)) if slope(top) > 0 else top

    def _inverse(self, slope: Tensor, tau: Tensor, gradient: Tensor) -> Tensor:
        """``(A diag(slope) A' + diag(tau))^-1 gradient``: directly where that is little work, else by rough conjugate gradients.

        Up to a size their preconditioner is a Cholesky factor, of an earlier slope as long as that helps, in single precision where that is
        enough; beyond, it is the diagonal.
        """
        system = _System(self, slope, tau)
        if self._direct and (solution := system.direct(gradient)) is not None:
            return solution
        for dtype in (None, torch.float32, torch.float64) if system.work <= full_work(self._largest) else ():
            if dtype is not None:
                self._factor = system.factored(dtype)
            if self._factor is not None:
                solution, met = system.conjugate(gradient, self._factor.solve, rtol=self._rough, most=PATIENCE)
                if met:
                    return solution
        return system.by_diagonal(gradient)  # too large, or numerically not definite: get as far as rounding lets us


class _System:
    """``A diag(slope) A' + diag(tau)`` of one Newton step."""

    def __init__(self, of: DualProblem, slope: Tensor, tau: Tensor) -> None:
        self._a, self._slope, self._tau = of.a, slope, tau
        self._diagonal = of.squares.matvec(slope) + tau
        self._scale = 1 / self._diagonal.sqrt()
        self._moving = slope.nonzero().flatten()
        self._work, self._thin = factor_work(len(tau), of.a.areas), full_work(len(self._moving))
        self.work = min(self._work, self._thin)

    def direct(self, gradient: Tensor) -> Tensor | None:
        """The solution by a factor of its own; None where the system is numerically not definite."""
        factor = self.factored(torch.float64)
        solution = None if factor is None else factor.solve(gradient)
        return solution if solution is not None and bool(torch.isfinite(solution).all()) else None

    def factored(self, dtype: torch.dtype) -> Scaled | None:
        """Factor of the system with its diagonal scaled to 1; None where it is not definite in this precision."""
        everyone, roots = len(self._moving) == len(self._slope), self._slope[self._moving].sqrt()
        b = (self._a if everyone else self._a.columns(self._moving)).weighted(self._scale, roots)
        rest = self._tau * self._scale**2
        if self._thin < self._work:
            factor: Factor | None = Thin.of(b, rest)
        else:
            factor = Whole.of(b, rest, dtype) if b.areas is None else ByAreas.of(b, rest, dtype)
        return None if factor is None else Scaled(factor, self._scale)

    def by_diagonal(self, gradient: Tensor) -> Tensor:
        return self.conjugate(gradient, lambda v: v / self._diagonal, rtol=1e-3, most=200)[0]

    def conjugate(self, gradient: Tensor, precondition: Callable[[Tensor], Tensor], *, rtol: float, most: int) -> tuple[Tensor, bool]:
        """Preconditioned conjugate gradients on the scaled system, and whether the residual shrank to a share of `rtol`.

        Source: Golub & Van Loan (2013), Matrix Computations, algorithm 11.5.1.
        """
        a, slope, tau, scale = self._a, self._slope, self._tau, self._scale
        residual = scale * gradient
        solution, along, enough = torch.zeros_like(residual), torch.zeros_like(residual), rtol * float(residual.norm())
        before, met = torch.ones((), dtype=residual.dtype, device=residual.device), enough == 0
        for step in range(most):
            better = precondition(residual / scale) / scale
            now = residual @ better
            along = better + (now / before) * along if step else better
            x = scale * along
            image = scale * (a.matvec(slope * a.rmatvec(x)) + tau * x)
            length = now / (along @ image)
            solution, residual, before = solution + length * along, residual - length * image, now
            if (left := float(residual.norm())) <= enough or not left < np.inf:
                met = left <= enough
                break
        finite = bool(torch.isfinite(solution).all())
        return scale * solution if finite else torch.zeros_like(gradient), met and finite
