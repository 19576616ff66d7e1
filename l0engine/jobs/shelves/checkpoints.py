"""CheckpointShelf: the state a job goes on from, one file a job; the file alone says what step it is of."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.job import JobRecord
from l0engine.jobs.shelves.points import PointShelf
from l0engine.jobs.shelves.rows import forget_rows, one_job, take_up

log = logging.getLogger(__name__)

#: What damaged files lead to.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class CheckpointShelf(PointShelf):
    """The part of `Store` that keeps checkpoints, as runs/<id>/checkpoint.npz; what the database says of them is for lists."""

    @at_the_edge()
    def save_checkpoint(self, job_id: str, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint in the place of the last one, and then record its step.

        Raises
        ------
        StorageError
            Nothing was written, for instance for want of disk space; the last checkpoint still stands.
        """
        write_arrays(self.folder(job_id) / "checkpoint.npz", arrays)
        with self._database.write() as db:
            db.execute("UPDATE jobs SET checkpoint = ? WHERE id = ?", (step, job_id))

    def checkpoint(self, job_id: str) -> dict[str, np.ndarray] | None:
        """The last checkpoint; None where there is none that can be read (the job then starts at its first step)."""
        try:
            return read_arrays(self.folder(job_id) / "checkpoint.npz")
        except FileNotFoundError:
            return None
        except _DAMAGED as error:
            log.warning("The checkpoint of job %s cannot be read (%s): it starts at its first step.", job_id, error)
            return None

    def checkpoint_step(self, job_id: str) -> int | None:
        """The step of the last checkpoint; None where there is none that can be read."""
        try:
            with np.load(self.folder(job_id) / "checkpoint.npz", allow_pickle=False) as arrays:
                return int(arrays["step"])
        except _DAMAGED:
            return None

    def requeue(self, job_id: str) -> JobRecord[Any, Any]:
        """Queue an interrupted job again; it goes on from its checkpoint, where it has one."""
        step = self.checkpoint_step(job_id)
        with self._database.write() as db:
            job = one_job(db, job_id)
            if job.deleted is not None:
                raise L0Error(f"Job {job_id} is in the trash: restore it first.")
            if not job.can_requeue:
                raise L0Error(f"Job {job_id} is {job.status}: only an interrupted one can be resumed.")
            take_up(db, job_id, step)
            # A page that follows it must not take what comes anew for what it has seen.
            forget_rows(db, job_id, -1 if step is None else step)
            return one_job(db, job_id)
