"""Weights that trade a convex cost for squared residuals, by Newton steps in as many variables as there are targets.

    minimise  sum_j D_j(w_j) + sum_i (A w - b)_i^2 / (2 tau_i)  over w

has a smooth convex dual, ``minimise f(theta) = sum_j D_j*((A' theta)_j) - b' theta + sum_i tau_i theta_i^2 / 2``, whose solution gives
``w_j = D_j*'((A' theta)_j)``; see `anchors` for the costs. Targets that contradict each other do no harm.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy import sparse as sp
from scipy.linalg import blas, lapack
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, cg

from l0engine.calibration.support.anchors import Anchor

#: Up to this many targets the Newton system is factored; beyond, nothing is as large as its square.
DENSE_TARGETS = 4000
NEWTON_STEPS = 100
#: A Newton system of up to so many multiplications is made and factored anew in each step: faster there than to improve on an older factor.
SMALL_WORK = 1e7
#: Iterations of conjugate gradients that a factor of an earlier curvature gets before a new one is made.
PATIENCE = 30
#: They end when the residual has shrunk to this share.
ROUGH = 0.4


class Factor(NamedTuple):
    """Cholesky factor of a Newton system whose diagonal was scaled to 1, lower, shape (n_targets, n_targets), and the scale."""

    lower: np.ndarray
    scale: np.ndarray


class Dual(NamedTuple):
    """What a solution has for a like problem to start from: theta, shape (n_targets,), and its last factor."""

    theta: np.ndarray
    factor: Factor | None


class DualProblem:
    """The problem at the head of this file for one matrix; each solution starts from the one before.

    Parameters
    ----------
    a : csr_array of float64, shape (n_targets, n_kept)
    b : ndarray of float64, shape (n_targets,)
    after : Dual, optional
        Solution of a like problem to start from.
    """

    def __init__(self, a: sp.csr_array, b: np.ndarray, after: Dual | None = None, rough: float = ROUGH) -> None:
        self._rough = rough
        self.a, self.at, self.b, self.squares = a, sp.csr_array(a.T), b, a.power(2)
        self._dense = a.toarray() if a.shape[0] ** 2 * a.shape[1] <= SMALL_WORK else None
        self.theta = np.zeros(a.shape[0]) if after is None else after.theta
        self._factor = None if after is None else after.factor

    @property
    def dual(self) -> Dual:
        """The solution reached."""
        return Dual(self.theta, self._factor)

    def solve(self, anchor: Anchor, tau: np.ndarray, enough: float, steps: int = NEWTON_STEPS) -> np.ndarray:
        """The weights, shape (n_kept,), by Newton steps with exact line search until the decrease left is below `enough`.

        `tau`, shape (n_targets,), is positive.
        """
        for _ in range(steps):
            w, slope = anchor.weights(self.at @ self.theta)
            gradient = self.a @ w - self.b + tau * self.theta
            direction = -self._inverse(slope, tau, gradient)
            if not -(gradient @ direction) > enough:
                return w
            size = self._line_search(anchor, tau, direction)
            if size == 0:
                return w
            self.theta = self.theta + size * direction
        return anchor.weights(self.at @ self.theta).value

    def fit_pull(self, pull: np.ndarray, importance: np.ndarray, tau: np.ndarray) -> None:
        """Set theta so that ``A' theta`` comes closest to a pull, in least squares of some importance; both of shape (n_kept,)."""
        self.theta = self._inverse(importance, tau, self.a @ (importance * pull))

    def _line_search(self, anchor: Anchor, tau: np.ndarray, direction: np.ndarray) -> float:
        """The step along a descent direction at which f is least, 0 where rounding hides the descent; f is convex: one step has slope 0."""
        at, along = self.at @ self.theta, self.at @ direction
        constant = (tau * self.theta) @ direction - self.b @ direction
        rise = (tau * direction) @ direction

        @cache  # the root finder asks for both ends again
        def slope(size: float) -> float:
            return float(anchor.weights(at + size * along).value @ along + constant + size * rise)

        if not slope(0.0) < 0:
            return 0.0
        top = 1.0
        while slope(top) < 0 and top < 1e6:
            top *= 2
        return float(brentq(slope, 0.0, top, xtol=1e-12, rtol=1e-2)) if slope(top) > 0 else top

    def _inverse(self, slope: np.ndarray, tau: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """``(A diag(slope) A' + diag(tau))^-1 gradient``: directly where that is little work, else by rough conjugate gradients.

        Up to `DENSE_TARGETS` targets their preconditioner is a Cholesky factor, of an earlier slope as long as that helps, in single
        precision where that is enough; beyond, it is the diagonal.
        """
        system = _System(self, slope, tau)
        if self._dense is not None and (solution := system.direct(self._dense, gradient)) is not None:
            return solution
        if len(gradient) > DENSE_TARGETS:
            return system.by_diagonal(gradient)
        for dtype in (None, np.float32, np.float64):
            if dtype is not None:
                self._factor = system.factored(dtype)
            if self._factor is not None:
                solution, failed = system.conjugate(gradient, self._by_factor, rtol=self._rough, maxiter=PATIENCE)
                if not failed:
                    return solution
        return system.by_diagonal(gradient)  # numerically not definite: get as far as rounding lets us

    def _by_factor(self, v: np.ndarray) -> np.ndarray:
        lower, scale = cast(Factor, self._factor)
        solve = blas.strsv if lower.dtype == np.float32 else blas.dtrsv  # for one right-hand side several times faster than torch or LAPACK
        scaled = (v * scale).astype(lower.dtype)
        return np.asarray(solve(lower, solve(lower, scaled, lower=1), lower=1, trans=1) * scale)


class _System:
    """``A diag(slope) A' + diag(tau)`` of one Newton step."""

    def __init__(self, of: DualProblem, slope: np.ndarray, tau: np.ndarray) -> None:
        self._of, self._slope, self._tau = of, slope, tau
        self._diagonal = of.squares @ slope + tau
        self._scale = 1 / np.sqrt(self._diagonal)

    def direct(self, dense: np.ndarray, gradient: np.ndarray) -> np.ndarray | None:
        """The solution by a factor of its own, from A as a dense array; None where the system is numerically not definite."""
        scale = self._scale
        h = (dense * self._slope) @ dense.T
        h *= scale
        h *= scale[:, None]
        np.fill_diagonal(h, 1.0)
        _, solution, failed = lapack.dposv(h, scale * gradient, lower=1)
        solution = scale * solution
        return None if failed or not np.isfinite(solution).all() else solution

    def factored(self, dtype: type[np.floating]) -> Factor | None:
        """Factor of the system with its diagonal scaled to 1; None where it is not definite in this precision."""
        scale = self._scale
        moving = np.flatnonzero(self._slope)
        part = self._of.a if len(moving) == len(self._slope) else self._of.at[moving].T
        left = sp.csr_array(sp.diags_array(scale) @ part @ sp.diags_array(np.sqrt(self._slope[moving]))).astype(dtype)
        h = torch.from_numpy((left @ left.T).toarray())
        h.diagonal().add_(torch.from_numpy((self._tau * scale**2).astype(dtype)))
        factor, failed = torch.linalg.cholesky_ex(h)
        return None if failed else Factor(np.asfortranarray(factor.numpy()), scale)

    def by_diagonal(self, gradient: np.ndarray) -> np.ndarray:
        return self.conjugate(gradient, lambda v: v / self._diagonal, rtol=1e-3, maxiter=200)[0]

    def conjugate(self, gradient: np.ndarray, precondition: Any, *, rtol: float, maxiter: int) -> tuple[np.ndarray, bool]:
        """Conjugate gradients on the system with its diagonal scaled to 1, so that no row hides what is left of another."""
        of, slope, tau, shape, scale = self._of, self._slope, self._tau, (len(gradient), len(gradient)), self._scale

        def product(v: np.ndarray) -> np.ndarray:
            x = scale * v
            return np.asarray(scale * (of.a @ (slope * (of.at @ x)) + tau * x))

        operator: Any = LinearOperator(shape, matvec=product, dtype=np.float64)
        inverse: Any = LinearOperator(shape, matvec=lambda v: precondition(v / scale) / scale, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):  # numbers of 1e-200 have squares of 0
            solution, failed = cg(operator, scale * gradient, rtol=rtol, maxiter=maxiter, M=inverse)
        finite = np.isfinite(solution).all()
        return np.asarray(scale * solution if finite else np.zeros_like(gradient)), bool(failed) or not finite
