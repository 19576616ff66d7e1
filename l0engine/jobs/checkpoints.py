"""CheckpointShelf: the state a job goes on from, one file a job; the file alone says what step it is of."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping

import numpy as np

from l0engine.io.whole import read_arrays, write_arrays
from l0engine.jobs.points import PointShelf

log = logging.getLogger(__name__)

#: What damaged files lead to.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class CheckpointShelf(PointShelf):
    """The part of `Store` that keeps checkpoints, as runs/<id>/checkpoint.npz; what the database says of them is for lists."""

    def save_checkpoint(self, job_id: str, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint in the place of the last one, and then record its step.

        Raises
        ------
        OSError
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
