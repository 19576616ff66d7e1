"""LookShelf: what jobs say on the way, and what the looks at a fit saw of single targets and households."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from l0engine.calibration.seen import ErrorPath, GatePath, gate_path
from l0engine.jobs.job import checked_id
from l0engine.jobs.shelves.queue import JobShelf
from l0engine.jobs.shelves.rows import forget_rows
from l0engine.jobs.task import Step, task_class


class LookShelf(JobShelf):
    """The part of `Store` that keeps snapshots, and `Seen` of a fit beside them; runs of earlier versions have none of that."""

    def append(self, job_id: str, snapshot: Step) -> None:
        """Keep a snapshot; one of the same step is replaced. What it saw of each target and household is kept beside it."""
        body, seen = json.dumps(snapshot.to_dict()), getattr(snapshot, "seen", None)
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (checked_id(job_id), snapshot.step, body))
            if seen is not None:
                query = "INSERT OR REPLACE INTO looks (run, step, errors, gates) VALUES (?, ?, ?, ?)"
                db.execute(query, (job_id, snapshot.step, seen.errors, seen.gates))

    def snapshots(self, job_id: str, since: int = -1) -> list[Any]:
        """Snapshots of the steps after `since`, in order."""
        query = "SELECT body, kind FROM snapshots JOIN jobs ON id = run WHERE run = ? AND step > ? ORDER BY step"
        rows = self._database.rows(query, checked_id(job_id), since)
        return [task_class(row["kind"]).snapshot.from_dict(json.loads(row["body"])) for row in rows]

    def forget_after(self, job_id: str, step: int) -> None:
        """Drop the snapshots of steps that a resumed job is about to take again."""
        with self._database.write() as db:
            forget_rows(db, checked_id(job_id), step)

    def error_path(self, run_id: str, at: int) -> ErrorPath:
        """The error of one target over the training.

        Parameters
        ----------
        at : int
            Its place among the targets in use.
        """
        query = "SELECT step, substr(errors, ?, 4) AS error FROM looks WHERE run = ? AND length(errors) >= ? ORDER BY step"
        rows = self._database.rows(query, 4 * at + 1, checked_id(run_id), 4 * at + 4)
        errors = np.frombuffer(b"".join(row["error"] for row in rows), "<f4").astype(np.float64)
        return ErrorPath(np.array([row["step"] for row in rows], np.int64), errors)

    def gate_path(self, run_id: str, household: int) -> GatePath:
        """The gate of one household (column of the problem) over the training."""
        query = "SELECT step, gates FROM looks WHERE run = ? AND length(gates) > 0 ORDER BY step"
        rows = self._database.rows(query, checked_id(run_id))
        return gate_path([(row["step"], row["gates"]) for row in rows], household)
