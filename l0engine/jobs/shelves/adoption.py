"""Studies of versions that kept them in folders alone: entered in the database; their files stay where they are, under studies/<id>/."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.job import checked_id
from l0engine.jobs.task import task_of

log = logging.getLogger(__name__)

_INTERRUPTED = {"status": "interrupted", "message": "Its process ended before the study did; resume to start it again."}
#: What damaged files lead to; msgspec's own error is a ValueError.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)


def adopt_studies(db: sqlite3.Connection, root: Path) -> None:
    """Enter every study below a store's folder, with its snapshots; one whose settings cannot be read is left where it is."""
    for file in sorted(root.glob("studies/*/study.json")):
        try:
            _adopt(db, file.parent)
        except (*_DAMAGED, L0Error) as error:
            log.warning("The study in %s cannot be read and is left out: %s", file.parent, error)


def _adopt(db: sqlite3.Connection, folder: Path) -> None:
    if db.execute("SELECT 1 FROM jobs WHERE id = ?", (checked_id(folder.name),)).fetchone():
        raise L0Error("another job has its id")
    spec = json.loads((folder / "study.json").read_bytes())
    kind, created = str(spec["kind"]), float(spec["created"])
    task = task_of(kind, spec["settings"])
    status, message, seconds, result = _outcome(folder, task.result)
    db.execute(
        "INSERT INTO jobs (id, kind, task, status, message, created, started, ended, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (folder.name, kind, json.dumps(spec["settings"]), status, message, created, created, created + seconds, result),
    )
    for line in _lines(folder / "snapshots.jsonl"):
        with suppress(*_DAMAGED):
            snapshot = task.snapshot.from_dict(json.loads(line))
            db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (folder.name, snapshot.step, line))


def _outcome(folder: Path, of: type[Any]) -> tuple[str, str, float, str | None]:
    """Status, message, seconds and result as JSON; of a study that has none, or a damaged one, that it was interrupted."""
    try:
        found = json.loads((folder / "outcome.json").read_bytes())
        result = found.get("result") or None
        if result is not None:
            of.from_dict(result)
        return (
            str(Status(found["status"])), str(found.get("message", "")), float(found.get("seconds") or 0.0),
            None if result is None else json.dumps(result),
        )  # fmt: skip
    except _DAMAGED:
        return _INTERRUPTED["status"], _INTERRUPTED["message"], 0.0, None


def _lines(file: Path) -> list[str]:
    """The lines that were written to their end."""
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()
