"""Contradictions, held to sets found by trying all of them."""

from itertools import combinations

import numpy as np
import pytest
from oracles import least_error, random_problem
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.explain.conflicts import margin_conflicts, set_conflicts
from l0engine.io import load_problem


def make(matrix, values, **parts):
    matrix = np.array(matrix, float)
    return Problem.create(matrix, values, base_weights=np.ones(matrix.shape[1]), **parts)


def found_in(problem):
    everyone = np.ones(problem.n_targets, bool)
    return list(set_conflicts(problem, everyone, np.zeros(problem.n_households)))


def part(problem, rows):
    return Problem.create(problem.matrix[rows], problem.values[rows], base_weights=problem.base_weights)


def test_parent_and_sum_of_parts():
    matrix = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    problem = make(matrix, [10.0, 4, 4], names=["all", "half/left", "half/right"], groups=["a", "b", "b"])
    (conflict,) = margin_conflicts(problem, np.ones(3, bool))
    assert conflict.targets.tolist() == [0, 1, 2] and conflict.apart == pytest.approx(2 / 18)
    assert conflict.apart == pytest.approx(least_error(problem)[0]) and conflict.spare.tolist() == [0]
    assert "'all' is 10" in conflict.sentence and "add up to 8" in conflict.sentence and "11 %" in conflict.sentence
    assert margin_conflicts(make(matrix, [8.0, 4, 4]), np.ones(3, bool)) == ()


def test_a_count_and_an_amount_out_of_its_band():
    matrix = [[1, 1, 1, 0], [1.0, 5.0, 9.0, 0], [0, 0, 0, 1]]  # nobody has more than 9 each, but 20 each are published
    problem = make(matrix, [10.0, 200.0, 3.0], names=["x/count", "x/amount", "y"])
    (conflict,) = found_in(problem)
    assert conflict.kind == "set" and conflict.targets.tolist() == [0, 1]
    assert conflict.apart == pytest.approx((20 - 9) / (20 + 9))  # 9 (1 + t) = 20 (1 - t)
    assert "'x/count' (10) and 'x/amount' (200) cannot hold together" in conflict.sentence and "38 %" in conflict.sentence


@pytest.mark.parametrize("seed", range(6))
def test_sets_are_the_smallest_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 4, (6, 5)).astype(float) * (rng.random((6, 5)) < 0.6)
    matrix[:, 0] += 1e-3
    problem = make(matrix, rng.uniform(5, 30, 6))
    conflicts = found_in(problem)
    assert conflicts or least_error(problem)[0] <= 0.01
    for conflict in conflicts:
        own = part(problem, conflict.targets)
        assert least_error(own)[0] == pytest.approx(conflict.apart, rel=1e-6) and conflict.apart > 0.01
        for rest in combinations(conflict.targets, len(conflict.targets) - 1):  # without any one the others can hold
            assert least_error(part(problem, list(rest)))[0] <= 0.01 + 1e-9
    left = np.setdiff1d(np.arange(6), np.concatenate([c.targets for c in conflicts])) if conflicts else np.arange(6)
    assert len(left) < 2 or least_error(part(problem, left))[0] <= 0.01 + 1e-9


def test_what_can_hold_is_not_named():
    problem = random_problem()
    assert found_in(problem) == [] and margin_conflicts(problem, np.ones(8, bool)) == ()
    assert list(set_conflicts(problem, np.zeros(8, bool), np.zeros(60))) == []


def test_families_keep_apart_what_is_too_much_together():
    rng = np.random.default_rng(1)
    states = [f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"]
    blocks = [np.array([[1, 1, 1], [1.0, 5, 9]]) for _ in states]
    names = [f"{s}/{what}" for s in states for what in ("count", "amount")]
    values = np.column_stack([np.full(64, 10.0), np.where(np.arange(64) == 40, 200.0, rng.uniform(20, 80, 64))]).ravel()
    problem = Problem.create(sp.csr_array(sp.block_diag(blocks)), values, names=names, base_weights=np.ones(192))
    (conflict,) = found_in(problem)
    assert conflict.targets.tolist() == [80, 81]


def test_massachusetts(request):
    problem = load_problem(request.config.rootpath / "sample_data" / "massachusetts")
    for conflict in found_in(problem):
        own = least_error(part(problem, conflict.targets))[0]
        assert own == pytest.approx(conflict.apart, rel=1e-5)
