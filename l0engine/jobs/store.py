"""Store: problems, jobs, snapshots, checkpoints and results in one folder, shared by servers and workers."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Collection, Mapping

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.results import Result, Status
from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays, write_whole
from l0engine.jobs.points import PointShelf
from l0engine.jobs.problems import default_root
from l0engine.jobs.records import Calibration, Outcome, Plan, RunRecord

__all__ = ["Store", "default_root"]

log = logging.getLogger(__name__)


class Store(PointShelf):
    """All that outlives a process, under `root`: store.sqlite, problems/<sha>/, runs/<id>/.

    Every method may be called from any thread and any process. Ids come from URLs, so they are checked before they
    become a path.

    Raises
    ------
    L0Error
        An id is malformed or unknown, or what is asked does not go with the status of the job.
    """

    def create_run(self, sha: str, config: Config, plan: Plan | None = None, sweep: str | None = None) -> RunRecord:
        """Queue a run of a problem that is in the store; with a frontier after it, or as one of a sweep, where asked."""
        self.problem_record(sha)
        run = self.queue(Calibration(sha, config, plan), sweep=sweep)
        settings = json.dumps(config.to_dict(), ensure_ascii=False).encode()
        write_whole(self.folder(run.id) / "config.json", lambda file: file.write(settings))
        return self.run(run.id)

    def run(self, run_id: str) -> RunRecord:
        """One run: a job that calibrates."""
        found = self.job(run_id)
        if not isinstance(found, RunRecord):
            raise L0Error(f"Job {run_id} is no run but one of {found.task.kind}: open it on its own page.")
        return found

    def runs(
        self, problem: str | None = None, *, statuses: Collection[Status] = tuple(Status), sweep: str | None = None, limit: int = 200
    ) -> list[RunRecord]:
        """Runs, newest first; of one problem or sweep, or in one of some statuses, where asked."""
        return self.jobs(Calibration.kind, problem, statuses=statuses, sweep=sweep, limit=limit)  # type: ignore[return-value]

    def save_checkpoint(self, job_id: str, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint in the place of the last one, and only then record its step.

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
        if self.job(job_id).checkpoint is None:
            return None
        try:
            return read_arrays(self.folder(job_id) / "checkpoint.npz")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("The checkpoint of job %s cannot be read (%s): it starts at its first step.", job_id, error)
            return None

    def save_result(self, run_id: str, result: Result) -> None:
        """Keep the weights and measures of a finished fit; the status is set apart, last."""
        arrays = {"weights": result.weights, "gated_weights": result.gated_weights}
        if result.start is not None:
            arrays["start"] = result.start
        write_arrays(self.folder(run_id) / "result.npz", arrays)
        self.set_result(run_id, Outcome.of(result))

    def result(self, run_id: str) -> Result | None:
        """The result of a run's fit, its weights read-only and without history; None where it has not ended with weights."""
        run = self.run(run_id)
        if run.outcome is None:
            return None
        arrays = read_arrays(self.folder(run_id) / "result.npz")
        for array in arrays.values():
            array.setflags(write=False)
        return run.outcome.with_weights(run.config, **arrays)
