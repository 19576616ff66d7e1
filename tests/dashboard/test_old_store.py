"""A store and studies that an earlier version wrote: they open, and their pages show what stands in the files."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard import state
from dashboard.kit import wording
from l0engine.jobs.store import Store

OLD = Path(__file__).parents[1] / "data" / "store_2"
FIT, FRONTIER, SWEPT, CUT_OFF, BROKEN = (
    "20261127-090359-5a7d",
    "20261127-090401-8b42",
    "20261127-090404-90a6",
    "20261127-090408-3a4c",
    "20261127-090409-c779",
)
STUDIES = {"samples": "20261127-090409-19d1", "features": "20261127-090409-871f", "pruning": "20261127-090409-f58f"}
NO_COLUMN = "20261127-090427-32a9"


@pytest.fixture(autouse=True)
def old(home, supervisors):
    shutil.copytree(OLD, home, dirs_exist_ok=True)


def row(run):
    """A run as SQLite has it."""
    with sqlite3.connect(f"file:{OLD / 'store.sqlite'}?mode=ro&immutable=1", uri=True) as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone())


def outcome(study):
    return json.loads((OLD / "studies" / study / "outcome.json").read_text())


def assert_holds(found, written):
    """All that was written is found; fields that came later may stand beside it."""
    if isinstance(written, dict):
        for name, value in written.items():
            assert_holds(found[name], value)
    elif isinstance(written, list):
        assert len(found) == len(written)
        for one, other in zip(found, written, strict=True):
            assert_holds(one, other)
    else:
        assert found == written or (found != found and written != written)


def test_the_weights_of_a_run_are_those_of_its_file(visit):
    page = visit("results", run=FIT)
    measured = json.loads(row(FIT)["outcome"])["refitted"]
    table = pd.read_csv(OLD / "runs" / FIT / "weights.csv")
    assert len(table) == measured["kept"] == 40
    weights = state.store().result(FIT).weights
    np.testing.assert_allclose(np.sort(weights[weights > 0]), np.sort(table["weight"]), rtol=1e-6)
    assert page.metrics["Households kept"].startswith("40")
    assert wording.count(measured["ess"]) in page.metrics["Effective sample size"]


def test_a_frontier_has_its_points_and_a_point_its_weights(visit):
    page = visit("frontier", run=FRONTIER)
    assert json.loads(row(FRONTIER)["plan"])["budgets"] == [60, 30, 12]
    picture = page.chart(f"frontier_{FRONTIER}")
    assert all(str(k) in picture for k in (60, 30, 12))
    arrays = np.load(OLD / "runs" / FRONTIER / "points" / "l0engine-30.npz")
    weights = state.store().point_weights(FRONTIER, "l0engine-30", 120)
    np.testing.assert_array_equal(np.flatnonzero(weights), arrays["households"])
    np.testing.assert_array_equal(weights[weights > 0], arrays["weights"])
    assert visit("results", run=FRONTIER, point="l0engine-30").metrics["Households kept"].startswith("30")


def test_a_sweep_is_whole(visit):
    visit("frontier", run=SWEPT)
    (words,) = state.sweeps(row(SWEPT)["problem"]).values()
    assert "2 runs" in words


@pytest.mark.parametrize("run", [CUT_OFF, BROKEN])
def test_what_went_wrong_with_a_run_is_still_said(visit, run):
    page = visit("calibrate", run=run)
    assert any(row(run)["message"] in text for text in page.said("error", "warning", "info"))


@pytest.mark.parametrize("kind", STUDIES)
def test_a_study_has_its_result(visit, kind):
    page = visit(kind, **{kind: STUDIES[kind]})
    assert not page.said("error")
    record, store = state.store().job(STUDIES[kind]), state.store()
    told = outcome(STUDIES[kind])
    assert record.status == told["status"] == "finished" and record.seconds == pytest.approx(told["seconds"])
    assert_holds(record.result.to_dict(), told["result"])
    lines = [json.loads(line) for line in (OLD / "studies" / STUDIES[kind] / "snapshots.jsonl").read_text().splitlines()]
    by_step = {line["step"]: line for line in lines}  # of two of the same step the later one says more
    snapshots = store.snapshots(STUDIES[kind])
    assert [s.step for s in snapshots] == list(by_step)
    for snapshot, line in zip(snapshots, by_step.values(), strict=True):
        assert_holds(snapshot.to_dict(), line)
    assert store.folder(STUDIES[kind]) == store.root / "studies" / STUDIES[kind]
    assert page.at.get("plotly_chart")


def test_adoption_happens_once_and_loses_nothing(old, home):
    first, again = Store(home), Store(home)
    assert first.jobs() == again.jobs() and len(again.jobs()) == 6 + 4
    assert [len(again.snapshots(job.id)) for job in again.jobs()] == [len(first.snapshots(job.id)) for job in first.jobs()]


@pytest.mark.parametrize(
    ("file", "content", "status"),
    [
        ("outcome.json", "null", "interrupted"),
        ("outcome.json", '{"status": {}}', "interrupted"),
        ("outcome.json", "", "interrupted"),
        ("outcome.json", '{"status": "finished", "result": {"of": "another shape"}}', "interrupted"),
        ("snapshots.jsonl", '{"step": 1, "epo\n{"step": "two"}\n', "finished"),
        ("study.json", "[]", None),
        ("study.json", '{"kind": {}, "settings": {}, "created": 1}', None),
    ],
)
def test_a_damaged_study_costs_no_more_than_itself(old, home, file, content, status):
    (home / "studies" / STUDIES["features"] / file).write_text(content)
    (home / "studies" / STUDIES["samples"]).rename(home / "studies" / "a copy")
    store = Store(home)
    found = {job.id: job.status for job in store.jobs()}
    assert found.pop(STUDIES["features"], None) == status
    assert len(found) == 6 + 2 and found[STUDIES["pruning"]] == "finished"
    assert all(store.snapshots(name) is not None for name in found)
    if file == "snapshots.jsonl":
        assert store.snapshots(STUDIES["features"]) == [] and store.job(STUDIES["features"]).result is not None


def test_an_address_opens_what_it_can(visit):
    page = visit(run="20990101-000000-0000", samples="20990101-000000-0000", pruning=STUDIES["pruning"])
    assert any("does not open here" in text for text in page.said("warning"))
    page.to("pruning")
    assert page.at.get("plotly_chart") and page.at.query_params["pruning"] in (STUDIES["pruning"], [STUDIES["pruning"]])


def test_a_store_of_a_newer_version_is_told_in_a_sentence(old, home, visit):
    with sqlite3.connect(home / "store.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert any("schema 99" in text for text in visit().said("error"))


def test_what_went_wrong_with_a_study_is_still_said(visit):
    page = visit("samples", samples=NO_COLUMN)
    assert any(outcome(NO_COLUMN)["message"] in text for text in page.said("error"))
