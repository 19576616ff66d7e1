"""What is kept of all jobs: the list, what each costs, and what was put into the trash last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.state import comparing
from dashboard.state.opened.current import choose_run
from dashboard.state.opened.runs import open_run
from dashboard.state.opened.studies import close_study, open_study
from dashboard.state.quotas import count_anew
from dashboard.state.resources import store
from l0engine.calibration.results import Status
from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import Calibration, RunRecord

#: Jobs that are listed, newest first.
MOST = 5_000
#: How long a way back is offered beside the list; the trash offers it for ever.
UNDO_SECONDS = 120.0


def jobs() -> list[JobRecord[Any, Any]]:
    """All jobs but those in the trash, with the settings they have now: pinned ones first, then the newest."""
    return sorted(store().as_they_are(store().jobs(limit=MOST)), key=lambda job: not job.pinned)


def live() -> dict[str, Status]:
    """How jobs stand that have not ended."""
    return {job.id: job.status for job in store().jobs(statuses=[s for s in Status if not s.ended], limit=MOST)}


@st.cache_resource
def _costs() -> dict[tuple[str, float], int]:
    """Bytes of jobs that have ended, whose files stay as they are, by id and end."""
    return {}


def costs(of: Sequence[JobRecord[Any, Any]]) -> dict[str, int]:
    """Bytes of the files of jobs, by id."""
    known = _costs()
    unknown = [job.id for job in of if (job.id, job.ended) not in known]
    found = store().costs(unknown)
    known.update({(job.id, job.ended): found[job.id] for job in of if job.id in found and job.ended is not None})
    return {job.id: found[job.id] if job.id in found else known[job.id, job.ended or 0.0] for job in of}


def open_job(job: JobRecord[Any, Any]) -> str:
    """Make a job the current one of its kind; the page that shows it."""
    kind = job.task.kind
    if isinstance(job, RunRecord):
        open_run(job.id)
        return "frontier" if job.plan is not None else "results" if job.status.has_result else "calibrate"
    open_study(kind, job.id)
    return kind


def trash(ids: Sequence[str]) -> None:
    """Put jobs into the trash; they are nobody's current ones any more, and `undo` brings them back."""
    store().trash(ids)
    count_anew()
    st.session_state.trashed, st.session_state.trashed_at = tuple(ids), time.monotonic()
    comparing.compare([run for run in st.session_state.get("compare", ()) if run not in ids])
    if st.session_state.get("run") in ids:
        choose_run(None)
    close_study(ids)


def undone() -> tuple[str, ...]:
    """What was put into the trash a moment ago, and can be brought back at once."""
    late = time.monotonic() - st.session_state.get("trashed_at", 0.0) > UNDO_SECONDS
    return () if late else tuple(st.session_state.get("trashed", ()))


def undo() -> None:
    """Bring back what was put into the trash last."""
    restore(undone())


def is_run(job: JobRecord[Any, Any]) -> bool:
    """Whether a job can be compared: it is a calibration."""
    return job.task.kind == Calibration.kind


def restore(ids: Sequence[str]) -> None:
    """Take jobs out of the trash."""
    store().restore(ids)
    count_anew()
    st.session_state.trashed = tuple(job for job in undone() if job not in ids)


def purge(ids: Sequence[str]) -> None:
    """Remove jobs in the trash for good."""
    store().purge(ids)
    count_anew()
    st.session_state.trashed = tuple(job for job in undone() if job not in ids)
