"""Curvature against the recursion of BFGS on dense matrices, and least squares against SciPy's L-BFGS-B."""

import numpy as np
import pytest
import torch
from scipy.optimize import Bounds, minimize
from solving import double

from l0engine.calibration.problem.rules import Rules
from l0engine.calibration.support.solvers.lbfgs import MEMORY, Curvature
from l0engine.calibration.support.solvers.least_squares import least_squares


def by_recursion(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The dense inverse Hessian: Nocedal & Wright (2006), Numerical Optimization, equations 7.16 and 7.20."""
    s, y = pairs[-1]
    h = np.eye(len(s)) * (s @ y) / (y @ y)
    for s, y in pairs:
        rho, one = 1 / (s @ y), np.eye(len(s))
        h = (one - rho * np.outer(s, y)) @ h @ (one - rho * np.outer(y, s)) + rho * np.outer(s, s)
    return h


@pytest.mark.parametrize("steps", [1, 4, MEMORY, MEMORY + 7])
def test_the_compact_form_is_the_recursion(steps):
    rng = np.random.default_rng(steps)
    root = rng.normal(size=(15, 15))
    hessian = root @ root.T + np.eye(15)
    curvature, pairs = Curvature(torch.zeros(15, dtype=torch.float64)), []
    for _ in range(steps):
        s = rng.normal(size=15)
        pairs.append((s, hessian @ s))
        curvature.add(*map(torch.from_numpy, pairs[-1]))
    gradient = rng.normal(size=15)
    found = curvature.direction(torch.from_numpy(gradient)).numpy()
    np.testing.assert_allclose(found, -by_recursion(pairs[-MEMORY:]) @ gradient, rtol=1e-9, atol=1e-12)


def test_a_step_that_shows_no_convexity_starts_anew():
    curvature, s = Curvature(torch.zeros(3, dtype=torch.float64)), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert curvature.direction(s).tolist() == [-1, -2, -3]
    curvature.add(s, 2 * s)
    assert curvature.direction(s).tolist() == pytest.approx([-0.5, -1, -1.5])
    curvature.add(s, -s)
    assert curvature.direction(s).tolist() == [-1, -2, -3]


def scipys(A, b, start, steps, low, high):
    def loss(x):
        w = np.exp(x)
        r = A @ w - b
        return r @ r, 2 * A.T @ r * w

    found = minimize(loss, np.log(start), jac=True, method="L-BFGS-B", bounds=Bounds(np.log(low), np.log(high)), options={"maxiter": steps})
    return np.exp(found.x)


@pytest.mark.parametrize("limited", [False, True])
def test_least_squares_gets_as_far_as_scipy_in_as_many_steps(limited):
    """The loss that is left, against what the start misses; and no weight leaves its limits."""
    left, theirs = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        A = rng.exponential(1.0, (40, 25)) * (rng.random((40, 25)) < 0.4)
        b, start = A @ rng.lognormal(0, 1, 25) * rng.normal(1, 0.1, 40), rng.lognormal(0, 0.3, 25)
        low, high = (start * 0.7, start * 1.5) if limited else (np.full(25, 1e-300), np.full(25, 1e6))
        rules = Rules(np.zeros(25, bool), low, high) if limited else None
        w = least_squares(double(A), b, start, 60, rules)
        if limited:
            assert (w >= low * (1 - 1e-12)).all() and (w <= high * (1 + 1e-12)).all()
        missed = np.sum((A @ start - b) ** 2)
        left.append(np.sum((A @ w - b) ** 2) / missed)
        theirs.append(np.sum((A @ scipys(A, b, start, 60, low, high) - b) ** 2) / missed)
    assert np.mean(left) <= np.mean(theirs) * 1.02
    assert (np.array(left) <= np.array(theirs) + 0.02).all()
