"""Supervisor: a thread that starts a worker process for each queued run, and notices those that died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

from l0engine.calibration.results import Status
from l0engine.jobs.records import RunRecord
from l0engine.jobs.store import Store

log = logging.getLogger(__name__)

#: Seconds a claimed run may be without a process before it counts as lost with the server that claimed it.
GRACE_SECONDS = 30.0


class Supervisor:
    """Keeps at most `slots` runs going; several supervisors, in one or more servers, may share a store.

    Workers are sessions of their own: they outlive the server, and the next supervisor watches over them. A paused
    run leaves its slot to others; when it goes on, there may for a while be one run more than slots.

    Parameters
    ----------
    store : Store
    slots : int
        Runs at a time. Every worker gets cores // slots threads, at least 1, whether or not others run beside it, so
        that a run gives the same bits in company as alone.
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
        """Look at the store now, for a run that was just queued."""
        self._waking.set()

    def tick(self) -> None:
        """One look at the store: mark what was lost, then fill the free slots."""
        finished = [pid for pid, child in self._children.items() if child.poll() is not None]
        for run in self._store.runs(statuses=(Status.RUNNING, Status.PAUSED), limit=10_000):
            why = self._why_lost(run)
            if why is not None and self._store.lose(run.id, run.pid, why):
                log.warning("Run %s was lost: %s", run.id, why)
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

    def _why_lost(self, run: RunRecord) -> str | None:
        """Why a run that should be going is not; None where it is."""
        if run.pid is None:
            late = time.time() - (run.started or 0.0) > GRACE_SECONDS
            return "The server ended before the run's process began; resume to queue it again." if late else None
        child = self._children.get(run.pid)
        if child is not None:
            code = child.poll()
            return None if code is None else _ending(code)
        if is_worker(run.pid, run.id):
            return None
        return "Its process is gone, perhaps with a restart of the machine; resume to go on from the last checkpoint."

    def _spawn(self, run: RunRecord) -> None:
        command = [sys.executable, "-m", "l0engine.jobs.worker", run.id, "--home", str(self._store.root.resolve())]
        try:
            with (self._store.folder(run.id) / "worker.log").open("ab") as output:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **worker_environment(self._slots)},
                    start_new_session=True,
                )
        except OSError as error:
            log.exception("No process could be started for run %s", run.id)
            message = f"No process could be started for it ({error.strerror}); resume to queue it again."
            self._store.set_status(run.id, Status.INTERRUPTED, message)
            return
        self._children[child.pid] = child
        self._store.spawned(run.id, child.pid)


#: Threads that wait must sleep: spinning ones take the cores from the pages, and from each other when runs share them.
#: Memory once got is kept, up to 4 GB: a fit allocates the same large arrays over and over.
_CALM = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
}


def worker_environment(slots: int) -> dict[str, str]:
    """What a worker process gets on top of the server's environment: its threads, the same for every run, and how they wait."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    count = str(max(1, cores // slots))
    return {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, **_CALM}


def is_worker(pid: int, run_id: str) -> bool:
    """True where a process lives and is the worker of this run: numbers of processes are used again."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and run_id in process.cmdline()
    except psutil.AccessDenied:  # another user's: rather leave a run alone than start it twice
        return True
    except psutil.Error:
        return False


def _ending(code: int) -> str:
    """How a process ended, in a sentence, from its return code."""
    remedy = "resume to go on from the last checkpoint."
    if code == -signal.SIGKILL:
        return (
            "Its process was killed (SIGKILL), most often because memory ran out: close other programs or lower the "
            f"number of runs at a time, then {remedy}"
        )
    if code < 0:
        name = f"signal {-code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
        return f"Its process was ended by {name}; the end of worker.log may say why; {remedy}"
    return f"Its process ended with code {code} before the run did; the end of worker.log says why; {remedy}"
