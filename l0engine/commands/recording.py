"""Recording: a fit of the command line is a run of the store too, which pages show, stop and continue."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l0engine.calibration.config import Config
from l0engine.calibration.problem.previous import Previous
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.errors import L0Error, StorageError
from l0engine.io.saving import recipe_in
from l0engine.jobs.disk.room import quota
from l0engine.jobs.execution import Execution, Written
from l0engine.jobs.fitting import kept, trained
from l0engine.jobs.job import JobRecord, remedy
from l0engine.jobs.store import Store


class Recorded(Execution):
    """A run that this process carries out by itself; where the store cannot be written, it goes on without."""

    def __init__(self, store: Store, job: JobRecord[Any, Any], problem: Problem, should_stop: Callable[[], bool]) -> None:
        super().__init__(store, job)
        self._problem, self._interrupted, self._lost = problem, should_stop, False

    def should_stop(self) -> bool:
        return self._interrupted() or super().should_stop()

    def persist(self, write: Callable[[], Written]) -> Written | None:  # type: ignore[override]
        if self._lost:
            return None
        try:
            return write()
        except (StorageError, OSError) as error:
            self._lost = True
            print(f"l0engine: Run {self.job.id} is recorded no further: {error}", file=sys.stderr)
            return None

    def steps(self) -> Generator[Snapshot, None, Result]:
        """Fit, and keep what it says."""
        run = trained(self, self._problem)
        while True:
            try:
                snapshot = next(run)
            except StopIteration as end:
                result: Result = end.value
                return result
            self._append(snapshot)
            yield snapshot

    def finished(self, result: Result) -> None:
        """Keep what it ended in."""
        if result.status.has_result:
            kept(self, self._problem, result)
        self.ended(result.status, result.message)

    def ended(self, status: Status, message: str) -> None:
        """Say how it ended, where the store still listens."""
        self.persist(lambda: self.store.set_status(self.job.id, status, message))


@contextmanager
def recorded(
    problem: Problem, config: Config, path: Path, should_stop: Callable[[], bool], previous: Previous | None = None
) -> Iterator[Recorded | None]:
    """Enter a fit as a run of the store and print its id; None where the store cannot take it, which is said.

    Raises
    ------
    L0Error
        L0ENGINE_QUOTA is no number: what was meant is not known.
    """
    quota()
    try:
        store = Store()
        title, recipe = path.resolve().stem or "problem", recipe_in(path)
        sha = store.add_problem(problem, title, source="command line", recipe=recipe).sha
        job = Recorded(store, store.create_run(sha, config, pid=os.getpid(), previous=previous), problem, should_stop)
    except (L0Error, OSError) as error:
        print(f"l0engine: The run is not recorded: {error}", file=sys.stderr)
        yield None
        return
    print(f"Run {job.job.id}", flush=True)
    try:
        yield job
    except L0Error as error:
        job.ended(Status.FAILED, str(error))
        raise
    except BaseException as error:
        step = job.store.checkpoint_step(job.job.id)
        job.ended(Status.INTERRUPTED, f"The command line ended before the fit did ({type(error).__name__}); {remedy(step)}")
        raise
