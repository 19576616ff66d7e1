"""JobShelf: jobs of every kind, queued, taken up, and asked to stop."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.io.whole import write_whole
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.disk.room import Needs, check, needs, size_of
from l0engine.jobs.job import JobRecord, LiveJob, Request, checked_id
from l0engine.jobs.records import ProblemRecord
from l0engine.jobs.shelves.places import next_claim
from l0engine.jobs.shelves.problems import ProblemShelf
from l0engine.jobs.shelves.rows import one_job, record_of, update_row
from l0engine.jobs.task import Stored, Task, task_of

_FIELDS = frozenset({"started", "ended", "pid", "request"})
_LIVE = (Status.RUNNING, Status.PAUSED)
_WAITING = tuple(status for status in Status if not status.ended)
_VERBS = {Request.NONE: "go on with", Request.PAUSE: "pause", Request.STOP: "stop"}


class JobShelf(ProblemShelf):
    """The part of `Store` that keeps jobs: a row and a folder each."""

    def folder(self, job_id: str) -> Path:
        """Folder of a job's files: its inputs, worker.log, and what it writes."""
        folder = self.root / "runs" / checked_id(job_id)
        earlier = self.root / "studies" / job_id  # where studies stood once
        return earlier if earlier.is_dir() else folder

    @at_the_edge()
    def queue(
        self,
        task: Task,
        inputs: Mapping[str, Path | str | bytes] | None = None,
        sweep: str | None = None,
        pid: int | None = None,
        need: Needs | None = None,
    ) -> JobRecord[Any, Any]:
        """Queue a task.

        Parameters
        ----------
        task : Task
        inputs : mapping of str to path or bytes
            Files copied into its folder, or what they hold, by the name they get there.
        sweep : str, optional
            Id that the jobs of one sweep share.
        pid : int, optional
            Process that carries it out from now on; it never waits in the queue.
        need : Needs, optional
            Disk and memory it needs, where that is known; by default the disk of its inputs.

        Raises
        ------
        L0Error
            A setting is of the wrong type, an input could not be copied, or there is no room (`room.check`); nothing is queued.
        """
        now, values = time.time(), json.dumps(task.to_dict(), ensure_ascii=False)
        task_of(task.kind, json.loads(values))  # what could not be read again must not wait in the queue
        self.admit(need or Needs(sum(size_of(source) for source in (inputs or {}).values()), 0))
        status, started = (Status.QUEUED, None) if pid is None else (Status.RUNNING, now)
        row = {"kind": task.kind, "problem": getattr(task, "problem", None), "task": values, "status": status, "created": now,
               "sweep": sweep, "started": started, "pid": pid}  # fmt: skip
        staged = self.root / "runs" / f".new-{secrets.token_hex(8)}"
        try:
            _stage(staged, inputs or {})
            while not self.enter(job_id := _new_id(now), row, staged):
                pass
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return self.job(job_id)

    def admit(self, need: Needs) -> None:
        """Refuse what has no room, see `room.check`."""
        check(self.root, need, self._promised)

    def _promised(self) -> int:
        """Bytes of disk that the runs which have not ended may come to need, those included that they have written already."""
        query = f"SELECT problems.* FROM jobs JOIN problems ON problem = sha WHERE status IN ({', '.join('?' * len(_WAITING))})"
        return sum(needs(ProblemRecord(**row)).disk for row in self._database.rows(query, *_WAITING))

    def enter(self, job_id: str, row: Mapping[str, Any], files: Path, said: Mapping[str, Sequence[tuple[Any, ...]]] | None = None) -> bool:
        """Take in a job with its files, a folder that is moved to its place, and what it said; False where there is a job of that id."""
        folder, moved = self.root / "runs" / checked_id(job_id), False
        try:
            with self._database.write() as db:
                if folder.exists() or db.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone() is not None:
                    return False
                values = {"id": job_id, **row}
                db.execute(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
                for table, columns in (("snapshots", "run, step, body"), ("points", "run, key, body"), ("events", "job, step, body, time")):
                    marks = ", ".join("?" * (columns.count(",") + 1))
                    db.executemany(
                        f"INSERT INTO {table} ({columns}) VALUES ({marks})", [(job_id, *one) for one in (said or {}).get(table, ())]
                    )
                os.rename(files, folder)
                moved = True
        except BaseException:
            if moved:  # the row is not there
                os.rename(folder, files)
            raise
        return True

    def job(self, job_id: str) -> JobRecord[Any, Any]:
        """One job."""
        with self._database.connect() as db:
            return one_job(db, job_id)

    def jobs(
        self,
        kind: str | None = None,
        problem: str | None = None,
        *,
        statuses: Collection[Status] = tuple(Status),
        sweep: str | None = None,
        trashed: bool = False,
        limit: int = 200,
    ) -> list[JobRecord[Any, Any]]:
        """Jobs, newest first; of a kind, problem or sweep, or in one of some statuses, or those in the trash, where asked.

        Another version's are left out.
        """
        wanted = {"kind": kind, "problem": problem, "sweep": sweep}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = f" AND deleted IS {'NOT ' * trashed}NULL" + "".join(f" AND {name} = ?" for name in given)
        query = f"SELECT * FROM jobs WHERE status IN ({', '.join('?' * len(statuses))}){where} ORDER BY created DESC, id DESC LIMIT ?"
        found = []
        for row in self._database.rows(query, *statuses, *given.values(), limit):
            with suppress(L0Error):
                found.append(record_of(row))
        return found

    def set_status(self, job_id: str, status: Status, message: str = "", **fields: Any) -> None:
        """Set status and message, and any of started, ended, pid, request; an end without `ended` ends now."""
        if unknown := sorted(set(fields) - _FIELDS):
            raise TypeError(f"set_status takes {', '.join(sorted(_FIELDS))}, not '{unknown[0]}'")
        if status.ended:
            fields.setdefault("ended", time.time())
        with self._database.write() as db:
            update_row(db, checked_id(job_id), status=status, message=message, **fields)

    def set_result(self, job_id: str, result: Stored) -> None:
        """Keep what a job ended in; the status is set apart, last."""
        with self._database.write() as db:
            update_row(db, checked_id(job_id), result=json.dumps(result.to_dict()))

    def live(self) -> list[LiveJob]:
        """The jobs that should have a process now, those of another version too."""
        return [
            LiveJob(*row) for row in self._database.rows("SELECT id, pid, started, checkpoint FROM jobs WHERE status IN (?, ?)", *_LIVE)
        ]

    # Requests, and taking jobs up

    def request(self, job_id: str, request: Request) -> JobRecord[Any, Any]:
        """Ask a job to pause, to stop, or (`Request.NONE`) to go on; one still queued stops at once."""
        with self._database.write() as db:
            job = one_job(db, job_id)
            if job.status.ended:
                raise L0Error(f"Job {job_id} has ended ({job.status}): there is nothing to {_VERBS[request]}.")
            update_row(db, job_id, request=request)
            if job.status is Status.QUEUED and request is Request.STOP:
                message = "Taken out of the queue on request; resume to queue it again."
                update_row(db, job_id, status=Status.INTERRUPTED, message=message, ended=time.time())
            return one_job(db, job_id)

    def requested(self, job_id: str) -> Request:
        """The request that stands, in one light query for the worker's loop."""
        rows = self._database.rows("SELECT request FROM jobs WHERE id = ?", checked_id(job_id))
        return Request(rows[0]["request"]) if rows else Request.STOP

    def claim_next(self, slots: int = 1) -> JobRecord[Any, Any] | None:
        """Take the oldest queued job that fits to running; atomic over all processes.

        There are three places for each slot, and one over, so that one of the small jobs, which take one place, can run beside the
        fits, which take three. A job that waits is passed only by those that fit into what its like can never fill. A fit on the GPU
        (`machine.on_gpu`) takes no place where no frontier follows, and one job at a time is there.
        """
        with self._database.write() as db:
            while (job_id := next_claim(db, 3 * slots + 1 if slots else 0)) is not None:
                update_row(db, job_id, status=Status.RUNNING, started=time.time(), pid=None)
                try:
                    return one_job(db, job_id)
                except L0Error as error:  # of another version: it must not stop the queue
                    update_row(db, job_id, status=Status.FAILED, message=str(error), ended=time.time())
        return None

    def begin(self, job_id: str, pid: int) -> JobRecord[Any, Any]:
        """Enter a process as the one that carries out a job which is queued, or was claimed for it."""
        with self._database.write() as db:
            job = one_job(db, job_id)
            if not (job.status is Status.QUEUED or (job.status is Status.RUNNING and job.pid in (None, pid))):
                raise L0Error(f"Job {job_id} is {job.status}: only a queued one can be carried out; queue it first.")
            update_row(db, job_id, status=Status.RUNNING, started=time.time() if job.started is None else job.started, pid=pid)
            return one_job(db, job_id)

    def lose(self, job_id: str, pid: int | None, message: str) -> bool:
        """Mark a job interrupted whose process `pid` is gone; False where it ended, or moved on, in the meantime."""
        with self._database.write() as db:
            changed = db.execute(
                "UPDATE jobs SET status = ?, message = ?, ended = ? WHERE id = ? AND pid IS ? AND status IN (?, ?)",
                (Status.INTERRUPTED, message, time.time(), checked_id(job_id), pid, *_LIVE),
            ).rowcount
        return changed > 0

    def spawned(self, job_id: str, pid: int) -> None:
        """Note the process started for a claimed job, unless it has entered itself already."""
        with self._database.write() as db:
            query = "UPDATE jobs SET pid = ? WHERE id = ? AND pid IS NULL AND status = ?"
            db.execute(query, (pid, checked_id(job_id), Status.RUNNING))


def _new_id(now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _stage(folder: Path, inputs: Mapping[str, Path | str | bytes]) -> None:
    """A folder with these files, from which a job is entered whole."""
    folder.mkdir()
    for name, source in inputs.items():
        if isinstance(source, bytes):
            write_whole(folder / name, source)
            continue
        try:
            shutil.copyfile(source, folder / name)
        except OSError as error:
            raise L0Error(f"'{name}' could not be copied ({error.strerror}): make room on the disk, or give it again.") from error
