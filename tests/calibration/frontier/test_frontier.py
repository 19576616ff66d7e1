import itertools
from dataclasses import replace

import numpy as np
import oracles
import pytest
from scipy.optimize import minimize
from solving import rake

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.path import curve, frontier
from l0engine.calibration.frontier.point import checked_budgets
from l0engine.calibration.metrics import overlap
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Status
from l0engine.calibration.support import relaxing
from l0engine.calibration.support.calibrated import CURVE
from l0engine.calibration.training.iteration import fit
from l0engine.errors import ConfigError

PROBLEM = oracles.random_problem(1, targets=10, households=300)
CONFIG = Config(lambda_l0=1e-3, epochs=100, device="cpu")
#: Gates and elimination alone, at one softness.
GATES = replace(CONFIG, relax=False, mu=3e-4, epochs=200)


@pytest.fixture(scope="module")
def result():
    return fit(PROBLEM, CONFIG)


@pytest.fixture(scope="module")
def found(result):
    return list(frontier(PROBLEM, result, [12, 60, 30, 20]))


@pytest.fixture(scope="module")
def points(found):
    return last(found)


@pytest.fixture(scope="module")
def of_gates():
    return fit(PROBLEM, GATES)


def last(found):
    """The points that stay: one that was made anew comes a second time."""
    return [p for _, p in sorted({p.budget: p for p in found}.items(), reverse=True)]


def by_hand(problem, weights):
    """Absolute errors relative to the published values and Kish's effective sample size, from dense algebra."""
    errors = np.abs(problem.matrix.toarray() @ weights - problem.values) / np.abs(problem.values)
    return errors, weights.sum() ** 2 / (weights**2).sum()


# -- points -------------------------------------------------------------------------------------------------------------


def test_budgets_are_met_exactly_largest_first(found):
    assert [(p.budget, p.measures.kept, len(p.households)) for p in found[:4]] == [(k, k, k) for k in (60, 30, 20, 12)]
    assert [p.measures.kept for p in found[4:]] == sorted(p.budget for p in found[4:])  # made anew, smallest first
    assert all((p.weights > 0).all() and (np.diff(p.households) > 0).all() for p in found)


def test_measures_are_those_of_the_weights(points):
    for p in points:
        errors, ess = by_hand(PROBLEM, p.full(300))
        assert p.measures.median_abs_rel_error == pytest.approx(np.median(errors), rel=1e-9)
        assert p.measures.mean_abs_rel_error == pytest.approx(errors.mean(), rel=1e-9)
        assert p.measures.ess == pytest.approx(ess, rel=1e-9)
        assert p.held_out is None


def test_sets_of_gates_alone_are_nested_and_start_from_the_scaled_gated_weights(of_gates, monkeypatch):
    monkeypatch.setattr(relaxing, "FEW_CELLS", 0)  # a small problem has further candidates
    points = list(frontier(PROBLEM, of_gates, [12, 60, 30, 20]))
    for larger, smaller in itertools.pairwise(points):
        assert set(smaller.households) < set(larger.households)
    for p in points:
        gated = of_gates.gated_weights[p.households]
        np.testing.assert_allclose(p.start, gated * of_gates.gated_weights.sum() / gated.sum(), rtol=1e-9)


@pytest.mark.parametrize("relax", [True, False])
def test_weights_are_the_raking_of_their_start(of_gates, relax):
    config = replace(GATES, relax=relax)
    system = ScaledSystem.build(PROBLEM, config)
    for p in last(frontier(PROBLEM, replace(of_gates, config=config), [60, 12])):
        A = system.matrix.toarray()[:, p.households]
        tau = 3e-4 * ((A**2) @ p.start).mean()
        expected = oracles.relaxed_raking(A, system.target, p.start, tau)
        np.testing.assert_allclose(A @ p.weights, A @ expected, rtol=1e-4)
        np.testing.assert_allclose(p.weights, expected, rtol=2e-2, atol=1e-3 * expected.mean())


def test_a_choice_beats_random_sets_of_the_same_size(points):
    system, rng = ScaledSystem.build(PROBLEM, CONFIG), np.random.default_rng(0)
    smallest_ = points[-1]
    random = []
    for _ in range(20):
        kept = np.sort(rng.choice(300, 12, replace=False))
        w = np.zeros(300)
        w[kept] = rake(system.matrix[:, kept], system.target, PROBLEM.base_weights[kept] * 25, 3e-4)
        random.append(by_hand(PROBLEM, w)[0].mean())
    assert smallest_.measures.mean_abs_rel_error < np.quantile(random, 0.1)


@pytest.mark.parametrize("relax", [True, False])
def test_budgets_above_the_support_come_from_a_further_fit_where_there_is_no_relaxation(of_gates, relax):
    seen, result = [], replace(of_gates, config=replace(GATES, relax=relax))
    kept = int((result.gated_weights > 0).sum())
    found = last(frontier(PROBLEM, result, [kept + 40, 20], watch=seen.append))
    assert [p.measures.kept for p in found] == [kept + 40, 20]
    assert seen == [] if relax else seen[-1].kept >= kept + 40


def test_every_household_is_a_budget_too(result):
    (point,) = frontier(PROBLEM, result, [300])
    assert point.measures.kept == 300


def test_a_stopped_frontier_keeps_its_points(result):
    kept = []
    for p in frontier(PROBLEM, result, [60, 30, 20], should_stop=lambda: len(kept) >= 2):
        kept.append(p)
    assert [p.budget for p in kept] == [60, 30]


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        ([], "no budget"),
        ([0], "0 is not a whole number from 1 to 300"),
        ([301], "301"),
        ([5, 5], "5 stands twice"),
        ([2.5], "2.5"),
        ([True], "True"),
    ],
)
def test_bad_budgets_are_named(budgets, said, result):
    with pytest.raises(ConfigError, match=said):
        checked_budgets(budgets, 300)
    with pytest.raises(ConfigError, match=said):
        next(frontier(PROBLEM, result, budgets))


def test_a_fit_without_weights_has_no_frontier(result):
    with pytest.raises(ConfigError, match="left no weights"):
        next(frontier(PROBLEM, replace(result, status=Status.DIVERGED), [5]))


def test_the_curve_trades_error_for_effective_sample_size(of_gates):
    (point,) = frontier(PROBLEM, of_gates, [60])
    found = list(curve(PROBLEM, GATES, point))
    assert [mu for mu, _ in found] == list(CURVE)
    errors, ess = ([getattr(m, name) for _, m in found] for name in ("mean_abs_rel_error", "ess"))
    assert errors == sorted(errors, reverse=True)
    assert ess == sorted(ess, reverse=True)
    softness = dict(found)[3e-4]
    assert softness.ess == pytest.approx(point.measures.ess, rel=1e-3)  # the config's own mu
    assert softness.mean_abs_rel_error == pytest.approx(point.measures.mean_abs_rel_error, abs=5e-6)  # of 4e-5: where Newton stops


def test_the_curve_of_a_relaxed_point_has_the_most_even_weights_for_each_error(result):
    """As SciPy's SLSQP has them, at one softness."""
    (point,) = frontier(PROBLEM, result, [20])
    assert point.certificate is not None
    found = dict(curve(PROBLEM, result.config, point))
    ess = [m.ess for m in found.values()]
    assert ess == sorted(ess, reverse=True)
    A, y = PROBLEM.matrix.toarray()[:, point.households], PROBLEM.values
    scale = np.maximum(y, (PROBLEM.matrix.toarray() * PROBLEM.base_weights).max(axis=1))
    A, b, mean = A / scale[:, None], y / scale, point.weights.mean()
    tau = 1e-2 * float((A**2).sum(axis=1).mean() * mean)

    def value(x):
        residual = A @ x * mean - b
        return residual @ residual / (2 * tau * mean) + ((x - 1) ** 2).sum() / 2

    best = minimize(
        value, np.ones(len(b) * 2), bounds=[(0, None)] * (len(b) * 2), method="SLSQP", options={"ftol": 1e-14, "maxiter": 2000}
    ).x
    assert found[1e-2].ess == pytest.approx(best.sum() ** 2 / (best @ best), rel=1e-4)


# -- the other settings -------------------------------------------------------------------------------------------------


def test_prices_say_the_same_in_three_ways():
    nothing = ((PROBLEM.values / np.maximum(PROBLEM.values, (PROBLEM.matrix.toarray() * PROBLEM.base_weights).max(1))) ** 2).sum()
    prices = ({"lambda_l0": 2e-3}, {"share": 2e-3 * 300}, {"price_l0": 2e-3 * 1000 / nothing})  # a hundred households a target at least
    plain, share, price = (fit(PROBLEM, replace(CONFIG, **{"lambda_l0": None, **p})) for p in prices)
    assert plain.weights.tobytes() == share.weights.tobytes()
    np.testing.assert_array_equal(plain.weights > 0, price.weights > 0)
    np.testing.assert_allclose(plain.weights, price.weights, rtol=1e-3)


def test_held_out_groups_are_not_seen_but_measured():
    groups = ["a"] * 7 + ["b"] * 3
    whole = oracles.random_problem(1, targets=10, households=300, groups=groups)
    part = Problem.create(whole.matrix[:7], whole.values[:7], base_weights=whole.base_weights, groups=groups[:7])
    held, unseen = fit(whole, replace(CONFIG, hold_out="b")), fit(part, CONFIG)
    np.testing.assert_allclose(held.weights, unseen.weights, rtol=1e-5, atol=1e-6)
    errors, _ = by_hand(whole, held.weights)
    assert held.held_out.median_abs_rel_error == pytest.approx(np.median(errors[7:]))
    assert held.final.median_abs_rel_error == pytest.approx(np.median(errors[:7]))
    assert held.held_out.median_abs_rel_error > 10 * held.final.median_abs_rel_error
    (point,) = frontier(whole, held, [30])
    assert point.held_out.median_abs_rel_error == pytest.approx(np.median(by_hand(whole, point.full(300))[0][7:]))
    with pytest.raises(ConfigError, match="hold_out names the group 'c'"):
        fit(whole, replace(CONFIG, hold_out="c"))


def test_jitter_comes_from_the_seed():
    a, again, b = (fit(PROBLEM, replace(CONFIG, jitter=0.3, seed=seed, epochs=60)) for seed in (1, 1, 2))
    assert a.weights.tobytes() == again.weights.tobytes()
    assert ((a.weights > 0) != (b.weights > 0)).any()
    still = [fit(PROBLEM, replace(CONFIG, jitter=0.0, seed=seed, epochs=60)).weights.tobytes() for seed in (1, 2)]
    assert still[0] == still[1]


def test_a_price_on_ratios_brings_weights_together_at_the_same_size(of_gates, monkeypatch):
    monkeypatch.setattr(relaxing, "FEW_CELLS", 0)  # the same households at every price
    ratios, errors = [], []
    for price in (0.0, 1e-5, 1e-4, 1e-3):
        (p,) = frontier(PROBLEM, replace(of_gates, config=replace(GATES, lambda_ratio=price)), [40])
        ratios.append((p.weights / PROBLEM.base_weights[p.households]) ** 2)
        errors.append(p.measures.mean_abs_rel_error)
    assert [r.sum() for r in ratios] == sorted((r.sum() for r in ratios), reverse=True)
    assert ratios[-1].max() < 0.8 * ratios[0].max()
    assert errors == sorted(errors)


def test_a_cap_on_ratios_holds_at_every_size(result):
    for p in frontier(PROBLEM, replace(result, config=replace(CONFIG, max_ratio=9.0)), [60, 40]):
        assert p.measures.max_weight_ratio <= 9.0 * (1 + 1e-12)


def test_raking_with_a_price_matches_a_general_solver():
    rng = np.random.default_rng(3)
    A, g = rng.uniform(0, 2, (4, 9)), rng.uniform(0.5, 2.0, 9)
    b, price = A @ (g * rng.uniform(0.5, 2.0, 9)), rng.uniform(0.0, 0.4, 9)
    price[0] = 0.0
    tau = 1e-2 * ((A**2) @ g).mean()
    price[0] = 1e-12  # a price of nothing is no price
    for upper in (None, 1.4 * g):
        ours = rake(A, b, g, 1e-2, price=price, upper=upper)
        np.testing.assert_allclose(ours, oracles.relaxed_raking(A, b, g, tau, upper, price), rtol=2e-5)


def test_overlap_by_hand():
    kept = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    np.testing.assert_allclose(overlap(kept), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, np.nan]])
