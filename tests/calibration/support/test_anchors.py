"""Anchors against their own stated costs, minimised by a general solver."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from l0engine.calibration.config import ANCHORS as NAMES
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.support.anchors import ANCHORS, LARGEST_EXPONENT, Entropy, Ridge

START, PRICE = np.array([0.01, 0.5, 1.0, 3.0, 40.0]), np.array([1e-3, 0.2, 1.0, 7.0, 0.05])
COSTS = {
    "entropy": lambda w, g: w * np.log(w / g) - w + g if w > 0 else g,
    "chi-square": lambda w, g: (w - g) ** 2 / (2 * g),
}
PULLS = np.array([-4.0, -1.0, -0.3, 0.0, 0.4, 1.7, 3.0])
PRICED = [None, PRICE]
BOUNDS = [Bounds(), Bounds(0.2 * START, 1.5 * START), Bounds(0.3, 2.0)]


def best(cost, low, high):
    """The weight of least cost between two bounds, to about 1e-8 of its size."""
    found = minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-13 * high, "maxiter": 2000})
    return min((low, high, float(found.x)), key=cost)


def test_every_name_has_its_anchor():
    assert set(NAMES) == set(ANCHORS) == set(COSTS)


@pytest.mark.parametrize("bounds", BOUNDS, ids=["free", "by household", "alike"])
@pytest.mark.parametrize("price", PRICED, ids=["no price", "price"])
@pytest.mark.parametrize("name", ANCHORS)
def test_weights_are_the_best_between_the_bounds(name, price, bounds):
    anchor = ANCHORS[name](START, price, bounds)
    low, high = (np.broadcast_to(b, START.shape) for b in bounds)
    for pull in PULLS:
        w = anchor.weights(np.full(5, pull)).value
        for j, g in enumerate(START):
            c = 0.0 if price is None else price[j]

            def cost(x, g=g, c=c, pull=pull):
                return COSTS[name](x, g) + c * x**2 / 2 - pull * x

            expected = best(cost, float(low[j]), float(min(high[j], 60 * g)))
            assert w[j] == pytest.approx(expected, rel=2e-6, abs=1e-8 * g)  # a minimum is flat: half the digits
            assert cost(w[j]) <= cost(expected) + 1e-12 * (1 + abs(cost(expected)))


@pytest.mark.parametrize("bounds", BOUNDS, ids=["free", "by household", "alike"])
@pytest.mark.parametrize("price", PRICED, ids=["no price", "price"])
@pytest.mark.parametrize("name", ANCHORS)
def test_slopes_are_those_of_finite_differences(name, price, bounds):
    anchor, step = ANCHORS[name](START, price, bounds), 1e-5
    for pull in PULLS + 0.0123:  # not where a bound begins to bind
        ahead, behind = (anchor.weights(np.full(5, pull + s)).value for s in (step, -step))
        np.testing.assert_allclose(anchor.weights(np.full(5, pull)).slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("price", PRICED, ids=["no price", "price"])
@pytest.mark.parametrize("name", ANCHORS)
def test_a_pull_is_found_again_from_its_weights(name, price):
    anchor = ANCHORS[name](START, price, Bounds())
    for pull in (-0.8, 0.0, 0.7, 3.0):
        np.testing.assert_allclose(anchor.pull_for(anchor.weights(np.full(5, pull)).value), pull, atol=1e-9)
    np.testing.assert_allclose(anchor.weights(anchor.pull_for(2 * START)).value, 2 * START, rtol=1e-9)


@pytest.mark.parametrize("name", ANCHORS)
def test_without_a_pull_the_weights_are_the_start(name):
    np.testing.assert_allclose(ANCHORS[name](START, None, Bounds()).weights(np.zeros(5)).value, START, rtol=1e-14)


def test_a_wild_pull_stays_finite_and_flat():
    anchor = Entropy(START, None, Bounds())
    w, slope = anchor.weights(np.full(5, 1e9))
    np.testing.assert_allclose(w, START * np.exp(LARGEST_EXPONENT))
    assert (slope == 0).all()
    priced = Entropy(START, PRICE, Bounds()).weights(np.full(5, 1e9)).value
    np.testing.assert_allclose(priced, 1e9 / PRICE, rtol=1e-6)


@pytest.mark.parametrize("high", [np.inf, 0.8, np.array([0.1, 0.5, 1.0, 2.0, 9.0])], ids=["free", "alike", "by household"])
def test_ridge_is_the_perspective_of_a_squared_weight(high):
    share, price, step = np.array([1e-3, 0.1, 0.5, 0.9, 1.0]), 1.7, 1e-6
    anchor, top = Ridge(share, price, Bounds(0.0, high)), np.minimum(np.broadcast_to(high, 5), 50.0)
    for pull in PULLS + 0.0123:
        w, slope = anchor.weights(np.full(5, pull))
        expected = [best(lambda x, z=z, e=pull: price * x * x / (2 * z) - e * x, 0.0, z * u) for z, u in zip(share, top, strict=True)]
        np.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-9)
        ahead, behind = (anchor.weights(np.full(5, pull + s)).value for s in (step, -step))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)
    assert (Ridge(np.zeros(5), price, Bounds(0.0, high)).weights(np.full(5, 3.0)).value == 0).all()
    held = Ridge(np.ones(5), price, Bounds(0.05, high)).weights(np.full(5, -1.0))
    assert (held.value == 0.05).all() and (held.slope == 0).all()
