"""What became of targets, held to pandas and plain loops."""

import numpy as np
import pandas as pd
import pytest
from oracles import random_problem

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.explain import targets

W = np.random.default_rng(4).exponential(2.0, 60) * (np.random.default_rng(5).random(60) < 0.5)


@pytest.mark.parametrize("target", range(8))
def test_carriers_are_those_of_a_sorted_table(target):
    problem = random_problem()
    dense = problem.matrix.toarray()[target] * W
    table = pd.Series(dense)[dense != 0].abs().sort_values(ascending=False)
    found = targets.carriers(problem, W, target)
    assert set(found.households) == set(table.index) and found.parts.sum() == pytest.approx(problem.estimates(W)[target])
    np.testing.assert_allclose(found.shares, table / table.sum())
    running = (table / table.sum()).cumsum()
    assert found.half == int((running < 0.5).sum()) + 1


def test_carriers_of_nobody():
    assert targets.carriers(random_problem(), np.zeros(60), 0).half == 0


def test_totals_that_hang_on_few_are_named_fewest_first():
    matrix = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1.0]])
    problem = Problem.create(matrix, [5.0, 2, 1, 1], base_weights=np.ones(6))
    use = np.array([True, True, True, True])
    assert targets.hanging(problem, np.array([1, 1, 1, 1, 1, 0.0]), use).tolist() == [2, 1]  # 5 is no few, and nobody is left in the last
    assert targets.hanging(problem, np.ones(6), np.array([True, True, False, False])).tolist() == [1]


def test_distances_in_units_errors_and_tolerances():
    details = pd.DataFrame({"standard_error": [2.0, np.nan], "tolerance": [0.1, 0.0]})
    problem = Problem.create(np.eye(2), [10.0, -5.0], base_weights=np.ones(2), target_details=details)
    found = targets.distances(problem, np.array([13.0, 5.0]))
    assert found["distance"].tolist() == [3.0, 10.0]
    assert found["in_standard_errors"].tolist()[0] == 1.5 and np.isnan(found["in_standard_errors"][1])
    assert found["in_tolerances"][0] == pytest.approx(3.0) and found["in_tolerances"][1] == np.inf
    assert list(targets.distances(random_problem(), W)) == ["distance"]


def test_the_tree_adds_up():
    names = ["CA/age[0,18)/count", "CA/age[18,65)/count", "CA/population", "TX/population", "US, all"]
    problem = random_problem(targets=5, names=names)
    use = np.array([True, True, True, True, False])
    tree = targets.tree(problem, Config(), W, use).set_index("id")
    error = pd.Series(np.abs(problem.matrix.toarray() @ W / problem.values - 1), names)
    assert tree.loc[targets.ALL, "targets"] == 4 and tree.loc[targets.ALL, "loss"] == pytest.approx(1)
    assert tree.loc[f"{targets.ALL}/CA", "targets"] == 3 and tree.loc[f"{targets.ALL}/CA", "error"] == pytest.approx(
        error[names[:3]].median()
    )
    squares = error[use] ** 2  # no target is below its floor, so the loss is the squared relative error
    assert not problem.below_floor.any()
    assert tree.loc[f"{targets.ALL}/CA", "loss"] == pytest.approx(squares[names[:3]].sum() / squares.sum())
    children = tree[tree["parent"] != ""].groupby("parent")[["targets", "loss"]].sum()
    np.testing.assert_allclose(children["targets"], tree.loc[children.index, "targets"])
    np.testing.assert_allclose(children["loss"], tree.loc[children.index, "loss"])
    assert not any("US" in i for i in tree.index) and names[int(tree.loc[f"{targets.ALL}/TX/population", "row"])] == "TX/population"


def test_the_tree_of_nothing_and_of_names_that_are_one_path():
    problem = random_problem(targets=3, names=["a/b", "a / b", "c"])
    assert targets.tree(problem, Config(), W, np.zeros(3, bool)).to_dict("records") == [
        {
            "id": targets.ALL,
            "parent": "",
            "label": targets.ALL,
            "targets": 0,
            "loss": 0.0,
            "error": pytest.approx(np.nan, nan_ok=True),
            "row": -1,
            "name": "",
        }
    ]
    tree = targets.tree(problem, Config(), W, np.ones(3, bool)).set_index("id")
    shared = [i for i, n in zip(tree.index, tree["targets"], strict=True) if i.endswith("b") and n > 1]
    assert all(tree.loc[i, "row"] == -1 for i in shared) and tree.loc[f"{targets.ALL}/c", "row"] == 2


@pytest.mark.parametrize(
    ("names", "own"),
    [(["b", "b/x", "c"], {"b"}), (["a/b", "a / b", "c"], {"a/b", "a / b"}), (["a//b", "a/b/d", "a/b/d/e"], {"a//b", "a/b/d"})],
)
def test_a_target_that_is_a_part_of_its_own_has_a_place_within_it(names, own):
    problem = random_problem(targets=3, names=names)
    tree = targets.tree(problem, Config(), W, np.ones(3, bool))
    ends = tree[~tree["id"].isin(tree["parent"])]  # what has no parts
    assert sorted(ends["row"]) == [0, 1, 2] and (ends["targets"] == 1).all()
    within = tree[tree["parent"] != ""].groupby("parent")["targets"].sum()
    np.testing.assert_array_equal(within, tree.set_index("id").loc[within.index, "targets"])  # no part is left empty
    assert set(ends["label"][ends["label"].isin(names)]) - {"c"} == own


def test_stages():
    problem = random_problem()
    found = targets.stages(problem, 3, W * 2, W)
    row = problem.matrix.toarray()[3]
    assert list(found) == ["base", "gated", "refitted", "published"]
    np.testing.assert_allclose(list(found.values()), [row @ problem.base_weights, row @ W * 2, row @ W, problem.values[3]])
