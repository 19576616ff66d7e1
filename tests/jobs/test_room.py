"""Room on the disk and in memory: refused before, told near the end, waited for when it is gone, and what kills leave is cleared."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_bundles import a_run_with_everything
from test_store import a_problem, a_snapshot
from waiting import until

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.errors import L0Error, StorageError
from l0engine.io import save_problem
from l0engine.io.whole import write_whole
from l0engine.jobs.bundles import export_jobs, import_jobs
from l0engine.jobs.disk import leftovers, room
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store
from l0engine.studies.samples.settings import SampleStudy


def test_a_run_that_has_no_room_is_refused_with_the_figures(store, sha, monkeypatch):
    large = replace(store.problem_record(sha), n_households=10**10)
    with pytest.raises(L0Error, match=r"needs about 1,700 GB of disk, and .* are free at .*: make room first"):
        store.admit(room.needs(large))
    monkeypatch.setattr(room, "memory_there", lambda: 10**8)
    with pytest.raises(L0Error, match=r"needs about 500 MB of memory, and this machine has 100 MB"):
        store.create_run(sha, Config())
    assert store.runs() == []


def test_what_a_run_needs_is_enough_for_what_it_writes(store):
    problem = a_problem()
    sha = store.add_problem(problem, "tiny").sha
    run = store.create_run(sha, Config(epochs=100, lambda_l0=1e-6)).id
    Execution(store, store.begin(run, os.getpid())).carry_out()
    assert store.costs([run])[run] < room.needs(store.problem_record(sha)).disk


def test_the_room_of_a_store_is_that_of_its_files_and_a_quota_warns_before_it_bites(store, sha, monkeypatch):
    run, gone = (store.create_run(sha, Config()).id for _ in range(2))
    (store.folder(gone) / "x").write_bytes(b"x" * 10_000)
    store.set_status(gone, Status.FAILED)
    store.trash([gone])
    found = store.room()
    assert found.trash == store.costs([gone])[gone] > 10_000 and found.jobs == store.costs([run])[run]
    assert found.problems == sum(f.stat().st_size for f in (store.root / "problems" / sha).iterdir()) and found.used < 100_000
    assert found._replace(free=10**12).warning == "" and "Only 1.0 GB are free" in found._replace(free=10**9).warning
    monkeypatch.setenv("L0ENGINE_QUOTA", "0.00002")
    assert "of the 20 kB it may" in store.room()._replace(free=10**12).warning and "the trash alone holds 11 kB" in store.room().warning
    for wrong in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("L0ENGINE_QUOTA", wrong)
        with pytest.raises(L0Error, match=f"L0ENGINE_QUOTA is '{wrong}': set it to a number of GB"):
            store.room()


def test_a_quota_refuses_what_would_not_fit_and_harms_nobody(store, sha, monkeypatch, tmp_path):
    need, used = room.needs(store.problem_record(sha)).disk, store.room().used

    def allow(count):
        monkeypatch.setenv("L0ENGINE_QUOTA", f"{count / 1e9:.9f}")

    allow(used + need - 1)
    with pytest.raises(
        L0Error, match=r"needs about 2.0 MB of disk, .* of the 2.0 MB it may .*: delete runs and empty the trash, on the Runs"
    ):
        store.create_run(sha, Config())
    assert store.jobs() == [] and not list((store.root / "runs").iterdir())
    allow(used + need)
    running = store.create_run(sha, Config(epochs=100, lambda_l0=1e-6)).id
    with pytest.raises(L0Error, match=r"jobs that have not ended may need 2.0 MB more"):
        store.create_run(sha, Config())
    table = tmp_path / "t.csv"
    table.write_bytes(b"x" * 10_000)
    with pytest.raises(L0Error, match=r"needs about 10 kB of disk"):
        store.queue(SampleStudy(5, means=("x",)), {"table.csv": table})
    allow(1)
    assert Execution(store, store.begin(running, os.getpid())).carry_out() is Status.STEP_LIMIT and store.result(running) is not None
    store.trash([running])
    store.purge([running])
    allow(used + need + 1000)
    assert store.create_run(sha, Config()).status is Status.QUEUED


def test_a_quota_warns_from_four_fifths_on(store):
    near = store.room()._replace(jobs=799, trash=0, problems=0, free=10**12, quota=1000)
    assert near.warning == "" and "800 bytes of the 1.0 kB" in near._replace(jobs=800).warning


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full .*: make room on the disk"),
        (OSError(errno.EROFS, "Read-only file system"), "can only be read .*: make it writable, or set L0ENGINE_HOME"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device")]), "the disk is full"),
    ],
)
def test_what_the_disk_says_becomes_one_sentence(error, said):
    with pytest.raises(StorageError, match=said) as caught, at_the_edge():
        raise error
    assert str(caught.value).count("\n") == 0 and "[" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no"), sqlite3.OperationalError("no such table: x"), ValueError("x")])
def test_mistakes_of_the_program_stay_what_they_are(error):
    with pytest.raises(type(error)), at_the_edge():
        raise error


def test_a_store_that_is_full_says_so_and_can_still_be_read(store, sha):
    run = store.create_run(sha, Config()).id
    with store._database.connect() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    connect = sqlite3.connect

    def small(*given, **named):
        db = connect(*given, **named)
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(StorageError, match=r"the disk is full \(database or disk is full\): make room"):
            for step in range(1000):
                store.append(run, a_snapshot(step))
        assert store.run(run).status is Status.QUEUED and len(store.snapshots(run)) < 1000


def test_what_a_kill_leaves_is_cleared_once_nobody_writes_it(store, sha, monkeypatch):
    running, ended = store.create_run(sha, Config()).id, store.create_run(sha, Config()).id
    assert store.claim_next().id == running
    names = (".checkpoint.npz.0123abcd", ".reserve", "points/.l0engine-5.npz.0123abcd", ".kept", "result.npz")
    for name in names:
        for run in (running, ended):
            (store.folder(run) / name).parent.mkdir(exist_ok=True)
            (store.folder(run) / name).write_bytes(b"x")
    for name in ("problems/.new-0123456789abcdef", "problems/.gone-x", "runs/.gone-y"):
        (store.root / name / "inner").mkdir(parents=True)
    before = sorted(store.root.rglob("*"))
    leftovers.clear(store)
    assert sorted(store.root.rglob("*")) == before, "all of it may be being written"
    monkeypatch.setattr(leftovers, "LEFT_SECONDS", -1.0)
    leftovers.clear(store)
    assert all((store.folder(running) / name).exists() for name in names)
    assert [(store.folder(ended) / name).exists() for name in names] == [False, False, False, True, True]
    assert sorted(p.name for p in (store.root / "problems").iterdir()) == [sha]
    assert sorted(p.name for p in (store.root / "runs").iterdir()) == sorted([running, ended])


def test_clearing_at_every_flush_and_rename_takes_nothing_from_those_who_write(store, tmp_path, monkeypatch):
    """As a supervisor of another process may, at any moment of what this one does."""
    cleared = []

    def beside(act):
        def clear_first(*given, **named):
            leftovers.clear(store)
            cleared.append(act.__name__)
            return act(*given, **named)

        return clear_first

    sha, run = a_run_with_everything(store)
    export_jobs(store, [run], tmp_path / "out.zip", microdata=True)
    save_problem(a_problem(7.0), tmp_path / "old")
    for place in (tmp_path / "old", *(tmp_path / "old").iterdir()):
        os.utime(place, (0, 0))  # an upload that lay there for long
    for name in ("fsync", "replace", "rename"):
        monkeypatch.setattr(os, name, beside(getattr(os, name)))
    queued = store.create_run(sha, Config(epochs=100)).id
    assert (store.folder(queued) / "config.json").is_file() and store.run(queued).config.epochs == 100
    write_whole(store.folder(queued) / "more.json", lambda file: leftovers.clear(store) or file.write(b"{}"))
    again = a_run_with_everything(store, 5.0)[1]
    assert store.result(again) is not None and len(store.points(again)) == 1 and store.checkpoint_step(again) == 100
    assert store.problem(store.adopt_problem(tmp_path / "old", "old").sha).values[0] == 7.0
    other = Store(tmp_path / "other")
    assert import_jobs(other, tmp_path / "out.zip") == [run] and other.problem(sha).fingerprint == sha
    assert len(cleared) > 20 and set(cleared) == {"fsync", "replace", "rename"}


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(small_disk):
    """A disk of 4 MB is filled while a run is at work, and emptied again."""
    store = Store(small_disk / "home")
    sha = store.add_problem(a_problem(), "tiny").sha
    config = Config(epochs=8_000, lambda_l0=1e-6, stop_when_settled=False, device="cpu")
    run = store.create_run(sha, config).id
    worker = threading.Thread(target=lambda: Execution(store, store.begin(run, os.getpid())).carry_out())
    worker.start()
    until(lambda: len(store.snapshots(run)) > 10, story=lambda: store.run(run))
    filler, filled = small_disk / "filler", 0
    while store.run(run).status is not Status.PAUSED:
        try:
            with filler.open("ab", buffering=0) as file:
                filled += file.write(b"x" * 4096)
        except OSError:
            time.sleep(0.01)
        assert worker.is_alive(), "it ended before the disk was full"
    held = store.snapshots(run)
    assert "goes on by itself once there is room" in store.run(run).message and filled > 10_000
    assert len(Store(small_disk / "home").runs()) == 1, "another process reads what is there"
    time.sleep(2.0)
    assert store.snapshots(run) == held
    filler.unlink()
    worker.join(120)
    assert not worker.is_alive() and store.run(run).status is Status.STEP_LIMIT and store.run(run).message == ""
    assert [s.step for s in store.snapshots(run)] == [8, 16, 32, 64, *range(80, 8_001, 80)] and store.snapshots(run)[: len(held)] == held
