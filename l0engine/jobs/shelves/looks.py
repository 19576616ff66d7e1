"""LookShelf: what the looks at a fit saw of single targets and households."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.seen import ErrorPath, GatePath, gate_path
from l0engine.jobs.job import checked_id
from l0engine.jobs.shelves.queue import JobShelf


class LookShelf(JobShelf):
    """The part of `Store` that reads `Seen` of a fit, one target or household at a time; runs of earlier versions have none."""

    def error_path(self, run_id: str, at: int) -> ErrorPath:
        """The error of one target over the training.

        Parameters
        ----------
        at : int
            Its place among the targets in use.
        """
        query = "SELECT step, substr(errors, ?, 4) AS error FROM looks WHERE run = ? AND length(errors) >= ? ORDER BY step"
        with self._database.connect() as db:
            rows = db.execute(query, (4 * at + 1, checked_id(run_id), 4 * at + 4)).fetchall()
        errors = np.frombuffer(b"".join(row["error"] for row in rows), "<f4").astype(np.float64)
        return ErrorPath(np.array([row["step"] for row in rows], np.int64), errors)

    def gate_path(self, run_id: str, household: int) -> GatePath:
        """The gate of one household (column of the problem) over the training."""
        query = "SELECT step, gates FROM looks WHERE run = ? AND length(gates) > 0 ORDER BY step"
        with self._database.connect() as db:
            rows = db.execute(query, (checked_id(run_id),)).fetchall()
        return gate_path([(row["step"], row["gates"]) for row in rows], household)
