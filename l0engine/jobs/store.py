"""Store: problems, runs, snapshots, checkpoints and results in one folder, shared by servers and workers."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import time
import zipfile
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from l0engine.calibration.config import Config
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays, write_whole
from l0engine.jobs.points import PointShelf, checked_id
from l0engine.jobs.problems import default_root
from l0engine.jobs.records import Outcome, Plan, Request, RunRecord, RunResult

__all__ = ["Store", "default_root"]

log = logging.getLogger(__name__)

_FIELDS = frozenset({"started", "ended", "pid", "request"})
_LIVE = (Status.RUNNING, Status.PAUSED)


class Store(PointShelf):
    """All that outlives a process, under `root`: store.sqlite, problems/<sha>/, runs/<id>/.

    Every method may be called from any thread and any process. Ids come from URLs, so they are checked before they
    become a path.

    Raises
    ------
    L0Error
        An id is malformed or unknown, or what is asked does not go with the status of the run.
    """

    # Runs

    def create_run(self, sha: str, config: Config, plan: Plan | None = None, sweep: str | None = None) -> RunRecord:
        """Queue a run of a problem that is in the store; with a frontier after it, or as one of a sweep, where asked."""
        self.problem_record(sha)
        now, settings = time.time(), json.dumps(config.to_dict(), ensure_ascii=False)
        while True:
            run_id = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            with suppress(FileExistsError):
                (self.root / "runs" / run_id).mkdir()
                break
        write_whole(self.folder(run_id) / "config.json", lambda file: file.write(settings.encode()))
        with self._database.write() as db:
            db.execute(
                "INSERT INTO runs (id, problem, config, status, created, plan, sweep) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run_id, sha, settings, Status.QUEUED, now, None if plan is None else json.dumps(plan.to_dict()), sweep),
            )
        return self.run(run_id)

    def run(self, run_id: str) -> RunRecord:
        """One run."""
        with self._database.connect() as db:
            return _one(db, run_id)

    def runs(
        self, problem: str | None = None, *, statuses: Collection[Status] = tuple(Status), sweep: str | None = None, limit: int = 200
    ) -> list[RunRecord]:
        """Runs, newest first; of one problem or sweep, or in one of some statuses, where asked."""
        marks = ", ".join("?" * len(statuses))
        with self._database.connect() as db:
            rows = db.execute(
                f"SELECT * FROM runs WHERE status IN ({marks}) AND problem = COALESCE(?, problem) "
                "AND COALESCE(sweep, '') = COALESCE(?, sweep, '') ORDER BY created DESC, id DESC LIMIT ?",
                (*statuses, problem, sweep, limit),
            ).fetchall()
        return [_run_record(row) for row in rows]

    def set_status(self, run_id: str, status: Status, message: str = "", **fields: Any) -> None:
        """Set status and message, and any of started, ended, pid, request; an end without `ended` ends now."""
        if unknown := sorted(set(fields) - _FIELDS):
            raise TypeError(f"set_status takes {', '.join(sorted(_FIELDS))}, not '{unknown[0]}'")
        if status.ended:
            fields.setdefault("ended", time.time())
        values = {"status": status, "message": message, **fields}
        sets = ", ".join(f"{name} = ?" for name in values)
        with self._database.write() as db:
            db.execute(f"UPDATE runs SET {sets} WHERE id = ?", (*values.values(), checked_id(run_id)))

    # Requests, and taking runs up

    def request(self, run_id: str, request: Request) -> RunRecord:
        """Ask a run to pause, to stop, or (`Request.NONE`) to go on; one still queued stops at once."""
        with self._database.write() as db:
            run = _one(db, run_id)
            if run.status.ended:
                raise L0Error(f"Run {run_id} has ended ({run.status}): there is nothing to {_VERBS[request]}.")
            db.execute("UPDATE runs SET request = ? WHERE id = ?", (request, run_id))
            if run.status is Status.QUEUED and request is Request.STOP:
                message = "Taken out of the queue on request; resume to queue it again."
                db.execute(
                    "UPDATE runs SET status = ?, message = ?, ended = ? WHERE id = ?",
                    (Status.INTERRUPTED, message, time.time(), run_id),
                )
        return self.run(run_id)

    def requested(self, run_id: str) -> Request:
        """The request that stands, in one light query for the worker's loop."""
        with self._database.connect() as db:
            row = db.execute("SELECT request FROM runs WHERE id = ?", (checked_id(run_id),)).fetchone()
        return Request(row["request"]) if row else Request.STOP

    def requeue(self, run_id: str) -> RunRecord:
        """Queue an interrupted run again; it goes on from its checkpoint."""
        with self._database.write() as db:
            run = _one(db, run_id)
            if not run.can_requeue:
                raise L0Error(f"Run {run_id} is {run.status}: only an interrupted run can be resumed.")
            db.execute(
                "UPDATE runs SET status = ?, message = '', started = NULL, ended = NULL, pid = NULL, request = ? WHERE id = ?",
                (Status.QUEUED, Request.NONE, run_id),
            )
        return self.run(run_id)

    def claim_next(self, slots: int = 1) -> RunRecord | None:
        """Take the oldest queued run to running, where fewer than `slots` are running; atomic over all processes."""
        with self._database.write() as db:
            row = db.execute(
                "UPDATE runs SET status = ?, started = ?, pid = NULL WHERE id = "
                "(SELECT id FROM runs WHERE status = ? ORDER BY created, id LIMIT 1) "
                "AND (SELECT COUNT(*) FROM runs WHERE status = ?) < ? RETURNING *",
                (Status.RUNNING, time.time(), Status.QUEUED, Status.RUNNING, slots),
            ).fetchone()
        return _run_record(row) if row else None

    def begin(self, run_id: str, pid: int) -> RunRecord:
        """Enter a process as the one that carries out a run which is queued, or was claimed for it."""
        with self._database.write() as db:
            run = _one(db, run_id)
            if not (run.status is Status.QUEUED or (run.status is Status.RUNNING and run.pid in (None, pid))):
                raise L0Error(f"Run {run_id} is {run.status}: only a queued run can be carried out; queue it first.")
            db.execute(
                "UPDATE runs SET status = ?, started = COALESCE(started, ?), pid = ? WHERE id = ?",
                (Status.RUNNING, time.time(), pid, run_id),
            )
        return self.run(run_id)

    def lose(self, run_id: str, pid: int | None, message: str) -> bool:
        """Mark a run interrupted whose process `pid` is gone; False where it ended, or moved on, in the meantime."""
        with self._database.write() as db:
            changed = db.execute(
                "UPDATE runs SET status = ?, message = ?, ended = ? WHERE id = ? AND pid IS ? AND status IN (?, ?)",
                (Status.INTERRUPTED, message, time.time(), checked_id(run_id), pid, *_LIVE),
            ).rowcount
        return changed > 0

    def spawned(self, run_id: str, pid: int) -> None:
        """Note the process started for a claimed run, unless it has entered itself already."""
        with self._database.write() as db:
            db.execute(
                "UPDATE runs SET pid = ? WHERE id = ? AND pid IS NULL AND status = ?",
                (pid, checked_id(run_id), Status.RUNNING),
            )

    # What a run leaves behind

    def append(self, run_id: str, snapshot: Snapshot) -> None:
        """Keep a snapshot; one of the same step is replaced."""
        body = json.dumps(snapshot.to_dict())
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (checked_id(run_id), snapshot.step, body))

    def snapshots(self, run_id: str, since: int = -1) -> list[Snapshot]:
        """Snapshots of the steps after `since`, in order."""
        with self._database.connect() as db:
            rows = db.execute("SELECT body FROM snapshots WHERE run = ? AND step > ? ORDER BY step", (checked_id(run_id), since)).fetchall()
        return [Snapshot.from_dict(json.loads(row["body"])) for row in rows]

    def forget_after(self, run_id: str, step: int) -> None:
        """Drop the snapshots of steps that a resumed run is about to take again."""
        with self._database.write() as db:
            db.execute("DELETE FROM snapshots WHERE run = ? AND step > ?", (checked_id(run_id), step))

    def save_checkpoint(self, run_id: str, state: TrainingState) -> None:
        """Write a checkpoint in the place of the last one, and only then record its step.

        Raises
        ------
        OSError
            Nothing was written, for instance for want of disk space; the last checkpoint still stands.
        """
        write_arrays(self.folder(run_id) / "checkpoint.npz", state.to_arrays())
        with self._database.write() as db:
            db.execute("UPDATE runs SET checkpoint = ? WHERE id = ?", (int(state.step), run_id))

    def checkpoint(self, run_id: str) -> TrainingState | None:
        """The last checkpoint; None where there is none that can be read (the run then starts at its first step)."""
        if self.run(run_id).checkpoint is None:
            return None
        try:
            return TrainingState.from_arrays(read_arrays(self.folder(run_id) / "checkpoint.npz"))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("The checkpoint of run %s cannot be read (%s): it starts at its first step.", run_id, error)
            return None

    def save_result(self, run_id: str, result: Result) -> None:
        """Keep the weights and measures of a finished fit; the status is set apart, last."""
        arrays = {"weights": result.weights, "gated_weights": result.gated_weights}
        write_arrays(self.folder(run_id) / "result.npz", arrays)
        with self._database.write() as db:
            outcome = json.dumps(Outcome.of(result).to_dict())
            db.execute("UPDATE runs SET outcome = ? WHERE id = ?", (outcome, run_id))

    def result(self, run_id: str) -> RunResult | None:
        """Weights and measures of a run; None where it has not ended with weights."""
        outcome = self.run(run_id).outcome
        if outcome is None:
            return None
        arrays = read_arrays(self.folder(run_id) / "result.npz")
        for array in arrays.values():
            array.setflags(write=False)
        return RunResult(outcome, arrays["weights"], arrays["gated_weights"])


_VERBS = {Request.NONE: "go on with", Request.PAUSE: "pause", Request.STOP: "stop"}


def _one(db: sqlite3.Connection, run_id: str) -> RunRecord:
    row = db.execute("SELECT * FROM runs WHERE id = ?", (checked_id(run_id),)).fetchone()
    if row is None:
        raise L0Error(f"There is no run {run_id}: choose one from the list of runs.")
    return _run_record(row)


def _run_record(row: sqlite3.Row) -> RunRecord:
    values = dict(row)
    outcome, plan = values.pop("outcome"), values.pop("plan")
    return RunRecord(
        **{
            **values,
            "config": Config.from_dict(json.loads(values["config"])),
            "status": Status(values["status"]),
            "request": Request(values["request"]),
            "plan": None if plan is None else Plan.from_dict(json.loads(plan)),
            "outcome": None if outcome is None else Outcome.from_dict(json.loads(outcome)),
        }
    )
