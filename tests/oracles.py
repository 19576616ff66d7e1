"""Slow, dense, independent answers that the library is held to. Nothing here imports the code under test.

Except `random_problem`, which only builds inputs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse as sp
from scipy.integrate import quad
from scipy.optimize import Bounds, LinearConstraint, linprog, milp, minimize, nnls

from l0engine.calibration.problem.problem import Problem


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


def planted_problem(seed: int, targets: tuple[int, int], households: tuple[int, int], truth: tuple[int, int], noise: float) -> Problem:
    """Totals of a few households, with noise; sizes are drawn from these ranges, and every second matrix is half zeros.

    Base weights are small enough that every target stands above its floor, so that relative errors are relative to the target.
    """
    rng = np.random.default_rng(seed)
    q, n, k = (int(rng.integers(low, high + 1)) for low, high in (targets, households, truth))
    dense = rng.lognormal(0, 0.7, (q, n)) * (rng.random((q, n)) < (0.5 if seed % 2 else 1.0))
    planted = rng.choice(n, k, replace=False)
    for i in np.flatnonzero(~dense[:, planted].any(axis=1)):
        dense[i, planted[rng.integers(k)]] = 1.0
    weights = np.zeros(n)
    weights[planted] = rng.lognormal(3, 0.7, k)
    values = dense @ weights * (1 + noise * rng.choice([0.1, 0.3, 1.0]) * rng.standard_normal(q))
    base = min(weights.sum() / n, (values / dense.max(axis=1)).min())
    return Problem.create(dense, values, base_weights=np.full(n, base))


def least_losses(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The least ||A w - b||^2 of any w >= 0 on at most k columns, for k = 0, 1, ..., by trying all sets."""
    every = range(A.shape[1])
    best = [float(b @ b)] + [min(nnls(A[:, s], b)[1] ** 2 for s in itertools.combinations(every, k + 1)) for k in every]
    return np.minimum.accumulate(best)


def fewest_households(A: np.ndarray, tolerance: float) -> int:
    """How few households bring A w within `tolerance` of 1 in every row, A >= 0; by mixed integer programming, proven."""
    q, n = A.shape
    largest = np.divide(1 + tolerance, A, out=np.full((q, n), np.inf), where=A > 0).min(axis=0)  # of a weight, and so big M
    scaled = A * np.where(np.isfinite(largest), largest, 0.0)
    met = LinearConstraint(np.hstack([scaled, np.zeros((q, n))]), 1 - tolerance, 1 + tolerance)
    opened = LinearConstraint(np.hstack([np.eye(n), -np.eye(n)]), -np.inf, 0)
    zeros, ones = np.zeros(n), np.ones(n)
    done = milp(
        np.r_[zeros, ones], integrality=np.r_[zeros, ones], bounds=Bounds(0, 1), constraints=[met, opened], options={"time_limit": 60}
    )
    assert done.status == 0, done.message
    return round(done.fun)


def least_error(problem: Problem) -> tuple[float, int]:
    """The least that the largest relative error can be with any weights >= 0, and households of a vertex that has it; by HiGHS.

    Errors are relative to the value; where that is 0, to the largest sum of absolute terms at base weights.
    """
    size = np.where(problem.values != 0, np.abs(problem.values), abs(problem.matrix) @ problem.base_weights)
    a = sp.csr_array(sp.diags_array(1 / size) @ problem.matrix @ sp.diags_array(problem.base_weights))
    b, ones = problem.values / size, sp.csr_array(np.ones((problem.n_targets, 1)))
    within = sp.csr_array(sp.vstack([sp.hstack([a, -ones]), sp.hstack([-a, -ones])]))
    done = linprog(np.r_[np.zeros(problem.n_households), 1.0], A_ub=within, b_ub=np.r_[b, -b], method="highs-ds")
    assert done.status == 0, done.message
    return float(done.fun), int((done.x[:-1] > 1e-9 * done.x[:-1].max()).sum())


def vertex(problem: Problem) -> np.ndarray:
    """Weights of SciPy's non-negative least squares in relative errors, shape (n_households,): at most as many as there are targets."""
    rows = problem.values != 0
    a = problem.matrix.toarray()[rows] / problem.values[rows, None] * problem.start_weights
    return np.asarray(nnls(a, np.ones(rows.sum()))[0] * problem.start_weights)
