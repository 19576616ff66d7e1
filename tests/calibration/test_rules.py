"""Rules of single households: protected, frozen, a smallest and a largest weight; held by every step, compared with SciPy and all sets."""

import itertools

import numpy as np
import oracles
import pytest
from further import further
from scipy.optimize import lsq_linear

from l0engine.calibration.config import Config
from l0engine.calibration.frontier import frontier
from l0engine.calibration.frontier.references import compare
from l0engine.calibration.problem.preflight import preflight
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support.relaxation import Relaxation
from l0engine.calibration.training.iteration import fit
from l0engine.errors import ConfigError, ProblemError


def ruled(seed, targets, households, protected, frozen):
    """A random problem where some households are protected, some of these frozen, and a third of all has limits around its base weight."""
    free, rng = oracles.random_problem(seed, targets, households), np.random.default_rng([seed, 1])
    base, low, high = free.base_weights, np.full(households, np.nan), np.full(households, np.nan)
    limited, keep = rng.random(households) < 1 / 3, rng.choice(households, protected, replace=False)
    low[limited], high[limited] = 0.5 * base[limited], 2 * base[limited]
    low[keep[:frozen]] = high[keep[:frozen]] = base[keep[:frozen]]
    marks = np.isin(np.arange(households), keep)
    return Problem.create(free.matrix, free.values, base_weights=base, protected=marks, smallest=low, largest=high)


PROBLEM = ruled(0, 12, 300, protected=12, frozen=5)


def hold(problem, weights):
    """Whether weights obey the rules of a problem, to the last bit."""
    protected, low, high = problem.rules
    kept = weights > 0
    frozen = protected & (low == high)
    within = (weights >= low) & (weights <= high)
    return kept[protected].all() and within[kept].all() and (weights[frozen] == problem.base_weights[frozen]).all() and frozen.sum() > 0


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"price_l0": 100.0}, {"budget": 12}, {"budget": 13, "relax": False},
        {"max_ratio": 0.5, "budget": 40}, {"estimator": "sampled", "loss": "capped"}, {"estimator": "ungated"}, {"refit": False},
        *further(
            {"budget": 40}, {"max_median_error": 0.05}, {"max_ratio": 0.5}, {"max_weight": 5.0}, {"min_weight": 3.0, "budget": 20}, {"anchor": "chi-square"}, {"total": "exact"}, {"loss": "mse"},
            {"temperature": 5.0}, {"temperature": 0.05}, {"min_ess": 30.0}, {"init_keep_prob": 1e-3}, {"lambda_ratio": 1.0},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_every_fit_holds_them(settings):
    result = fit(PROBLEM, Config(**{"epochs": 100, **settings}))
    assert result.status.has_result
    assert hold(PROBLEM, result.weights)
    assert hold(PROBLEM, result.gated_weights)
    if "budget" in settings:
        assert result.final.kept == settings["budget"]
    elif settings == {"price_l0": 100.0}:
        assert result.final.kept == PROBLEM.n_protected  # no other is worth its price


def test_frontier_and_references_hold_them():
    result = fit(PROBLEM, Config(epochs=60))
    points = [*frontier(PROBLEM, result, [12, 13, 40, 150]), *compare(PROBLEM, result, 30)]
    assert len(points) >= 10
    for point in points:
        assert hold(PROBLEM, point.full(PROBLEM.n_households)), point.method


def test_what_cannot_be_held_is_refused():
    with pytest.raises(ConfigError, match="budget is 11 but 12 households are protected: ask for as many at least"):
        fit(PROBLEM, Config(budget=11))
    with pytest.raises(ConfigError, match="The budget 5 is below the 12 protected households"):
        next(frontier(PROBLEM, fit(PROBLEM, Config(epochs=20)), [50, 5]))
    with pytest.raises(ConfigError, match="polish knows no households with rules"):
        fit(PROBLEM, Config(polish=True))


def scaled(problem):
    return problem.matrix.toarray() / problem.scales[:, None], problem.values / problem.scales


def least(problem, kept):
    """The least squared relative error of a set of households within their limits, by SciPy, and its weights."""
    (A, b), (_, low, high) = scaled(problem), problem.rules.at(kept)
    moving, weights = low < high, low.copy()
    found = lsq_linear(A[:, kept[moving]], b - A[:, kept[~moving]] @ low[~moving], (low[moving], high[moving]), tol=1e-14, max_iter=1000)
    weights[moving] = found.x
    return 2 * found.cost, weights


@pytest.mark.parametrize("seed", [0, *further(1, 2, 3, 4, 5)])
def test_hard_weights_are_those_of_scipy(seed):
    problem = ruled(seed, targets=9, households=9, protected=4, frozen=2)  # as many targets: one answer
    result = fit(problem, Config(estimator="ungated", mu=1e-9, epochs=50))
    np.testing.assert_allclose(result.weights, least(problem, np.arange(9))[1], rtol=1e-4, atol=1e-6)


def sets(problem, k):
    """All sets of k households with the protected ones among them."""
    held, rest = np.flatnonzero(problem.rules.protected), np.flatnonzero(~problem.rules.protected)
    return [np.sort(np.r_[held, s]).astype(int) for s in itertools.combinations(rest, k - len(held))]


@pytest.mark.parametrize("seed", [3, 4, *further(0, 1, 2, 5)])
@pytest.mark.parametrize("price", [1e-9, 1e-4])
def test_the_bound_is_below_every_set(seed, price):
    problem = ruled(seed, targets=5, households=9, protected=2, frozen=1)
    system = ScaledSystem.build(problem, Config())
    everyone = np.arange(9)
    relaxation = Relaxation(system.part(everyone), system.target, system.hardness, problem.rules.largest, problem.rules)
    for k in (2, 4, 9):
        found = relaxation.solve(k, price, everyone, problem.base_weights)
        ridge = [_with_price(problem, s, price) for s in sets(problem, k)]
        assert found.bound <= min(ridge) * (1 + 1e-9) + 1e-12
        assert (found.shares[problem.rules.protected[found.pool]] == 1).sum() == 2
        if k == 9 and not (problem.rules.smallest[~problem.rules.protected] > 0).any():
            assert found.bound == pytest.approx(min(ridge), rel=1e-3)


def _with_price(problem, kept, price):
    """``1/2 ||A w - b||^2 + price/2 ||w||^2`` at the best weights of a set, by SciPy."""
    (A, b), (_, low, high) = scaled(problem), problem.rules.at(kept)
    moving = low < high
    left, root = b - A[:, kept[~moving]] @ low[~moving], np.sqrt(price) * np.eye(moving.sum())
    found = lsq_linear(np.vstack([A[:, kept[moving]], root]), np.r_[left, np.zeros(moving.sum())], (low[moving], high[moving]), tol=1e-14)
    return found.cost + price / 2 * low[~moving] @ low[~moving]


@pytest.mark.parametrize("seed", [3, *further(2, 4, 6, 7, 8, 9)])
def test_few_households_are_among_the_best_sets(seed):
    problem = ruled(seed, targets=5, households=10, protected=2, frozen=1)
    result = fit(problem, Config(budget=4, mu=1e-7))
    A, b = scaled(problem)
    losses = np.sort([least(problem, s)[0] for s in sets(problem, 4)])
    assert ((A @ result.weights - b) ** 2).sum() <= losses[2] * (1 + 1e-3)  # of 28


def test_limits_out_of_reach_are_named_and_may_be_left_out():
    problem = Problem.create(
        [[1, 1, 0], [0, 1, 1], [1, 0, -1], [1, 1, 1]], [10, 10, -8, 20], base_weights=[4, 12, 4],
        protected=[False, True, False], smallest=[np.nan, 12, np.nan], largest=[np.nan, 12, 7],
    )  # fmt: skip
    found = {f.kind: f.targets.tolist() for f in preflight(problem)}
    assert found["limits"] == [0, 1, 2]  # 12 are more than 10 in two of them; the third comes to -7 at least
    result = fit(problem, Config(exclude=("limits",), epochs=200))
    assert result.weights[1] == 12
    assert problem.estimates(result.weights)[3] == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"smallest": [1, -1]}, "'2' has a smallest weight below 0"),
        ({"largest": [0, 1]}, "'1' has a largest weight that is not above 0"),
        ({"smallest": [3, 1], "largest": [2, 1]}, "'1' has a smallest weight above its largest one.*smallest 3, largest 2"),
        ({"protected": [0, 2]}, "marks of protected households hold 2"),
        ({"protected": [True]}, r"shape \(1,\)"),
        ({"smallest": ["much", 1]}, "not a number"),
        ({"largest": [-np.inf, 1]}, "hold -inf"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules, message):
    with pytest.raises(ProblemError, match=message):
        Problem.create(np.ones((1, 2)), [1], **rules)
