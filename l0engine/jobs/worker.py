"""The process that carries out one run: ``python -m l0engine.jobs.worker RUN_ID [--home DIR]``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from l0engine.calibration.frontier.path import curve, frontier
from l0engine.calibration.frontier.references import compare
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.iteration import iterate
from l0engine.errors import L0Error
from l0engine.io import write_run
from l0engine.jobs.records import Plan, Request, RunRecord
from l0engine.jobs.store import Store

log = logging.getLogger(__name__)

#: Seconds between two looks at the store for a request.
POLL_SECONDS = 0.1
#: Least seconds between two checkpoints.
CHECKPOINT_SECONDS = 5.0


class _Terminated(Exception):  # noqa: N818  # not an error: the way out of the training loop
    """The process was asked to end; the run can be taken up again."""


class Execution:
    """One run being carried out in this process.

    `carry_out` returns the status the run ended with; `terminate`, fit for a signal handler, makes it end early as
    interrupted, with a checkpoint of the last step.
    """

    def __init__(self, store: Store, run: RunRecord) -> None:
        self.store = store
        self.run = run
        self._request = run.request
        self._terminated = False
        self._state: TrainingState | None = None
        self._polled = self._checkpointed = time.monotonic()
        self._note = ""
        self._said = 0.0
        self._offset = 0.0  # training seconds before this process, less those it was paused

    def terminate(self, *_: object) -> None:
        """End as soon as the present step is done."""
        self._terminated = True

    def carry_out(self) -> Status:
        """Train, refit, write the results; every outcome, an error too, becomes a status and a sentence."""
        try:
            problem = self.store.problem(self.run.problem)
            return self._finish(problem, self._fit(problem))
        except _Terminated:
            return self._interrupt("The process was asked to end")
        except L0Error as error:
            return self._end(Status.FAILED, str(error))
        except MemoryError:
            log.exception("Run %s ran out of memory", self.run.id)
            return self._end(Status.FAILED, "Memory ran out: close other programs, or run fewer fits at a time.")
        except Exception as error:  # the outermost edge: whatever it is, the run must say so
            log.exception("Run %s failed", self.run.id)
            place = self.store.folder(self.run.id) / "worker.log"
            return self._end(Status.FAILED, f"An unexpected {type(error).__name__} ended the run; the details are in {place}.")

    def _fit(self, problem: Problem) -> Result:
        """The fit of this run, or the one its plan goes out from."""
        plan = self.run.plan
        if plan is None or plan.source is None:
            return self._train(problem)
        source = self.store.result(plan.source)
        if source is None:
            raise L0Error(f"Run {plan.source} has no weights to go out from: choose a finished run.")
        return source.to_result(self.run.config)

    def _train(self, problem: Problem) -> Result:
        state = self.store.checkpoint(self.run.id)
        self.store.forget_after(self.run.id, -1 if state is None else int(state.step))
        if earlier := self.store.snapshots(self.run.id):
            self._offset = earlier[-1].seconds
            log.info("It goes on from step %d", int(state.step) if state is not None else 0)
        steps = iterate(problem, self.run.config, should_stop=self._should_stop, save=self._save, resume=state)
        while True:
            try:
                snapshot = next(steps)
            except StopIteration as end:
                result: Result = end.value
                history = tuple(self.store.snapshots(self.run.id))
                return replace(result, history=history, fit_seconds=result.fit_seconds + self._offset)
            self._append(snapshot)

    def _should_stop(self) -> bool:
        if self._terminated:
            raise _Terminated
        if time.monotonic() - self._polled >= POLL_SECONDS:
            self._poll()
            if self._request is Request.PAUSE:
                self._pause()
        return self._request is Request.STOP

    def _poll(self) -> None:
        self._tolerant("look for requests", lambda: setattr(self, "_request", self.store.requested(self.run.id)))
        self._polled = time.monotonic()

    def _append(self, snapshot: Snapshot) -> None:
        kept = replace(snapshot, seconds=snapshot.seconds + self._offset)
        self._tolerant("keep a snapshot", lambda: self.store.append(self.run.id, kept))

    def _save(self, state: TrainingState) -> None:
        # The arrays are the fit's own and change with the next step.
        self._state = TrainingState.from_arrays({name: a.copy() for name, a in state.to_arrays().items()})
        if time.monotonic() - self._checkpointed >= CHECKPOINT_SECONDS:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Write the last state; a run goes on where that fails, and says so."""
        if self._state is None:
            return
        self._checkpointed = time.monotonic()
        try:
            self.store.save_checkpoint(self.run.id, self._state)
            note = ""
        except (OSError, sqlite3.OperationalError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            note = f"The checkpoint of step {self._state.step} could not be written ({reason}): make room on the disk."
            log.warning(note)
        if note != self._note:
            self._note = note
            self._set(Status.RUNNING, note)

    def _pause(self) -> None:
        began = time.monotonic()
        self._checkpoint()
        self._set(Status.PAUSED, self._note)
        while self._request is Request.PAUSE:
            time.sleep(POLL_SECONDS)
            if self._terminated:
                raise _Terminated
            self._poll()
        self._offset -= time.monotonic() - began
        self._set(Status.RUNNING, self._note)

    def _finish(self, problem: Problem, result: Result) -> Status:
        if result.status.has_weights:
            try:
                use = targets_in_use(problem, self.run.config)
                write_run(self.store.folder(self.run.id), problem, result, use)
                self.store.save_result(self.run.id, result)
                if self.run.plan is not None and result.status is not Status.STOPPED:
                    return self._end(*self._frontier(problem, result, self.run.plan))
            except OSError as error:
                log.exception("The results of run %s could not be written", self.run.id)
                return self._interrupt(f"The results could not be written ({error.strerror}); make room on the disk")
        return self._end(result.status, result.message)

    def _frontier(self, problem: Problem, result: Result, plan: Plan) -> tuple[Status, str]:
        """Points, then reference methods, then the curve of each point; each is kept as soon as it is there."""
        points = {}  # by key: a point that is made anew replaces itself
        for point in frontier(problem, result, plan.budgets, should_stop=self._should_stop, watch=self._further):
            record = self.store.save_point(self.run.id, point)
            points[record.key] = (point, record)
            self._set(Status.RUNNING, f"{len(points)} of {len(plan.budgets)} points are there.")
        for budget in plan.compare:
            for point in compare(problem, result, budget, plan.references, should_stop=self._should_stop):
                self.store.save_point(self.run.id, point)
                self._set(Status.RUNNING, f"Comparing with other methods at {budget:,} households.")
        for number, (point, record) in enumerate(points.values(), 1):
            if not self._should_stop():
                self._set(Status.RUNNING, f"Error against effective sample size: point {number} of {len(points)}.")
                self.store.save_curve(self.run.id, record, list(curve(problem, self.run.config, point)))
        if self._should_stop():
            return Status.STOPPED, f"Stopped with {len(points)} of {len(plan.budgets)} points; they can be used."
        return result.status, f"The frontier has {len(points)} points."

    def _further(self, snapshot: Snapshot) -> None:
        if time.monotonic() - self._said >= 1.0:
            self._said = time.monotonic()
            self._set(Status.RUNNING, f"A fit that keeps more households: step {snapshot.step:,} of {snapshot.epochs:,}.")

    def _interrupt(self, why: str) -> Status:
        self._checkpoint()
        return self._end(Status.INTERRUPTED, f"{why}; resume to go on from the last checkpoint.")

    def _end(self, status: Status, message: str) -> Status:
        log.info("Run %s ended: %s. %s", self.run.id, status, message)
        self.store.set_status(self.run.id, status, message)
        return status

    def _set(self, status: Status, message: str) -> None:
        self._tolerant("set the status", lambda: self.store.set_status(self.run.id, status, message))

    def _tolerant(self, what: str, act: Callable[[], Any]) -> None:
        """A full or busy database must not end a run that may have trained for hours."""
        try:
            act()
        except sqlite3.OperationalError as error:
            log.warning("Could not %s: %s", what, error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one run; 0 where it ended with weights, 1 where not, 2 where it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m l0engine.jobs.worker", description="Carry out one queued run.")
    parser.add_argument("run", metavar="RUN_ID")
    parser.add_argument("--home", type=Path, help="folder of the store (default: L0ENGINE_HOME, else ~/.l0engine)")
    given = parser.parse_args(arguments)
    faulthandler.enable()
    if sys.platform != "win32":
        os.nice(19)  # the server, and the person at the machine, come first
    try:
        store = Store(given.home)
        run = store.begin(given.run, os.getpid())
    except L0Error as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(filename=store.folder(run.id) / "worker.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    execution = Execution(store, run)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, execution.terminate)
    log.info("Run %s begins in process %d, %s threads", run.id, os.getpid(), os.environ.get("OMP_NUM_THREADS", "default"))
    return 0 if execution.carry_out().has_weights else 1


if __name__ == "__main__":
    sys.exit(main())
