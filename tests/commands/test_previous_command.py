"""`fit --previous`: a run of the store or a file, and what run.json says of it."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from l0engine.__main__ import main
from l0engine.calibration import Problem
from l0engine.calibration.config import Config
from l0engine.io import load_problem, save_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("L0ENGINE_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 4, (5, 40)) + 0.0
    ids = [f"h{i}" for i in range(40)]
    save_problem(
        Problem.create(matrix, matrix @ rng.uniform(5, 20, 40), base_weights=np.full(40, 10.0), household_ids=ids), tmp_path / "problem"
    )
    return tmp_path


def ids(out) -> set[str]:
    return set(pd.read_csv(out / "weights.csv", dtype=str)["household_id"])


def fit(folder, out: str, *more: str) -> int:
    return main(["fit", str(folder / "problem"), "--out", str(folder / out), "--epochs", "60", *more])


def test_from_a_run_and_from_its_file_it_is_the_same(folder, capsys):
    assert fit(folder, "first") == 0
    (first,) = Store().runs()
    assert fit(folder, "run", "--previous", first.id, "--price-change", "0.05") == 0
    assert fit(folder, "file", "--previous", str(folder / "first" / "weights.csv"), "--price-change", "0.05") == 0
    said = [json.loads((folder / out / "run.json").read_text())["previous"] for out in ("first", "run", "file")]
    old, new = ids(folder / "first"), ids(folder / "run")
    assert said[0] is None
    assert (said[1]["stayed"], said[1]["entered"], said[1]["left"]) == (len(old & new), len(new - old), len(old - new))
    assert said[1]["sha256"] == said[2]["sha256"]
    assert [s["source"] for s in said[1:]] == [f"run {first.id}", "weights.csv"]
    assert (folder / "run" / "weights.csv").read_bytes() == (folder / "file" / "weights.csv").read_bytes()
    assert f"Of {len(new)} households {len(old & new)} were in the previous set (run {first.id});" in capsys.readouterr().out


def test_a_frontier_goes_out_from_a_file(folder):
    pd.DataFrame({"household_id": [f"h{i}" for i in range(6)], "weight": 60.0}).to_csv(folder / "w.csv", index=False)
    more = ["--previous", str(folder / "w.csv"), "--price-change", "50", "--budgets", "6,4"]
    assert main(["frontier", str(folder / "problem"), "--out", str(folder / "f"), "--epochs", "60", *more]) == 0
    assert set(pd.read_csv(folder / "f" / "weights_6.csv")["household_id"]) == {f"h{i}" for i in range(6)}
    assert set(pd.read_csv(folder / "f" / "weights_4.csv")["household_id"]) <= {f"h{i}" for i in range(6)}


def test_from_a_point_of_a_frontier(folder, capsys):
    store = Store()
    sha = store.add_problem(load_problem(folder / "problem"), "Forty").sha
    run = store.create_run(sha, Config(epochs=60), Plan((6,))).id
    Execution(store, store.begin(store.claim_next(3).id, os.getpid())).carry_out()
    key = store.points(run)[0].key
    weights = store.point_weights(run, key, 40)
    assert fit(folder, "out", "--previous", f"{run}/{key}", "--price-change", "100") == 0
    assert ids(folder / "out") == {f"h{i}" for i in np.flatnonzero(weights)}
    assert json.loads((folder / "out" / "run.json").read_text())["previous"]["source"] == f"point {key} of run {run}"
    assert fit(folder, "none", "--previous", f"{run}/l0engine-9999") == 1
    assert f"Run {run} has no point 'l0engine-9999'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--price-change", "1"], "there is no previous answer"),
        (["--previous", "nowhere.csv"], "--previous nowhere.csv is no file and no run"),
        (["--previous", "20200101-000000-abcd"], "20200101-000000-abcd"),
        (["--previous", "OTHER"], "No household of other.csv is in this problem"),
    ],
)
def test_what_cannot_be_gone_out_from_is_one_sentence_and_no_run(folder, capsys, more, said):
    (folder / "other.csv").write_text("household_id,weight\nx,1\n")
    assert fit(folder, "out", *[str(folder / "other.csv") if m == "OTHER" else m for m in more]) == 1
    assert said in capsys.readouterr().err
    assert Store().runs() == []


def test_a_frontier_takes_no_goal_for_an_error(folder):
    with pytest.raises(SystemExit, match="2"):
        main(["frontier", str(folder / "problem"), "--out", str(folder / "f"), "--budgets", "6", "--max-error", "0.1"])
