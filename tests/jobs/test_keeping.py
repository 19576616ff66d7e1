"""Jobs that are there: names, notes, pins, the trash, what they cost, and runs that are steered or go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from test_store import a_problem, a_snapshot, a_state

from l0engine.calibration.config import Config
from l0engine.calibration.results import Result, Status
from l0engine.errors import ConfigError, L0Error
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store

OLD = Path(__file__).parents[1] / "data" / "store_2"
UNKNOWN = "20261122-164000-ab12"


def ended(store, sha, status=Status.STEP_LIMIT, **settings):
    run = store.create_run(sha, Config(epochs=100, **settings))
    store.set_status(run.id, status)
    return run.id


def test_names_notes_and_pins(store, sha):
    run = store.create_run(sha, Config())
    assert (run.name, run.note, run.pinned, run.deleted) == ("", "", False, None) and "·" in run.title
    assert store.rename(run.id, "  The one\n we publish\x1b ").title == "The one we publish"
    assert store.set_note(run.id, "Line 1\nLine 2 ").note == "Line 1\nLine 2"
    assert store.pin(run.id).pinned is True and store.pin(run.id, False).pinned is False
    assert store.rename(run.id, " ").title == run.title
    for call in (lambda: store.rename(run.id, "x" * 121), lambda: store.set_note(run.id, "x" * 10_001)):
        with pytest.raises(L0Error, match="at most"):
            call()
    for bad in (UNKNOWN, "../x"):
        with pytest.raises(L0Error, match=r"no job|not the id"):
            store.rename(bad, "x")


def test_the_trash_takes_what_has_ended_all_of_it_or_none(store, sha):
    running, first, second = store.create_run(sha, Config()).id, ended(store, sha), ended(store, sha)
    with pytest.raises(L0Error, match="queued: stop it first"):
        store.trash([first, running])
    assert store.trashed() == []
    store.trash([first, second])
    assert [r.id for r in store.runs()] == [running] == [j.id for j in store.jobs()]
    assert {r.id for r in store.trashed()} == {first, second} == {r.id for r in store.runs(trashed=True)}
    assert store.job(first).deleted == pytest.approx(time.time(), abs=10)
    when = store.job(first).deleted
    with pytest.raises(L0Error, match="in the trash already"):
        store.trash([first])
    assert store.job(first).deleted == when
    store.restore([first])
    with pytest.raises(L0Error, match="not in the trash: there is nothing to restore"):
        store.restore([second, first])
    assert store.job(second).deleted is not None, "all of them, or none"
    assert {r.id for r in store.runs()} == {running, first}
    with pytest.raises(L0Error, match="no job"):
        store.trash([first, UNKNOWN])
    assert store.job(first).deleted is None


def test_what_is_in_the_trash_is_not_resumed(store, sha):
    run = ended(store, sha, Status.INTERRUPTED)
    store.trash([run])
    assert not store.job(run).can_requeue
    with pytest.raises(L0Error, match="in the trash: restore it first"):
        store.requeue(run)


def test_purging_removes_rows_and_folder_of_what_is_in_the_trash(store, sha):
    run, other = ended(store, sha), ended(store, sha)
    for name in (run, other):
        store.append(name, a_snapshot(10))
        store.save_checkpoint(name, 10, a_state(10).to_arrays())
    with pytest.raises(L0Error, match="not in the trash"):
        store.purge([run])
    store.trash([run])
    store.purge([run])
    assert sorted(p.name for p in (store.root / "runs").iterdir()) == [other]
    with pytest.raises(L0Error, match="no job"):
        store.job(run)
    with sqlite3.connect(store.root / "store.sqlite") as db:
        assert db.execute("SELECT run FROM snapshots").fetchall() == [(other,)]
    db.close()
    assert int(store.checkpoint(other)["step"]) == 10


def test_old_ones_are_those_that_ended_and_are_not_pinned(store, sha):
    old, pinned, young = (ended(store, sha) for _ in range(3))
    queued = store.create_run(sha, Config()).id
    for name in (old, pinned):
        store.set_status(name, Status.STEP_LIMIT, ended=time.time() - 10 * 86_400)
    store.pin(pinned)
    assert [r.id for r in store.older_than(9.9)] == [old] and store.older_than(10.1) == []
    assert {r.id for r in store.older_than(0)} == {old, young} and queued not in {r.id for r in store.older_than(0)}


def test_costs_are_the_bytes_of_the_files(store, sha):
    run = store.create_run(sha, Config()).id
    before = store.costs([run])[run]
    assert before == (store.folder(run) / "config.json").stat().st_size
    (store.folder(run) / "points").mkdir()
    (store.folder(run) / "points" / "x").write_bytes(b"x" * 1000)
    assert store.costs([run]) == {run: before + 1000}
    shutil.rmtree(store.folder(run))
    assert store.costs([run]) == {run: 0}


def test_problems_nobody_refers_to_can_be_dropped(store, sha):
    sample = store.add_problem(a_problem(5.0), "sample", source="sample us").sha
    run = ended(store, sha)
    assert store.unused_problems() == []
    with pytest.raises(L0Error, match=f"used by job {run}"):
        store.drop_problem(sha)
    store.trash([run])
    assert store.unused_problems() == [], "it may be restored"
    store.purge([run])
    [(record, size)] = store.unused_problems()
    assert record.sha == sha and size == sum(f.stat().st_size for f in (store.root / "problems" / sha).iterdir())
    store.drop_problem(sha)
    assert [p.name for p in (store.root / "problems").iterdir()] == [sample] and [p.sha for p in store.problems()] == [sample]
    for bad in (sha, "../.."):
        with pytest.raises(L0Error, match=r"no problem|not the id"):
            store.drop_problem(bad)


def test_steering_is_kept_as_events_and_gets_a_step_where_the_run_sees_it(store, sha):
    run = store.create_run(sha, Config(lambda_l0=1e-3)).id
    with pytest.raises(L0Error, match="only one that is at work"):
        store.steer(run, learning_rate=0.1)
    store.claim_next()
    event = store.steer(run, lambda_l0=2e-3, temperature=0.5)
    assert event.step is None and store.events(run) == [event] and store.changes(run) == []
    assert store.changes(run, 40) == store.changes(run) == [(40, "lambda_l0", 2e-3), (40, "temperature", 0.5)]
    store.steer(run, learning_rate=0.05)
    assert [e.step for e in store.events(run)] == [40, None]
    assert store.changes(run, 60)[-1] == (60, "learning_rate", 0.05)
    for wrong, said in (({}, "Nothing"), ({"seed": 1}, "seed cannot"), ({"temperature": 99}, "between"), ({"lambda_l0": None}, "no value")):
        with pytest.raises(ConfigError, match=said):
            store.steer(run, **wrong)
    assert len(store.events(run)) == 2


@pytest.mark.parametrize(("settings", "changes"), [({"budget": 2}, {"learning_rate": 0.1}), ({"estimator": "ungated"}, {"price_l0": 0.1})])
def test_what_plays_no_part_cannot_be_steered(store, sha, settings, changes):
    run = store.create_run(sha, Config(**settings)).id
    store.claim_next()
    with pytest.raises(ConfigError, match=r"by itself|no part"):
        store.steer(run, **changes)


def finished(store, sha, status=Status.STEP_LIMIT, **settings):
    run = ended(store, sha, status, **settings)
    weights = np.ones(3)
    store.save_result(run, Result(status, "", Config(), weights, weights, None, None, (), "cpu", 1.0, 1.0))
    store.save_checkpoint(run, 100, a_state(100).to_arrays())
    return run


def test_a_run_that_ended_is_queued_for_more_epochs(store, sha):
    run = finished(store, sha)
    again = store.continue_for(run, 50)
    assert again.status is Status.QUEUED and again.result is not None and again.config.epochs == 100
    assert [(e.step, e.changes) for e in store.events(run)] == [(100, {"epochs": 150, "stop_when_settled": False})]
    with pytest.raises(L0Error, match="queued: only one that has ended with weights"):
        store.continue_for(run, 50)


def test_a_run_that_cannot_go_on_says_why(store, sha):
    with pytest.raises(L0Error, match="was not kept"):
        store.continue_for(ended(store, sha), 50)
    with pytest.raises(L0Error, match="diverged: only one"):
        store.continue_for(finished(store, sha, Status.DIVERGED), 50)
    with pytest.raises(L0Error, match="sought budget"):
        store.continue_for(finished(store, sha, budget=2), 50)
    with pytest.raises(ConfigError, match="epochs is 0"):
        store.continue_for(finished(store, sha), 0)
    source = finished(store, sha)
    of_another = store.create_run(sha, Config(), Plan((2,), source=source)).id
    store.set_status(of_another, Status.STEP_LIMIT)
    with pytest.raises(L0Error, match=f"of run {source}"):
        store.continue_for(of_another, 50)
    store.trash([source])
    with pytest.raises(L0Error, match="in the trash"):
        store.continue_for(source, 50)


def test_a_store_of_before_opens_with_all_its_jobs(tmp_path):
    home = shutil.copytree(OLD, tmp_path / "home")
    store = Store(home)
    assert all((j.name, j.note, j.pinned, j.deleted) == ("", "", False, None) for j in store.jobs()) and len(store.jobs()) >= 5
    run = store.runs()[0]
    store.rename(run.id, "kept")
    assert Store(home).run(run.id).title == "kept" and json.loads(json.dumps(store.costs([run.id])))[run.id] > 0
