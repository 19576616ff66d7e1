"""Studies of versions that kept them in folders alone: entered in the database; their files stay where they are, under studies/<id>/."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_INTERRUPTED = {"status": "interrupted", "message": "Its process ended before the study did; resume to start it again."}


def adopt_studies(db: sqlite3.Connection, root: Path) -> None:
    """Enter every study below a store's folder, its snapshots too; what cannot be read is left where it is."""
    for file in sorted(root.glob("studies/*/study.json")):
        try:
            _adopt(db, file.parent, json.loads(file.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("The study in %s cannot be read and is left out: %s", file.parent, error)


def _adopt(db: sqlite3.Connection, folder: Path, spec: dict[str, Any]) -> None:
    outcome = _INTERRUPTED
    if (folder / "outcome.json").exists():
        outcome = json.loads((folder / "outcome.json").read_bytes())
    result, created = outcome.get("result"), spec["created"]
    ended = created + outcome.get("seconds", 0.0)
    lines = (folder / "snapshots.jsonl").read_text(encoding="utf-8") if (folder / "snapshots.jsonl").exists() else ""
    snapshots = [json.loads(line) for line in lines[: lines.rfind("\n") + 1].splitlines()]
    row = (folder.name, spec["kind"], json.dumps(spec["settings"]), outcome["status"], outcome.get("message", ""), created, created, ended)
    db.execute(
        "INSERT OR IGNORE INTO jobs (id, kind, task, status, message, created, started, ended, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, json.dumps(result) if result else None),
    )
    db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", [(folder.name, int(s["step"]), json.dumps(s)) for s in snapshots])
