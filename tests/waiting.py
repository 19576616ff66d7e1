"""Waiting on conditions instead of on the clock, and clearing up processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


def until(reached: Callable[[], T], seconds: float = 180, story: Callable[[], object] = str) -> T:
    """Wait for a condition and return what it gave; say where things stand if it never comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := reached():
            return value
        time.sleep(0.05)
    raise AssertionError(f"Nothing came of it in {seconds:g} s. {story()}")


def end_workers(home: Path) -> None:
    """End every worker of a store or of its studies, known by the home its command line names."""
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if (
                process.pid != os.getpid()
                and {"l0engine.jobs.worker", "l0engine.studies.worker"} & set(command)
                and str(home.resolve()) in " ".join(command)
            ):
                process.kill()
                process.wait(10)
        except psutil.Error:
            continue
