import numpy as np
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.problem.preflight import Severity, preflight, targets_in_use
from l0engine.calibration.problem.problem import Problem


def problem():
    """Each row shows one thing; eight households of base weight 1."""
    rows = {
        "fine": ([1] * 8, 8),
        "thin": ([1, 1, 0, 0, 0, 0, 0, 0], 2),
        "zero": ([2] * 8, 0),
        "below_floor": ([9, 9, 9, 9, 9, 9, 9, 9], 5),
        "negative": ([-3] * 8, -24),
        "duplicate": ([1] * 8, 9),
        "unreachable": ([-1] * 8, 4),
        "empty": ([0] * 8, 0),
        "unwanted": ([5] * 8, 40),
    }
    weights = [0.0 if n == "unwanted" else 1.0 for n in rows]
    return Problem.create(
        np.array([r for r, _ in rows.values()]), [y for _, y in rows.values()], names=rows, target_weights=weights, base_weights=np.ones(8)
    )


def test_each_finding_names_its_targets():
    p = problem()
    found = {f.kind: p.names[f.targets].tolist() for f in preflight(p)}
    assert found == {
        "unreachable": ["unreachable", "empty"],
        "zero": ["zero"],
        "below_floor": ["below_floor"],
        "thin": ["thin"],
        "duplicate": ["duplicate"],
        "negative": ["negative"],
    }


def test_findings_come_most_severe_first_and_say_what_to_do():
    findings = preflight(problem())
    order = [list(Severity).index(f.severity) for f in findings]
    assert order == sorted(order)
    assert all(f.title and f.meaning.endswith(".") and f.action.endswith(".") for f in findings)


def test_nothing_to_say_of_a_sound_problem():
    assert preflight(Problem.create(np.ones((1, 8)), [80.0], base_weights=np.ones(8))) == ()


@pytest.mark.parametrize(
    ("exclude", "gone"),
    [
        ((), set()),
        (("thin",), {"thin"}),
        (("zero", "negative"), {"zero", "negative"}),
        (("duplicate", "below_floor"), {"duplicate", "below_floor"}),
    ],
)
def test_targets_in_use(exclude, gone):
    p = problem()
    use = targets_in_use(p, Config(exclude=exclude))
    assert set(p.names[~use]) == {"unreachable", "empty", "unwanted"} | gone


def test_duplicates_need_equal_values_and_not_only_equal_columns():
    p = Problem.create(np.array([[1.0, 2, 0], [1.0, 3, 0], [1.0, 2, 0]]), [1, 1, 1], base_weights=[1, 1, 1])
    (found,) = [f for f in preflight(p) if f.kind == "duplicate"]
    assert found.targets.tolist() == [2]


def test_a_target_of_exactly_one_household_is_not_below_its_floor():
    kinds = {f.kind for f in preflight(Problem.create(np.ones((1, 8)) * 4, [4.0], base_weights=np.ones(8)))}
    assert "below_floor" not in kinds
