"""Store: problems, jobs, snapshots, checkpoints and results in one folder, shared by servers and workers."""

from __future__ import annotations

import json
from collections.abc import Collection

from l0engine.calibration.config import Config
from l0engine.calibration.problem.previous import Previous, check_price
from l0engine.calibration.results import Result, Status
from l0engine.errors import L0Error
from l0engine.io.whole import read_arrays, write_arrays
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.disk.room import needs
from l0engine.jobs.previous import as_input, read_previous_of
from l0engine.jobs.records import Calibration, Outcome, Plan, RunRecord
from l0engine.jobs.shelves.problems import default_root
from l0engine.jobs.shelves.steering import SteeringShelf

__all__ = ["Store", "default_root"]


class Store(SteeringShelf):
    """All that outlives a process, under `root`: store.sqlite, problems/<sha>/, runs/<id>/.

    Every method may be called from any thread and any process. Ids come from URLs, so they are checked before they
    become a path.

    Raises
    ------
    L0Error
        An id is malformed or unknown, or what is asked does not go with the status of the job.
    """

    @at_the_edge()
    def create_run(
        self,
        sha: str,
        config: Config,
        plan: Plan | None = None,
        sweep: str | None = None,
        *,
        pid: int | None = None,
        previous: Previous | None = None,
    ) -> RunRecord:
        """Queue a run of a problem that is in the store; with a frontier after it, or as one of a sweep, where asked.

        With `pid` it is not queued but at work already, in that process. It keeps a copy of the previous answer it goes out from; a
        frontier of another run's fit takes that run's.

        Raises
        ------
        ConfigError
            A price of change goes with no previous answer.
        L0Error
            Disk, memory or the quota would not do for it; the sentence says how much it needs.
        """
        need = needs(self.problem_record(sha))
        if previous is None and plan is not None and plan.source is not None and self._knows(plan.source):
            previous = self.previous(plan.source)
        check_price(config, previous)
        settings = json.dumps(config.to_dict(), ensure_ascii=False).encode()
        origin, inputs = as_input(previous)
        task = Calibration(sha, config, plan, origin)
        return self.run(self.queue(task, {"config.json": settings, **inputs}, sweep, pid, need).id)

    def run(self, run_id: str) -> RunRecord:
        """One run: a job that calibrates."""
        found = self.job(run_id)
        if not isinstance(found, RunRecord):
            raise L0Error(f"Job {run_id} is no run but one of {found.task.kind}: open it on its own page.")
        return found

    def runs(
        self,
        problem: str | None = None,
        *,
        statuses: Collection[Status] = tuple(Status),
        sweep: str | None = None,
        trashed: bool = False,
        limit: int = 200,
    ) -> list[RunRecord]:
        """Runs, newest first; of one problem or sweep, or in one of some statuses, or those in the trash, where asked."""
        return self.jobs(Calibration.kind, problem, statuses=statuses, sweep=sweep, trashed=trashed, limit=limit)  # type: ignore[return-value]

    def _knows(self, run_id: str) -> bool:
        try:
            self.run(run_id)
        except L0Error:  # the job itself says so when its turn comes
            return False
        return True

    def previous(self, run_id: str) -> Previous | None:
        """The previous answer that a run goes out from; None where there is none."""
        origin = self.run(run_id).task.previous
        return None if origin is None else read_previous_of(self.folder(run_id), origin)

    def answer(self, named: str) -> Previous:
        """The weights of a finished run, named by its id, or of a point of its frontier (ID/POINT), for another one to go out from.

        Raises
        ------
        L0Error
            It has none.
        """
        run_id, _, point = named.partition("/")
        run = self.run(run_id)
        if point:
            problem = self.problem(run.problem)
            return Previous.of(problem, self.point_weights(run_id, point, problem.n_households), f"point {point} of run {run_id}")
        result = self.result(run_id)
        if result is None or not (result.weights > 0).any():
            raise L0Error(f"Run {run_id} has no weights to go out from: choose a finished run.")
        return Previous.of(self.problem(run.problem), result.weights, f"run {run_id}")

    @at_the_edge()
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
