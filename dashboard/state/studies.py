"""The current study of each kind, and the shelf they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import streamlit as st

from l0engine.errors import L0Error
from l0engine.jobs.problems import default_root
from l0engine.studies.shelf import StudyRecord, StudyShelf
from l0engine.studies.study import KINDS, Study


@st.cache_resource
def shelf() -> StudyShelf:
    """All studies, one shelf for the server."""
    return StudyShelf(default_root() / "studies")


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
