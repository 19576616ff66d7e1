"""Anchors against their own stated costs, minimised by a general solver."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from solving import limits

from l0engine.calibration.config import ANCHORS as NAMES
from l0engine.calibration.support.solvers.anchors import ANCHORS, LARGEST_EXPONENT, Proximal, Ridge

START, PRICE = np.array([0.01, 0.5, 1.0, 3.0, 40.0]), np.array([1e-3, 0.2, 1.0, 7.0, 0.05])
COSTS = {
    "entropy": lambda w, g: w * np.log(w / g) - w + g if w > 0 else g,
    "chi-square": lambda w, g: (w - g) ** 2 / (2 * g),
}
PULLS = np.array([-4.0, -1.0, -0.3, 0.0, 0.4, 1.7, 3.0])
PRICED = [None, PRICE]
BOUNDS = [(0.0, np.inf), (0.2 * START, 1.5 * START), (0.3, 2.0)]


def anchored(name, price, bounds=(0.0, np.inf)):
    """Weights and slopes for a pull that all feel, and the anchor."""
    anchor = ANCHORS[name](torch.tensor(START), None if price is None else torch.tensor(price), limits(*bounds))
    return lambda pull: tuple(a.numpy() for a in anchor.weights(torch.full((5,), pull, dtype=torch.float64))), anchor


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
    weights, _ = anchored(name, price, bounds)
    low, high = (np.broadcast_to(b, START.shape) for b in bounds)
    for pull in PULLS:
        w, _ = weights(pull)
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
    (weights, _), step = anchored(name, price, bounds), 1e-5
    for pull in PULLS + 0.0123:  # not where a bound begins to bind
        ahead, behind = (weights(pull + s)[0] for s in (step, -step))
        np.testing.assert_allclose(weights(pull)[1], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("price", PRICED, ids=["no price", "price"])
@pytest.mark.parametrize("name", ANCHORS)
def test_a_pull_is_found_again_from_its_weights(name, price):
    weights, anchor = anchored(name, price)
    for pull in (-0.8, 0.0, 0.7, 3.0):
        np.testing.assert_allclose(anchor.pull_for(torch.tensor(weights(pull)[0])), pull, atol=1e-9)
    np.testing.assert_allclose(anchor.weights(anchor.pull_for(2 * torch.tensor(START))).value, 2 * START, rtol=1e-9)


@pytest.mark.parametrize("name", ANCHORS)
def test_without_a_pull_the_weights_are_the_start(name):
    weights, _ = anchored(name, None)
    np.testing.assert_allclose(weights(0.0)[0], START, rtol=1e-14)


def test_a_wild_pull_stays_finite_and_flat():
    weights, _ = anchored("entropy", None)
    w, slope = weights(1e9)
    np.testing.assert_allclose(w, START * np.exp(LARGEST_EXPONENT))
    assert (slope == 0).all()
    weights, _ = anchored("entropy", PRICE)
    priced, _ = weights(1e9)
    np.testing.assert_allclose(priced, 1e9 / PRICE, rtol=1e-6)


@pytest.mark.parametrize("high", [np.inf, 0.8, np.array([0.1, 0.5, 1.0, 2.0, 9.0])], ids=["free", "alike", "by household"])
def test_ridge_is_the_perspective_of_a_squared_weight(high):
    share, price, step = np.array([1e-3, 0.1, 0.5, 0.9, 1.0]), 1.7, 1e-6
    top = np.minimum(np.broadcast_to(high, 5), 50.0)

    def weights(pull, share=share, low=0.0):
        ridge = Ridge(torch.tensor(share), price, limits(low, high))
        return tuple(a.numpy() for a in ridge.weights(torch.full((5,), pull, dtype=torch.float64)))

    for pull in PULLS + 0.0123:
        w, slope = weights(pull)
        expected = [best(lambda x, z=z, e=pull: price * x * x / (2 * z) - e * x, 0.0, z * u) for z, u in zip(share, top, strict=True)]
        np.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-9)
        ahead, behind = (weights(pull + s)[0] for s in (step, -step))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)
    assert (weights(3.0, share=np.zeros(5))[0] == 0).all()
    w, slope = weights(-1.0, share=np.ones(5), low=0.05)
    assert (w == 0.05).all() and (slope == 0).all()


@pytest.mark.parametrize("high", [np.inf, 3.0], ids=["free", "capped"])
@pytest.mark.parametrize("knee", [0.0, 1.5, 4.0], ids=["none", "low", "beyond the cap"])
def test_a_proximal_weight_is_the_best_for_its_cost(knee, high):
    near, price, step, low = np.array([0.0, 0.5, 1.4, 2.5, 6.0]), 0.7, 0.9, 0.05
    knee = min(knee, high)
    slope = price * knee if high == np.inf else 1.2 * price * knee

    def cost(w, at, pull):
        return (slope * w if w <= knee else slope * knee + price * (w * w - knee * knee) / 2) + (w - at) ** 2 / (2 * step) - pull * w

    def weights(pull):
        full = [torch.full((5,), x, dtype=torch.float64) for x in (pull, slope, knee)]
        return [a.numpy() for a in Proximal(torch.tensor(near), step, price, *full[1:], limits(low, high)).weights(full[0])]

    for pull in PULLS + 0.0123:
        w, rate = weights(pull)
        np.testing.assert_allclose(
            w, [best(lambda x, a=a, e=pull: cost(x, a, e), low, min(high, 50.0)) for a in near], rtol=2e-6, atol=1e-7
        )
        ahead, behind = (weights(pull + s)[0] for s in (1e-6, -1e-6))
        np.testing.assert_allclose(rate, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)
