"""The relaxation against exact answers: no bound above what k households can do, and bounds near the relaxation's own optimum."""

import math

import numpy as np
import pytest
import torch
from further import further
from relaxation_oracles import Case, best_of_all, outer_approximation, random_case, solved
from scipy.optimize import minimize_scalar
from solving import relaxation

from l0engine.calibration.support.relaxation import shares


def drawn(seed, households=(5, 14), most=300):
    """A case, a number of households with few enough sets of that size, and a pool of some or all to begin with."""
    rng = np.random.default_rng(10_000 + seed)
    n = int(rng.integers(households[0], households[1] + 1))
    k = int(rng.choice([k for k in range(1, n + 1) if math.comb(n, k) <= most]))
    pool = np.arange(n) if seed % 5 else np.sort(rng.choice(n, max(2, n // 2), replace=False))
    return random_case(seed, n), k, pool


def relaxed(case, k, pool):
    return relaxation(case).solve(k, case.price, pool, np.full(len(pool), 0.5))


@pytest.mark.parametrize("k", [1, 2, 5, 8, 11])
@pytest.mark.parametrize("seed", range(4))
def test_shares_are_the_best_ones_for_their_weights(seed, k):
    rng = np.random.default_rng(seed)
    w = rng.lognormal(0, 1.5, 11)
    z = shares(torch.tensor(w), k).numpy()
    assert (z >= 0).all() and (z <= 1).all()
    assert z.sum() == pytest.approx(k, rel=1e-12)

    def below(log_price):
        """Weak duality: with a price on shares, each is chosen by itself; none sum to k for less than this."""
        price = np.exp(log_price)
        return float(np.where(w**2 < price, 2 * w * np.sqrt(price), w**2 + price).sum() - price * k)

    if k < 11:
        found = minimize_scalar(lambda x: -below(x), bounds=(-20, 20), method="bounded", options={"xatol": 1e-10})
        assert (w**2 / z).sum() == pytest.approx(-found.fun, rel=1e-6)


def test_no_more_weights_than_households_are_all_whole():
    w = np.array([0.0, 3.0, 0.0, 1e-9])
    np.testing.assert_array_equal(shares(torch.tensor(w), 2), [0, 1, 0, 1])
    np.testing.assert_array_equal(shares(torch.tensor(w), 3), [0, 1, 0, 1])
    np.testing.assert_allclose(shares(torch.tensor(w), 1), [0, 1, 0, 0], atol=1e-9)


def test_every_theta_bounds_what_k_households_can_do():
    rng = np.random.default_rng(0)
    for seed in range(12):
        case, k, _ = drawn(seed, most=100)
        best = best_of_all(case, k)
        solver = relaxation(case)
        _, w = solved(case, np.ones(case.A.shape[1]))
        theta = (case.b - case.A @ w) / case.hardness
        for size in (0.0, 0.1, 1.0):
            value, h, *_ = solver.bound(torch.tensor(theta + size * rng.standard_normal(len(case.b))), k, case.price)
            assert value <= best * (1 + 1e-12)
            assert (h >= 0).all()


def held_by_all_supports(seeds, most):
    for seed in seeds:
        case, k, pool = drawn(seed, most=most)
        found, best = relaxed(case, k, pool), best_of_all(case, k)
        assert found.bound <= best * (1 + 1e-9), seed
        assert (np.diff(found.pool) > 0).all()
        assert (found.shares <= 1).all() and found.shares.sum() <= k + 1e-6
        assert (found.weights >= 0).all() and (found.weights <= case.upper[found.pool] * (1 + 1e-9)).all()


def test_no_bound_is_above_the_best_of_all_supports():
    held_by_all_supports(range(12), most=100)


@pytest.mark.slow
def test_no_bound_is_above_the_best_of_all_supports_on_many_problems():
    held_by_all_supports(range(200), most=1001)


def by_highs(seed, n):
    """A problem of up to 60 households, small enough for HiGHS to close the gap to 0.1 %."""
    rng = np.random.default_rng(seed)
    q, k = int(rng.integers(3, 7)), int(rng.integers(3, 9))
    A = rng.lognormal(0, 0.6, (q, n))
    A /= A.mean(axis=1, keepdims=True)
    b = np.ones(q) * rng.uniform(0.7, 1.4, q)
    price = 0.5 * k * 10 ** rng.uniform(-1.5, 0)
    upper = np.full(n, np.inf) if seed % 2 else rng.uniform(0.1, 0.5, n)
    return Case(A, b, np.ones(q), upper, price), k


def held_by_highs(seeds, largest):
    """In how many cases HiGHS proves its answer; the others still hold the bound."""
    closed = 0
    for seed in seeds:
        case, k = by_highs(seed, int(np.random.default_rng(seed).integers(20, largest + 1)))
        found = relaxed(case, k, np.arange(case.A.shape[1]))
        below, above = outer_approximation(case, k, whole=True, gap=1e-3, rounds=60)
        closed += above - below <= 1e-3 * above
        assert found.bound <= above * (1 + 1e-9), seed
    return closed


def test_no_bound_is_above_the_optimum_of_a_mixed_integer_programme():
    assert held_by_highs((3,), largest=20) == 1


@pytest.mark.slow
def test_no_bound_is_above_the_optimum_of_larger_mixed_integer_programmes():
    assert held_by_highs((0,), largest=20) == 1
    assert held_by_highs(range(100, 120), largest=60) >= 15


@pytest.mark.parametrize("seed", [2, 8, 10, 20, *further(4, 14, 22, 28)])
def test_the_bound_is_near_the_optimum_of_the_relaxation(seed):
    """Also from a pool of half the households (10 and 20): the others join."""
    case, k, pool = drawn(seed)
    found = relaxed(case, k, pool)
    below, above = outer_approximation(case, k, whole=False, gap=1e-4)
    assert above - below <= 1e-4 * above
    assert found.bound <= above * (1 + 1e-9)
    assert found.bound >= below - 0.01 * above - 1e-4 * (case.b @ case.b) / 2  # Newton ends by a share of the loss of nothing


def test_whoever_is_better_than_all_of_the_pool_joins_it():
    case = Case(np.array([[1.0, 10.0]]), np.array([10.0]), np.ones(1), np.full(2, np.inf), 1.0)
    found = relaxed(case, 1, np.array([0]))
    assert 1 in found.pool
    assert found.bound == pytest.approx(solved(case, np.array([0.0, 1.0]))[0], rel=1e-3)


def test_more_households_than_there_are_is_all_of_them():
    case, _, pool = drawn(2)
    n = case.A.shape[1]
    found = relaxed(case, n + 5, pool)
    assert found.k == n
    assert found.bound == pytest.approx(solved(case, np.ones(n))[0], rel=1e-4)


@pytest.mark.parametrize("seed", [8, 11, 14])
def test_a_solution_starts_from_that_of_a_neighbouring_size(seed):
    case, _, _ = drawn(seed, households=(14, 14))
    solver = relaxation(case)
    first = solver.solve(6, case.price, np.arange(14), np.full(14, 0.5))
    again = solver.solve(5, case.price, first.pool, np.maximum(first.weights, 1e-9), first.dual)
    alone = solver.solve(5, case.price, np.arange(14), np.full(14, 0.5))
    assert again.bound == pytest.approx(alone.bound, rel=1e-2)
