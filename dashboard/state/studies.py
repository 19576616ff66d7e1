"""Studies and the tables they are about: their session keys, query parameters and shared resources, as `state` has those of runs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from l0engine.errors import L0Error
from l0engine.io import table_guarded
from l0engine.jobs.problems import default_root
from l0engine.studies.shelf import StudyRecord, StudyShelf
from l0engine.studies.study import KINDS, Study

_SAMPLES = Path(__file__).parents[2] / "sample_data"


@st.cache_resource
def shelf() -> StudyShelf:
    """All studies, one shelf for the server."""
    return StudyShelf(default_root() / "studies")


# -- the current study of each kind -----------------------------------------------------------------------------------


def start(study: Study, inputs: Mapping[str, Path] | None = None) -> None:
    """Start a study and make it the current one of its kind."""
    st.session_state[_key(study.kind)] = shelf().start(study, inputs)


def current(kind: str) -> StudyRecord | None:
    """The current study of a kind, as the shelf has it now."""
    key = _key(kind)
    return shelf().record(st.session_state[key]) if key in st.session_state else None


def open_study(kind: str, study_id: str) -> None:
    """Make a study of the shelf the current one of its kind."""
    st.session_state[_key(kind)] = shelf().record(study_id).id


def earlier(kind: str) -> list[StudyRecord]:
    """Studies of a kind but for the current one, newest first; those of another version are left out."""
    out = []
    for study_id in shelf().recent(kind):
        with suppress(L0Error):
            out.append(shelf().record(study_id))
    return [record for record in out if record.id != st.session_state.get(_key(kind))]


def arrive(query: Mapping[str, str]) -> None:
    """Take the studies that an address names.

    Raises
    ------
    L0Error
        One of them is not on the shelf.
    """
    for kind in KINDS:
        if kind in query:
            open_study(kind, query[kind])


def address() -> dict[str, str | None]:
    """What the address says of studies."""
    return {kind: st.session_state.get(_key(kind)) for kind in KINDS}


def _key(kind: str) -> str:
    return f"study_{kind}"


# -- tables -----------------------------------------------------------------------------------------------------------


def sample_tables() -> dict[str, str]:
    """Bundled tables: path, title; the largest first."""
    found = [(p.parent, json.loads((p.parent / "sample.json").read_text())["title"]) for p in _SAMPLES.glob("*/households.parquet")]
    return {str(folder / "households.parquet"): f"Households: {title}" for folder, title in sorted(found, key=lambda f: f[0].name != "us")}


def uploaded_tables() -> dict[str, str]:
    """Uploaded tables: path, title; newest first."""
    notes = sorted(_tables().glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    return {str(note.with_suffix(".parquet")): json.loads(note.read_text())["title"] for note in notes}


@st.cache_resource(max_entries=3, show_spinner="Reading the table …")
def table(path: str) -> pd.DataFrame:
    """A bundled or uploaded table; not to be changed."""
    if path not in sample_tables() and path not in uploaded_tables():
        raise L0Error("This table is no longer here: choose another one, or upload it again.")
    return pq.read_table(path).to_pandas()


def keep_upload(name: str, content: bytes) -> str:
    """Parse an uploaded table in a guarded child process and keep it, once for the same content; its path.

    Raises
    ------
    ProblemError
        A sentence that names file, place and remedy.
    """
    sha = hashlib.sha256(content).hexdigest()
    kept = _tables() / f"{sha}.parquet"
    if not kept.with_suffix(".json").exists():
        _tables().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            suffix = ".parquet" if Path(name).suffix.lower() == ".parquet" else ".csv"
            raw = Path(scratch, f"{Path(name).stem[:60] or 'table'}{suffix}".replace("\\", "_"))
            raw.write_bytes(content)
            table_guarded(raw, kept)
        note: dict[str, Any] = {"title": Path(name).name[:60]}
        kept.with_suffix(".json").write_text(json.dumps(note))
    return str(kept)


def _tables() -> Path:
    return default_root() / "tables"
