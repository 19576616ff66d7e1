"""Supervisor: a thread that starts a worker process for each queued job, and notices those that died."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import threading
import time
from typing import Any

from l0engine.calibration.results import Status
from l0engine.jobs.deaths import ending, is_worker, killed_for_memory
from l0engine.jobs.disk.leftovers import clear
from l0engine.jobs.job import JobRecord, LiveJob, remedy
from l0engine.jobs.store import Store
from l0engine.machine import MOST, cores, environment

log = logging.getLogger(__name__)

#: Seconds a claimed job may be without a process before it counts as lost with the server that claimed it.
GRACE_SECONDS = 30.0
#: Seconds between two looks for what killed processes left.
CLEAR_SECONDS = 60.0


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
        self._killed_before: dict[int, int] = {}  # by process: how many the system had killed for want of memory when it began
        self._cleared = -math.inf
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
        self._killed_before.clear()

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
            del self._killed_before[pid]
        if time.monotonic() - self._cleared > CLEAR_SECONDS:
            clear(self._store)
            self._cleared = time.monotonic()
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
            if code is None:
                return None
            return ending(code, self._remedy(job), memory=killed_for_memory() > self._killed_before.get(job.pid, 0))
        if is_worker(job):
            return None
        return f"Its process is gone, perhaps with a restart of the machine; {self._remedy(job)}"

    def _remedy(self, job: LiveJob) -> str:
        return remedy(self._store.checkpoint_step(job.id))

    def _spawn(self, job: JobRecord[Any, Any]) -> None:
        before = killed_for_memory()
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
        self._children[child.pid], self._killed_before[child.pid] = child, before
        self._store.spawned(job.id, child.pid)


#: Memory once got is kept, up to 4 GB: a fit allocates the same large arrays over and over.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}


def worker_environment(slots: int) -> dict[str, str]:
    """What a worker process gets on top of the server's environment: its threads, as many as every other job, and how it keeps memory."""
    return {**environment(max(1, min(MOST, cores() // slots))), **_MEMORY}
