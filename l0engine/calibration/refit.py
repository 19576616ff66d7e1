"""Weights on a fixed support: relaxed raking, that is entropy calibration with soft targets.

    minimise  sum_j [w_j log(w_j / g_j) - w_j + g_j]  +  ||A w - b||^2 / (2 tau)      over 0 < w_j <= u_j

starting from gated weights g. Contradicting targets do no harm, and weights stay positive. Its dual,

    minimise  f(theta) = sum_j F_j((A' theta)_j) - b' theta + tau / 2 ||theta||^2,    w_j = F_j'(.) = min(g_j exp(.), u_j),

is smooth and convex; it is solved by Newton steps. ``tau = mu mean_i (A.A g)_i`` makes `mu` free of scale: towards 0 the
targets are met as closely as can be, towards infinity the weights stay g. Source: Deville & Sarndal (1992), Calibration
Estimators in Survey Sampling; Guggemos & Tille (2010) for the soft targets.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from scipy import sparse as sp
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from l0engine.calibration.config import Config
from l0engine.calibration.system import ScaledSystem

#: Up to this many targets the Newton system is factored; beyond, nothing is as large as its square.
DENSE_TARGETS = 4000
#: The exponent stays below this; a weight never grows by more than a factor e^50.
LARGEST_EXPONENT = 50.0
NEWTON_STEPS = 100
#: Iterations of conjugate gradients that a factor of an earlier curvature gets before a new one is made.
PATIENCE = 12
#: They end when the residual has shrunk to this share.
ROUGH = 0.1
#: A refitted weight below this share of its base weight is dropped: it moves no total, and would count as kept.
NEGLIGIBLE = 1e-6
#: Newton ends when the rest of the decrease, relative to the total weight, is below this; on the way down to mu, loosely.
TOLERANCE, LOOSE = 1e-11, 1e-2
#: Softness at which the way down to mu begins.
WARM = 1e-2


def refit(system: ScaledSystem, gated: np.ndarray, config: Config) -> np.ndarray:
    """Recalibrate the kept households of a fit.

    Parameters
    ----------
    system : ScaledSystem
    gated : ndarray of float64, shape (n_households,)
        Gated weights; the support is where they are positive.
    config : Config
        Its `mu`, `max_ratio` and loss.

    Returns
    -------
    ndarray of float64, shape (n_households,)
        0 off the support. On it, weights that the targets press below `NEGLIGIBLE` of the base weight are 0 too.
    """
    kept = np.flatnonzero(gated > 0)
    a = system.columns(kept).tocsr().astype(np.float64)
    start = gated[kept]
    upper = np.full(len(kept), np.inf) if config.max_ratio is None else config.max_ratio * system.base_weights[kept]
    weights = _settle(system, a, start, upper, config.mu)
    out = np.zeros(len(gated))
    out[kept] = np.where(weights > NEGLIGIBLE * system.base_weights[kept], weights, 0.0)
    return out


def _settle(system: ScaledSystem, a: sp.csr_array, start: np.ndarray, upper: np.ndarray, mu: float) -> np.ndarray:
    """Rake; for a loss that is not squared, reweight the targets and rake again until settled."""
    weights = start
    for _ in range(1 if system.loss.squared else 10):
        importance, before = system.importance, weights
        if not system.loss.squared:
            importance = importance * _reweighting(system, a @ weights - system.target)
        row = np.sqrt(importance)
        weights = rake(sp.csr_array(sp.diags_array(row) @ a), row * system.target, start, mu, upper=upper)
        if np.abs(weights - before).sum() <= 1e-4 * before.sum():
            break
    return weights


def _reweighting(system: ScaledSystem, residual: np.ndarray) -> np.ndarray:
    """Factors that make a squared loss pull like phi: ``phi'(r) / (2 r)``, of mean 1."""
    r = np.where(np.abs(residual) < 1e-3, 1e-3, residual)
    factor = system.loss.derivative(torch.from_numpy(r)).numpy() / (2 * r)
    return factor / factor.mean() if factor.any() else np.ones_like(factor)


def rake(a: sp.csr_array, b: np.ndarray, start: np.ndarray, mu: float, *, upper: np.ndarray | None = None) -> np.ndarray:
    """Solve the problem at the head of this file.

    Parameters
    ----------
    a : csr_array of float64, shape (n_targets, n_kept)
    b : ndarray of float64, shape (n_targets,)
    start : ndarray of float64, shape (n_kept,)
        Positive weights g.
    mu : float
        Softness of the targets; positive.
    upper : ndarray of float64, shape (n_kept,), optional
        Largest allowed weights u.

    Returns
    -------
    ndarray of float64, shape (n_kept,)
    """
    dual, theta = _Dual(a, b, start, upper), np.zeros(a.shape[0])
    if mu < WARM:
        theta = _newton(dual, theta, WARM * dual.scale, LOOSE)
    theta = _newton(dual, theta, mu * dual.scale, TOLERANCE)
    return dual.primal(dual.at @ theta)[0]


class _Dual:
    """The dual objective f for one tau at a time."""

    def __init__(self, a: sp.csr_array, b: np.ndarray, start: np.ndarray, upper: np.ndarray | None) -> None:
        self.a, self.at, self.b, self.start = a, sp.csr_array(a.T), b, start
        bound = np.full(len(start), np.inf) if upper is None else upper
        self._bend = np.minimum(np.log(bound / start), LARGEST_EXPONENT)  # the exponent at which F turns linear
        self.squares = a.power(2)
        self.scale = float((self.squares @ start).mean()) or 1.0

    def primal(self, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights F', and curvature F'' (0 where a weight is at its bound)."""
        w = self.start * np.exp(np.minimum(exponent, self._bend))
        return w, np.where(exponent > self._bend, 0.0, w)


def _newton(dual: _Dual, theta: np.ndarray, tau: float, tolerance: float) -> np.ndarray:
    """Minimise f from theta by Newton steps with exact line search."""
    enough, system = tolerance * float(dual.start.sum()), _NewtonSystem(dual)
    for _ in range(NEWTON_STEPS):
        w, curvature = dual.primal(dual.at @ theta)
        gradient = dual.a @ w - dual.b + tau * theta
        direction = -system.solve(curvature, tau, gradient)
        if -(gradient @ direction) <= enough:
            break
        theta = theta + _line_search(dual, theta, direction, tau) * direction
    return theta


def _line_search(dual: _Dual, theta: np.ndarray, direction: np.ndarray, tau: float) -> float:
    """The step along a descent direction at which f is least; f is convex, so its slope changes sign once."""
    at, along = dual.at @ theta, dual.at @ direction
    constant, rise = tau * (theta @ direction) - dual.b @ direction, tau * (direction @ direction)

    def slope(size: float) -> float:
        return float(dual.primal(at + size * along)[0] @ along + constant + size * rise)

    top = 1.0
    while slope(top) < 0 and top < 1e6:
        top *= 2
    return float(brentq(slope, 0.0, top, xtol=1e-12, rtol=1e-2)) if slope(top) > 0 else top


class _NewtonSystem:
    """``(A diag(curvature) A' + tau I)^-1 gradient`` for one curvature after the other.

    By rough conjugate gradients. Up to `DENSE_TARGETS` targets their preconditioner is a Cholesky factor, of an earlier
    curvature as long as that helps, in single precision where that is enough; beyond, it is the diagonal.
    """

    def __init__(self, dual: _Dual) -> None:
        self._dual = dual
        self._factor: Tensor | None = None

    def solve(self, curvature: np.ndarray, tau: float, gradient: np.ndarray) -> np.ndarray:
        if len(gradient) > DENSE_TARGETS:
            return self._by_diagonal(curvature, tau, gradient)
        for dtype in (None, torch.float32, torch.float64):
            if dtype is not None:
                self._factor = self._cholesky(curvature, tau, dtype)
            if self._factor is not None:
                solution, failed = self._conjugate(curvature, tau, gradient, self._by_factor, rtol=ROUGH, maxiter=PATIENCE)
                if not failed:
                    return solution
        return self._by_diagonal(curvature, tau, gradient)  # numerically not definite: get as far as rounding lets us

    def _cholesky(self, curvature: np.ndarray, tau: float, dtype: torch.dtype) -> Tensor | None:
        """Factor of the system with its diagonal scaled to 1; None where it is not definite in this precision."""
        h = torch.from_numpy((self._dual.a @ sp.diags_array(curvature) @ self._dual.at).toarray())
        h.diagonal().add_(tau)
        self._scale = h.diagonal().rsqrt()
        factor, failed = torch.linalg.cholesky_ex(h.mul_(self._scale).mul_(self._scale[:, None]).to(dtype))
        return None if failed else factor

    def _by_factor(self, v: np.ndarray) -> np.ndarray:
        factor = cast(Tensor, self._factor)
        scaled = (torch.from_numpy(v) * self._scale).to(factor.dtype)
        return np.asarray(torch.cholesky_solve(scaled[:, None], factor)[:, 0] * self._scale)

    def _by_diagonal(self, curvature: np.ndarray, tau: float, gradient: np.ndarray) -> np.ndarray:
        diagonal = self._dual.squares @ curvature + tau
        return self._conjugate(curvature, tau, gradient, lambda v: v / diagonal, rtol=1e-3, maxiter=200)[0]

    def _conjugate(
        self, curvature: np.ndarray, tau: float, gradient: np.ndarray, precondition: Any, *, rtol: float, maxiter: int
    ) -> tuple[np.ndarray, bool]:
        a, at, shape = self._dual.a, self._dual.at, (len(gradient), len(gradient))
        operator: Any = LinearOperator(shape, matvec=lambda v: a @ (curvature * (at @ v)) + tau * v, dtype=np.float64)
        inverse: Any = LinearOperator(shape, matvec=precondition, dtype=np.float64)
        solution, failed = cg(operator, gradient, rtol=rtol, maxiter=maxiter, M=inverse)
        return np.asarray(solution), bool(failed)
