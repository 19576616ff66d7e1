"""The current study of each kind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.state.opened.problems import SAMPLES
from dashboard.state.resources import store, supervisor
from l0engine.errors import L0Error
from l0engine.jobs.example import Example
from l0engine.jobs.example import read as read_example
from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import Calibration
from l0engine.jobs.task import KINDS, Task

log = logging.getLogger(__name__)


def start(study: Task, inputs: Mapping[str, Path | str] | None = None) -> None:
    """Queue a study and make it the current one of its kind."""
    st.session_state[_key(study.kind)] = store().queue(study, inputs).id
    supervisor().wake()


def current(kind: str) -> JobRecord[Any, Any] | None:
    """The current study of a kind, as the store has it now."""
    key = _key(kind)
    try:
        return store().job(st.session_state[key]) if key in st.session_state else None
    except L0Error as error:  # it is gone, or of another version
        st.session_state.notice = f"The study that was open does not open any more: {error}"
        del st.session_state[key]
        return None


def open_study(kind: str, study_id: str) -> None:
    """Make a study of the store the current one of its kind."""
    record = store().job(study_id)
    if record.task.kind != kind:
        raise L0Error(f"Job {study_id} is one of {record.task.kind}: open it on its own page.")
    st.session_state[_key(kind)] = record.id


def close_study(ids: Collection[str]) -> None:
    """Let go of studies that are the current ones of their kinds."""
    for kind in _kinds():
        if st.session_state.get(_key(kind)) in ids:
            del st.session_state[_key(kind)]


def earlier(kind: str) -> list[JobRecord[Any, Any]]:
    """Studies of a kind but for the current one, newest first; those of another version are left out."""
    return [record for record in store().jobs(kind, limit=20) if record.id != st.session_state.get(_key(kind))]


@st.cache_resource(show_spinner=False)
def _example(kind: str) -> Example:
    return read_example(SAMPLES / "examples" / kind)


def example(kind: str) -> JobRecord[Any, Any] | None:
    """A finished study of a kind that ships with the dashboard; None where it cannot be read."""
    try:
        return _example(kind).record
    except (L0Error, OSError) as error:
        log.warning("The example of %s cannot be read: %s", kind, error)
        return None


def is_example(record: JobRecord[Any, Any]) -> bool:
    """Whether a study ships with the dashboard, and is none of the store."""
    return record.id.startswith("example-")


def folder(record: JobRecord[Any, Any]) -> Path:
    """Where the files of a study lie, of the store or an example."""
    return _example(record.task.kind).folder if is_example(record) else store().folder(record.id)


def snapshots(record: JobRecord[Any, Any]) -> list[Any]:
    """All snapshots of a study, of the store or an example."""
    return _example(record.task.kind).snapshots if is_example(record) else store().snapshots(record.id)


def arrivals(query: Mapping[str, str]) -> list[Callable[[], None]]:
    """What opens the studies that an address names, one by one."""
    return [partial(open_study, kind, query[kind]) for kind in _kinds() if kind in query]


def address() -> dict[str, str | None]:
    """What the address says of studies."""
    return {kind: st.session_state.get(_key(kind)) for kind in _kinds()}


def _kinds() -> list[str]:
    return [kind for kind in KINDS if kind != Calibration.kind]


def _key(kind: str) -> str:
    return f"study_{kind}"
