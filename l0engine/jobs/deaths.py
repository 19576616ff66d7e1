"""Whether the process of a job lives, and how it died, in words."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import psutil

from l0engine.jobs.job import LiveJob

#: Where Linux counts the processes it killed for want of memory: in this container, or in all.
_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control", "/proc/vmstat")


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


def killed_for_memory() -> int:
    """How many processes the system has killed for want of memory so far; 0 where it does not say."""
    for name in _COUNTERS:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(name).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def ran_out_of_memory(error: Exception) -> bool:
    """Whether an error is for want of memory: Python's and NumPy's own, torch's on a GPU, and on a CPU, where only its words tell."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in ("can't allocate memory", "out of memory"))
    )


def ending(code: int, what_next: str, *, memory: bool = False) -> str:
    """How a process ended, in a sentence, from its return code; `memory` is whether the system has killed some for want of it meanwhile."""
    if code == -signal.SIGKILL and memory:
        return (
            "Its process was killed (SIGKILL) as the system ran out of memory: close other programs or lower the "
            f"number of jobs at a time, then {what_next}"
        )
    if code == -signal.SIGKILL:
        return f"Its process was killed (SIGKILL); {what_next}"
    if code < 0:
        name = f"signal {-code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
        return f"Its process was ended by {name}; the end of worker.log may say why; {what_next}"
    return f"Its process ended with code {code} before the work did; the end of worker.log says why; {what_next}"
