"""A kind of job for tests: a frozen dataclass and a function, registered by one entry."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

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
        raise {"memory": MemoryError, "bug": ZeroDivisionError}[task.breaks]("a private detail")
    (job.folder / "made.txt").write_text("made")
    given = job.folder / "in.txt"
    return Ending(Counted(done, given.read_text() if given.exists() else ""))
