"""Looks in the store: whole after a resumed run, gone with their run, absent in what earlier versions wrote."""

import os
import sqlite3

import numpy as np

from l0engine.calibration.config import Config
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

CONFIG = Config(epochs=300, lambda_l0=1e-3, stop_when_settled=False, device="cpu")


def begun(store, sha):
    run = store.create_run(sha, CONFIG).id
    return Execution(store, store.begin(store.claim_next().id, os.getpid())), run


def looks(store, run):
    with sqlite3.connect(store.root / "store.sqlite") as db:
        return db.execute("SELECT step, errors, gates FROM looks WHERE run = ? ORDER BY step", (run,)).fetchall()


def test_a_run_that_was_interrupted_has_the_series_of_one_that_was_not(store, sha, monkeypatch):
    whole, one = begun(store, sha)
    whole.carry_out()
    broken, other = begun(store, sha)
    append = store.append

    def until_then(job_id, snapshot):
        append(job_id, snapshot)
        if snapshot.step == 150:
            broken.terminate()

    monkeypatch.setattr(store, "append", until_then)
    broken.carry_out()
    monkeypatch.undo()
    assert store.run(other).can_requeue
    store.requeue(other)
    Execution(store, store.begin(store.claim_next().id, os.getpid())).carry_out()
    assert len(looks(store, one)) == 100 and looks(store, one) == looks(store, other)


def test_one_target_and_one_household_over_the_training(store, sha):
    whole, run = begun(store, sha)
    whole.carry_out()
    problem, result = store.problem(sha), store.result(run)
    errors = [store.error_path(run, i).errors[-1] for i in range(problem.n_targets)]
    np.testing.assert_allclose(errors, problem.matrix @ result.gated_weights / problem.values - 1, rtol=1e-3, atol=1e-5)
    steps = [s.step for s in store.snapshots(run)]
    assert store.error_path(run, 0).steps.tolist() == steps and len(store.error_path(run, 999).steps) == 0
    path = store.gate_path(run, 0)
    assert len(path.steps) == 20 and set(path.steps) <= set(steps)
    assert np.isnan(path.opened[-1]) <= (result.gated_weights[0] == 0)
    assert all(s.seen is None for s in store.snapshots(run))  # pages that follow a run do not read them


def test_they_go_with_their_run_and_a_store_without_them_opens(store, sha):
    whole, run = begun(store, sha)
    whole.carry_out()
    assert looks(store, run)
    gone = begun(store, sha)
    gone[0].carry_out()
    store.trash([gone[1]])
    store.purge([gone[1]])
    assert not looks(store, gone[1])
    with sqlite3.connect(store.root / "store.sqlite") as db:
        db.execute("DROP TABLE looks")
        db.execute("PRAGMA user_version = 5")
    again = Store(store.root)
    assert len(again.error_path(run, 0).steps) == 0 == len(again.gate_path(run, 0).steps)
    assert again.result(run) is not None
