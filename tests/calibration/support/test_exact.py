"""Tiny problems against exact answers: all supports tried, a mixed integer programme, bounded least squares."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from further import further
from scipy.optimize import lsq_linear, nnls

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.path import frontier
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support import polish as module
from l0engine.calibration.support.polish import polish
from l0engine.calibration.support.refit import refit
from l0engine.calibration.training.iteration import fit

#: As near to least squares as the refit goes.
EXACT = Config(lambda_l2=0.0, mu=1e-8)


def relative(problem):
    """The matrix by shares of the targets; b is then 1 throughout."""
    assert np.allclose(problem.scales, problem.values, rtol=1e-12), "no target is below its floor"
    return problem.matrix.toarray() / problem.values[:, None]


def raked(problem, system, config, polished):
    """Final weights of a polished set, by the refit."""
    start = np.zeros(problem.n_households)
    start[polished.kept] = np.maximum(polished.weights, 1e-6 * problem.base_weights[polished.kept])
    return refit(system, start, config)


def loss(A, w):
    return float(((A @ w - 1) ** 2).sum())


def tiny(seed):
    """A problem, its least losses by size, and a price at which more than one household is worth keeping."""
    problem = oracles.planted_problem(seed, targets=(4, 8), households=(8, 14), truth=(2, 5), noise=0.15)
    A = relative(problem)
    least = oracles.least_losses(A, np.ones(len(A)))
    highest = max((least[1] - least[k]) / (k - 1) for k in range(2, len(least)))
    return problem, least, highest * 10 ** -np.random.default_rng(1000 + seed).uniform(0.2, 2.5)


@pytest.mark.parametrize("seeds", [1, *further(50)])
def test_the_penalised_objective_is_that_of_the_best_of_all_supports(seeds):
    ratios = []
    for seed in range(seeds):
        problem, least, price = tiny(seed)
        A, config = relative(problem), replace(EXACT, lambda_l0=price)
        exact = least + price * np.arange(len(least))
        assert 1 < exact.argmin() < problem.n_households
        result = fit(problem, config)
        kept = np.flatnonzero(result.gated_weights)
        points = [p.full(problem.n_households) for p in frontier(problem, result, range(1, len(kept) + 1))]
        found = ([result.weights], points, [fit(problem, replace(config, polish=True)).weights])
        ratios.append([min(loss(A, w) + price * np.count_nonzero(w) for w in ws) / exact.min() for ws in found])
    ratios = np.array(ratios)
    assert ratios.min() > 1 - 1e-9, "nothing is better than the best of all"
    plain, sizes, polished = (ratios <= 1.01).sum(axis=0)
    counts = f"within 1 % of {seeds}: fit {plain}, fit and frontier {sizes}, fit and polish {polished}; worst {ratios.max(axis=0)}"
    assert polished >= 0.9 * seeds, counts
    assert plain >= 0.5 * seeds, counts
    assert sizes >= 0.5 * seeds, counts


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, *further(10)])
def test_few_more_households_than_a_mixed_integer_programme_at_equal_tolerance(seeds):
    tolerance, gaps, unpolished = 0.05, [], []
    for seed in range(seeds):
        problem = oracles.planted_problem(seed, targets=(6, 12), households=(30, 60), truth=(4, 10), noise=0.0)
        A = relative(problem)
        fewest = oracles.fewest_households(A, tolerance)
        result = fit(problem, EXACT)
        sizes = range(1, fewest + 3)  # more than are allowed above the fewest
        for counts, config in ((unpolished, EXACT), (gaps, replace(EXACT, polish=True))):
            points = frontier(problem, replace(result, config=config), sizes)
            met = [p.measures.kept for p in points if np.abs(A @ p.full(problem.n_households) - 1).max() <= tolerance]
            counts.append(min(met, default=problem.n_households) - fewest)
    message = f"households above the fewest: {gaps}, without polish {unpolished}"
    assert min(gaps) >= 0, message
    assert np.sum(np.array(gaps) <= 1) >= 0.8 * seeds, message


KINDS = {"more targets": (12, 6), "more targets, zeros": (12, 8), "fewer targets": (6, 12), "fewer targets, zeros": (8, 14)}


def unpenalised(seed, kind):
    """Problems whose least squares solution has zeros or not, with contradictions except for 'fewer targets'."""
    rng = np.random.default_rng(seed)
    q, n = KINDS[kind]
    dense = rng.lognormal(0, 0.7, (q, n))
    if seed % 2:
        dense *= rng.random((q, n)) < 0.5
        dense[np.arange(q), rng.integers(0, n, q)] += 1
        dense[rng.integers(0, q, n), np.arange(n)] += 1
    truth = rng.lognormal(3, 0.5, n) * (rng.random(n) > (0.6 if "zeros" in kind else 0.0))
    truth[0] += 20.0 * (not truth.any())
    values = dense @ truth
    if kind != "fewer targets":
        values *= 1 + 0.1 * rng.standard_normal(q)
        values[values == 0] = 0.05 * values.max()
    base = min(max(truth.sum() / n, 1e-3), (values / dense.max(axis=1)).min())
    return Problem.create(dense, values, base_weights=np.full(n, base))


@pytest.mark.parametrize("seeds", [3, *further(15)])
@pytest.mark.parametrize("kind", KINDS)
def test_without_gates_it_is_bounded_least_squares(kind, seeds):
    """Weights only where they are unique; mu at its lower bound still moves totals by up to some 1e-6 of themselves."""
    zeros = 0
    for seed in range(seeds):
        problem = unpenalised(seed, kind)
        A = relative(problem)
        ones = np.ones(len(A))
        without = {"estimator": "ungated"} if seed % 2 else {"lambda_l0": 0.0}
        w = fit(problem, replace(EXACT, epochs=200, **without)).weights
        tight = A.shape[0] >= A.shape[1]
        exact = lsq_linear(A, ones, (0, np.inf), method="bvls" if tight else "trf", tol=1e-13, max_iter=1000).x
        least = min(loss(A, exact), loss(A, nnls(A, ones)[0]))  # 'trf' ends a little above
        assert -1e-9 < loss(A, w) - least < 1e-8, seed
        np.testing.assert_allclose(A @ w, A @ exact, atol=1e-6)
        if tight:
            np.testing.assert_allclose(w, exact, atol=1e-5 * exact.max())
        zeros += np.count_nonzero(exact < 1e-9)
    assert zeros > seeds or "zeros" not in kind


@pytest.mark.parametrize("price", [None, 3e-3])
@pytest.mark.parametrize("seed", range(4))
def test_no_single_move_helps_a_polished_set(seed, price):
    problem = oracles.planted_problem(seed, targets=(6, 8), households=(20, 30), truth=(4, 6), noise=0.3)
    A, system = relative(problem), ScaledSystem.build(problem, EXACT)
    start = np.arange(5)

    def objective(kept):
        w, norm = nnls(A[:, kept], np.ones(len(A)))
        return norm**2 + (price or 0) * np.count_nonzero(w)

    found = polish(system, start, price=price)
    assert found.objective == pytest.approx(objective(found.kept), rel=1e-9)
    assert found.objective < objective(start)
    outside = np.setdiff1d(np.arange(A.shape[1]), found.kept)
    rests = [np.delete(found.kept, i) for i in range(len(found.kept))]
    moves = [np.append(r, j) for r in rests for j in outside]
    if price is None:
        assert len(found.kept) == len(start)
    else:
        moves += rests + [np.append(found.kept, j) for j in outside]
    assert min(map(objective, moves)) > found.objective - 1e-9 * len(A)


def test_polish_leaves_large_problems_alone(monkeypatch):
    problem = oracles.planted_problem(0, targets=(6, 8), households=(20, 30), truth=(4, 6), noise=0.3)
    system, start = ScaledSystem.build(problem, EXACT), np.array([7, 2])
    monkeypatch.setattr(module, "WORK", system.matrix.shape[0] * system.matrix.shape[1])
    assert polish(system, start) is None
