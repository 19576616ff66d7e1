import itertools
from dataclasses import replace

import numpy as np
import oracles
import pytest
from scipy import sparse as sp

from l0engine.calibration import training
from l0engine.calibration.config import Config
from l0engine.calibration.elimination import Elimination
from l0engine.calibration.frontier import CURVE, curve, frontier
from l0engine.calibration.goals import calibrated, falls_short, smallest
from l0engine.calibration.metrics import inclusion, overlap
from l0engine.calibration.point import checked_budgets
from l0engine.calibration.problem import Problem
from l0engine.calibration.raking import rake
from l0engine.calibration.results import Status
from l0engine.calibration.system import ScaledSystem
from l0engine.calibration.training import fit, iterate
from l0engine.errors import ConfigError

PROBLEM = oracles.random_problem(1, targets=10, households=300)
CONFIG = Config(lambda_l0=1e-3, epochs=200)


@pytest.fixture(scope="module")
def result():
    return fit(PROBLEM, CONFIG)


@pytest.fixture(scope="module")
def points(result):
    return list(frontier(PROBLEM, result, [12, 60, 30, 20]))


def by_hand(problem, weights):
    """Absolute relative errors and Kish's effective sample size from dense algebra."""
    scale = np.maximum(np.abs(problem.values), (np.abs(problem.matrix.toarray()) * problem.base_weights).max(1))
    errors = np.abs(problem.matrix.toarray() @ weights - problem.values) / scale
    return errors, weights.sum() ** 2 / (weights**2).sum()


# -- points -------------------------------------------------------------------------------------------------------------


def test_budgets_are_met_exactly_largest_first_by_nested_sets(points):
    assert [(p.budget, p.measures.kept, len(p.households)) for p in points] == [(k, k, k) for k in (60, 30, 20, 12)]
    for larger, smaller in itertools.pairwise(points):
        assert set(smaller.households) < set(larger.households)
    assert all((p.weights > 0).all() and (np.diff(p.households) > 0).all() for p in points)


def test_measures_are_those_of_the_weights(points):
    for p in points:
        errors, ess = by_hand(PROBLEM, p.full(300))
        assert p.measures.median_abs_rel_error == pytest.approx(np.median(errors), rel=1e-9)
        assert p.measures.mean_abs_rel_error == pytest.approx(errors.mean(), rel=1e-9)
        assert p.measures.ess == pytest.approx(ess, rel=1e-9)
        assert p.held_out is None


def test_weights_are_the_raking_of_the_scaled_gated_weights(points, result):
    system = ScaledSystem.build(PROBLEM, CONFIG)
    for p in points:
        gated = result.gated_weights[p.households]
        np.testing.assert_allclose(p.start, gated * result.gated_weights.sum() / gated.sum(), rtol=1e-9)
        A = system.matrix.toarray()[:, p.households]
        tau = CONFIG.mu * ((A**2) @ p.start).mean()
        expected = oracles.relaxed_raking(A, system.target, p.start, tau)
        np.testing.assert_allclose(A @ p.weights, A @ expected, rtol=1e-4)
        np.testing.assert_allclose(p.weights, expected, rtol=2e-2, atol=1e-3 * expected.mean())


def test_elimination_beats_random_sets_of_the_same_size(points):
    system, rng = ScaledSystem.build(PROBLEM, CONFIG), np.random.default_rng(0)
    smallest_ = points[-1]
    random = []
    for _ in range(20):
        kept = np.sort(rng.choice(300, 12, replace=False))
        w = np.zeros(300)
        w[kept] = rake(sp.csr_array(system.matrix[:, kept]), system.target, PROBLEM.base_weights[kept] * 25, CONFIG.mu)
        random.append(by_hand(PROBLEM, w)[0].mean())
    assert smallest_.measures.mean_abs_rel_error < np.quantile(random, 0.1)


def test_budgets_above_the_support_come_from_a_further_fit(result):
    seen = []
    kept = int((result.gated_weights > 0).sum())
    found = list(frontier(PROBLEM, result, [kept + 40, 20], watch=seen.append))
    assert [p.measures.kept for p in found] == [kept + 40, 20]
    assert seen and seen[-1].kept >= kept + 40
    same = next(iter(frontier(PROBLEM, result, [20])))
    np.testing.assert_array_equal(found[1].households, same.households)


def test_every_household_is_a_budget_too(result):
    (point,) = frontier(PROBLEM, result, [300])
    assert point.measures.kept == 300


def test_a_stopped_frontier_keeps_its_points(result):
    found = []
    found.extend(frontier(PROBLEM, result, [60, 30, 20], should_stop=lambda: len(found) == 2))
    assert len(found) == 0 or [p.budget for p in found] == [60, 30, 20][: len(found)]
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


def test_the_curve_trades_error_for_effective_sample_size(points):
    found = list(curve(PROBLEM, CONFIG, points[0]))
    assert [mu for mu, _ in found] == list(CURVE)
    errors, ess = ([getattr(m, name) for _, m in found] for name in ("mean_abs_rel_error", "ess"))
    assert errors == sorted(errors, reverse=True)
    assert ess == sorted(ess, reverse=True)
    softness = dict(found)[3e-4]
    assert softness.ess == pytest.approx(points[0].measures.ess, rel=1e-3)  # the config's own mu
    assert softness.mean_abs_rel_error == pytest.approx(points[0].measures.mean_abs_rel_error, abs=5e-6)  # of 4e-5: where Newton stops


# -- goals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 11, 50, 299, 300])
def test_a_budget_is_kept_to_the_household(budget):
    result = fit(PROBLEM, replace(CONFIG, budget=budget))
    assert result.status.has_weights
    assert (result.weights > 0).sum() == result.final.kept == budget


@pytest.mark.parametrize("goal", [{"max_median_error": 0.01}, {"min_ess": 40.0}, {"max_median_error": 0.02, "min_ess": 15.0}])
def test_a_goal_is_met_with_no_household_to_spare(goal):
    config = replace(CONFIG, **goal)
    result = fit(PROBLEM, config)
    errors, ess = by_hand(PROBLEM, result.weights)
    assert np.median(errors) <= goal.get("max_median_error", np.inf)
    assert ess >= goal.get("min_ess", 0.0)
    system = ScaledSystem.build(PROBLEM, config)
    found = smallest(PROBLEM, system, config, result.gated_weights)
    assert found.measures == result.final
    elimination = Elimination(system, result.gated_weights)
    fewer = calibrated(PROBLEM, system, config, elimination.down_to(result.final.kept - 1, found.support))
    assert falls_short(config, fewer.measures)


def test_a_goal_out_of_reach_is_said_and_the_weights_stay():
    result = fit(PROBLEM, replace(CONFIG, min_ess=299.9999, epochs=60))
    assert result.status.has_weights
    assert "The goal is out of reach: the effective sample size is" in result.message
    assert result.final.kept == 300


def test_lambda_falls_where_too_few_are_kept_and_the_steps_go_on():
    config = replace(CONFIG, lambda_l0=0.1, budget=60, epochs=100)
    result = fit(PROBLEM, config)
    assert result.final.kept == 60
    assert "was lowered to" in result.message
    steps = [s.step for s in result.history]
    assert steps == sorted(set(steps))
    assert steps[-1] > 100
    assert result.config == config


def test_a_goal_resumed_in_a_later_attempt_ends_in_the_same_bits():
    config, states = replace(CONFIG, lambda_l0=0.1, budget=60, epochs=100), []
    whole = drain(iterate(PROBLEM, config, save=states.append))
    later = next(s for s in states if s.step > 150)
    again = drain(iterate(PROBLEM, config, resume=later))
    assert whole.weights.tobytes() == again.weights.tobytes()


def drain(run):
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def test_stop_ends_the_search_with_what_there_is():
    config, seen = replace(CONFIG, lambda_l0=0.1, budget=250, epochs=100), []
    run = iterate(PROBLEM, config, should_stop=lambda: len(seen) > 20)
    while True:
        try:
            seen.append(next(run))
        except StopIteration as end:
            result = end.value
            break
    assert result.status is Status.STOPPED
    assert "out of reach" in result.message
    assert 0 < result.final.kept <= 250


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"budget": 0}, "budget is 0"),
        ({"budget": 5, "min_ess": 3.0}, "not both"),
        ({"budget": 5, "refit": False}, "turn refit on"),
        ({"min_ess": 5.0, "estimator": "ungated"}, "keeps every household"),
        ({"max_median_error": -0.1}, "max_median_error"),
        ({"budget": 2.5}, "whole number"),
    ],
)
def test_goals_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Config(**wrong)
    with pytest.raises(ConfigError, match="ask for no more"):
        fit(PROBLEM, Config(budget=301))


def test_nothing_kept_at_first_falls_to_a_smaller_price(monkeypatch):
    monkeypatch.setattr(training, "FALL", 100.0)
    assert fit(PROBLEM, replace(CONFIG, lambda_l0=1e5, budget=5, epochs=60)).final.kept == 5


# -- the other settings -------------------------------------------------------------------------------------------------


def test_a_share_is_lambda_times_households():
    plain, share = (fit(PROBLEM, replace(CONFIG, **p)) for p in ({"lambda_l0": 2e-3}, {"share": 2e-3 * 300, "lambda_l0": 9.0}))
    assert plain.weights.tobytes() == share.weights.tobytes()


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
    a, again, b = (fit(PROBLEM, replace(CONFIG, jitter=0.3, seed=seed)) for seed in (1, 1, 2))
    assert a.weights.tobytes() == again.weights.tobytes()
    assert ((a.weights > 0) != (b.weights > 0)).any()
    still = [fit(PROBLEM, replace(CONFIG, seed=seed)).weights.tobytes() for seed in (1, 2)]
    assert still[0] == still[1]


def test_a_price_on_ratios_brings_weights_together_at_the_same_size(result):
    ratios, errors = [], []
    for price in (0.0, 1e-5, 1e-4, 1e-3):
        (p,) = frontier(PROBLEM, replace(result, config=replace(CONFIG, lambda_ratio=price)), [40])
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
        ours = rake(sp.csr_array(A), b, g, 1e-2, price=price, upper=upper)
        np.testing.assert_allclose(ours, oracles.relaxed_raking(A, b, g, tau, upper, price), rtol=2e-5)


def test_overlap_and_inclusion_by_hand():
    kept = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    np.testing.assert_allclose(overlap(kept), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, np.nan]])
    np.testing.assert_allclose(inclusion(kept), np.array([1, 2, 2, 1, 0]) / 3)
