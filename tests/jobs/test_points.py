"""Frontier points in the store, runs with a frontier after them, and sweeps."""

from __future__ import annotations

import json
import os
import sqlite3
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import oracles
import pytest
from further import further

from l0engine import jobs
from l0engine.calibration import metrics
from l0engine.calibration.config import Config
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.results import Status
from l0engine.calibration.support.choosing import Chooser
from l0engine.errors import ConfigError, L0Error
from l0engine.io import save_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.records import Plan, PointRecord
from l0engine.jobs.store import Store
from l0engine.jobs.sweeps import grid, sweep

PROBLEM = oracles.random_problem(1, targets=10, households=120, groups=["a"] * 7 + ["b"] * 3)
CONFIG = Config(lambda_l0=3e-4, epochs=120, hold_out="b", relax=False, device="cpu")
PLAN = Plan((40, 20, 10), compare=(20,), references=("random", "gated"))


@pytest.fixture
def sha(store) -> str:
    return store.add_problem(PROBLEM, "tiny").sha


def carried_out(store, sha, config=CONFIG, plan=PLAN, request=None):
    run = store.begin(store.create_run(sha, config, plan).id, 1)
    execution = Execution(store, run)
    execution.carry_out()
    return store.run(run.id)


def test_a_run_with_a_plan_leaves_points_references_and_curves(store, sha):
    run = carried_out(store, sha)
    assert run.status.has_result, run
    assert run.plan == PLAN
    points = store.points(run.id)
    assert [p.key for p in points] == ["l0engine-40", "l0engine-20", "l0engine-10", "random-20", "gated-20"]
    use = targets_in_use(PROBLEM, CONFIG)
    for p in points:
        weights = store.point_weights(run.id, p.key, 120)
        assert metrics.measure(PROBLEM, weights, use) == p.measures
        assert p.held_out.median_abs_rel_error == pytest.approx(np.median(np.abs(metrics.relative_errors(PROBLEM, weights))[7:]))
        assert bool(p.curve) == (p.method == "l0engine")
        assert not weights.flags.writeable
    assert store.result(run.id).held_out is not None
    assert (store.folder(run.id) / "weights.csv").exists()


def test_a_frontier_of_a_finished_run_takes_its_fit(store, sha):
    first = carried_out(store, sha, plan=None)
    second = carried_out(store, sha, plan=Plan((15,), source=first.id))
    assert store.snapshots(second.id) == []
    np.testing.assert_array_equal(store.result(first.id).gated_weights, store.result(second.id).gated_weights)
    assert [p.key for p in store.points(second.id)] == ["l0engine-15"]
    lost = carried_out(store, sha, plan=Plan((15,), source="20000101-000000-abcd"))
    assert lost.status is Status.FAILED
    assert "There is no job" in lost.message


def test_a_stopped_frontier_keeps_its_points(store, sha, monkeypatch):
    run = store.begin(store.create_run(sha, CONFIG, PLAN).id, 1)
    execution, keep = Execution(store, run), store.save_point

    def keep_and_stop(run_id, point):
        record = keep(run_id, point)
        execution._request = Request.STOP
        return record

    monkeypatch.setattr(store, "save_point", keep_and_stop)
    monkeypatch.setattr(execution, "_poll", lambda: None)
    assert execution.carry_out() is Status.STOPPED
    assert [p.key for p in store.points(run.id)] == ["l0engine-40"]
    assert "Stopped with 1 of 3 points" in store.run(run.id).message
    assert store.result(run.id) is not None


def test_a_stop_does_not_wait_for_the_point_that_is_being_found(store, sha, monkeypatch):
    run = store.begin(store.create_run(sha, CONFIG, PLAN).id, 1)
    execution, at = Execution(store, run), Chooser.at

    def asked_within(chooser, k):
        execution._request = Request.STOP if k == 20 else Request.NONE
        return at(chooser, k)

    monkeypatch.setattr(Chooser, "at", asked_within)
    monkeypatch.setattr(execution, "_poll", lambda: None)
    assert execution.carry_out() is Status.STOPPED
    assert [p.key for p in store.points(run.id)] == ["l0engine-40"]


def test_a_pause_while_households_are_chosen_holds_and_changes_nothing(store, sha, monkeypatch):
    config = replace(CONFIG, budget=20)
    undisturbed = carried_out(store, sha, config, None)
    run = store.begin(store.create_run(sha, config, None).id, 1)
    execution, at, asked, seen = Execution(store, run), Chooser.at, [], []

    def asked_within(chooser, k):
        asked.extend([Request.PAUSE, Request.PAUSE])
        return at(chooser, k)

    def poll():
        execution._request = asked.pop() if asked else Request.NONE
        seen.append(store.run(run.id).status)

    monkeypatch.setattr(jobs.execution, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(Chooser, "at", asked_within)
    monkeypatch.setattr(execution, "_poll", poll)
    monkeypatch.setattr(execution, "_wait", lambda _: poll())
    assert execution.carry_out().has_result
    assert Status.PAUSED in seen
    assert store.result(run.id).weights.tobytes() == store.result(undisturbed.id).weights.tobytes()


def test_bad_plans_end_in_a_sentence(store, sha):
    assert "301" in carried_out(store, sha, plan=Plan((301,))).message
    said = carried_out(store, sha, plan=Plan((20,), (20,), ("magic",)))
    assert said.status is Status.FAILED
    assert "magic" in said.message
    assert [p.key for p in store.points(said.id)] == ["l0engine-20"]  # what was found stays


def test_points_come_back_whole_and_are_replaced_and_other_keys_are_refused(store, sha):
    run = carried_out(store, sha, plan=Plan((10,)))
    (point,) = store.points(run.id)
    assert PointRecord.from_dict(json.loads(json.dumps(point.to_dict()))) == point
    store.save_curve(run.id, point, point.curve[:2])
    (again,) = store.points(run.id)
    assert again.curve == point.curve[:2]
    for key in ("l0engine-11", "../x", "l0engine-1/../../..", "", "A-1"):
        with pytest.raises(L0Error, match="point"):
            store.point_weights(run.id, key, 120)


#: The schema of the first version.
FIRST = """
    CREATE TABLE problems (
        sha TEXT PRIMARY KEY, title TEXT NOT NULL, n_targets INTEGER NOT NULL, n_households INTEGER NOT NULL,
        nnz INTEGER NOT NULL, created REAL NOT NULL, source TEXT NOT NULL);
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, problem TEXT NOT NULL, config TEXT NOT NULL, status TEXT NOT NULL,
        message TEXT NOT NULL DEFAULT '', created REAL NOT NULL, started REAL, ended REAL, pid INTEGER,
        request TEXT NOT NULL DEFAULT 'none', checkpoint INTEGER, outcome TEXT);
    CREATE TABLE snapshots (run TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, step)) WITHOUT ROWID;
    PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path):
    problem = PROBLEM
    (tmp_path / "problems").mkdir()
    save_problem(problem, tmp_path / "problems" / problem.fingerprint)
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.executescript(FIRST)
        db.execute("INSERT INTO problems VALUES (?, 'p', 2, 120, 9, 5.0, 'upload')", (problem.fingerprint,))
        row = ("20260101-000000-abcd", problem.fingerprint, json.dumps({"lambda_l0": 0.02, "seed": 4}), "interrupted", "gone", 7.0, 8.0, 12)
        db.execute(
            "INSERT INTO runs (id, problem, config, status, message, created, started, checkpoint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
        )
    db.close()
    store = Store(tmp_path)
    (run,) = store.runs()
    assert (run.id, run.problem, run.config.lambda_l0, run.config.seed) == (row[0], problem.fingerprint, 0.02, 4)
    assert (run.status, run.message, run.created, run.started, run.checkpoint) == ("interrupted", "gone", 7.0, 8.0, 12)
    assert run.plan is run.outcome is run.sweep is None and store.points(run.id) == []
    assert store.problem(run.problem).fingerprint == problem.fingerprint
    assert store.create_run(run.problem, Config(), PLAN, "x").plan == PLAN


# -- sweeps -------------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_in_order():
    configs = grid(CONFIG, {"lambda_l0": [1e-3, "1e-2"], "seed": [0, 1, 2]})
    assert [(c.lambda_l0, c.seed) for c in configs] == [(1e-3, 0), (1e-3, 1), (1e-3, 2), (1e-2, 0), (1e-2, 1), (1e-2, 2)]
    assert all(c.epochs == 120 for c in configs)
    assert grid(CONFIG, {}) == [CONFIG]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"lambda": [1]}, "no setting 'lambda'"),
        ({"seed": []}, "no values"),
        ({"seed": [-1]}, "seed is -1"),
        ({"lambda_l0": [1e-3, "0.001"]}, "same combination twice"),
        ({"seed": range(40), "epochs": range(1, 40)}, "1,560"),
    ],
)
def test_sweeps_that_make_no_sense_are_named(axes, said):
    with pytest.raises(ConfigError, match=said):
        grid(CONFIG, axes)


class Inline(Executor):
    """The least an executor can be."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, *further(Inline)])  # Inline: the next but one
def test_a_sweep_is_runs_of_the_store(store, sha, executor):
    configs = grid(CONFIG, {"lambda_l0": [1e-4, 1e-3, 1e-2]})
    with executor() as pool:
        runs = [store.run(f.result()) for f in sweep(store, sha, configs, pool)]
    assert [r.config for r in runs] == configs
    kept = [r.outcome.final.kept for r in runs]
    assert kept == sorted(kept, reverse=True)
    (name,) = {r.sweep for r in runs}
    assert [r.id for r in store.runs(sha, sweep=name)] == [r.id for r in runs][::-1]
    assert store.runs(sha, sweep="another") == []


@pytest.mark.slow  # a run in a process of its own: test_runs.py
def test_a_sweep_runs_in_processes_of_its_own_by_default(store, sha):
    futures = sweep(store, sha, grid(CONFIG, {"lambda_l0": [1e-4]}))
    runs = [store.run(f.result(timeout=120)) for f in futures]
    assert all(r.status.has_result for r in runs)
    assert os.getpid() not in {r.pid for r in runs}
    alone = carried_out(store, sha, config=runs[0].config, plan=None)
    np.testing.assert_array_equal(store.result(alone.id).weights > 0, store.result(runs[0].id).weights > 0)


def test_a_run_that_fails_does_not_end_the_sweep(store, sha):
    configs = [CONFIG, Config(budget=121), Config(hold_out="nowhere")]
    runs = [store.run(f.result()) for f in sweep(store, sha, configs, Inline())]
    assert [r.status.has_result for r in runs] == [True, False, False]
    assert "121" in runs[1].message and "nowhere" in runs[2].message
