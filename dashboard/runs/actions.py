"""What can be done with the jobs that are chosen."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.attempt import attempt
from dashboard.kit.download import download
from dashboard.state import comparing, keeping
from l0engine.jobs.bundles import export_jobs
from l0engine.jobs.job import JobRecord

_CHOOSE = "Choose rows first, by the boxes at their left."


def show(chosen: Sequence[JobRecord[Any, Any]]) -> None:
    """A row of buttons; one that has nothing to do says why."""
    one = chosen[0] if len(chosen) == 1 else None
    single = None if one else _CHOOSE if not chosen else "Choose a single row for this."
    runs = [job for job in chosen if keeping.is_run(job)] or chosen
    alike = len(runs) >= 2 and len({job.task.kind for job in runs}) == 1
    few = None if alike else "Choose two or more calibrations, or two or more studies of one kind."
    with st.container(horizontal=True, key="runs_actions"):
        label = f"Compare {len(runs)}" if alike else "Compare"
        if st.button(label, icon=":material/compare_arrows:", type="primary", disabled=few is not None, help=few):
            comparing.compare([run.id for run in runs])
            st.rerun()
        if st.button("Open", icon=":material/open_in_new:", disabled=one is None, help=single) and one:
            attempt(lambda: st.switch_page(f"app_pages/{keeping.open_job(one)}.py"))
        _name(one, single)
        _note(one, single)
        _pin(chosen)
        ended = [job.id for job in chosen if job.status.ended]
        why = _CHOOSE if not chosen else "Stop it first." if not ended else "Into the trash."
        why += " What is still at work stays." if 0 < len(ended) < len(chosen) else ""
        if st.button("Delete", icon=":material/delete:", disabled=not ended, help=why):
            attempt(lambda: keeping.trash(ended))
        _zip(chosen)


def _name(job: JobRecord[Any, Any] | None, why: str | None) -> None:
    with st.popover("Rename", icon=":material/edit:", disabled=job is None, help=why):
        if job is not None:
            with st.form(f"name_{job.id}", border=False):
                name = st.text_input("Name", job.name, placeholder=job.title, help="Empty takes the name back.")
                if st.form_submit_button("Rename", type="primary"):
                    attempt(lambda: state.store().rename(job.id, name))


def _note(job: JobRecord[Any, Any] | None, why: str | None) -> None:
    with st.popover("Note", icon=":material/sticky_note_2:", disabled=job is None, help=why):
        if job is not None:
            with st.form(f"note_{job.id}", border=False):
                text = st.text_area("Note", job.note, placeholder="What was tried, and what came of it.")
                if st.form_submit_button("Keep the note", type="primary"):
                    attempt(lambda: state.store().set_note(job.id, text))


def _pin(chosen: Sequence[JobRecord[Any, Any]]) -> None:
    pinned = bool(chosen) and all(job.pinned for job in chosen)
    help_ = "Pinned ones stay on top, keep their colour, and are never cleared away." if chosen else _CHOOSE
    if st.button("Unpin" if pinned else "Pin", icon=":material/keep:", disabled=not chosen, help=help_):
        attempt(lambda: [state.store().pin(job.id, not pinned) for job in chosen])


def _zip(chosen: Sequence[JobRecord[Any, Any]]) -> None:
    at_work = any(not job.status.ended for job in chosen)
    why = _CHOOSE if not chosen else "One of them is still at work: stop it, or leave it out." if at_work else None
    with st.popover("Download", icon=":material/folder_zip:", disabled=why is not None, help=why):
        if why is None:
            st.markdown(f"{wording.plural(len(chosen), 'job')} in one zip, to be read on the Runs page of another machine.")
            data = st.checkbox(
                "With the microdata", key="runs_microdata", help="Households, totals and uploaded tables. Only where they may leave."
            )
            goes_on = st.checkbox(
                "With the states to go on from", key="runs_checkpoint", help="So that runs go on bit for bit; 32 bytes for a household."
            )
            download(
                "Download zip", lambda: bundle([job.id for job in chosen], data, goes_on), "runs.zip", "application/zip",
                "Settings, steps, measures and weights. How single targets and households moved over the training stays here.",
            )  # fmt: skip


def bundle(ids: Sequence[str], microdata: bool, checkpoint: bool = False) -> bytes:
    """Jobs as the bytes of one zip."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "runs.zip")
        export_jobs(state.store(), ids, path, microdata=microdata, checkpoint=checkpoint)
        return path.read_bytes()
