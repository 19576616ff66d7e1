"""Exports, read back and compared with what went in."""

import io
import json
import math
from dataclasses import fields, replace
from importlib import metadata

import numpy as np
import pandas as pd
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.limits import limits
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate, Measures, Result, Status
from l0engine.io import csv_bytes, frontier_table, point_summary, run_summary, targets_table, weights_table, write_run

WEIGHTS = np.array([0.0, 1 / 3, 2e-17, 1e300])
MEASURES = Measures(3, math.nan, 0.1, 0.5, 2.5, 1.2, 1e300, math.inf)


@pytest.fixture
def problem() -> Problem:
    return Problem.create(
        [[1, 2, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 3, 0, 0]],
        [4.0, 0.1 + 0.2, 5.0, 1.0],
        names=["=SUM(A1)", "b", "gone", "out"],
        groups=["@g", "g", "g", "g"],
        base_weights=[1, 1, 2, 4],
        household_ids=["a", "-b", "00123", "d,\"e\""],
        attributes=pd.DataFrame({"state": ["ME", "+1", "\tVT", None], "n": [1, -2, 3, 4], "weight": [9, 9, 9, 9]}),
    )  # fmt: skip


@pytest.fixture
def result() -> Result:
    config = Config(seed=7, exclude=("duplicate",), group_multipliers={"g": 2.0})
    return Result(Status.CONVERGED, "Done.", config, WEIGHTS, WEIGHTS, MEASURES, None, (), "cpu", 1.5, 0.25, threads=3)


USE = np.array([True, True, False, False])


def test_weights_read_back_bit_for_bit(problem):
    assert list(weights_table(problem, WEIGHTS).columns) == ["household_id", "weight", "base_weight"]  # the others are microdata
    assert list(weights_table(problem, WEIGHTS, ["n"]).columns) == ["household_id", "weight", "base_weight", "n"]
    table = weights_table(problem, WEIGHTS, problem.attributes.columns)
    back = pd.read_csv(io.BytesIO(csv_bytes(table)), dtype={"household_id": str})
    assert list(back.columns) == ["household_id", "weight", "base_weight", "state", "n", "weight_attribute"]
    assert back["household_id"].tolist() == ["'-b", "00123", 'd,"e"']
    assert back["weight"].tolist() == [1 / 3, 2e-17, 1e300]
    assert back["base_weight"].tolist() == [1, 2, 4]
    assert back["n"].tolist() == [-2, 3, 4]  # a number keeps its sign
    assert back["state"].fillna("").tolist() == ["'+1", "'\tVT", ""]


def test_targets_say_what_was_used(problem):
    w = np.array([1.0, 0.5, 0, 0])
    table = targets_table(problem, w, USE)
    assert list(table.columns) == ["target", "value", "estimate", "relative_error", "group", "used", "limits"]
    assert table["limits"].tolist() == [""] * 4
    assert table["used"].tolist() == ["yes", "yes", "unreachable", "left out"]
    soft = np.array([True, False, True, True])
    assert targets_table(problem, w, USE, soft=soft)["used"].tolist() == ["relaxed", "yes", "unreachable", "left out"]
    assert table["estimate"].tolist() == [2.0, 0.5, 0.0, 1.5]
    assert table["relative_error"][0] == pytest.approx((2 - 4) / 4)
    assert table["relative_error"][1] == pytest.approx((0.5 - 0.3) / 0.3)  # of the published value, also below its floor
    back = pd.read_csv(io.BytesIO(csv_bytes(table)))
    assert back["target"].tolist() == ["'=SUM(A1)", "b", "gone", "out"] and back["group"][0] == "'@g"
    assert back["value"].tolist() == [4.0, 0.1 + 0.2, 5.0, 1.0]


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_every_kind_of_text_is_made_harmless(dtype):
    cells = ["=1", "+1", "-1", "@x", "\tx", "\rx", "x=1", "", "é"]
    raw = csv_bytes(pd.DataFrame({"=c": pd.Series(cells, dtype=dtype), "f": np.full(9, -0.5, np.float32)}))
    assert raw.startswith(b"'=c,f\n")
    back = pd.read_csv(io.BytesIO(raw), keep_default_na=False, lineterminator="\n")
    assert back["'=c"].tolist() == ["'=1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x=1", "", "é"]
    assert back["f"].tolist() == [-0.5] * 9


def test_run_summary(problem, result):
    s = json.loads(json.dumps(run_summary(problem, result, USE), allow_nan=False))
    assert set(s["gated"]) == {f.name for f in fields(Measures)}
    assert s["gated"]["mean_abs_rel_error"] is None and s["gated"]["max_weight_ratio"] is None
    assert s["gated"]["kept"] == 3 and s["refitted"] is None
    assert (s["status"], s["message"], s["sentence"]) == ("converged", "Done.", Status.CONVERGED.sentence)
    assert s["unreachable"] == ["gone"] and s["left_out"] == ["out"]
    assert s["input_sha256"] == problem.fingerprint and len(s["input_sha256"]) == 64
    assert (s["seed"], s["device"], s["threads"], s["seconds"]) == (7, "cpu", 3, 1.75)
    assert Config.from_dict(s["config"]) == result.config
    assert s["versions"]["numpy"] == np.__version__ and s["versions"]["torch"] == metadata.version("torch")
    assert {"l0engine", "scipy", "python"} <= set(s["versions"])
    assert s["certificate"] is None and s["taken"][0].startswith("Price of a household: 0.1 of the loss of keeping none")
    found = limits(problem, result.config, WEIGHTS)
    assert [(f["kind"], f["sentence"]) for f in s["limits"]] == [(f.kind, f.sentence) for f in found] and found
    assert s["limits"][0]["targets"] == [problem.names[i] for i in found[0].targets]


def test_a_certificate_is_exported_with_what_it_proves(problem, result):
    weights = np.array([4.0, 0.0, 0.3, 0.0])
    proven = Certificate(2, 0.5, 1.05, 1.0)
    s = run_summary(problem, replace(result, weights=weights, certificate=proven), USE)
    assert s["certificate"]["gap"] == pytest.approx(0.05) and s["certificate"]["k"] == 2
    assert s["certificate"]["sentence"].endswith("this is 5 % above it.")
    nothing = run_summary(problem, replace(result, certificate=Certificate(2, 0.5, 1.0, 0.0)), USE)["certificate"]
    assert nothing["gap"] is None and nothing["sentence"] == "The bound says nothing at this size."
    point = point_summary(s, problem, result.config, weights, MEASURES, None, None)
    assert point["certificate"] is None and point["refitted"]["kept"] == 3 and point["gated"] is None
    assert point["config"] == s["config"] and json.dumps(point, allow_nan=False)


def test_targets_carry_the_kinds_of_their_limits(problem):
    weights = np.array([4.0, 0.0, 0.0, 0.0])
    found = limits(problem, Config(), weights)
    table = targets_table(problem, weights, USE, found=found)
    assert table["limits"].tolist() == ["", "few; floor", "", "few; floor"]


def test_a_frontier_has_a_row_for_each_point_and_the_last_word_counts():
    def point(budget, error, method="l0engine", certificate=None):
        m = replace(MEASURES, kept=budget, median_abs_rel_error=error, max_abs_rel_error=10 * error)
        return FrontierPoint(method, budget, np.arange(budget), np.ones(budget), np.ones(budget), m, None, certificate=certificate)

    first, better = point(20, 0.2), point(20, 0.1, certificate=Certificate(20, 1.0, 1.5, 1.0))
    table = frontier_table([first, point(10, 0.3), better, point(10, 0.4, "random")])
    assert table["kept"].tolist() == [20, 10, 10] and table["method"].tolist() == ["l0engine", "l0engine", "random"]
    assert table["median_abs_rel_error"].tolist() == [0.1, 0.3, 0.4] and table["max_abs_rel_error"].tolist() == [1.0, 3.0, 4.0]
    assert table["certificate_gap"].tolist()[0] == 0.5 and table["certificate_gap"][1:].isna().all()


def test_the_recipe_goes_with_the_run(problem, result, tmp_path):
    write_run(tmp_path, problem, result, USE, 'households = "survey.csv"\n')
    assert (
        json.loads((tmp_path / "run.json").read_text())["recipe"] == (tmp_path / "recipe.toml").read_text() == 'households = "survey.csv"\n'
    )
    assert run_summary(problem, result, USE)["recipe"] is None


def test_write_run(problem, result, tmp_path):
    write_run(tmp_path / "run", problem, result, USE)
    write_run(tmp_path / "run", problem, replace(result, refitted=replace(MEASURES, kept=2)), USE)
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == ["run.json", "targets.csv", "weights.csv"]

    def refuse(constant):
        raise AssertionError(constant)

    s = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"), parse_constant=refuse)
    assert s["refitted"]["kept"] == 2
    assert (tmp_path / "run" / "weights.csv").read_bytes() == csv_bytes(weights_table(problem, WEIGHTS))
    assert len(pd.read_csv(tmp_path / "run" / "targets.csv")) == 4


def test_a_failed_write_keeps_the_old_file(problem, result, tmp_path, monkeypatch):
    write_run(tmp_path, problem, result, USE)
    before = (tmp_path / "weights.csv").read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_run(tmp_path, problem, replace(result, weights=np.ones(4)), USE)
    assert (tmp_path / "weights.csv").read_bytes() == before
    assert not list(tmp_path.glob(".*"))
