"""Execution: one job being carried out in this process, whatever its kind."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from l0engine.calibration.results import Status
from l0engine.calibration.training.steering import Change
from l0engine.draining import drain
from l0engine.errors import L0Error, StorageError
from l0engine.jobs.deaths import ran_out_of_memory
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.disk.reserve import Reserve
from l0engine.jobs.job import JobRecord, Request, remedy
from l0engine.jobs.store import Store
from l0engine.jobs.task import Step, run_of

log = logging.getLogger(__name__)

#: Seconds between two looks at the store for a request.
POLL_SECONDS = 0.1
#: Least seconds between two checkpoints, and between two tries to write while the disk is full.
CHECKPOINT_SECONDS = RETRY_SECONDS = 1.0
#: Writing checkpoints takes at most about this share of the time.
CHECKPOINT_SHARE = 0.05

Written = TypeVar("Written")


class State(Protocol):
    """What a job goes on from."""

    @property
    def step(self) -> Any:
        """The step it was taken after, a whole number."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All of it, as arrays by name; the step is one of them."""


class _Terminated(Exception):  # noqa: N818  # not an error: the way out of a task
    """The process was asked to end; the job can be taken up again."""


class Execution:
    """A task's `Context`, and what only some tasks use: `save` for checkpoints, `changes` for steering, `say` for words on the way.

    What it has to write waits for room where the disk is full: the job pauses, and goes on by itself. `carry_out` returns the status
    the job ended with; `terminate`, fit for a signal handler, makes it end early as interrupted, with a checkpoint of the last step.
    """

    def __init__(self, store: Store, job: JobRecord[Any, Any]) -> None:
        self.store = store
        self.job = job
        self.task = job.task
        self.folder = store.folder(job.id)
        self.paused = 0.0
        self._request, self._look = job.request, True
        self._terminated = False
        self._state: Callable[[], State] | None = None
        self._polled, self._checkpointed, self._spacing, self._kept = time.monotonic(), -math.inf, CHECKPOINT_SECONDS, -1
        self._steered: Sequence[Change] | None = None
        self._said = ""
        self._reserve = Reserve(self.folder)

    def terminate(self, *_: object) -> None:
        """End as soon as the present step is done."""
        self._terminated = True

    def carry_out(self) -> Status:
        """Run the task and keep what it says; every outcome, an error too, becomes a status and a sentence."""
        self._reserve.take()
        try:
            with at_the_edge():
                result, status, message = drain(run_of(self.task.kind)(self), self._append)
            if result is not None:
                self.persist(lambda: self.store.set_result(self.job.id, result))
            return self._end(status or (Status.STOPPED if self._request is Request.STOP else Status.FINISHED), message)
        except _Terminated:
            return self._interrupt("The process was asked to end")
        except StorageError as error:
            log.exception("The files of job %s could not be written", self.job.id)
            return self._interrupt(str(error).rstrip("."))
        except L0Error as error:
            return self._end(Status.FAILED, str(error))
        except Exception as error:  # the outermost edge: whatever it is, the job must say so
            if ran_out_of_memory(error):
                log.exception("Job %s ran out of memory", self.job.id)
                return self._end(
                    Status.FAILED, "Memory ran out: close other programs, choose fewer rows or columns, or run less at a time."
                )
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
        """Take note of how to get a state to go on from; it is asked for at once, then now and then, and before a pause or an end."""
        self._state = state
        if time.monotonic() - self._checkpointed >= self._spacing:
            self._checkpoint()

    def keep(self) -> None:
        """Write the last state, where that has not been done: what a run that has ended goes on from."""
        if self._state is not None and int(self._state().step) != self._kept:
            self._checkpoint()

    def changes(self, step: int) -> Sequence[Change]:
        """What a person has changed so far, by step; what is new gets this step, and is kept so before it takes effect."""
        if self._steered is None:
            self._steered = self.store.changes(self.job.id)
        elif self._look:
            self._look = False
            self._tolerant("look for changes", lambda: setattr(self, "_steered", self.store.changes(self.job.id, step)))
        return self._steered

    def persist(self, write: Callable[[], Written]) -> Written:
        """Do what writes; while the disk is full, wait as a paused job does, and try again.

        Raises
        ------
        StorageError
            The job was asked to stop while it waited.
        """
        began, asked = None, self._request
        while True:
            try:
                with at_the_edge():
                    written = write()
                break
            except StorageError as error:
                log.warning("It waits for room: %s", error)
                began = began or time.monotonic()
                self._reserve.give()  # room to say so
                self._set(Status.PAUSED, f"{str(error).split(':')[0]}: it goes on by itself once there is room on the disk.")
                self._wait(RETRY_SECONDS)
                while not self._reserve.take():
                    self._wait(RETRY_SECONDS)
                    self._heed(asked, error)
                self._heed(asked, error)
        if began is not None:
            self.paused += time.monotonic() - began
            self._set(Status.RUNNING, self._said)
        return written

    def _heed(self, asked: Request, error: StorageError) -> None:
        """Give up waiting for room where a person asks for it."""
        if self._request is Request.STOP and asked is not Request.STOP:
            raise error

    def say(self, message: str) -> None:
        """Put words beside the status."""
        self._said = message
        self._set(Status.RUNNING, message)

    def _append(self, snapshot: Step) -> None:
        self.persist(lambda: self.store.append(self.job.id, snapshot))

    def _poll(self) -> None:
        self._tolerant("look for requests", lambda: setattr(self, "_request", self.store.requested(self.job.id)))
        self._polled, self._look = time.monotonic(), True

    def _wait(self, seconds: float) -> None:
        """Let time pass, and see what is asked meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            if self._terminated:
                raise _Terminated
            self._poll()

    def _checkpoint(self) -> None:
        """Write the last state; a job goes on where that fails, and says so."""
        if self._state is None:
            return
        began = time.monotonic()
        state = self._state()
        step = int(state.step)
        try:
            self.store.save_checkpoint(self.job.id, step, state.to_arrays())
            said, self._kept = "", step
        except StorageError as error:
            said = f"The checkpoint of step {step} could not be written: {error}"
            log.warning(said)
        self._checkpointed = time.monotonic()
        self._spacing = max(CHECKPOINT_SECONDS, (self._checkpointed - began) / CHECKPOINT_SHARE)
        if said != self._said:
            self.say(said)

    def _pause(self) -> None:
        began = time.monotonic()
        self._checkpoint()
        self._set(Status.PAUSED, self._said)
        while self._request is Request.PAUSE:
            self._wait(POLL_SECONDS)
        self.paused += time.monotonic() - began
        self._set(Status.RUNNING, self._said)

    def _interrupt(self, why: str) -> Status:
        self._checkpoint()
        return self._end(Status.INTERRUPTED, f"{why}; {remedy(self.store.checkpoint_step(self.job.id))}")

    def _end(self, status: Status, message: str) -> Status:
        log.info("Job %s ended: %s. %s", self.job.id, status, message)
        self._reserve.give()
        while True:
            try:
                self.store.set_status(self.job.id, status, message)
                return status
            except StorageError as error:  # how it ended is worth waiting for, unless the process has to go
                log.warning("Could not set the status: %s", error)
                if self._terminated:
                    return status
                time.sleep(RETRY_SECONDS)

    def _set(self, status: Status, message: str) -> None:
        self._tolerant("set the status", lambda: self.store.set_status(self.job.id, status, message))

    def _tolerant(self, what: str, act: Callable[[], Any]) -> None:
        """A full or busy database must not end a job that may have worked for hours."""
        try:
            act()
        except StorageError as error:
            log.warning("Could not %s: %s", what, error)
