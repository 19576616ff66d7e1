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
        "unreachable": ["empty"],
        "wrong_sign": ["unreachable"],
        "disagreeing": ["duplicate"],  # of 9, where its row is published as 8
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


def test_a_target_of_the_wrong_sign_is_told_from_one_without_households():
    p = Problem.create(np.array([[-1.0, -2], [3.0, 0], [1.0, 1]]), [4.0, -5.0, 6.0], base_weights=[1, 1])
    (found,) = [f for f in preflight(p) if f.kind == "wrong_sign"]
    assert found.targets.tolist() == [0, 1] and found.severity == Severity.ERROR
    assert found.details == tuple(
        f"Of the households that count in it ({n}) none does so {how}ly." for n, how in ((2, "positive"), (1, "negative"))
    )
    assert not p.reachable[[0, 1]].any()


def crossed(seed):
    """Persons by state, by age, and by both, with a total; their values agree but for two states' sum, one age cell and the total."""
    rng = np.random.default_rng(seed)
    state, age = rng.integers(0, 3, 60), rng.integers(0, 4, 60)
    size, truth = rng.integers(1, 6, 60).astype(float), rng.uniform(50, 150, 60)
    rows = {("total", "t"): size}
    rows |= {("state", f"state {s}/persons"): size * (state == s) for s in range(3)}
    rows |= {("age", f"age {a}/persons"): size * (age == a) for a in range(4)}
    rows |= {("cell", f"state {s}/age {a}/persons"): size * (state == s) * (age == a) for s in range(3) for a in range(4)}
    values = {key: float(row @ truth) for key, row in rows.items()}
    values["age", "age 2/persons"] *= 1.1
    return rows, values


def by_hand(rows, values, apart):
    """Names of all targets that any set of one margin shows to disagree, by adding up dense rows."""
    names = {}
    for s in range(3):  # a state is the sum of its cells, an age too, the total of all
        names[f"state {s}/persons"] = [k for k in rows if k[0] == "cell" and k[1].startswith(f"state {s}/")]
    for a in range(4):
        names[f"age {a}/persons"] = [k for k in rows if k[0] == "cell" and f"/age {a}/" in k[1]]
    found = set()
    for (group, name), row in rows.items():
        for parts in [names[name]] if name in names else []:
            np.testing.assert_allclose(sum(rows[k] for k in parts), row)
            mine, theirs = values[group, name], sum(values[k] for k in parts)
            if abs(mine - theirs) > apart * max(abs(mine), abs(theirs)):
                found.add(name)
    for group in ("total", "state", "age"):
        members = [k for k in rows if k[0] == group]
        np.testing.assert_allclose(sum(rows[k] for k in members), sum(rows[k] for k in rows if k[0] == "cell"))
        mine, theirs = sum(values[k] for k in members), sum(values[k] for k in rows if k[0] == "cell")
        found |= {k[1] for k in members if abs(mine - theirs) > apart * max(abs(mine), abs(theirs))}
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_margins_that_disagree_are_those_whose_dense_rows_add_up_to_the_same(seed):
    rows, values = crossed(seed)
    values["total", "t"] *= 1.0005 if seed == 1 else 1.2  # once within rounding
    p = Problem.create(
        np.array(list(rows.values())),
        list(values.values()),
        names=[n for _, n in rows],
        groups=[g for g, _ in rows],
        base_weights=np.ones(60),
    )
    (found,) = [f for f in preflight(p) if f.kind == "disagreeing"]
    wanted = by_hand(rows, values, 1e-3)
    assert set(p.names[found.targets]) == wanted and ("t" in wanted) == (seed != 1) and "age 2/persons" in wanted
    said = dict(zip(p.names[found.targets], found.details, strict=True))
    if seed != 1:
        assert p.names[found.targets[0]] == "t"  # the worst
    assert said["age 2/persons"].endswith("(9.1 % apart).") and "'age 2/persons' is" in said["age 2/persons"].lower()


def test_margins_say_by_how_much_they_differ():
    matrix = [[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    names = ["persons", "persons/a", "persons/b", "persons/c"]
    p = Problem.create(
        np.array(matrix, float), [120.0, 20, 30, 50], names=names, groups=["t", "m", "m", "m"], base_weights=np.full(3, 30.0)
    )
    (found,) = [f for f in preflight(p) if f.kind == "disagreeing"]
    assert found.details == ("'persons' is 120; the 3 targets of group 'm' add up to 100 (17 % apart).",)
    assert targets_in_use(p, Config(exclude=("disagreeing",))).tolist() == [False, True, True, True]
    agreed = Problem.create(
        np.array(matrix, float), [100.0, 20, 30, 50], names=names, groups=["t", "m", "m", "m"], base_weights=np.full(3, 30.0)
    )
    assert "disagreeing" not in {f.kind for f in preflight(agreed)}


def test_what_kind_of_household_is_missing():
    rows = {
        "AK/rich/count": [0, 0, 0, 0, 0], "AK/poor/count": [1, 1, 0, 0, 0], "ME/rich/count": [0, 0, 1, 1, 1], "ZZ/poor/count": [0] * 5,
    }  # fmt: skip
    p = Problem.create(np.array(list(rows.values()), float), [5.0, 2, 3, 1], names=rows, base_weights=np.ones(5))
    (found,) = [f for f in preflight(p) if f.kind == "unreachable"]
    assert p.names[found.targets].tolist() == ["AK/rich/count", "ZZ/poor/count"]
    assert found.details == (
        "Households with 'AK': 2; with 'rich': 3; with both: none.",
        "No household contributes to any target of 'ZZ'.",
    )


def test_one_household_that_carries_a_target():
    rng = np.random.default_rng(4)
    m = rng.uniform(0, 1, (40, 30)) * (rng.uniform(size=(40, 30)) < 0.4) * rng.choice([-1, 1], (40, 1))
    m[::3, 7] = np.sign(m.sum(axis=1)[::3]) * 9
    base = rng.uniform(1, 4, 30)
    p = Problem.create(m, m @ base, base_weights=base, household_ids=[f"h{i}" for i in range(30)])
    (found,) = [f for f in preflight(p) if f.kind == "carried"]
    parts = np.abs(m * base)
    wanted = [i for i in range(40) if (m[i] != 0).sum() >= 5 and parts[i].max() > 0.5 * parts[i].sum()]
    assert found.targets.tolist() == wanted and len(wanted) > 5
    assert found.details == tuple(f"Household 'h{parts[i].argmax()}' brings {parts[i].max() / parts[i].sum():.0%} of it." for i in wanted)


def test_totals_in_other_units_are_far_off():
    p = Problem.create(np.ones((3, 8)), [8.0, 8100.0, 7.9], base_weights=np.ones(8), names=["persons", "in thousandths", "again"])
    (found,) = [f for f in preflight(p) if f.kind == "far_off"]
    assert found.targets.tolist() == [1] and found.details == ("The survey says 8 at its base weights.",)
    assert targets_in_use(p, Config(exclude=("far_off",))).tolist() == [True, False, True]
