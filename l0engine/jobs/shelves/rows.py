"""Rows of jobs: read as records, and changed inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.job import JobRecord, Request, checked_id
from l0engine.jobs.records import RunRecord
from l0engine.jobs.task import task_of


def update_row(db: sqlite3.Connection, job_id: str, **values: Any) -> None:
    sets = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE jobs SET {sets} WHERE id = ?", (*values.values(), job_id))


def take_up(db: sqlite3.Connection, job_id: str, checkpoint: int | None) -> None:
    """Queue a job that was there before, to go on from a checkpoint."""
    update_row(
        db, job_id, status=Status.QUEUED, message="", started=None, ended=None, pid=None, request=Request.NONE, checkpoint=checkpoint
    )


def forget_rows(db: sqlite3.Connection, job_id: str, step: int) -> None:
    for table in ("snapshots", "looks"):
        db.execute(f"DELETE FROM {table} WHERE run = ? AND step > ?", (job_id, step))


def one_job(db: sqlite3.Connection, job_id: str) -> JobRecord[Any, Any]:
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (checked_id(job_id),)).fetchone()
    if row is None:
        raise L0Error(f"There is no job {job_id}: choose one from the list.")
    return record_of(row)


def record_of(row: sqlite3.Row) -> JobRecord[Any, Any]:
    values = dict(row)
    kind, result = values.pop("kind"), values.pop("result")
    del values["problem"]
    task = task_of(kind, json.loads(values["task"]))
    try:
        found = None if result is None else task.result.from_dict(json.loads(result))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise L0Error(f"The result of job {values['id']} was made by another version: start it anew.") from error
    values["pinned"] = bool(values["pinned"])
    values |= {"task": task, "status": Status(values["status"]), "request": Request(values["request"]), "result": found}
    return (RunRecord if kind == "calibration" else JobRecord)(**values)
