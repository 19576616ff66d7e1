"""Weights on a fixed support: relaxed raking, that is entropy calibration with soft targets.

    minimise  sum_j [w_j log(w_j / g_j) - w_j + g_j]  +  (||A w - b||^2 + sum_j c_j w_j^2) / (2 tau)   over 0 < w_j <= u_j

starting from gated weights g. Contradicting targets do no harm, and weights stay positive. Its dual,

    minimise  f(theta) = sum_j F_j((A' theta)_j) - b' theta + tau / 2 ||theta||^2,    w_j = F_j'(.) = min(g_j exp(.), u_j),

is smooth and convex; it is solved by Newton steps. With a price c_j on squared weights, ``F_j'(e) = W(r_j g_j exp(e)) / r_j`` with
``r_j = c_j / tau`` and Lambert's W. ``tau = mu mean_i (A.A g)_i`` makes `mu` free of scale: towards 0 the targets are met as
closely as can be, towards infinity the weights stay g. Source: Deville & Sarndal (1992), Calibration Estimators in Survey
Sampling; Guggemos & Tille (2010) for the soft targets.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy import sparse as sp
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import wrightomega
from torch import Tensor

#: Up to this many targets the Newton system is factored; beyond, nothing is as large as its square.
DENSE_TARGETS = 4000
#: The exponent stays below this; a weight never grows by more than a factor e^50.
LARGEST_EXPONENT = 50.0
NEWTON_STEPS = 100
#: Where nothing is known of the solution, the way to mu leads down from here by decades.
SOFTEST = 0.1
#: Iterations of conjugate gradients that a factor of an earlier curvature gets before a new one is made.
PATIENCE = 12
#: They end when the residual has shrunk to this share.
ROUGH = 0.4
#: Newton ends when the rest of the decrease, relative to the total weight, is below this; on the way down to mu, loosely.
TOLERANCE, LOOSE = 1e-13, 3e-3


class Factor(NamedTuple):
    """Cholesky factor of a Newton system whose diagonal was scaled to 1, shape (n_targets, n_targets), and the scale."""

    cholesky: Tensor
    scale: np.ndarray


class Dual(NamedTuple):
    """What a solution has for a like problem to start from: theta, shape (n_targets,), and its last factor."""

    theta: np.ndarray
    factor: Factor | None


class Raking:
    """The problem at the head of this file for one support; each solution starts from the one before.

    Parameters
    ----------
    a : csr_array of float64, shape (n_targets, n_kept)
    b : ndarray of float64, shape (n_targets,)
    start : ndarray of float64, shape (n_kept,)
        Positive weights g.
    upper : ndarray of float64, shape (n_kept,), optional
        Largest allowed weights u.
    price : ndarray of float64, shape (n_kept,), optional
        Price c of each squared weight.
    after : Dual, optional
        Solution of a like problem to start from.
    near : ndarray of float64, shape (n_kept,), optional
        Positive weights near the solution to start from, where there are fewer households than targets. Without either, the
        way leads down from soft targets.
    """

    def __init__(
        self,
        a: sp.csr_array,
        b: np.ndarray,
        start: np.ndarray,
        *,
        upper: np.ndarray | None = None,
        price: np.ndarray | None = None,
        after: Dual | None = None,
        near: np.ndarray | None = None,
    ) -> None:
        self.a, self.at, self.b, self.start = a, sp.csr_array(a.T), b, start
        self.squares = a.power(2)
        self._scale = float((self.squares @ start).mean()) or 1.0
        self._price = None if price is None or not price.any() else price
        self._upper = np.inf if upper is None else upper
        self._near, self._softest = near, after is None and near is None
        self.theta = np.zeros(a.shape[0]) if after is None else after.theta
        self.tau = self._scale
        self._system = _NewtonSystem(self, None if after is None else after.factor)

    @property
    def dual(self) -> Dual:
        """The solution reached."""
        return Dual(self.theta, self._system.factor)

    def weights(self, mu: float, *, tolerance: float = TOLERANCE) -> np.ndarray:
        """The solution for a softness mu > 0, shape (n_kept,)."""
        if self._near is not None:
            self._approach(mu, self._near)
            self._near = None
        if self._softest:
            self._softest, softness = False, SOFTEST
            while softness > 3 * mu:
                self._newton(softness, LOOSE)
                softness /= 10
        self._newton(mu, tolerance)
        return self.primal(self.at @ self.theta)[0]

    def primal(self, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights F', and curvature F'' (0 where a weight is at its bound)."""
        if self._price is None:
            w = self.start * np.exp(np.minimum(exponent, LARGEST_EXPONENT))
            curvature = np.where(exponent > LARGEST_EXPONENT, 0.0, w)
        else:
            r = self._price / self.tau
            w = np.asarray(wrightomega(np.log(r * self.start) + exponent)) / r
            curvature = w / (1 + r * w)
        return np.minimum(w, self._upper), np.where(w > self._upper, 0.0, curvature)

    def _approach(self, mu: float, near: np.ndarray) -> None:
        """Set theta so that its exponents come closest to those of some weights, in least squares weighted by these."""
        self.tau = mu * self._scale
        exponent = np.log(near / self.start) + (0.0 if self._price is None else self._price / self.tau * near)
        self.theta = self._system.solve(near, self.a @ (near * exponent))

    def _newton(self, mu: float, tolerance: float) -> None:
        """Minimise f from theta by Newton steps with exact line search."""
        self.tau = mu * self._scale
        enough = tolerance * float(self.start.sum())
        for _ in range(NEWTON_STEPS):
            w, curvature = self.primal(self.at @ self.theta)
            gradient = self.a @ w - self.b + self.tau * self.theta
            direction = -self._system.solve(curvature, gradient)
            if -(gradient @ direction) <= enough:
                break
            self.theta = self.theta + self._line_search(direction) * direction

    def _line_search(self, direction: np.ndarray) -> float:
        """The step along a descent direction at which f is least; f is convex, so its slope changes sign once."""
        at, along = self.at @ self.theta, self.at @ direction
        constant = self.tau * (self.theta @ direction) - self.b @ direction
        rise = self.tau * (direction @ direction)

        def slope(size: float) -> float:
            return float(self.primal(at + size * along)[0] @ along + constant + size * rise)

        top = 1.0
        while slope(top) < 0 and top < 1e6:
            top *= 2
        return float(brentq(slope, 0.0, top, xtol=1e-12, rtol=1e-2)) if slope(top) > 0 else top


def rake(
    a: sp.csr_array, b: np.ndarray, start: np.ndarray, mu: float, *, upper: np.ndarray | None = None, price: np.ndarray | None = None
) -> np.ndarray:
    """Solve the problem once; see `Raking`."""
    return Raking(a, b, start, upper=upper, price=price).weights(mu)


class _NewtonSystem:
    """``(A diag(curvature) A' + tau I)^-1 gradient`` for one curvature after the other.

    By rough conjugate gradients. Up to `DENSE_TARGETS` targets their preconditioner is a Cholesky factor, of an earlier
    curvature as long as that helps, in single precision where that is enough; beyond, it is the diagonal.
    """

    def __init__(self, dual: Raking, factor: Factor | None) -> None:
        self._dual = dual
        self.factor = factor

    def solve(self, curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        if len(gradient) > DENSE_TARGETS:
            return self._by_diagonal(curvature, gradient)
        for dtype in (None, np.float32, np.float64):
            if dtype is not None:
                self.factor = self._cholesky(curvature, dtype)
            if self.factor is not None:
                solution, failed = self._conjugate(curvature, gradient, self._by_factor, rtol=ROUGH, maxiter=PATIENCE)
                if not failed:
                    return solution
        return self._by_diagonal(curvature, gradient)  # numerically not definite: get as far as rounding lets us

    def _cholesky(self, curvature: np.ndarray, dtype: type[np.floating]) -> Factor | None:
        """Factor of the system with its diagonal scaled to 1; None where it is not definite in this precision."""
        dual = self._dual
        scale = 1 / np.sqrt(dual.squares @ curvature + dual.tau)
        left = sp.csr_array(sp.diags_array(scale) @ dual.a @ sp.diags_array(np.sqrt(curvature))).astype(dtype)
        h = torch.from_numpy((left @ left.T).toarray())
        h.diagonal().add_(torch.from_numpy((dual.tau * scale**2).astype(dtype)))
        factor, failed = torch.linalg.cholesky_ex(h)
        return None if failed else Factor(factor, scale)

    def _by_factor(self, v: np.ndarray) -> np.ndarray:
        cholesky, scale = cast(Factor, self.factor)
        scaled = torch.from_numpy(v * scale).to(cholesky.dtype)
        return np.asarray(torch.cholesky_solve(scaled[:, None], cholesky)[:, 0].numpy() * scale)

    def _by_diagonal(self, curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        diagonal = self._dual.squares @ curvature + self._dual.tau
        return self._conjugate(curvature, gradient, lambda v: v / diagonal, rtol=1e-3, maxiter=200)[0]

    def _conjugate(
        self, curvature: np.ndarray, gradient: np.ndarray, precondition: Any, *, rtol: float, maxiter: int
    ) -> tuple[np.ndarray, bool]:
        a, at, tau, shape = self._dual.a, self._dual.at, self._dual.tau, (len(gradient), len(gradient))
        operator: Any = LinearOperator(shape, matvec=lambda v: a @ (curvature * (at @ v)) + tau * v, dtype=np.float64)
        inverse: Any = LinearOperator(shape, matvec=precondition, dtype=np.float64)
        solution, failed = cg(operator, gradient, rtol=rtol, maxiter=maxiter, M=inverse)
        return np.asarray(solution), bool(failed)
