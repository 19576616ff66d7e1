"""Example: a finished job in a folder of its own, outside any store, to be looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.io.whole import write_whole
from l0engine.jobs.job import JobRecord, Request
from l0engine.jobs.store import Store
from l0engine.jobs.task import task_of

_FILE = "example.json"


class Example(NamedTuple):
    """A finished job, its snapshots, and the folder with what it wrote."""

    record: JobRecord[Any, Any]
    snapshots: list[Any]
    folder: Path


def keep(store: Store, job_id: str, folder: Path) -> None:
    """Copy a finished job of a store to a folder, which may be there already.

    Raises
    ------
    L0Error
        It has no result.
    """
    record = store.job(job_id)
    if record.result is None:
        raise L0Error(f"Job {job_id} has no result to be shown: {record.sentence}")
    folder.mkdir(parents=True, exist_ok=True)
    for path in store.folder(job_id).iterdir():
        if path.suffix in (".npz", ".parquet", ".py"):
            shutil.copyfile(path, folder / path.name)
    said = {
        "kind": record.task.kind,
        "task": record.task.to_dict(),
        "created": record.created,
        "seconds": record.seconds,
        "result": record.result and record.result.to_dict(),
        "snapshots": [snapshot.to_dict() for snapshot in store.snapshots(job_id)],
    }
    write_whole(folder / _FILE, json.dumps(said).encode())


def read(folder: Path) -> Example:
    """What `keep` wrote; the job is called after the folder.

    Raises
    ------
    L0Error
        It is of another version.
    OSError
        It is not there.
    """
    said = json.loads((folder / _FILE).read_bytes())
    task = task_of(said["kind"], said["task"])
    record: JobRecord[Any, Any] = JobRecord(
        id=f"example-{folder.name}",
        task=task,
        status=Status.FINISHED,
        message="",
        created=said["created"],
        started=said["created"],
        ended=said["created"] + said["seconds"],
        pid=None,
        request=Request.NONE,
        result=task.result.from_dict(said["result"]),
    )
    return Example(record, [task.snapshot.from_dict(one) for one in said["snapshots"]], folder)
