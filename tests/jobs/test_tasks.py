"""Jobs of any kind, with a toy: queue, processes, places, pauses, stops and bad ends."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from further import further
from toys import KIND, Count, Counted, Counting
from waiting import end_workers, until

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs import task as task_module
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.records import Calibration, Plan
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor
from l0engine.jobs.task import task_of

ENDLESS = Counting(steps=100_000, pause=0.01)


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """A store that knows the toy; so do its worker processes, by a start-up file on their path."""
    monkeypatch.setitem(task_module.KINDS, "counting", KIND)
    extra = tmp_path / "path"
    extra.mkdir()
    (extra / "sitecustomize.py").write_text(
        f"import sys\nsys.path.append({str(Path(__file__).parent)!r})\nfrom l0engine.jobs.task import KINDS\n"
        f"from toys import KIND\nKINDS['counting'] = KIND\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(extra), os.environ.get("PYTHONPATH", "")]))
    return Store(tmp_path / "home")


@pytest.fixture
def supervisor(store) -> Iterator[Supervisor]:
    supervisor = Supervisor(store, poll=0.05)
    supervisor.start()
    yield supervisor
    supervisor.stop()
    end_workers(store.root)


def ended(store, job_id):
    until(lambda: store.job(job_id).status.ended, story=lambda: store.job(job_id))
    return store.job(job_id)


def under_way(store, job_id, after=0):
    until(lambda: (found := store.snapshots(job_id)) and found[-1].step > after, story=lambda: store.job(job_id))


def test_a_job_runs_in_a_process_of_its_own_with_its_inputs(store, supervisor, tmp_path):
    (tmp_path / "source").write_text("given")
    name = store.queue(Counting(steps=4), {"in.txt": tmp_path / "source"}).id
    record = ended(store, name)
    assert record.status is Status.FINISHED and record.result == Counted(4, "given") and not record.message
    assert store.snapshots(name) == [Count(step, 4) for step in (1, 2, 3, 4)] and store.snapshots(name, 3) == [Count(4, 4)]
    assert (store.folder(name) / "made.txt").read_text() == "made" and record.seconds > 0
    assert [r.id for r in store.jobs("counting")] == [name] and store.jobs("other") == [] == store.runs()
    again = Store(store.root).job(name)  # as after a restart of the server
    assert again == record and again.task == Counting(steps=4) and again.title.endswith(" · to 4") and again.pid != os.getpid()


def test_a_pause_holds_any_task_and_frees_its_place_and_a_stop_ends_it_soon_with_what_there_is(store, supervisor):
    name = store.queue(ENDLESS).id
    under_way(store, name)
    store.request(name, Request.PAUSE)
    until(lambda: store.job(name).status is Status.PAUSED, story=lambda: store.job(name))
    held = store.snapshots(name)[-1].step
    assert ended(store, store.queue(Counting()).id).status is Status.FINISHED
    assert store.snapshots(name)[-1].step == held
    store.request(name, Request.NONE)
    under_way(store, name, after=held)
    store.request(name, Request.STOP)
    record = ended(store, name)
    assert record.status is Status.STOPPED and held < record.result.done < ENDLESS.steps


@pytest.mark.slow  # a killed fit: test_runs.py
def test_a_killed_job_is_interrupted_keeps_its_snapshots_and_starts_again(store, supervisor):
    name = store.queue(Counting(steps=300, pause=0.01)).id
    under_way(store, name)
    os.kill(store.job(name).pid, signal.SIGKILL)
    record = ended(store, name)
    assert record.status is Status.INTERRUPTED and record.message.endswith("resume to start it again.") and store.snapshots(name)
    store.requeue(name)
    assert store.job(name).status is not Status.INTERRUPTED
    assert ended(store, name).result.done == 300
    assert [s.step for s in store.snapshots(name)] == list(range(1, 301))


@pytest.mark.parametrize(
    ("breaks", "message"),
    [("refused", "Column 'x' is empty: choose another."), ("memory", "Memory ran out"), ("bug", "An unexpected ZeroDivisionError")],
)
def test_bad_ends_are_told_in_a_sentence(store, breaks, message):
    job = store.queue(Counting(breaks=breaks))
    assert Execution(store, store.begin(job.id, os.getpid())).carry_out() is Status.FAILED
    record = store.job(job.id)
    assert record.message.startswith(message) and "private" not in record.message and record.result is None
    assert len(store.snapshots(job.id)) == 3


#: By how it comes: how the job stands then, how what it says begins, and what its log says.
DEATHS = {
    "bug": (Status.FAILED, "An unexpected ZeroDivisionError ended it", "a private detail"),
    "segfault": (Status.INTERRUPTED, "Its process was ended by SIGSEGV", "Segmentation fault"),
    "limit": (Status.FAILED, "Memory ran out: close other programs", "MemoryError"),
    "torch limit": (Status.FAILED, "Memory ran out: close other programs", "allocate memory"),
}


def died(store, how):
    """A job that died in its process, once what is said of it and what its log says are as they should be."""
    job = store.queue(Counting(steps=1, breaks=how)).id
    record, (status, said, logged) = ended(store, job), DEATHS[how]
    log = (store.folder(job) / "worker.log").read_text()
    assert record.status is status and record.message.startswith(said) and logged in log, (record, log)
    assert "Traceback" not in record.message and "private" not in record.message and len(record.message) < 300
    return record


@pytest.mark.parametrize("how", ["segfault", *further("bug", "limit", "torch limit")])
def test_a_death_in_its_process_is_named_and_its_trace_stands_in_the_log_alone(store, supervisor, how):
    died(store, how)


@pytest.mark.slow  # counts seconds
@pytest.mark.parametrize("how", list(DEATHS))
def test_a_death_is_told_within_two_seconds(store, how):
    supervisor = Supervisor(store)  # with the poll of a server
    supervisor.start()
    try:
        record = died(store, how)
        assert record.ended - float((store.folder(record.id) / "broke").read_text()) < 2.0
    finally:
        supervisor.stop()
        end_workers(store.root)


def claims(store, *, slots):
    """Kinds that are claimed now, in order."""
    found = []
    while (job := store.claim_next(slots)) is not None:
        found.append(job.task.kind)
    return found


def fit(store):
    return store.queue(Calibration("0" * 64, Config(device="cpu"))).id


def fit_on_gpu(store, plan=None):
    return store.queue(Calibration("0" * 64, Config(device="cuda"), plan)).id


def toy(store):
    return store.queue(Counting()).id


def test_one_small_job_runs_beside_each_set_of_fits_and_four_without(store):
    assert claims(store, slots=1) == []
    fits, toys = [fit(store) for _ in range(3)], [toy(store) for _ in range(6)]
    assert claims(store, slots=1) == ["calibration", "counting"]  # the first fit, and the oldest small job passes the other two
    assert claims(store, slots=2) == ["calibration"]
    for name in fits:
        store.set_status(name, Status.STOPPED)
    assert claims(store, slots=1) == ["counting"] * 3
    assert [store.job(name).status for name in toys] == [Status.RUNNING] * 4 + [Status.QUEUED] * 2


def test_small_jobs_do_not_keep_a_fit_waiting_for_ever(store):
    first, second = toy(store), toy(store)
    assert claims(store, slots=1) == ["counting"] * 2
    waiting, later = fit(store), toy(store)
    assert claims(store, slots=1) == [], "there is a free place, but taking it would put off the fit"
    store.set_status(first, Status.FINISHED)
    assert claims(store, slots=1) == ["calibration"] and store.job(waiting).status is Status.RUNNING
    store.set_status(second, Status.FINISHED)
    assert claims(store, slots=1) == ["counting"] and store.job(later).status is Status.RUNNING


def test_jobs_on_the_gpu_take_no_place_and_run_one_at_a_time(store):
    first, second = fit_on_gpu(store), fit_on_gpu(store)
    fit(store), toy(store)
    assert claims(store, slots=1) == ["calibration", "calibration", "counting"]  # one on the GPU, and all that the CPU has places for
    assert [store.job(name).status for name in (first, second)] == [Status.RUNNING, Status.QUEUED]
    store.set_status(first, Status.STOPPED)
    assert claims(store, slots=1) == ["calibration"] and store.job(second).status is Status.RUNNING


def test_a_frontier_takes_places_also_where_its_fit_is_on_the_gpu(store):
    waiting, both = fit(store), fit_on_gpu(store, Plan((5,)))
    of_another, later = fit_on_gpu(store, Plan((5,), source="20261122-164000-ab12")), fit_on_gpu(store)
    assert claims(store, slots=1) == ["calibration"] * 2  # the first has the places, the last the GPU
    assert [store.job(name).status.value for name in (waiting, both, of_another, later)] == ["running", "queued", "queued", "running"]
    store.set_status(waiting, Status.STOPPED)
    assert claims(store, slots=1) == [], "a frontier of another fit works on the GPU too"
    store.set_status(later, Status.STOPPED)
    small = toy(store)
    assert claims(store, slots=1) == ["calibration", "counting"] and store.job(both).status is Status.RUNNING
    assert [store.job(name).status.value for name in (of_another, small)] == ["queued", "running"]


def test_no_slots_start_nothing(store):
    toy(store), fit(store), fit_on_gpu(store)
    assert claims(store, slots=0) == []


def test_inputs_that_cannot_be_copied_are_told_and_queue_nothing(store, tmp_path):
    with pytest.raises(L0Error, match=r"'in\.txt' could not be copied"):
        store.queue(Counting(), {"in.txt": tmp_path / "nowhere"})
    assert store.jobs() == [] and not list((store.root / "runs").iterdir())


def test_tasks_come_back_equal_and_strange_ones_are_refused(store):
    task = Counting(pairs=(("a", "b"), ("c", "d")))
    assert task_of("counting", json.loads(json.dumps(task.to_dict()))) == task
    for kind, values in (("no", {}), ("counting", {"more": 1}), ("counting", {"steps": "three"}), ("calibration", {})):
        with pytest.raises(L0Error, match="another version"):
            task_of(kind, values)


def test_jobs_of_another_version_are_left_out_of_lists_and_never_claimed(store, monkeypatch):
    name = toy(store)
    monkeypatch.delitem(task_module.KINDS, "counting")
    assert store.jobs() == [] and store.claim_next() is None
    with pytest.raises(L0Error, match="another version"):
        store.job(name)


@pytest.mark.parametrize("wrong", [{"steps": "three"}, {"steps": 2.5}, {"pairs": ("ab",)}])
def test_settings_of_a_wrong_type_are_refused_before_they_are_queued(store, wrong):
    with pytest.raises(L0Error, match="another version"):
        store.queue(Counting(**wrong))
    assert store.claim_next() is None and not list((store.root / "runs").iterdir())


def test_a_job_that_cannot_be_read_fails_and_keeps_nobody_waiting(store):
    strange, waiting = toy(store), toy(store)
    with store._database.write() as db:
        db.execute("UPDATE jobs SET task = ? WHERE id = ?", (json.dumps({"of": "another version"}), strange))
    assert store.claim_next().id == waiting
    with store._database.connect() as db:
        row = db.execute("SELECT status, message FROM jobs WHERE id = ?", (strange,)).fetchone()
    assert tuple(row) == (Status.FAILED, "This job was made by another version: start it anew.")


def test_a_job_that_cannot_be_read_and_lost_its_process_frees_its_place(store):
    strange = toy(store)
    store.claim_next()
    store.set_status(strange, Status.RUNNING, started=0.0)
    with store._database.write() as db:
        db.execute("UPDATE jobs SET task = '{}', kind = 'samples' WHERE id = ?", (strange,))
    Supervisor(store, slots=0).tick()
    assert store.live() == []


def test_taken_up_again_it_has_said_nothing_yet(store):
    name = toy(store)
    for checkpoint in (None, 2):
        for step in (1, 2, 3):
            store.append(name, Count(step, 3))
        store.set_status(name, Status.INTERRUPTED)
        if checkpoint is not None:
            store.save_checkpoint(name, checkpoint, {"step": np.asarray(checkpoint)})
        store.requeue(name)
        assert [s.step for s in store.snapshots(name)] == list(range(1, (checkpoint or 0) + 1))


def test_a_process_that_was_there_before_the_job_is_taken_for_its_own(store):
    """As of the pool of a sweep, whose command line names no job."""
    job = store.begin(toy(store), os.getpid())
    Supervisor(store, slots=0).tick()
    assert store.job(job.id).status is Status.RUNNING


@pytest.mark.parametrize("name", ["", "../x", "20260101-000000-abcd/..", "x" * 500, "20260101-000000-abcd"])
def test_ids_from_addresses_are_checked(store, name):
    with pytest.raises(L0Error, match=r"not the id of a job|no job"):
        store.job(name)


def test_workers_outlive_the_server_and_are_adopted(store, monkeypatch):
    monkeypatch.setitem(task_module.KINDS, "counting", KIND._replace(places=3))  # there is room for one, as for fits
    name = store.queue(ENDLESS).id
    first, second = (Supervisor(store, poll=0.05) for _ in range(2))
    try:
        first.start()
        first.stop()  # may end before it has claimed anything
        first.start()
        under_way(store, name)
        first.stop()
        pid = store.job(name).pid
        assert os.getsid(pid) == pid, "a Ctrl-C in the server's terminal would reach it"
        under_way(store, name, after=store.snapshots(name)[-1].step)

        second.start()
        waiting = store.queue(Counting()).id
        time.sleep(0.5)
        assert store.job(name).status is Status.RUNNING and store.job(name).pid == pid
        assert store.job(waiting).status is Status.QUEUED, "the adopted job holds the only place"
        os.kill(pid, signal.SIGKILL)
        assert ended(store, name).status is Status.INTERRUPTED
        assert ended(store, waiting).status is Status.FINISHED
    finally:
        first.stop()
        second.stop()
        end_workers(store.root)


@pytest.mark.parametrize("jobs", [4, *further(20)])
def test_two_servers_that_start_at_once_start_every_job_once(store, jobs):
    names = [store.queue(Counting()).id for _ in range(jobs)]
    pair = [Supervisor(Store(store.root), slots=2, poll=0.05) for _ in range(2)]
    for one in pair:
        one.start()
    try:
        for name in names:
            assert ended(store, name).status is Status.FINISHED
    finally:
        for one in pair:
            one.stop()
    assert [(store.folder(name) / "worker.log").read_text().count(" begins in process ") for name in names] == [1] * jobs
