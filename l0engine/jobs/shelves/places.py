"""Places: which of the jobs that wait is taken up next."""

from __future__ import annotations

import sqlite3

from l0engine.calibration.results import Status
from l0engine.jobs.task import KINDS
from l0engine.machine import on_gpu


def next_claim(db: sqlite3.Connection, places: int) -> str | None:
    """The oldest queued job that fits into what those that run leave of so many places, and of the GPU."""
    paths = {"device": "config.device", "plan": "plan"}
    task = ", ".join(f"json_extract(task, '$.{path}') AS {name}" for name, path in paths.items())
    query = f"SELECT id, kind, status, {task} FROM jobs WHERE status IN (?, ?) ORDER BY created, id"
    rows = [(row, *_needs(row)) for row in db.execute(query, (Status.QUEUED, Status.RUNNING)) if row["kind"] in KINDS]
    running = [(size, gpu) for row, size, gpu in rows if row["status"] == Status.RUNNING]
    free, gpu_free = max(0, places - sum(size for size, _ in running)), places > 0 and not any(gpu for _, gpu in running)
    for row, size, gpu in rows:
        if row["status"] == Status.RUNNING or (gpu and not gpu_free):
            continue
        if size <= free:
            return str(row["id"])
        free = max(0, min(free, places % size - sum(other for other, _ in running if other < size)))
    return None


def _needs(row: sqlite3.Row) -> tuple[int, bool]:
    """How many places a job takes, and whether the GPU; a frontier on the GPU keeps a core busy too, and takes places."""
    gpu = on_gpu(row["device"])
    return (0 if gpu and row["plan"] is None else KINDS[row["kind"]].places), gpu
