"""Room: what a run needs of disk and memory, what the store takes up, and a word before either runs out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from l0engine.errors import L0Error
from l0engine.jobs.records import ProblemRecord

#: A warning comes from this share of the quota on, and with less than so many bytes free.
NEAR, LOW = 0.8, 2 * 10**9
#: Where Linux says how much memory a container may use.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Needs(NamedTuple):
    """Bytes a run needs at most, about."""

    disk: int
    memory: int


class Room(NamedTuple):
    """Bytes of the store's parts, bytes free on its disk, and the quota, where one is set."""

    jobs: int
    trash: int
    problems: int
    free: int
    quota: int | None = None

    @property
    def used(self) -> int:
        """All parts."""
        return self.jobs + self.trash + self.problems

    @property
    def warning(self) -> str:
        """What is about to run out, and what to do; empty while there is room."""
        freed = f"; the trash alone holds {sized(self.trash)}" if self.trash else ""
        remedy = f"Delete runs, empty the trash and drop problems nobody uses{freed}."
        if self.quota is not None and self.used >= NEAR * self.quota:
            return f"The store takes up {sized(self.used)} of the {sized(self.quota)} it may (L0ENGINE_QUOTA). {remedy}"
        if self.free < LOW:
            return f"Only {sized(self.free)} are free on the disk of the store. {remedy}"
        return ""


def needs(problem: ProblemRecord) -> Needs:
    """What a run needs for a problem, estimated from its size.

    A checkpoint has 32 bytes for a household, and two are there while one is written; weights and results have some 100. Memory holds the
    matrix a few times over, by rows and by columns, and Python with torch; held to the peak by tests/benchmarks/memory.py.
    """
    n, nnz = problem.n_households, problem.nnz
    return Needs(2_000_000 + 170 * n, 500_000_000 + 400 * n + 160 * nnz)


def check(root: Path, need: Needs, promised: Callable[[], int]) -> None:
    """Refuse a job that has no room; those at work are left alone.

    Parameters
    ----------
    root : Path
        Folder of the store.
    need : Needs
    promised : callable
        Bytes of disk that the jobs which have not ended may come to need; asked for where there is a quota.

    Raises
    ------
    L0Error
        Disk, memory or the quota would not do; it says how much is needed, and how much there is.
    """
    free, memory = shutil.disk_usage(root).free, memory_there()
    for needed, there, what in (
        (need.disk, free, f"of disk, and {sized(free)} are free at {root}: make room first"),
        (need.memory, memory, f"of memory, and this machine has {sized(memory)}: take a smaller problem"),
    ):
        if needed > there:
            raise L0Error(f"This job needs about {sized(needed)} {what}.")
    if (most := quota()) is None:
        return
    used, later = sum(size_of(root / name) for name in ("runs", "studies", "problems")), promised()
    if used + later + need.disk > most:
        waiting = f", jobs that have not ended may need {sized(later)} more" if later else ""
        raise L0Error(
            f"This job needs about {sized(need.disk)} of disk, and the store takes up {sized(used)} of the {sized(most)} it may "
            f"(L0ENGINE_QUOTA){waiting}: delete runs and empty the trash, on the Runs page or with 'jobs delete' and 'jobs purge'."
        )


def size_of(what: Path | str | bytes) -> int:
    """Bytes of all files below a folder, of a file, or of what it holds; 0 where it is not there."""
    if isinstance(what, bytes):
        return len(what)
    total = os.path.getsize(what) if os.path.isfile(what) else 0
    for place, _, names in os.walk(what):
        for name in names:
            with suppress(OSError):  # written or removed meanwhile
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def memory_there() -> int:
    """Bytes of memory this machine, or this container, has."""
    found = [int(psutil.virtual_memory().total)]
    for name in _LIMITS:
        if Path(name).is_file() and (limit := Path(name).read_text().strip()).isdigit():
            found.append(int(limit))
    return min(found)


def quota() -> int | None:
    """Bytes the store may take up: the environment's L0ENGINE_QUOTA, in GB; None without one."""
    given = os.environ.get("L0ENGINE_QUOTA", "")
    try:
        found = int(float(given) * 10**9) if given else None
    except (ValueError, OverflowError):
        found = -1
    if found is not None and found < 0:
        raise L0Error(f"L0ENGINE_QUOTA is {given[:40]!r}: set it to a number of GB, 0 or more, or take it out.")
    return found


def sized(count: int) -> str:
    """Bytes in words: '38 MB'."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}" if count < 10 * size else f"{count / size:,.0f} {unit}"
    return f"{count} bytes"
