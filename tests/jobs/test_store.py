"""The store: problems kept once, ids checked, requests, claims and files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures, Result, Snapshot, Status
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.errors import L0Error
from l0engine.io import save_problem
from l0engine.jobs import execution, fitting
from l0engine.jobs.deaths import ending, killed_for_memory
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.records import _short
from l0engine.jobs.store import Store, default_root


def a_problem(value: float = 3.0) -> Problem:
    return Problem.create(np.eye(2, 3) + 1, [value, 4.0], names=["a", "b"], groups=["g", "g"], base_weights=[1, 1, 1])


def a_snapshot(step: int) -> Snapshot:
    return Snapshot(step, 100, 0.5, 1.0, 0.25, 0.125, 0.35, 3, 0.0, 1.0, (0,) * 20, (0.1,) * 5, 2.5)


def a_state(step: int) -> TrainingState:
    arrays = {name: np.full((2, 3), 0.5, np.float32) for name in TrainingState.__dataclass_fields__}
    return TrainingState.from_arrays({**arrays, "step": np.asarray(step), "alive": np.arange(3)})


@pytest.fixture
def run_id(store) -> str:
    return store.create_run(store.add_problem(a_problem(), "tiny").sha, Config()).id


def test_a_problem_is_kept_once_and_comes_back_equal(store):
    first, again = store.add_problem(a_problem(), "one"), store.add_problem(a_problem(), "two")
    other = store.add_problem(a_problem(5.0), "three", source="sample")
    assert first == again and first.title == "one" and (first.n_targets, first.n_households, first.nnz) == (2, 3, 6)
    assert {p.sha for p in store.problems()} == {first.sha, other.sha}
    assert store.problem(first.sha).fingerprint == first.sha == a_problem().fingerprint
    assert sorted(p.name for p in (store.root / "problems").iterdir()) == sorted([first.sha, other.sha])


def test_an_uploaded_folder_is_moved_in(store, tmp_path):
    for _ in range(2):  # the second time it is there already
        save_problem(a_problem(), tmp_path / "guarded")
        record = store.adopt_problem(tmp_path / "guarded", "../../etc/passwd")
        assert not (tmp_path / "guarded").exists()
        assert store.problem(record.sha).fingerprint == record.sha
    assert [p.name for p in (store.root / "problems").iterdir()] == [record.sha]


@pytest.mark.parametrize("bad", ["", "../..", "20261122-164000-ab12/../x", "20261122-164000-ab12\n", "x" * 5000])
def test_malformed_ids_never_become_paths(store, bad):
    calls = (store.run, store.folder, store.snapshots, store.checkpoint, store.result, store.requeue, store.problem)
    for call in (*calls, lambda i: store.request(i, Request.STOP), lambda i: store.append(i, a_snapshot(1))):
        with pytest.raises(L0Error, match="is not the id of a") as caught:
            call(bad)
        assert len(str(caught.value)) < 200


def test_unknown_ids_are_named(store):
    with pytest.raises(L0Error, match="There is no job 20261122-164000-ab12"):
        store.run("20261122-164000-ab12")
    with pytest.raises(L0Error, match="There is no problem 0000"):
        store.create_run("0" * 64, Config())


def test_runs_are_listed_newest_first_with_their_settings(store):
    shas = [store.add_problem(a_problem(v), "p").sha for v in (3.0, 5.0)]
    config = Config(lambda_l0=2e-5, group_multipliers={"g": 2.0}, exclude=("thin",))
    ids = [store.create_run(sha, config).id for sha in (*shas, shas[0])]
    assert [r.id for r in store.runs()] == ids[::-1]
    assert [r.id for r in store.runs(shas[0])] == [ids[2], ids[0]]
    assert [r.id for r in store.runs(limit=1)] == [ids[2]]
    assert store.runs(statuses=(Status.RUNNING,)) == []
    assert store.run(ids[0]).config == config
    assert store.run(ids[0]).title.endswith("· λ 2e-5")


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1e-3, "1e-3"), (2.5e-12, "2.5e-12"), (0.35, "0.35"), (1e6, "1e6")])
def test_short_numbers(number, text):
    assert _short(number) == text


def test_claims_take_the_oldest_within_the_slots(store):
    sha = store.add_problem(a_problem(), "p").sha
    first, second, third = (store.create_run(sha, Config()).id for _ in range(3))
    assert store.claim_next(2).id == first and store.claim_next(2).id == second
    assert store.claim_next(2) is None
    store.set_status(first, Status.PAUSED)
    assert store.claim_next(2).id == third


def test_claims_are_exclusive_over_threads(store):
    sha = store.add_problem(a_problem(), "p").sha
    ids = {store.create_run(sha, Config()).id for _ in range(8)}
    with ThreadPoolExecutor(8) as pool:
        claimed = [run.id for run in pool.map(lambda _: store.claim_next(100), range(16)) if run is not None]
    assert len(claimed) == 8 and set(claimed) == ids


def test_only_the_process_that_was_lost_is_marked(store, run_id):
    store.claim_next()
    assert store.begin(run_id, 111).pid == 111
    with pytest.raises(L0Error, match="is running"):
        store.begin(run_id, 222)
    store.spawned(run_id, 333)
    assert store.run(run_id).pid == 111
    assert not store.lose(run_id, 333, "gone") and not store.lose(run_id, None, "gone")
    assert store.lose(run_id, 111, "gone") and store.run(run_id).message == "gone"
    assert not store.lose(run_id, 111, "gone again")
    assert store.requeue(run_id).pid is None
    store.claim_next()
    assert not store.lose(run_id, 111, "the process before"), "a later claim has no process yet"


def test_a_queued_run_stops_at_once_and_can_be_queued_again(store, run_id):
    run = store.request(run_id, Request.STOP)
    assert run.status is Status.INTERRUPTED and store.claim_next() is None
    again = store.requeue(run_id)
    assert (again.status, again.request, again.ended) == (Status.QUEUED, Request.NONE, None)
    with pytest.raises(L0Error, match="only an interrupted one"):
        store.requeue(run_id)


def test_set_status_refuses_unknown_fields(store, run_id):
    with pytest.raises(TypeError, match="not 'config'"):
        store.set_status(run_id, Status.RUNNING, config="{}")
    store.set_status(run_id, Status.FAILED, "why", pid=7)
    run = store.run(run_id)
    assert (run.status, run.message, run.pid) == (Status.FAILED, "why", 7) and run.ended is not None


def test_snapshots_come_back_by_cursor_and_replace_their_step(store, run_id):
    for step in (10, 20, 30, 20):
        store.append(run_id, a_snapshot(step))
    assert [s.step for s in store.snapshots(run_id)] == [10, 20, 30]
    assert store.snapshots(run_id, since=20) == [a_snapshot(30)]
    store.forget_after(run_id, 10)
    assert [s.step for s in store.snapshots(run_id)] == [10]


def test_many_processes_open_and_append_at_once(tmp_path):
    code = (
        "import json, os, sys; from l0engine.calibration.results import Snapshot; from l0engine.jobs.store import Store\n"
        "from l0engine.calibration.config import Config; from l0engine.jobs.records import Calibration\n"
        "children = []\n"
        "for _ in range(2): pid = os.fork(); children = [*children, pid] if pid else []\n"  # four processes, which import but once
        "s, values = Store(sys.argv[1]), json.loads(sys.argv[2])\n"
        "run = s.queue(Calibration('0' * 64, Config()))\n"
        "for i in range(40): s.append(run.id, Snapshot.from_dict({**values, 'step': i}))\n"
        "sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))"
    )
    root, values = tmp_path / "new", json.dumps(a_snapshot(0).to_dict())
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", code, str(root), values]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.stderr == "" and done.returncode == 0
    runs = Store(root).runs()
    assert len(runs) == 4
    for run in runs:
        assert [s.step for s in Store(root).snapshots(run.id)] == list(range(40))


def test_checkpoints_are_replaced_whole(store, run_id):
    assert store.checkpoint(run_id) is None
    for step in (5, 10):
        store.save_checkpoint(run_id, step, a_state(step).to_arrays())
        assert store.run(run_id).checkpoint == int(store.checkpoint(run_id)["step"]) == step
    for name, array in a_state(10).to_arrays().items():
        np.testing.assert_array_equal(store.checkpoint(run_id)[name], array)
    (store.folder(run_id) / "checkpoint.npz").write_bytes(b"PK damaged")
    assert store.checkpoint(run_id) is None
    np.savez(store.folder(run_id) / "checkpoint.npz", **{**a_state(10).to_arrays(), "alive": np.array([{}])})
    assert store.checkpoint(run_id) is None, "objects (pickles) are refused"


def test_a_full_disk_keeps_the_old_checkpoint_and_the_run(store, run_id, monkeypatch):
    run = store.begin(run_id, os.getpid())
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_SHARE", np.inf)
    job = Execution(store, run)
    job.save(lambda: a_state(5))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        job.save(lambda: a_state(10))
    assert "step 10" in store.run(run_id).message and "No space left" in store.run(run_id).message
    assert store.run(run_id).status is Status.RUNNING
    assert int(store.checkpoint(run_id)["step"]) == 5 == store.run(run_id).checkpoint
    assert not list(store.folder(run_id).glob(".*")), "the half-written file is left"
    job.save(lambda: a_state(15))
    assert int(store.checkpoint(run_id)["step"]) == 15 and store.run(run_id).message == ""


def test_a_state_is_asked_for_only_when_a_checkpoint_is_due(store, run_id, monkeypatch):
    job, asked = Execution(store, store.begin(run_id, os.getpid())), []

    def copied():
        asked.append(5)
        return a_state(5)

    job.save(copied)
    job._spacing = 3600.0  # however long a busy machine takes to come back
    job.save(copied)
    assert asked == [5], "the first at once, the next a while later"
    job._checkpointed -= 3600
    job.save(copied)
    assert asked == [5, 5]
    written = job._checkpointed
    job.keep()
    assert asked == [5, 5, 5] and job._checkpointed == written, "it is written already"
    np.testing.assert_array_equal(store.checkpoint(run_id)["parameters"], a_state(5).parameters)


@pytest.mark.parametrize("place", ["write_run", "save_result", "append", "set_result"])
def test_a_full_disk_pauses_a_run_until_there_is_room(store, monkeypatch, place):
    """Whatever it is that finds the disk full: nothing is lost, and it goes on by itself."""
    run_id = store.create_run(store.add_problem(a_problem(), "tiny").sha, Config(epochs=20, lambda_l0=1e-6)).id
    owner, name = (fitting if place == "write_run" else Store), place
    real, tries, seen = getattr(owner, name), [], []

    def full_for_a_while(*given, **named):
        tries.append(1)
        if 3 <= len(tries) < 6 or (place != "append" and len(tries) < 3):
            seen.append(store.run(run_id))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given, **named)

    monkeypatch.setattr(execution, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(owner, name, full_for_a_while)
    assert Execution(store, store.begin(run_id, os.getpid())).carry_out() is Status.STEP_LIMIT
    assert seen[-1].status is Status.PAUSED and "the disk is full (No space left on device): it goes on by itself" in seen[-1].message
    assert [s.step for s in store.snapshots(run_id)] == list(range(1, 21)) and store.result(run_id) is not None
    assert store.run(run_id).message == "" and not list(store.folder(run_id).glob(".*"))


@pytest.mark.parametrize("asked", [Request.STOP, None])
def test_a_run_that_waits_for_room_can_be_stopped_or_ended_and_is_resumed(store, monkeypatch, asked):
    run_id = store.create_run(store.add_problem(a_problem(), "tiny").sha, Config(epochs=20, lambda_l0=1e-6)).id
    job = Execution(store, store.begin(run_id, os.getpid()))

    def full(*_: object) -> None:
        store.request(run_id, asked) if asked else job.terminate()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(execution, "RETRY_SECONDS", 0.01)
        patch.setattr(fitting, "write_run", full)
        assert job.carry_out() is Status.INTERRUPTED
    run = store.run(run_id)
    assert ("disk is full" in run.message) == (asked is not None) and run.checkpoint == 20 and store.result(run_id) is None
    store.requeue(run_id)
    assert Execution(store, store.begin(run_id, os.getpid())).carry_out() is Status.STEP_LIMIT
    assert [s.step for s in store.snapshots(run_id)] == list(range(1, 21))


@pytest.mark.parametrize(
    ("raised", "said"),
    [(MemoryError(), "Memory ran out"), (RuntimeError("x" * 500), "unexpected RuntimeError"), (L0Error("As it is."), "As it is.")],
)
def test_every_error_becomes_a_status_and_a_sentence(store, run_id, monkeypatch, raised, said):
    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(fitting, "iterate", broken)
    assert Execution(store, store.begin(run_id, os.getpid())).carry_out() is Status.FAILED
    assert said in store.run(run_id).message and "xxx" not in store.run(run_id).message


def test_memory_is_blamed_only_where_the_system_says_so():
    assert "memory" not in ending(-9, "resume.") and "killed (SIGKILL)" in ending(-9, "resume.")
    assert "ran out of memory" in ending(-9, "resume.", memory=True) and killed_for_memory() >= 0


@pytest.mark.parametrize(("code", "said"), [(-9, "was killed"), (-11, "SIGSEGV"), (-250, "signal 250"), (3, "code 3 before")])
def test_how_a_process_ended_is_said(code, said):
    assert said in ending(code, "resume.") and ending(code, "resume.").endswith("resume.")


def test_results_come_back_with_their_measures(store, run_id):
    gated = Measures(2, 0.1, 0.05, 0.9, 1.5, 1.3, 7.0, 7.0, 0.4)
    weights = np.array([1.5, 0.0, 2.0])
    result = Result(Status.STOPPED, "m", Config(), weights, weights * 2, gated, None, (), "cpu", 1.5, 0.25)
    assert store.result(run_id) is None
    store.save_result(run_id, result)
    found = store.result(run_id)
    np.testing.assert_array_equal(found.weights, weights * 2)
    np.testing.assert_array_equal(found.gated_weights, weights)
    assert (found.gated, found.refitted, found.final, found.status) == (gated, None, gated, Status.STOPPED)
    assert store.run(run_id).outcome.fit_seconds == 1.5


def test_a_newer_schema_is_refused(store):
    with sqlite3.connect(store.root / "store.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(L0Error, match="schema 99"):
        Store(store.root)


def test_the_root_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("L0ENGINE_HOME", str(tmp_path / "here"))
    assert default_root() == tmp_path / "here" == Store().root
    monkeypatch.delenv("L0ENGINE_HOME")
    assert default_root().name == ".l0engine"
