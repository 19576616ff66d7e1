"""A kind of job for tests: a frozen dataclass and a function, registered by one entry."""

from __future__ import annotations

import ctypes
import resource
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from l0engine.errors import ProblemError
from l0engine.jobs.task import Context, Ending, Kind
from l0engine.plain import Plain


@dataclass(frozen=True)
class Count(Plain):
    step: int
    epochs: int


@dataclass(frozen=True)
class Counted(Plain):
    done: int
    given: str


@dataclass(frozen=True)
class Counting(Plain):
    """Counts to `steps`, `pause` seconds each; `breaks` is how it ends."""

    kind: ClassVar[str] = "counting"
    snapshot: ClassVar[type[Any]] = Count
    result: ClassVar[type[Any]] = Counted
    steps: int = 3
    pause: float = 0.0
    breaks: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return f"to {self.steps}"


KIND = Kind("toys:Counting", "toys:run")


def break_(how: str, told: Path) -> None:
    """Die in one of the ways in which a worker may; the moment is written to a file."""
    if how == "torch limit":
        import torch  # takes seconds
    told.write_text(str(time.time()))
    if how == "segfault":
        ctypes.string_at(0)
    if how == "limit":  # more address space than the process may have, asked for by NumPy
        resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
        np.ones(2**30)
    if how == "torch limit":
        import torch

        resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
        torch.ones(2**30, dtype=torch.float64)
    raise {"memory": MemoryError, "bug": ZeroDivisionError}[how]("a private detail")


def run(job: Context) -> Generator[Count, None, Ending[Counted]]:
    task, done = job.task, 0
    for step in range(1, task.steps + 1):
        if job.should_stop():
            break
        time.sleep(task.pause)
        done = step
        yield Count(step, task.steps)
    if task.breaks == "refused":
        raise ProblemError("Column 'x' is empty: choose another.")
    if task.breaks:
        break_(task.breaks, job.folder / "broke")
    (job.folder / "made.txt").write_text("made")
    given = job.folder / "in.txt"
    return Ending(Counted(done, given.read_text() if given.exists() else ""))
