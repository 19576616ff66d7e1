"""A previous answer is found again by household id, and what is not is counted and said."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.problem.previous import Previous, placed
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError, ProblemError
from l0engine.io import csv_bytes, weights_table
from l0engine.io.previous import read_previous


def of(ids: list[str] | None, n: int = 5) -> Problem:
    return Problem.create(np.ones((1, n)), [10.0], base_weights=np.ones(n), household_ids=ids)


def test_by_id_in_any_order_with_what_is_gone_counted() -> None:
    previous = Previous.create(["c", "x", "a", "e"], [3.0, 7.0, 1.0, 0.0], "weights.csv")
    found = previous.matched(of(["a", "b", "c", "d", "e"]))
    assert found.weights.tolist() == [1, 0, 3, 0, 0]
    assert found.gone == 1
    assert found.sentence.startswith("Of 3 households of weights.csv 2 are in this problem; 1 are not")
    o = found.overlap(np.array([0, 2, 4, 1, 0.0]))
    assert (o.before, o.gone, o.stayed, o.entered, o.left) == (2, 1, 1, 2, 1)
    assert o.share == pytest.approx(1 / 3)


def test_nobody_found_again_is_refused() -> None:
    with pytest.raises(ProblemError, match=r"No household of w\.csv.*'7'.*'a'"):
        Previous.create(["7"], [1.0], "w.csv").matched(of(["a", "b", "c", "d", "e"]))


def test_ids_that_may_be_positions_are_said_and_refused_at_another_length() -> None:
    smaller, same = of(None, 4), of(None, 5)
    previous = Previous.of(smaller, np.ones(4))
    assert not previous.matched(smaller).positions
    with pytest.raises(ProblemError, match="only numbered"):
        previous.matched(same)
    other = Problem.create(np.ones((1, 4)), [12.0], base_weights=np.ones(4))
    assert "only positions" in previous.matched(other).sentence


@pytest.mark.parametrize(
    ("ids", "weights", "said"),
    [(["a", "a"], [1, 1], "more than once"), (["a", "b"], [1, -1], "is -1"), (["a"], [0], "above 0"), (["a"], [np.nan], "hold nan")],
)
def test_what_cannot_be_weights_is_refused(ids: list[str], weights: list[float], said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        Previous.create(ids, weights)


def test_a_price_of_change_needs_a_previous_answer_and_gates() -> None:
    problem = of(list("abcde"))
    with pytest.raises(ConfigError, match="no previous answer"):
        placed(problem, Config(price_change=0.1), None)
    previous = Previous.create(["a"], [1.0])
    with pytest.raises(ConfigError, match="keeps every household"):
        placed(problem, Config(price_change=0.1, estimator="ungated"), previous)
    with pytest.raises(ConfigError, match="polish knows no price"):
        Config(price_change=0.1, polish=True)


def test_a_file_of_ours_and_arrays_come_back_equal(tmp_path) -> None:
    problem, weights = of(["=1", "007", "c", "d", "-9"]), np.array([1.5, 2.25, 0, 1 / 3, 4])
    path = tmp_path / "weights.csv"
    path.write_bytes(csv_bytes(weights_table(problem, weights)))
    found = read_previous(path)
    assert found.matched(problem).weights.tolist() == weights.tolist()
    again = Previous.from_arrays(found.to_arrays())
    assert again.fingerprint == found.fingerprint == Previous.of(problem, weights).fingerprint
    assert again.source == "weights.csv"
    by_hand = hashlib.sha256(np.array([2, 3, 1, 2], "<i8").tobytes() + b"=1007d-9" + weights[weights > 0].astype("<f8").tobytes())
    assert found.fingerprint == by_hand.hexdigest()


def test_a_file_without_weights_names_the_column(tmp_path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("household_id,size\na,x\n")
    with pytest.raises(ProblemError, match="column 'weight' is missing"):
        read_previous(path)
