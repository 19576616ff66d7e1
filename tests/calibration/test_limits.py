"""What limits an answer: each rule on a problem made for it, and silence where nothing does."""

import math

import numpy as np
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.limits import kinds, limits, proof, share
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate
from l0engine.calibration.taken import taken


def make(matrix, values, base=None, **parts):
    matrix = np.array(matrix, float)
    return Problem.create(matrix, values, base_weights=np.ones(matrix.shape[1]) if base is None else base, **parts)


def only(problem, weights, config=None):
    (found,) = limits(problem, config or Config(), np.array(weights, float))
    return found


def test_nothing_is_said_of_a_good_answer_or_of_none():
    problem = make(np.eye(3), [2.0, 3.0, 4.0])
    assert limits(problem, Config(), np.array([2.0, 3.0, 4.0])) == ()
    assert limits(problem, Config(), np.zeros(3)) == ()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(max_ratio=2), "2 of 3 households stand at the weight allowed (2 times the base weight)"),
        (Config(max_weight=2), "2 of 3 households stand at the weight allowed (at most 2)"),
        (Config(min_weight=0.5), "1 of 3 households stand at the weight allowed (at least 0.5)"),
    ],
)
def test_a_cap_that_binds(config, said):
    problem = make(np.eye(3), [2.0, 3.0, 0.4], base=[1.0, 1.0, 0.2])
    weights = [2.0, 2.0, 0.5 if config.min_weight else 0.39]
    found = limits(problem, config, np.array(weights))[0]
    assert found.kind == "cap" and found.sentence.startswith(said), found.sentence
    assert found.targets.tolist() == [1, 2]  # worst first
    assert "cap" not in {f.kind for f in limits(problem, Config(max_ratio=50), np.array(weights))}


def test_the_bounds_are_those_of_the_fit():
    problem = make(np.eye(3), [2.0, 3.0, 0.4], base=[1.0, 1.0, 0.2])
    for config in (Config(max_ratio=2), Config(max_weight=1.5), Config(max_ratio=2, max_weight=1.5), Config(min_weight=0.5, max_ratio=4)):
        bounds = ScaledSystem.build(problem, config).bounds(np.arange(3), config)
        for weights in (bounds.high, bounds.low) if config.min_weight else (bounds.high,):
            assert limits(problem, config, weights)[0].sentence.startswith("3 of 3 households stand at the weight allowed"), config


def test_fewer_households_than_targets():
    problem = make([[1, 1, 0], [1, 0, 0], [0, 1, 0]], [5.0, 2.0, 2.0])
    found = only(problem, [2.5, 2.5, 0])
    assert (
        found.kind == "few" and found.sentence.startswith("2 households are fewer than the 3 targets") and found.targets.tolist() == [1, 2]
    )
    assert "few" not in {f.kind for f in limits(problem, Config(), np.array([2.5, 2.5, 1.0]))}


def test_contradictions_name_the_worst_and_what_counts_the_same():
    matrix = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    problem = make(matrix, [8.0, 6.0, 5.0, 5.0], names=["all", "again", "left", "right"], groups=["a", "b", "half", "half"])
    found, pair = limits(problem, Config(), np.full(6, 7 / 6))
    assert found.kind == pair.kind == "contradiction" and found.targets.tolist() == [2, 3, 1, 0]
    assert "4 targets are missed by more than 1 %" in found.sentence
    assert "'left' (30 %), 'right' (30 %), 'again' (17 %)." in found.sentence and "'all' (" not in found.sentence
    assert pair.sentence == (
        "'all' and 'again' count the same, but are published as 8 and 6. There is 1 more such pair."  # 'again' and the halves
    )
    assert pair.targets.tolist() == [2, 3, 1, 0]


def test_what_is_relaxed_is_not_named_among_the_missed():
    matrix = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    problem = make(matrix, [8.0, 3.5, 3.5], names=["all", "left", "right"], target_weights=[0.01, 1.0, 1.0])
    assert not limits(problem, Config(), np.full(6, 7 / 6))
    [found] = limits(make(matrix, [8.0, 3.5, 3.5], names=["all", "left", "right"]), Config(), np.full(6, 7 / 6))
    assert found.targets.tolist() == [0]


def test_equal_sums_with_equal_values_are_no_contradiction():
    problem = make([[1, 1, 1], [1, 1, 1]], [6.0, 6.0])
    assert "count the same" not in only(problem, np.full(3, 1.0)).sentence


def test_one_household_that_stands_for_very_many():
    problem = make(np.ones((1, 40)), [40.0 + 150])
    weights = np.ones(40)
    weights[7] = 151.0
    first, second = limits(problem, Config(), weights)
    assert first.sentence == "One household stands for 151, 151 times its base weight: cap the ratio." and len(first.targets) == 0
    assert second.sentence.startswith(
        "'target 1' hangs on one household for 79 %, although 40 count in it: cap"
    ) and second.targets.tolist() == [0]


def test_few_supporters_may_carry_much():
    problem = make(np.ones((1, 19)), [19.0 + 9])
    weights = np.ones(19)
    weights[0] = 10.0
    assert limits(problem, Config(), weights) == ()


def test_targets_below_their_floor():
    problem = make([[10.0, 1, 1], [0, 1, 1]], [2.0, 2.0])
    found = only(problem, [0.05, 1.0, 1.0])  # and no contradiction: its error counts little in the fit
    assert found.kind == "floor" and found.targets.tolist() == [0]
    assert "1 target is smaller than what one household adds, and missed by more than 10 %: 'target 1' (25 %)" in found.sentence


def test_targets_left_out_limit_nothing():
    problem = make(np.eye(2), [2.0, 3.0], groups=["in", "out"])
    assert limits(problem, Config(hold_out=("out",)), np.array([2.0, 30.0])) == ()


def test_what_was_taken_is_said():
    problem = make(np.eye(4), [2.0, 3.0, 4.0, 5.0])  # the loss of keeping none is 4; few households count as 400
    assert taken(problem, Config()) == (
        "Price of a household: 0.1 of the loss of keeping none, that is λ L0 = 0.001 each; the default for every size of problem.",
    )
    assert taken(problem, Config(price_l0=0.2)) == (
        "Price of a household: 0.2 of the loss of keeping none, that is λ L0 = 0.002 each; as set.",
    )
    assert taken(problem, Config(lambda_l0=1e-3)) == ("Price of a household: λ L0 = 0.001 each, as set.",)
    assert taken(problem, Config(share=8.0)) == ("Price of a household: 8 for all of them, that is λ L0 = 2 each, as set.",)
    assert taken(problem, Config(budget=2))[0].endswith("; the goal decides how many are kept.")
    (_, factor) = taken(make(np.eye(2), [25_830.0, 25_830.0]), Config())
    assert factor == "The base weights were brought to the size of the totals by a factor of 25,830."


@pytest.mark.parametrize(
    ("value", "bound", "said"),
    [
        (1.003, 1.0, "this is 0.3 % above it."),
        (1.5, 1.0, "this is 50 % above it."),
        (1.0, 1.0, "this reaches it."),
        (0.9999999, 1.0, "this reaches it."),
        (3.0, 1.0, "The bound says nothing at this size."),
        (1.0, 0.0, "The bound says nothing at this size."),
    ],
)
def test_a_certificate_in_words(value, bound, said):
    words = proof(Certificate(3763, 1.0, value, bound))
    assert words.endswith(said)
    assert ("No 3,763 households can do better" in words) == ("nothing" not in said)


def test_shares_and_kinds():
    assert [share(x) for x in (0.001, 0.01, 0.1, 0.1234, 0.0123, 2.5, math.pi)] == [
        "0.1 %",
        "1 %",
        "10 %",
        "12 %",
        "1.2 %",
        "250 %",
        "314 %",
    ]
    problem = make([[10.0, 1, 1], [0, 1, 1]], [2.0, 2.0])
    found = limits(problem, Config(), np.array([0.05, 1.0, 1.0]))
    assert kinds(found, 2).tolist() == ["floor", ""]
