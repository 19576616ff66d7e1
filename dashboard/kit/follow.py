"""A job while it is at work: what it does, buttons to hold and to stop it, how far it is, and its pictures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.attempt import full_disk_said
from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.job import JobRecord, Request


def follow(
    record: JobRecord[Any, Any], draw: Callable[[JobRecord[Any, Any], list[Any]], None], *, keeps: str, unit: str | None = "Step"
) -> None:
    """Poll a job until it has ended, then run the page once more.

    Parameters
    ----------
    draw : callable
        Draws the job as it is and all its snapshots so far, of which each tick reads only the new ones.
    keeps : str
        What stopping leaves, in a sentence.
    unit : str or None
        What a step is called in the bar; None for no bar.
    """
    seen: list[Any] = []

    @state.ticking()
    def tick() -> None:
        with full_disk_said():
            job = state.store().job(record.id)
            if job.status.ended:
                st.rerun()
            seen.extend(state.store().snapshots(job.id, since=seen[-1].step if seen else -1))
            _controls(job, keeps)
            if unit is not None:
                _bar(job, seen, unit)
            draw(job, seen)

    tick()


def _controls(job: JobRecord[Any, Any], keeps: str) -> None:
    """What the job is doing, and its buttons."""
    words, pause, stop = layout.columns([6, 1.2, 1.2], key=f"controls_{job.task.kind}", narrowest=120, align="center")
    words.markdown(f"**{job.status.value.capitalize()}.** {_doing(job)}")
    if job.can_continue:
        pause.button("Resume", icon=":material/play_arrow:", on_click=_request, args=(job.id, Request.NONE), width="stretch")
    else:
        pause.button(
            "Pause", icon=":material/pause:", on_click=_request, args=(job.id, Request.PAUSE), disabled=not job.can_pause,
            help=None if job.can_pause else "Only what is running can be paused.", width="stretch",
        )  # fmt: skip
    stop.button(
        "Stop", icon=":material/stop:", on_click=_request, args=(job.id, Request.STOP), disabled=not job.can_stop,
        help=keeps if job.can_stop else "Already asked to stop.", width="stretch",
    )  # fmt: skip


def _doing(job: JobRecord[Any, Any]) -> str:
    if job.request is Request.STOP:
        return "Stopping; this may take a few seconds."
    if job.request is Request.PAUSE and job.status is Status.RUNNING:
        return "Pausing after this step."
    return job.sentence


def _request(job_id: str, request: Request) -> None:
    with suppress(L0Error):  # it has ended meanwhile, and the page shows that at once
        state.store().request(job_id, request)


def _bar(job: JobRecord[Any, Any], seen: list[Any], unit: str) -> None:
    if not seen and job.status is not Status.RUNNING:
        return
    done, text = 0.0, "Starting the worker; the first step comes within a few seconds."
    if seen:
        last = seen[-1]
        done, text = last.step / max(last.epochs, 1), f"{unit} {wording.count(last.step)} of {wording.count(last.epochs)}"
    st.progress(min(done, 1.0), text=text)
