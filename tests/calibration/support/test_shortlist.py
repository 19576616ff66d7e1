"""On a problem that is not small, households are chosen among those of the gates, with half of the price on what each carries."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from scipy.optimize import lsq_linear

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support import relaxing
from l0engine.calibration.support.relaxing import EVENNESS, Relaxing

N, CONFIG = 150, Config(lambda_l0=1e-3)
PROBLEM = oracles.random_problem(1, targets=10, households=N)


@pytest.fixture
def large(monkeypatch):
    """The problem is taken for a large one of many targets."""
    monkeypatch.setattr(relaxing, "is_small", lambda system: False)
    monkeypatch.setattr(relaxing, "FLOWN_TARGETS", 0)


def relaxing_of(problem, gated):
    system = ScaledSystem.build(problem, CONFIG)
    root = np.sqrt(system.importance)
    return Relaxing(system, CONFIG, gated, system.part_by_areas(np.arange(N), root), root * system.target)


def gates(rng, count):
    gated = np.zeros(N)
    gated[rng.choice(N, count, replace=False)] = rng.lognormal(3, 1, count)
    return gated


def by_hand(problem, gated, kept, low, high):
    """Bounded least squares: the rows, and a row for the price of each of the households; targets scaled as everywhere."""
    A, b = problem.matrix.toarray(), problem.values
    scale = np.maximum(b, (A * problem.base_weights).max(axis=1))
    A, b = A / scale[:, None], b / scale
    carried = (A**2).sum(axis=0)
    price = EVENNESS * (b @ b) * len(kept) / problem.base_weights.sum() ** 2
    each = price * (0.5 + 0.5 * carried / np.average(carried, weights=gated))
    rows = np.vstack([A[:, kept], np.diag(np.sqrt(each[kept]))])
    return lsq_linear(rows, np.append(b, np.zeros(len(kept))), (low, high), method="bvls", tol=1e-14).x


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_a_shortlist_that_is_kept_whole_are_those_of_bounded_least_squares(large, monkeypatch, seed):
    """Smallest and largest weights of single households hold in their own units, whatever each carries."""
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(relaxing, "SHORTLIST", 1.0)  # no room for others
    gated = gates(rng, 25)
    kept = np.flatnonzero(gated)
    low, high = np.zeros(N), np.full(N, np.inf)
    if seed:
        low[kept[:3]], high[kept[5:9]] = 30.0, 15.0
    rules = {"protected": low > 0, "smallest": low, "largest": high}  # who is not protected may be left out in place of its smallest weight
    problem = Problem.create(PROBLEM.matrix, PROBLEM.values, base_weights=PROBLEM.base_weights, **rules)
    support = relaxing_of(problem, gated).support(25)
    right = by_hand(problem, gated, kept, low[kept], high[kept])
    assert (support.kept == kept).all()
    free = right > relaxing.LEAST * problem.base_weights[kept]  # the others start from that
    assert free.sum() > 12
    np.testing.assert_allclose(support.start[free], right[free], rtol=1e-3)


def test_nobody_is_chosen_whom_the_gates_left_out_while_they_kept_enough(large):
    gated = gates(np.random.default_rng(5), 40)
    support = relaxing_of(PROBLEM, gated).support(20)
    assert len(support.kept) == 20
    assert set(support.kept) <= set(np.flatnonzero(gated))


def test_others_are_chosen_where_the_gates_kept_too_few(large):
    gated = gates(np.random.default_rng(5), 4)
    found = relaxing_of(PROBLEM, gated)
    support = found.support(20)
    assert len(support.kept) == 20
    assert found.certificate(np.zeros(N), 20).bound >= 0


def test_gates_may_have_kept_only_who_carries_nothing(large):
    matrix = PROBLEM.matrix.toarray()
    matrix[:, :2] = 0
    problem = replace(PROBLEM, matrix=PROBLEM.matrix.multiply(matrix != 0).tocsr())
    gated = np.zeros(N)
    gated[:2] = 1.0
    support = relaxing_of(problem, gated).support(20)
    assert len(support.kept) == 20
    assert np.isfinite(support.start).all()
