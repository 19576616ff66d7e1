"""The machine: cores, threads that sleep while they wait, how many of them a problem is worth, and where work runs, in words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from l0engine.errors import L0Error

if TYPE_CHECKING:
    import torch

#: Threads of one job, at most, however many cores there are.
MOST = 4


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """What a process needs in its environment before NumPy and torch are loaded: its threads, and that they sleep while they wait.

    By default they spin, which takes the cores from others, and from each other.
    """
    count = str(threads)
    return {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def calm_threads() -> None:
    """Let the threads of this process sleep while they wait, and be `MOST` at most; to be called before NumPy and torch are imported.

    It sets `environment`, which the processes that this one starts inherit; what is set already stays.

    Raises
    ------
    L0Error
        torch is loaded already, and read other settings.
    """
    if "torch" in sys.modules and os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE":
        raise L0Error("calm_threads comes too late, as torch is loaded: call it first, or start Python with OMP_WAIT_POLICY=PASSIVE.")
    for name, value in environment(min(cores(), MOST)).items():
        os.environ.setdefault(name, value)


def suitable(entries: int, households: int) -> int:
    """How many threads a problem is worth.

    Parameters
    ----------
    entries : int
        Stored entries of the matrix.
    households : int

    Notes
    -----
    One below a million entries and 100,000 households, two up to ten times as many, `MOST` above; for a step takes time for both.
    Measured on two idle cores with threads that sleep while they wait, least milliseconds of a step with one and with two: 0.40 and 0.52 at
    30,000 entries, 1.4 and 1.6 at 200,000, 2.8 and 3.4 at 400,000, 5.4 and 4.6 at 800,000, 13.8 and 10.4 at 2.6 million (200,000
    households), 34 and 23 at 6.5 million. More than two were not measured so; while they spin, 16 took 2.5 to 5 times as long as two on the
    US problem. So more are left to problems where every part of a step is long.
    """
    size = max(entries / 1_000_000, households / 100_000)
    return 1 if size < 1 else 2 if size < 10 else MOST


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Inside, torch uses no more threads than so many, and no more than before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_gpu(device: str | None) -> bool:
    """Whether the queue counts a job with this `Config.device` as one on the GPU; told without torch, which takes seconds to load.

    'auto' is counted so where Linux shows an NVIDIA GPU, even if the job then finds the CPU better, or has too old a torch.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return device == "cuda" or (device == "auto" and not hidden and Path("/dev/nvidia0").exists())


def running_on(device: torch.device) -> str:
    """Where work runs, in words: the threads of a CPU, the name of a GPU and the most memory that was taken there."""
    import torch

    if device.type == "cuda":
        gpu, taken = torch.cuda.get_device_properties(device), torch.cuda.max_memory_allocated(device)
        return f"Device: {gpu.name}, with up to {taken / 1e9:.1f} of its {gpu.total_memory / 1e9:.0f} GB taken."
    if device.type == "cpu":
        count = torch.get_num_threads()
        return f"Device: CPU, {count} thread{'s' * (count > 1)}."
    return f"Device: {device.type}."
