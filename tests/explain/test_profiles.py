"""Names that show bands and states."""

import math

import numpy as np
import pytest

from l0engine.calibration.problem.problem import Problem
from l0engine.explain.profiles import Band, along, band, by_state


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("agi[-inf,1)", Band("agi", -math.inf, 1)),
        ("agi[500000,1e+06)", Band("agi", 5e5, 1e6)),
        ("age30-34", Band("age", 30, 34)),
        ("age 18 to 24", Band("age", 18, 24)),
        ("age85+", Band("age", 85, math.inf)),
        ("18–24", Band("", 18, 24)),
        ("count", None),
        ("population", None),
        ("COVID-19", None),
        ("34-30", None),
    ],
)
def test_bands(part, found):
    assert band(part) == found


NAMES = ["ME/age85+/n", "ME/age30-34/n", "ME/age5-29/n", "VT/age5-29/n", "ME/age30-34/m", "ME/age5-85/n", "US/age5-29/n", "ME/all"]
PROBLEM = Problem.create(np.eye(8), np.arange(1.0, 9), names=NAMES, base_weights=np.ones(8))


def test_a_profile_follows_the_bands():
    rows, labels = along(PROBLEM, 1)
    assert [NAMES[i] for i in rows] == ["ME/age5-29/n", "ME/age30-34/n", "ME/age85+/n"] and labels == ["age5-29", "age30-34", "age85+"]
    assert along(PROBLEM, 7) == (pytest.approx(np.zeros(0)), [])


def test_states_are_told_from_other_places():
    assert by_state(PROBLEM, 2) == {"ME": 2, "VT": 3} and by_state(PROBLEM, 6) == {} and by_state(PROBLEM, 7) == {"ME": 7}
