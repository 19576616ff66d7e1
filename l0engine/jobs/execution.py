"""Execution: one job being carried out in this process, whatever its kind."""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from l0engine.calibration.results import Status
from l0engine.draining import drain
from l0engine.errors import L0Error
from l0engine.jobs.job import JobRecord, Request, remedy
from l0engine.jobs.store import Store
from l0engine.jobs.task import Step, run_of

log = logging.getLogger(__name__)

#: Seconds between two looks at the store for a request.
POLL_SECONDS = 0.1
#: Least seconds between two checkpoints.
CHECKPOINT_SECONDS = 5.0
#: What a full disk says.
_FULL = (errno.ENOSPC, errno.EDQUOT)


class State(Protocol):
    """What a job goes on from."""

    @property
    def step(self) -> Any:
        """The step it was taken after, a whole number."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All of it, as arrays by name."""


class _Terminated(Exception):  # noqa: N818  # not an error: the way out of a task
    """The process was asked to end; the job can be taken up again."""


class Execution:
    """A task's `Context`, and what only some tasks use: `save` for checkpoints, `say` for words on the way.

    `carry_out` returns the status the job ended with; `terminate`, fit for a signal handler, makes it end early as interrupted,
    with a checkpoint of the last step.
    """

    def __init__(self, store: Store, job: JobRecord[Any, Any]) -> None:
        self.store = store
        self.job = job
        self.task = job.task
        self.folder = store.folder(job.id)
        self.paused = 0.0
        self._request = job.request
        self._terminated = False
        self._state: Callable[[], State] | None = None
        self._polled = self._checkpointed = time.monotonic()
        self._said = ""

    def terminate(self, *_: object) -> None:
        """End as soon as the present step is done."""
        self._terminated = True

    def carry_out(self) -> Status:
        """Run the task and keep what it says; every outcome, an error too, becomes a status and a sentence."""
        try:
            result, status, message = drain(run_of(self.task.kind)(self), self._append)
            if result is not None:
                self.store.set_result(self.job.id, result)
            return self._end(status or (Status.STOPPED if self._request is Request.STOP else Status.FINISHED), message)
        except _Terminated:
            return self._interrupt("The process was asked to end")
        except L0Error as error:
            return self._end(Status.FAILED, str(error))
        except MemoryError:
            log.exception("Job %s ran out of memory", self.job.id)
            return self._end(Status.FAILED, "Memory ran out: close other programs, choose fewer rows or columns, or run less at a time.")
        except Exception as error:  # the outermost edge: whatever it is, the job must say so
            if isinstance(error, sqlite3.OperationalError) or (isinstance(error, OSError) and error.errno in _FULL):
                log.exception("The files of job %s could not be written", self.job.id)
                return self._interrupt(f"Its files could not be written ({getattr(error, 'strerror', error)}); make room on the disk")
            if isinstance(error, FileNotFoundError):
                log.exception("A file of job %s is gone", self.job.id)
                return self._end(Status.FAILED, f"A file that it needs is gone from {self.folder}: start it anew.")
            log.exception("Job %s failed", self.job.id)
            return self._end(
                Status.FAILED, f"An unexpected {type(error).__name__} ended it; the details are in {self.folder / 'worker.log'}."
            )

    def should_stop(self) -> bool:
        """True once the job was asked to stop; waits here while it is paused."""
        if self._terminated:
            raise _Terminated
        if time.monotonic() - self._polled >= POLL_SECONDS:
            self._poll()
            if self._request is Request.PAUSE:
                self._pause()
        return self._request is Request.STOP

    def save(self, state: Callable[[], State]) -> None:
        """Take note of how to get a state to go on from; it is asked for every few seconds, and before a pause or an end."""
        self._state = state
        if time.monotonic() - self._checkpointed >= CHECKPOINT_SECONDS:
            self._checkpoint()

    def say(self, message: str) -> None:
        """Put words beside the status."""
        self._said = message
        self._set(Status.RUNNING, message)

    def _append(self, snapshot: Step) -> None:
        self._tolerant("keep a snapshot", lambda: self.store.append(self.job.id, snapshot))

    def _poll(self) -> None:
        self._tolerant("look for requests", lambda: setattr(self, "_request", self.store.requested(self.job.id)))
        self._polled = time.monotonic()

    def _checkpoint(self) -> None:
        """Write the last state; a job goes on where that fails, and says so."""
        if self._state is None:
            return
        self._checkpointed = time.monotonic()
        state = self._state()
        step = int(state.step)
        try:
            self.store.save_checkpoint(self.job.id, step, state.to_arrays())
            said = ""
        except (OSError, sqlite3.OperationalError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            said = f"The checkpoint of step {step} could not be written ({reason}): make room on the disk."
            log.warning(said)
        if said != self._said:
            self.say(said)

    def _pause(self) -> None:
        began = time.monotonic()
        self._checkpoint()
        self._set(Status.PAUSED, self._said)
        while self._request is Request.PAUSE:
            time.sleep(POLL_SECONDS)
            if self._terminated:
                raise _Terminated
            self._poll()
        self.paused += time.monotonic() - began
        self._set(Status.RUNNING, self._said)

    def _interrupt(self, why: str) -> Status:
        self._checkpoint()
        return self._end(Status.INTERRUPTED, f"{why}; {remedy(self.store.job(self.job.id).checkpoint)}")

    def _end(self, status: Status, message: str) -> Status:
        log.info("Job %s ended: %s. %s", self.job.id, status, message)
        self.store.set_status(self.job.id, status, message)
        return status

    def _set(self, status: Status, message: str) -> None:
        self._tolerant("set the status", lambda: self.store.set_status(self.job.id, status, message))

    def _tolerant(self, what: str, act: Callable[[], Any]) -> None:
        """A full or busy database must not end a job that may have worked for hours."""
        try:
            act()
        except sqlite3.OperationalError as error:
            log.warning("Could not %s: %s", what, error)
