"""What lies in the store beside jobs: problems and uploads that nobody refers to, the room there is, and zips brought in."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from dashboard.state.quotas import Quota, admit, count_anew, quotas, took
from dashboard.state.resources import store
from dashboard.state.uploads import IMAGES, LOGS, TABLES
from l0engine.jobs.bundles import import_jobs
from l0engine.jobs.records import RunRecord


class Leftover(NamedTuple):
    """A problem, or an upload.

    Attributes
    ----------
    key : str
        SHA-256 of a problem, or the path of an upload.
    title : str
    size : int
        Bytes.
    """

    key: str
    title: str
    size: int

    @property
    def is_problem(self) -> bool:
        return not Path(self.key).is_absolute()


def unused() -> list[Leftover]:
    """Problems without a job, and uploads that nothing is being built of; largest first. What is open here is left out."""
    found = [
        Leftover(p.sha, f"Problem: {p.title}", size) for p, size in store().unused_problems() if p.sha != st.session_state.get("problem")
    ]
    building = "".join(path.read_text(encoding="utf-8") for path in (store().root / "buildings").glob("*.json"))
    for uploads, what in ((TABLES, "Table"), (LOGS, "Log"), (IMAGES, "Images")):
        for path, title in uploads.titles().items():
            if json.dumps(path, ensure_ascii=False) not in building:
                found.append(Leftover(path, f"{what}: {title}", sum(p.stat().st_size for p in _files(path))))
    return sorted(found, key=lambda item: -item.size)


def remove(items: Sequence[Leftover]) -> None:
    """Remove them for good.

    Raises
    ------
    L0Error
        A job has come to refer to a problem; it and those after it are left.
    """
    count_anew()
    for item in items:
        if item.is_problem:
            store().drop_problem(item.key)
        else:
            for path in reversed(_files(item.key)):  # the note last: without the file it would be offered still
                with suppress(FileNotFoundError):
                    path.unlink()


def uploads() -> Quota:
    """How much is kept of all uploads, and how much may be."""
    return quotas()[1]


def free() -> int:
    """Bytes that are free on the disk of the store."""
    return shutil.disk_usage(store().root).free


def bring_in(name: str, content: bytes, *, again: bool = False) -> None:
    """Take up the jobs of a zip of this name, `again` also where it was taken up before; what to say of them is held as 'brought_in'.

    Raises
    ------
    L0Error
        It is no zip of jobs, or the session or the store is full.
    """
    admit(len(content))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, Path(name.replace("\\", "/")).name[-100:])
        path.write_bytes(content)
        ids = import_jobs(store(), path, again=again)
    took(len(content))
    count_anew()
    known = {problem.sha for problem in store().problems()}
    without = sum(job.problem not in known for job in map(store().job, ids) if isinstance(job, RunRecord))
    lacks = f"; {without} without the problem, which results need: open it on the Data page" if without else ""
    st.session_state.brought_in = f"{len(ids)} brought in{lacks}."


def _files(path: str) -> list[Path]:
    """Of an upload: its note, and what is kept."""
    kept = Path(path)
    return [p for p in (kept.with_suffix(".json"), kept) if p.exists()]
