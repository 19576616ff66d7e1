"""Supervisor: a thread that starts a worker process for each queued job, and notices those that died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psutil

from l0engine.calibration.results import Status
from l0engine.jobs.job import JobRecord, LiveJob, remedy
from l0engine.jobs.store import Store
from l0engine.machine import MOST, cores, environment

log = logging.getLogger(__name__)

#: Seconds a claimed job may be without a process before it counts as lost with the server that claimed it.
GRACE_SECONDS = 30.0


class Supervisor:
    """Keeps as many jobs going as `slots` have places for (`JobShelf.claim_next`); several supervisors may share a store.

    Workers are sessions of their own: they outlive the server, and the next supervisor watches over them. A paused
    job leaves its places to others; when it goes on, there may for a while be one more than fit.

    Parameters
    ----------
    store : Store
    slots : int
        Fits on the CPU at a time. Every worker may use cores // slots threads, 1 to `machine.MOST`, whether or not others run beside
        it, so that a job gives the same bits in company as alone; a small problem takes fewer.
    poll : float
        Seconds between two looks at the store; `wake` makes it look at once.
    """

    def __init__(self, store: Store, slots: int = 1, *, poll: float = 0.5) -> None:
        self._store = store
        self._slots = slots
        self._poll = poll
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._waking = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; nothing happens where it runs already."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, name="l0engine-supervisor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; the workers go on."""
        self._stopping.set()
        self._waking.set()
        if self._thread is not None:
            self._thread.join()
        for child in self._children.values():
            # Let go of on purpose: without a code, the handle would warn that its process still runs.
            child.returncode = child.poll() or 0
        self._children.clear()

    def wake(self) -> None:
        """Look at the store now, for a job that was just queued."""
        self._waking.set()

    def tick(self) -> None:
        """One look at the store: mark what was lost, then fill the free slots."""
        finished = [pid for pid, child in self._children.items() if child.poll() is not None]
        for job in self._store.live():
            why = self._why_lost(job)
            if why is not None and self._store.lose(job.id, job.pid, why):
                log.warning("Job %s was lost: %s", job.id, why)
        for pid in finished:
            del self._children[pid]
        while (claimed := self._store.claim_next(self._slots)) is not None:
            self._spawn(claimed)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:  # a full disk or a broken row must not end the thread that all runs wait for
                log.exception("The supervisor could not look at the store; it tries again")
            self._waking.wait(self._poll)
            self._waking.clear()

    def _why_lost(self, job: LiveJob) -> str | None:
        """Why a job that should be going is not; None where it is."""
        if job.pid is None:
            late = time.time() - (job.started or 0.0) > GRACE_SECONDS
            return "The server ended before its process began; resume to queue it again." if late else None
        child = self._children.get(job.pid)
        if child is not None:
            code = child.poll()
            return None if code is None else ending(code, remedy(job.checkpoint))
        if is_worker(job):
            return None
        return f"Its process is gone, perhaps with a restart of the machine; {remedy(job.checkpoint)}"

    def _spawn(self, job: JobRecord[Any, Any]) -> None:
        command = [sys.executable, "-m", "l0engine.jobs.worker", job.id, "--home", str(self._store.root.resolve())]
        try:
            with (self._store.folder(job.id) / "worker.log").open("ab") as output:
                streams: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
                environment = {**os.environ, **worker_environment(self._slots)}
                child = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
        except OSError as error:
            log.exception("No process could be started for job %s", job.id)
            message = f"No process could be started for it ({error.strerror}); resume to queue it again."
            self._store.set_status(job.id, Status.INTERRUPTED, message)
            return
        self._children[child.pid] = child
        self._store.spawned(job.id, child.pid)


#: Memory once got is kept, up to 4 GB: a fit allocates the same large arrays over and over.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}


def worker_environment(slots: int) -> dict[str, str]:
    """What a worker process gets on top of the server's environment: its threads, as many as every other job, and how it keeps memory."""
    return {**environment(max(1, min(MOST, cores() // slots))), **_MEMORY}


def is_worker(job: LiveJob) -> bool:
    """True where the process of a job lives.

    Numbers of processes are used again. The one meant names the job, or, as of a pool that `sweep` uses, was there before it began.
    """
    try:
        process = psutil.Process(job.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return job.id in process.cmdline() or process.create_time() <= (job.started or 0.0) + 2.0  # times of creation are rough
    except psutil.AccessDenied:  # another user's: rather leave a job alone than start it twice
        return True
    except psutil.Error:
        return False


def ending(code: int, what_next: str) -> str:
    """How a process ended, in a sentence, from its return code."""
    if code == -signal.SIGKILL:
        return (
            "Its process was killed (SIGKILL), most often because memory ran out: close other programs or lower the "
            f"number of jobs at a time, then {what_next}"
        )
    if code < 0:
        name = f"signal {-code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
        return f"Its process was ended by {name}; the end of worker.log may say why; {what_next}"
    return f"Its process ended with code {code} before the work did; the end of worker.log says why; {what_next}"
