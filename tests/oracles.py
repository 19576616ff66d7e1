"""Slow, dense, independent answers that the library is held to. Nothing here imports the code under test.

Except `random_problem`, which only builds inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse as sp
from scipy.integrate import quad
from scipy.optimize import Bounds, minimize

from l0engine.calibration.problem import Problem


def gate(u: float, log_alpha: float, beta: float = 2 / 3, gamma: float = -0.1, zeta: float = 1.1) -> float:
    """One Hard Concrete sample in plain floats, as the paper prints it (Louizos et al. 2017, equations 10 and 11)."""
    s = 1 / (1 + math.exp(-(math.log(u) - math.log(1 - u) + log_alpha) / beta))
    return min(1.0, max(0.0, s * (zeta - gamma) + gamma))


def gate_moments(log_alpha: float, beta: float, gamma: float, zeta: float) -> tuple[float, float, float]:
    """Mean, variance and P(gate > 0) by adaptive quadrature over u itself, split where the gate is clipped."""

    def u_at(s: float) -> float:  # the u at which the unclipped, unstretched gate is s
        return 1 / (1 + math.exp(-(beta * math.log(s / (1 - s)) - log_alpha)))

    closed, open_ = u_at(-gamma / (zeta - gamma)), u_at((1 - gamma) / (zeta - gamma))

    def moment(power: int) -> float:
        inside = quad(lambda u: gate(u, log_alpha, beta, gamma, zeta) ** power, closed, open_, epsabs=1e-12, limit=200)[0]
        return float(inside) + 1 - open_

    mean = moment(1)
    return mean, moment(2) - mean**2, 1 - closed


def objective(
    matrix: np.ndarray,
    target: np.ndarray,
    scale: np.ndarray,
    importance: np.ndarray,
    log_weight: torch.Tensor,
    gates: torch.Tensor,
    variance: torch.Tensor,
    p_active: torch.Tensor,
    lambda_l0: float,
    lambda_l2: torch.Tensor,
    phi: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """The penalised loss in dense double precision, for given gates and gate variances; differentiable."""
    A = torch.tensor(matrix / scale[:, None])
    w = torch.exp(log_weight)
    r = A @ (w * gates) - torch.tensor(target / scale)
    a = torch.tensor(importance)
    data = (a * phi(r)).sum() + sum(a[i] * A[i, j] ** 2 * w[j] ** 2 * variance[j] for i in range(len(r)) for j in range(len(w)))
    return data + lambda_l0 * p_active.sum() + (lambda_l2 * w**2 * (gates**2 + variance)).sum()


def relaxed_raking(
    A: np.ndarray, b: np.ndarray, g: np.ndarray, tau: float, upper: np.ndarray | None = None, price: np.ndarray | float = 0.0
) -> np.ndarray:
    """Weights of the refit by a general solver on its primal, in weights relative to g."""

    def primal(x: np.ndarray) -> float:
        r = A @ (g * x) - b
        return float((g * (x * np.log(x) - x + 1)).sum() + (r @ r + (price * (g * x) ** 2).sum()) / (2 * tau))

    def slope(x: np.ndarray) -> np.ndarray:
        return np.asarray(g * (np.log(x) + (A.T @ (A @ (g * x) - b) + price * g * x) / tau))

    def curvature(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.diag(g / x + price * g**2 / tau) + (A * g).T @ (A * g) / tau)

    top = np.full(len(g), np.inf) if upper is None else upper / g
    start = np.minimum(np.ones(len(g)), top / 2)
    options = {"gtol": 1e-11, "xtol": 1e-14, "barrier_tol": 1e-12, "maxiter": 5000}
    done = minimize(primal, start, jac=slope, hess=curvature, method="trust-constr", bounds=Bounds(1e-12, top), options=options)
    return np.asarray(g * done.x)


def random_problem(seed: int = 0, targets: int = 8, households: int = 60, density: float = 0.4, **parts: object) -> Problem:
    """A feasible problem: positive entries, targets that some positive weights meet exactly."""
    rng = np.random.default_rng(seed)
    dense = rng.uniform(0.5, 2.0, (targets, households)) * (rng.random((targets, households)) < density)
    dense[:, :targets] += np.eye(targets)
    truth = rng.lognormal(3.0, 0.5, households)
    base = truth.mean() * rng.uniform(0.5, 1.5, households)
    return Problem.create(sp.csr_array(dense), dense @ truth, **{"base_weights": base, **parts})  # type: ignore[arg-type]
