"""Jobs that begin or are over: what went wrong and how to take them up again, and a menu of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.attempt import attempt
from dashboard.state.opened import studies
from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import RunRecord
from l0engine.jobs.task import Task

#: Seconds from one look at a job that has ended to the next.
WATCHED = 5.0


def trouble(record: JobRecord[Any, Any]) -> None:
    """Say what went wrong with a job that has ended, if anything did; a button takes an interrupted one up again."""
    if record.status in (Status.FAILED, Status.DIVERGED):
        st.error(wording.markdown(record.sentence), icon=":material/error:")
    elif record.status is Status.STOPPED:
        st.info(wording.markdown(record.sentence), icon=":material/stop_circle:")
    elif record.can_requeue:
        st.warning(wording.markdown(record.sentence), icon=":material/error:")
        label = "Start it again" if record.checkpoint is None else "Resume from the last checkpoint"
        if st.button(label, icon=":material/play_arrow:", type="primary"):
            attempt(lambda: state.take_up(record.id))


def in_trash(record: JobRecord[Any, Any]) -> None:
    """Say so where a job that an address names is in the trash."""
    place = st.container()  # always there, so that nothing moves when the job is restored
    if record.deleted is not None:
        what = "run" if isinstance(record, RunRecord) else "study"
        words = f"This {what} is in the trash, where it may be removed for good: restore it on the Runs page."
        place.warning(words, icon=":material/delete:")


def watch(record: JobRecord[Any, Any]) -> None:
    """Show the page anew once a job that had ended went on: somebody took it up in another tab."""

    @st.fragment(run_every=WATCHED)
    def look() -> None:
        with suppress(L0Error):  # it is gone; the page says so when it runs next
            if state.store().job(record.id).ended != record.ended:
                st.rerun()

    look()


def start(study: Task, inputs: Mapping[str, Path | str] | None) -> None:
    """Queue a study and show it, or say why it cannot be."""
    attempt(lambda: studies.start(study, inputs))


def earlier(kind: str) -> None:
    """A menu of earlier studies of a kind, where there are any."""
    records = {r.id: r for r in studies.earlier(kind)}
    if not records:
        return
    ends = {name: "" if r.status is Status.FINISHED else f" · {r.status.value}" for name, r in records.items()}
    titles = wording.distinct({name: f"{r.title}{ends[name]}" for name, r in records.items()})
    state.menu(
        "Earlier ones", titles, lambda chosen: studies.open_study(kind, chosen), key=f"earlier_{kind}",
        placeholder=f"Open one of {len(titles)}",
    )  # fmt: skip
