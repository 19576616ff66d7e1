"""The verdict: each rule on numbers made for it, and silence where nothing is wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Snapshot
from l0engine.explain.verdict import Answer, headline, verdict

N = 40


def answer(weights=None, matrix=None, values=None, history=(), config=None, held_out=None, **parts):
    matrix = np.ones((1, N)) if matrix is None else np.array(matrix, float)
    weights = np.where(np.arange(matrix.shape[1]) < 20, 2.0, 0.0) if weights is None else np.array(weights, float)
    values = matrix @ weights if values is None else values
    problem = Problem.create(matrix, values, base_weights=np.ones(matrix.shape[1]), **parts)
    use = problem.reachable
    return Answer(problem, config or Config(), weights, measure(problem, weights, use), use, history, held_out)


def snapshots(*kept, epochs=None):
    last = len(kept)
    return [Snapshot(i + 1, epochs or last, 0.0, 1.0, 0.0, 0.0, 0.3, k, 0.0, 0.0, (0,) * 20, (0.0,) * 5, 1.0) for i, k in enumerate(kept)]


def only(a, kind):
    (found,) = [f for f in verdict(a) if f.kind == kind]
    return found.sentence


def test_a_good_answer_needs_no_words():
    assert verdict(answer(history=snapshots(40, *[20] * 20))) == ()


def test_headline():
    a = answer()
    assert headline(a.measures, N) == (
        "Kept **20 of 40 (50 %)** households. Half of the targets are **met exactly**, 100 % within 10 %; "
        "worth **20** equally weighted households."
    )
    nearly = replace(a.measures, median_abs_rel_error=3e-7, share_within_10pct=0.9999)
    assert "are within **0.001 %**, > 99.9 % within" in headline(nearly, N)


def test_no_gate_can_close():
    full = answer(weights=np.full(N, 2.0), history=snapshots(40, 40))
    assert only(full, "gates") == "No gate can close yet, so every household is kept: raise the price of a household (λ L0) or the epochs."
    for other in (
        answer(weights=np.full(N, 2.0)),
        replace(full, config=Config(estimator="ungated")),
        replace(full, config=Config(budget=N)),
    ):
        assert not [f for f in verdict(other) if f.kind == "gates"]


def test_households_that_were_still_leaving():
    leaving = answer(history=snapshots(*range(40, 20, -1)))
    assert only(leaving, "gates") == "Households were still leaving when the epochs ended (2 in the last tenth): more epochs keep fewer."
    few = replace(leaving, measures=replace(leaving.measures, kept=10))  # they were chosen anew, and the gates say nothing of them
    assert not [found for found in verdict(few) if found.kind == "gates"]
    settled = answer(history=snapshots(*range(40, 20, -1), epochs=500))  # it ended before its epochs did
    assert verdict(settled) == () and verdict(answer(history=snapshots(*range(40, 20, -1)), config=Config(min_ess=3))) == ()


@pytest.mark.parametrize(("lost", "said"), [(1, "'target 2' cannot be reached by any household"), (3, "3 targets cannot be reached")])
def test_targets_out_of_reach(lost, said):
    a = answer(matrix=np.vstack([np.ones((1, N)), np.zeros((lost, N))]), values=[40.0] + [5.0] * lost)
    assert only(a, "unreachable").startswith(said)


def test_targets_of_the_wrong_sign_are_told_apart_from_those_that_nobody_counts_in():
    a = answer(matrix=np.vstack([np.ones((2, N)), np.zeros((1, N))]), values=[40.0, -500.0, 5.0])
    nobody, away = (limit for limit in verdict(a) if limit.kind == "unreachable")
    assert nobody.sentence == "'target 3' cannot be reached by any household: add households of the missing kind."
    assert away.sentence == (
        "'target 2' cannot be reached as every household that counts moves the estimate away from the value: "
        "check the sign of the value and of the matrix row."
    )
    assert nobody.targets.tolist() == [2] and away.targets.tolist() == [1]


def test_uneven_weights():
    weights = np.full(N, 0.01)
    weights[0] = 40.0
    a = answer(weights=weights)
    share = weights.sum() ** 2 / (weights**2).sum() / N
    assert (
        only(a, "uneven")
        == f"The effective sample size is {100 * share:.1f} % of the households kept: cap the ratio of weights, or raise λ L2."
    )
    assert only(replace(a, config=Config(max_ratio=50)), "uneven").endswith("kept: raise λ L2.")


def test_held_out_totals_that_are_far_off():
    a = answer()
    far = replace(a, held_out=replace(a.measures, median_abs_rel_error=0.2))
    assert only(far, "held out") == "Totals that were held out are missed by 20 % in the middle: do not publish what was not a target."
    assert verdict(replace(a, held_out=replace(a.measures, median_abs_rel_error=0.09))) == ()


def test_targets_outside_their_tolerance():
    details = pd.DataFrame({"tolerance": [0.01, 0.5, np.nan]})
    a = answer(matrix=np.ones((3, N)), values=[50.0, 50.0, 50.0], target_details=details)
    assert only(a, "tolerance").startswith("1 of 2 targets with a tolerance are not within it")


def test_limits_are_part_of_it():
    weights = np.ones(N)
    weights[7] = 151.0
    a = answer(weights=weights)
    assert any(f.sentence.startswith("One household stands for 151, 151 times its base weight") for f in verdict(a))
