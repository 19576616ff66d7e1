"""StudyShelf: studies in folders of their own, started, watched and stopped from any process.

A folder holds study.json (what was asked), the inputs, snapshots.jsonl, a file `stop` where that was asked, outcome.json (how it
ended, and the result) and whatever the study wrote. Nothing is deleted.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from l0engine.errors import L0Error
from l0engine.io.whole import write_whole
from l0engine.jobs.supervisor import is_worker, worker_environment
from l0engine.studies.study import Study, StudyStatus, from_spec, to_spec

log = logging.getLogger(__name__)

#: Studies that may run at a time.
MOST_RUNNING = 4
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
_INTERRUPTED = "Its process ended before the study did, most often because memory ran out: start it again, with less."


@dataclass(frozen=True)
class StudyRecord:
    """A study as the shelf has it now.

    Attributes
    ----------
    id : str
    study : Study
        What was asked.
    created : float
        Seconds since the epoch.
    status : StudyStatus
    message : str
        What went wrong, in a sentence; empty otherwise.
    seconds : float
        How long it took, 0 while it runs.
    result : dict
        Empty where there is none.
    """

    id: str
    study: Study
    created: float
    status: StudyStatus
    message: str
    seconds: float
    result: dict[str, Any]


class StudyShelf:
    """All studies under a folder.

    Raises
    ------
    L0Error
        An id is malformed or unknown, or too many studies run already.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def start(self, study: Study, inputs: Mapping[str, Path] | None = None) -> str:
        """Start a study in a process of its own; its id.

        Parameters
        ----------
        study : Study
        inputs : mapping of str to Path
            Files copied into its folder, by the name they get there.
        """
        running = sum(self._alive(folder) for folder in self._folders()[:50])
        if running >= MOST_RUNNING:
            raise L0Error(f"{running} studies are running: wait for one to end, or stop it.")
        self._root.mkdir(parents=True, exist_ok=True)
        while True:
            name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            with suppress(FileExistsError):
                (self._root / name).mkdir()
                break
        folder = self._root / name
        for target, source in (inputs or {}).items():
            shutil.copyfile(source, folder / target)
        spec = {**to_spec(study), "created": time.time()}
        write_whole(folder / "study.json", lambda file: file.write(json.dumps(spec, ensure_ascii=False).encode()))
        command = [sys.executable, "-m", "l0engine.studies.worker", str(folder.resolve())]
        environment = {**os.environ, **worker_environment(1)}
        with (folder / "worker.log").open("ab") as output:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        child.returncode = 0  # let go of: its files tell how it ends, and `_alive` clears it up
        (folder / "pid").write_text(str(child.pid))
        return name

    def record(self, study_id: str) -> StudyRecord:
        """A study as it is now."""
        folder = self.folder(study_id)
        alive = self._alive(folder)  # before the outcome is read: a process may end between the two
        spec = json.loads((folder / "study.json").read_bytes())
        outcome = _read(folder / "outcome.json")
        if not outcome:
            outcome = {"status": "running"} if alive else {"status": "interrupted", "message": _INTERRUPTED}
        return StudyRecord(
            id=study_id,
            study=from_spec(spec),
            created=spec["created"],
            status=StudyStatus(outcome["status"]),
            message=outcome.get("message", ""),
            seconds=outcome.get("seconds", 0.0),
            result=outcome.get("result", {}),
        )

    def snapshots(self, study_id: str, since: int = 0) -> list[dict[str, Any]]:
        """Its snapshots so far, but for the first `since`."""
        try:
            text = (self.folder(study_id) / "snapshots.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()[since:]]

    def stop(self, study_id: str) -> None:
        """Ask a study to end soon, with what it has."""
        (self.folder(study_id) / "stop").touch()

    def folder(self, study_id: str) -> Path:
        """Where its files are."""
        folder = self._root / study_id
        if not _ID.fullmatch(study_id) or not (folder / "study.json").is_file():
            raise L0Error(f"There is no study '{study_id[:40]}' here: start a new one.")
        return folder

    def recent(self, kind: str, limit: int = 20) -> list[str]:
        """Ids of studies of a kind, newest first."""
        specs = ((folder.name, json.loads((folder / "study.json").read_bytes())) for folder in self._folders())
        return [name for name, _ in itertools.islice(((n, s) for n, s in specs if s["kind"] == kind), limit)]

    def _folders(self) -> list[Path]:
        """All folders, newest first; names tell seconds only."""
        found = sorted(self._root.glob("*/study.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
        return [p.parent for p in found]

    def _alive(self, folder: Path) -> bool:
        try:
            pid = int((folder / "pid").read_text())
        except (OSError, ValueError):
            return False
        with suppress(ChildProcessError, AttributeError):  # another server's; or Windows, which has no such remains
            os.waitpid(pid, os.WNOHANG)
        return not (folder / "outcome.json").exists() and is_worker(pid, str(folder.resolve()))


def _read(path: Path) -> dict[str, Any]:
    try:
        out: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return out
