"""The dual solver and raking against primal answers: optimality of the stated problem, bounded least squares, a general solver."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, lsq_linear, minimize
from solving import dual_problem, limits, raking

from l0engine.calibration.metrics import effective_sample_size
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.support.raking import NOTHING, Softness, reaches, worth
from l0engine.calibration.support.solvers import dual as module
from l0engine.calibration.support.solvers.anchors import ANCHORS, Ridge
from l0engine.calibration.support.solvers.dual import Dual

SLOPES = {"entropy": lambda w, g: np.log(w / g), "chi-square": lambda w, g: w / g - 1}


def tiny(seed, targets=5, n=16):
    """A problem that cannot be met: the targets are noisy, and more than the bounds allow."""
    rng = np.random.default_rng(seed)
    A = rng.uniform(0, 2, (targets, n)) * (rng.random((targets, n)) < 0.7)
    g = rng.uniform(0.5, 2.0, n)
    return A, A @ (g * rng.lognormal(0.2, 0.6, n)) * rng.uniform(0.8, 1.3, targets), g, rng.uniform(0.0, 0.3, n) + 1e-3


def parts(case, g, price):
    """Bounds and price of a case by name."""
    bounds = Bounds(0.3 * g, 1.6 * g) if "bounds" in case else Bounds()
    return bounds, price if "price" in case else None


def primal_slope(name, A, b, g, w, tau, price):
    """Derivative of ``sum D_j(w_j) + sum_i (A w - b)_i^2 / (2 tau_i) + sum_j c_j w_j^2 / 2``."""
    return SLOPES[name](w, g) + A.T @ ((A @ w - b) / tau) + (0.0 if price is None else price * w)


CASES = ["plain", "bounds", "price", "bounds and price"]


@pytest.mark.parametrize("mu", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ANCHORS)
def test_raking_satisfies_the_conditions_of_its_optimum(name, case, mu):
    """They are sufficient: the problem is strictly convex."""
    for seed in range(4):
        A, b, g, price = tiny(seed)
        bounds, price = parts(case, g, price)
        w = raking(A, b, g, anchor=name, bounds=bounds, price=price).weights(mu)
        tau = mu * ((A**2) @ g).mean()
        low = np.broadcast_to(bounds.low, g.shape)
        slope = primal_slope(name, A, b, g, np.maximum(w, 1e-300), tau, None if price is None else price / tau)
        unit = 1 + np.abs(A.T @ (b / tau)).max()  # what cancels in the slope
        below, above = w <= low * (1 + 1e-12), w >= bounds.high * (1 - 1e-12)
        assert (w >= low).all() and (w <= bounds.high).all()
        assert np.abs(slope[~below & ~above]).max(initial=0.0) < 1e-6 * unit
        assert (slope[below] > -1e-6 * unit).all() and (slope[above] < 1e-6 * unit).all()
        if "bounds" in case and mu < 0.1:
            assert above.any()


@pytest.mark.parametrize("case", CASES)
def test_chi_square_is_a_bounded_least_squares_problem(case):
    for seed in range(6):
        A, b, g, price = tiny(10 + seed)
        bounds, price = parts(case, g, price)
        tau = 1e-3 * ((A**2) @ g).mean()
        w = raking(A, b, g, anchor="chi-square", bounds=bounds, price=price).weights(1e-3)
        rows = [A / np.sqrt(tau), np.diag(1 / np.sqrt(g)), np.diag(np.sqrt(np.zeros(16) if price is None else price / tau))]
        between = tuple(np.broadcast_to(x, g.shape) for x in bounds)
        exact = lsq_linear(np.vstack(rows), np.concatenate([b / np.sqrt(tau), np.sqrt(g), np.zeros(16)]), between, method="bvls", tol=1e-14)
        np.testing.assert_allclose(w, exact.x, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ANCHORS)
def test_a_sum_that_must_hold_holds_and_the_rest_is_best(name, case):
    A, b, g, price = tiny(20)
    A, b, price = A / b[:, None], np.ones(5), 1e-3 * price  # as a system has them: targets of 1
    bounds, price = parts(case, g, price)
    rows, target = np.vstack([A, np.ones((1, 16)) / g.sum()]), np.append(b, 1.1)
    hardness, mu = np.append(np.ones(5), 1e-8), 1e-2
    w = raking(rows, target, g, anchor=name, bounds=bounds, price=price, hardness=hardness).weights(mu)
    assert w.sum() == pytest.approx(1.1 * g.sum(), rel=1e-6)  # where Newton stops
    tau = mu * ((A**2) @ g).mean()  # a row that must hold has no say in how soft the others are
    extra = 0.0 if price is None else price / tau

    def cost(x):
        held = (x * np.log(x / g) - x + g).sum() if name == "entropy" else ((x - g) ** 2 / (2 * g)).sum()
        return float(held + ((A @ x - b) ** 2).sum() / (2 * tau) + (extra * x**2).sum() / 2)

    limits = [(max(lo, 1e-9), hi) for lo, hi in zip(*(np.broadcast_to(x, g.shape) for x in bounds), strict=True)]
    exact = minimize(
        cost,
        np.clip(g * 1.1, *bounds),
        jac=lambda x: primal_slope(name, A, b, g, x, tau, extra),
        bounds=limits,
        constraints=LinearConstraint(np.ones((1, 16)), 1.1 * g.sum(), 1.1 * g.sum()),
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    assert exact.status in (0, 8), exact.message  # 8: no further descent in double precision
    assert cost(w) <= exact.fun * (1 + 1e-6)
    np.testing.assert_allclose(w, exact.x, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ANCHORS)
def test_the_matrix_free_way_ends_where_the_factored_one_does(monkeypatch, name, case):
    A, b, g, price = tiny(30, targets=12, n=80)
    bounds, price = parts(case, g, price)

    def weights():
        return raking(A, b, g, anchor=name, bounds=bounds, price=price).weights(1e-3)

    factored = weights()
    monkeypatch.setattr(module, "DENSE_TARGETS", 0)
    monkeypatch.setattr(module, "SMALL_WORK", 0)
    monkeypatch.setattr(module._System, "factored", None)  # nothing is factored
    np.testing.assert_allclose(weights(), factored, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dense", [True, False])
def test_ridge_is_non_negative_least_squares_with_a_price(monkeypatch, dense):
    if not dense:
        monkeypatch.setattr(module, "DENSE_TARGETS", 0)
    rng = np.random.default_rng(3)
    for high in (np.inf, 0.9):
        A, b, _, _ = tiny(40)
        share, price = rng.uniform(0.1, 1.0, 16), 0.3
        problem, hardness = dual_problem(A, b), np.array([1.0, 1.0, 1.0, 1e-2, 1.0])
        w = problem.solve(Ridge(torch.tensor(share), price, limits(0.0, high)), torch.tensor(hardness), 1e-14).numpy()
        rows = np.vstack([A / np.sqrt(hardness)[:, None], np.diag(np.sqrt(price / share))])
        exact = lsq_linear(rows, np.append(b / np.sqrt(hardness), np.zeros(16)), (np.zeros(16), high * share), method="bvls", tol=1e-15)
        np.testing.assert_allclose(w, exact.x, rtol=1e-5, atol=1e-6)
        value = ((A @ w - b) ** 2 / hardness).sum() / 2 + (price * w**2 / share).sum() / 2
        theta = problem.dual.theta.numpy()  # strong duality, with the conjugates written out
        u = np.clip(A.T @ theta / price, 0, high)
        below = b @ theta - (hardness * theta**2).sum() / 2 - (share * ((A.T @ theta) * u - price * u**2 / 2)).sum()
        assert below == pytest.approx(value, rel=1e-6)


def test_a_solution_starts_from_a_like_one_and_ends_at_its_own():
    A, b, g, _ = tiny(50)
    first = raking(A, b, g)
    first.weights(1e-2)
    alone = raking(A, 1.05 * b, g).weights(1e-3)
    for start in ({"after": first.dual}, {"near": 1.3 * alone}, {"after": Dual(first.dual.theta, None)}):
        np.testing.assert_allclose(raking(A, 1.05 * b, g, **start).weights(1e-3), alone, rtol=1e-5)


def test_settling_takes_the_last_step_that_was_worth_it():
    for seed in range(10):
        A, b, g, _ = tiny(60 + seed)

        def errors(w, A=A, b=b):
            return np.abs(A @ w / b - 1)

        found, tried = raking(A, b, g).settle(errors)
        assert found in tried
        assert [t.mu for t in tried] == sorted((t.mu for t in tried), reverse=True)
        steps = list(pairwise(tried))
        assert all(worth(*s) for s in steps[:-1])
        assert found is tried[-1] or (found is tried[-2] and not worth(*steps[-1]))
        np.testing.assert_allclose(found.errors, errors(found.weights), atol=1e-12)
        assert found.ess == pytest.approx(effective_sample_size(found.weights))


def test_settling_ends_where_rounding_takes_over():
    """One household that pulls two totals of 0 four orders harder than those it helps: weights far beyond the best softness mean nothing."""
    A = np.array([[-7.02e-3, 9.02e-7, 1.79e-7, 3.62e-7, -7.02e-3, 4.165e-4]]).T
    b = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    found, tried = raking(A, b, np.array([4.23])).settle(lambda w: np.abs(A @ w - b))
    best = float(A[:, 0] @ b / (A[:, 0] @ A[:, 0]))  # least squares, worked by hand
    assert found.weights[0] == pytest.approx(best, rel=1e-3)
    losses = [((A @ t.weights - b) ** 2).sum() for t in tried]
    assert max(losses) <= ((A[:, 0] * best - b) ** 2).sum() * (1 + 1e-3)


def test_what_a_step_is_worth():
    def point(error, ess):
        return Softness(1.0, np.ones(1), np.full(4, error), ess)

    assert worth(point(0.1, 100.0), point(0.01, 60.0))  # a tenfold lower error for 40 % fewer
    assert not worth(point(0.1, 100.0), point(0.09, 60.0))
    assert not worth(point(1e-5, 100.0), point(1e-9, 90.0))  # errors that nobody sees
    assert worth(point(0.1, 100.0), point(0.1, 100.0 * 10**-NOTHING * 1.0000001))
    gross = Softness(1.0, np.ones(1), np.array([0.5, 1e-6, 1e-6, 1e-6]), 100.0)
    assert worth(gross, gross._replace(errors=np.array([0.2, 1e-6, 1e-6, 1e-6]), ess=98.0))
    small = gross._replace(errors=np.array([2e-3, 3e-5, 3e-5, 3e-5]))
    assert worth(small, small._replace(errors=np.array([9e-4, 3e-5, 3e-5, 3e-5]), ess=80.0))  # none is off by .1 % any more
    assert not worth(small, small._replace(errors=np.array([1.1e-3, 3e-5, 3e-5, 3e-5]), ess=80.0))
    assert not worth(small, small._replace(errors=np.array([9e-4, 3e-5, 3e-5, 3e-5]), ess=79.0))


def test_it_goes_on_over_steps_that_are_not_worth_it_where_all_errors_come_within_reach():
    def point(error, ess):
        return Softness(1.0, np.ones(1), np.array([error, 1e-6]), ess)

    soft, step = point(1e-2, 100.0), 10**-0.02
    half = point(5e-3, 100.0 * step)
    assert reaches(soft, soft, half)  # 2 % a halving, and 2.3 more of them to .1 %: 6.6 % of 10
    assert not reaches(point(1e-2, 100.0 / step**2), soft, half)  # 4 % more went before
    assert not reaches(soft, soft, point(1e-2, 100.0))  # a total that others contradict stays where it is
    assert reaches(soft, soft, point(1e-4, 80.0))
    assert not reaches(soft, soft, point(1e-4, 79.0))


def test_beyond_what_rounding_allows_it_ends_where_it_is():
    for seed in range(40, 60):
        A, b, _, _ = tiny(seed)
        problem, ridge = dual_problem(A, b), Ridge(torch.ones(16, dtype=torch.float64), 0.3, limits())
        one = torch.ones(5, dtype=torch.float64)
        w = problem.solve(ridge, one, 1e-14)
        np.testing.assert_allclose(problem.solve(ridge, one, -1.0), w, rtol=1e-6, atol=1e-6)
