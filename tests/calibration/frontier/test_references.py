import logging
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import oracles
import pytest
from further import further
from scipy import sparse as sp
from scipy.optimize import linprog, minimize, nnls

from l0engine.calibration.config import Config
from l0engine.calibration.frontier import references
from l0engine.calibration.frontier.references import REFERENCES, Reference, compare, l1, lp
from l0engine.calibration.frontier.references.l1_path import l1_path, nonnegative_quadratic
from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.frontier.references.pps import inclusion_probabilities, systematic_sample
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Result, Status
from l0engine.calibration.support.elimination import Elimination
from l0engine.errors import ConfigError

GROUPS = ["seen"] * 6 + ["unseen"] * 2


def fitted(problem, keep=30, config=None, status=Status.CONVERGED):
    """A result as a fit would leave it: gated weights on the first `keep` households."""
    gated = np.where(np.arange(problem.n_households) < keep, problem.base_weights * 2, 0.0)
    return Result(status, "Said why.", config or Config(), gated, gated, None, None, (), "cpu", 0.0, 0.0)


@pytest.fixture(scope="module")
def case():
    problem = oracles.random_problem(1, groups=GROUPS)
    return problem, fitted(problem, config=Config(hold_out=("unseen",)))


def only(problem, result, budget, method):
    (point,) = compare(problem, result, budget, (method,))
    return point


def test_every_method_gives_a_point_that_measures_what_it_holds(case):
    problem, result = case
    seen, unseen = (problem.groups == g for g in ("seen", "unseen"))
    points = list(compare(problem, result, 5))
    assert [p.method for p in points] == ["dense", "random", "pps", "l1", "lp", "gated", "eliminated"] == list(REFERENCES)
    for p in points:
        assert (p.weights > 0).all()
        assert (p.start > 0).all()
        assert (np.diff(p.households) > 0).all()
        assert len(p.households) == len(p.weights) == len(p.start) == p.measures.kept
        assert p.measures == measure(problem, p.full(60), seen)
        assert p.held_out == measure(problem, p.full(60), unseen)
        assert p.seconds > 0
        assert p.budget == (60 if p.method == "dense" else 5)
        if p.method not in ("dense", "lp"):
            assert (p.measures.kept, p.note) == (5, "")
    assert points[0].measures.kept == 60


@pytest.mark.parametrize("method", ["random", "pps"])
def test_samples_of_many_sizes_are_exact_and_start_from_the_total(case, method):
    problem, result = case
    for k in (1, 2, 17, 59, 60):
        point = only(problem, result, k, method)
        assert point.measures.kept == k
        if method == "random" or k == 1:
            assert point.start.sum() == pytest.approx(problem.base_weights.sum(), rel=1e-12)


def test_samples_follow_the_seed_and_nothing_else(case):
    problem, result = case
    for method in ("random", "pps"):
        np.random.seed(0)  # noqa: NPY002
        a, state = only(problem, result, 20, method), np.random.get_state()[1].copy()  # noqa: NPY002
        b = only(problem, result, 20, method)
        assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
        assert (a.households == b.households).all()
        other = replace(result, config=replace(result.config, seed=1))
        assert not np.array_equal(only(problem, other, 20, method).households, a.households)


def drawn(method, problem, k, times=2000):
    system = ScaledSystem.build(problem, Config())
    counts = np.zeros(problem.n_households)
    for seed in range(times):
        choice = REFERENCES[method].choose(Case(system, Config(seed=seed), np.zeros(0), k, lambda: False))
        counts[choice.kept] += 1
    return counts / times


def test_random_is_uniform():
    problem = oracles.random_problem(2, targets=3, households=15)
    assert np.abs(drawn("random", problem, 6) - 6 / 15).max() < 4.5 * np.sqrt(0.4 * 0.6 / 2000)


def test_pps_frequencies_are_its_probabilities():
    base = np.array([100.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    problem = oracles.random_problem(3, targets=3, households=11, base_weights=base)
    pi = np.r_[1.0, 3 * base[1:] / 55]  # by hand: the first is certain, the others share what is left of four
    found = drawn("pps", problem, 4)
    assert found[0] == 1
    assert np.abs(found - pi)[1:].max() < 4.5 * np.sqrt(0.25 / 2000)


def test_inclusion_probabilities_by_hand():
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 1, 2, 4]), 1), [1 / 8, 1 / 8, 1 / 4, 1 / 2])
    # first the largest is certain, which makes the next certain too
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 1, 4, 40]), 3), [1 / 2, 1 / 2, 1, 1])
    np.testing.assert_allclose(inclusion_probabilities(np.array([3.0, 1, 2]), 3), 1)


@pytest.mark.parametrize("seed", range(20))
def test_systematic_samples_are_of_exact_size(seed):
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0, 3, 200)
    for k in (1, 50, 150, 199, 200):
        pi = inclusion_probabilities(size, k)
        assert pi.sum() == pytest.approx(k, rel=1e-12)
        sample = systematic_sample(pi, rng)
        assert len(np.unique(sample)) == len(sample) == k


def test_pps_starts_from_horvitz_thompson_weights(case):
    problem, result = case
    base = problem.base_weights
    point = only(problem, result, 10, "pps")
    assert (10 * base / base.sum() < 1).all()
    np.testing.assert_allclose(point.start, base.sum() / 10)


def lasso_parts(seed, q, n):
    rng = np.random.default_rng(seed)
    a = rng.normal(0.3, 1, (q, n)) * (rng.random((q, n)) < 0.6)
    return a, a @ (rng.exponential(1, n) * (rng.random(n) < 0.3)) + rng.normal(0, 0.1, q)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_l1_path_of_a_tall_system_matches_nnls(seed):
    a, b = lasso_parts(seed, 30, 12)
    path = list(l1_path(sp.csc_array(a), b))
    assert path[0][0] == pytest.approx((a.T @ b).max() / 2)
    for penalty, x in path:
        # a' c = a' b - penalty makes the penalised problem a plain one with c in place of b
        c = np.linalg.lstsq(a.T, a.T @ b - penalty, rcond=None)[0]
        exact = nnls(a, c)[0]
        reach = 1e-3 * penalty * np.sqrt(12) / np.linalg.eigvalsh(a.T @ a)[0]  # what its tolerance allows
        assert np.abs(x - exact).max() <= reach


@pytest.mark.parametrize("seed", [0, *further(1)])
def test_l1_path_of_a_wide_system_matches_a_general_solver(seed):
    a, b = lasso_parts(seed, 10, 150)
    for penalty, x in l1_path(sp.csc_array(a), b):

        def loss(v, penalty=penalty):
            r = a @ v - b
            return r @ r / 2 + penalty * v.sum(), a.T @ r + penalty

        options = {"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-15, "gtol": 1e-10}
        general = minimize(loss, np.zeros(150), jac=True, bounds=[(0, None)] * 150, method="L-BFGS-B", options=options)
        assert loss(x)[0] <= general.fun + 2e-3 * penalty * x.sum()
        assert np.count_nonzero(x) <= 10
        slope = loss(x)[1]
        assert slope.min() >= -1.01e-3 * penalty
        assert np.abs(slope[x > 0]).max() <= 1.01e-3 * penalty


def test_l1_path_with_households_that_are_alike():
    a, b = lasso_parts(4, 8, 20)
    twice = list(l1_path(sp.csc_array(np.hstack([a, a])), b))
    for (penalty, x), (_, xx) in zip(l1_path(sp.csc_array(a), b), twice, strict=True):
        fit = [((m @ v - b) @ (m @ v - b)) / 2 + penalty * v.sum() for m, v in ((a, x), (np.hstack([a, a]), xx))]
        assert fit[0] == pytest.approx(fit[1], rel=2e-3)


def test_nonnegative_quadratic_from_a_bad_start():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(40, 25)), rng.normal(size=40)
    x = nonnegative_quadratic(a.T @ a, a.T @ b, rng.exponential(100, 25), 1e-10)
    np.testing.assert_allclose(x, nnls(a, b)[0], atol=1e-9)


def test_l1_keeps_those_that_carry_most_of_the_first_large_solution():
    problem = oracles.random_problem(6, targets=12, households=80)
    result = fitted(problem, 40)
    a, b = problem.matrix.toarray() / problem.scales[:, None], problem.values / problem.scales
    paths = (x for _, x in l1_path(sp.csc_array(a * problem.base_weights), b))
    x = next(x for x in paths if np.count_nonzero(x) >= 4)
    part = np.linalg.norm(a, axis=0) * x * problem.base_weights
    point = only(problem, result, 4, "l1")
    assert set(point.households) == set(np.argsort(-part)[:4])
    np.testing.assert_allclose(point.start.sum(), (x * problem.base_weights).sum(), rtol=1e-6)


def test_l1_says_where_its_path_ends(case):
    problem, result = case
    point = only(problem, result, 50, "l1")
    assert point.measures.kept <= 6
    assert f"ends with {point.measures.kept} households, not 50" in point.note


def test_l1_that_takes_too_long_says_so(monkeypatch):
    problem = oracles.random_problem(6, targets=12, households=80)
    clock = count(0.0, 5.0)  # five seconds a look
    monkeypatch.setattr(l1, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    point = only(problem, fitted(problem), 12, "l1")
    assert 0 < point.measures.kept < 12
    assert "cut short after 30 s" in point.note


def test_l1_leaves_a_line_where_no_household_helps(caplog):
    problem = Problem.create(np.array([[1.0, 2.0, 3.0], [1.0, -1.0, 0.5]]), [0.0, 0.0], base_weights=[1.0, 1, 1])
    with caplog.at_level(logging.INFO):
        assert list(compare(problem, fitted(problem, 3), 2, ("l1", "lp"))) == []
    assert "keeps no household" in caplog.text
    assert "Linear programming found no weights" in caplog.text


def test_l1_stops_within_its_path(case):
    problem, result = case
    polls = iter([False, False, True])
    assert list(compare(problem, result, 5, ("l1", "dense"), should_stop=lambda: next(polls, True))) == []


def test_lp_hits_a_feasible_problem_with_few_households():
    problem = oracles.random_problem(7, targets=8, households=60)
    point = only(problem, fitted(problem), 20, "lp")
    assert point.measures.kept <= 8
    np.testing.assert_allclose(problem.matrix @ point.full(60), problem.values, rtol=1e-9)
    assert (point.start == point.weights).all()
    assert "own" in point.note


def test_lp_is_the_best_vertex():
    # one target of 10 and one of 20 that contradict each other on the same two households; by hand: the relative errors of
    # w = 10 and 20 are (0, 1/2) and (1, 0), and anything between is a line between them
    problem = Problem.create(np.array([[1.0, 1.0], [1.0, 1.0]]), [10.0, 20.0], base_weights=[1.0, 1.0])
    point = only(problem, fitted(problem, 2), 1, "lp")
    assert point.measures.kept == 1
    assert point.weights == pytest.approx([10.0])


def test_lp_heeds_caps_and_importance():
    config = Config(max_ratio=0.8)
    problem = oracles.random_problem(8, targets=8, households=30, target_weights=np.arange(1.0, 9.0))
    point = only(problem, fitted(problem, 30, config), 20, "lp")
    system = ScaledSystem.build(problem, config)
    row, a = np.sqrt(system.importance), system.matrix.toarray()
    cost = row @ np.abs(a @ point.full(30) - system.target)
    # the same as inequalities: |a w - target| <= t, w <= 0.8 base
    eye = np.eye(8)
    best = linprog(
        np.r_[np.zeros(30), row],
        A_ub=np.block([[a, -eye], [-a, -eye]]),
        b_ub=np.r_[system.target, -system.target],
        bounds=[(0, 0.8 * w) for w in problem.base_weights] + [(0, None)] * 8,
        method="highs-ds",
    )
    assert best.fun > 1e-3  # the caps bind
    assert cost == pytest.approx(best.fun, rel=1e-7)
    assert point.measures.max_weight_ratio <= 0.8 * (1 + 1e-9)


def test_lp_of_a_large_problem_takes_the_kept_households(case, monkeypatch):
    monkeypatch.setattr(lp, "LP_ENTRIES", 10)
    point = only(*case, 5, "lp")
    assert point.households.max() < 30
    assert "among the 30 households that the fit kept" in point.note


def test_lp_that_does_not_finish_is_left_out(case, monkeypatch, caplog):
    monkeypatch.setattr(lp, "LP_SECONDS", 1e-9)
    assert [p.method for p in compare(*case, 5, ("lp", "gated"))] == ["gated"]
    assert "Linear programming found no weights" in caplog.text


def test_gated_is_the_gated_weights_scaled(case):
    problem, result = case
    point = only(problem, result, 12, "gated")
    elimination = Elimination(ScaledSystem.build(problem, result.config), result.gated_weights)
    kept = elimination.down_to(12, elimination.full).kept
    assert (point.households == kept).all()
    part = result.gated_weights[kept]
    np.testing.assert_allclose(point.weights, part * result.gated_weights.sum() / part.sum(), rtol=1e-12)


def test_gated_takes_what_there_is(case):
    problem, result = case
    point = only(problem, result, 40, "gated")
    assert point.measures.kept == 30
    assert "keeps 30 households, fewer than 40" in point.note
    assert (point.weights == result.gated_weights[:30]).all()


def test_eliminated_is_the_raking_of_the_gated_weights_on_the_same_households():
    problem = oracles.random_problem(9, targets=4, households=12)
    case = problem, fitted(problem, 8, Config(mu=1e-2))
    before, after = only(*case, 6, "gated"), only(*case, 6, "eliminated")
    assert (after.households == before.households).all()
    a = problem.matrix.toarray()[:, before.households] / problem.scales[:, None]
    tau = 1e-2 * np.mean(a**2 @ before.weights)
    np.testing.assert_allclose(after.weights, oracles.relaxed_raking(a, problem.values / problem.scales, before.weights, tau), rtol=1e-3)


def test_dense_is_the_raking_of_all_base_weights():
    problem = oracles.random_problem(9, targets=4, households=12)
    config = Config(mu=1e-2)
    point = only(problem, fitted(problem, 6, config), 3, "dense")
    a = problem.matrix.toarray() / problem.scales[:, None]
    tau = 1e-2 * np.mean(a**2 @ problem.base_weights)
    exact = oracles.relaxed_raking(a, problem.values / problem.scales, problem.base_weights, tau)
    np.testing.assert_allclose(point.weights, exact, rtol=1e-3)


def test_a_goal_of_the_fit_is_left_aside(case):
    problem, result = case
    goal = replace(result, config=replace(result.config, budget=3))
    assert only(problem, goal, 7, "random").measures.kept == 7


def test_what_cannot_be_compared_is_refused(case):
    problem, result = case
    with pytest.raises(ConfigError, match="no reference method 'lasso': choose from dense, random, pps, l1, lp, gated, eliminated"):
        list(compare(problem, result, 5, ("dense", "lasso")))
    with pytest.raises(ConfigError, match="budget 61 is not a whole number from 1 to 60"):
        list(compare(problem, result, 61))
    with pytest.raises(ConfigError, match="nothing to compare: Said why"):
        list(compare(problem, fitted(problem, status=Status.DIVERGED), 5))


def test_stopping_keeps_the_points_so_far(case):
    points = []
    for point in compare(*case, 5, ("random", "pps", "gated"), should_stop=lambda: len(points) >= 2):
        points.append(point)
    assert [p.method for p in points] == ["random", "pps"]


def choose(case):
    """A toy method: the first households, as this file is a module with a function `choose`."""
    return Choice(np.arange(case.budget), case.system.base_weights[: case.budget])


def test_a_new_method_is_a_function_and_a_line_in_the_registry(case, monkeypatch):
    problem, result = case
    toy = Reference("First come", "The first households of the file.", __name__)
    monkeypatch.setitem(references.REFERENCES, "toy", toy)
    (point,) = compare(problem, result, 12, ["toy"])
    assert point.method == "toy" and point.households.tolist() == list(range(12))
