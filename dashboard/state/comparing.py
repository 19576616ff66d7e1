"""The jobs that are compared, and what is known of each: read once of a run that has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.state import first
from dashboard.state.opened.problems import read_findings, read_problem
from dashboard.state.resources import BY_END, store
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.preflight import in_use
from l0engine.errors import L0Error
from l0engine.jobs.job import Event, JobRecord
from l0engine.jobs.records import PointRecord, RunRecord


def compare(ids: Sequence[str]) -> None:
    """Put jobs of one kind side by side; none ends the comparison."""
    st.session_state.compare = tuple(dict.fromkeys(ids))


def compared() -> tuple[list[JobRecord[Any, Any]], str]:
    """The jobs that are compared, of one kind, with the settings they have now; and what to say of one that is gone, or in the trash.

    What is gone comes back when it is restored; where none is left, the comparison ends.
    """
    found, trouble = _open(st.session_state.get("compare", ()))
    if not found:
        compare(())
    return store().as_they_are(found), f"{trouble} The comparison goes on without it." if trouble and found else trouble


def there() -> list[str]:
    """Ids of those of the compared jobs that can be opened now."""
    return [job.id for job in _open(st.session_state.get("compare", ()))[0]]


def address() -> dict[str, str | None]:
    """What the address says of the comparison."""
    return {"compare": ",".join(st.session_state.get("compare", ())) or None}


def arrive(query: Mapping[str, str]) -> None:
    """Take up a comparison that an address names; the jobs that do not open are told of.

    Raises
    ------
    L0Error
        Names the first job that does not open; the others are compared all the same.
    """
    if "compare" in query:
        found, trouble = _open([part for part in query["compare"].split(",") if part])
        compare([run.id for run in found])
        if found and isinstance(found[0], RunRecord):  # which have a film
            first.ask()
        if trouble:
            raise L0Error(trouble)


def _open(ids: Sequence[str]) -> tuple[list[JobRecord[Any, Any]], str]:
    """Jobs of the kind of the first, and what is wrong with the first that does not open, and how many more do not."""
    found: list[JobRecord[Any, Any]] = []
    troubles: list[str] = []
    for job_id in dict.fromkeys(ids):
        try:
            job = store().job(job_id)
            if job.deleted is not None:
                raise L0Error(f"Run {job_id} is in the trash: restore it on the Runs page.")
            if found and job.task.kind != found[0].task.kind:
                raise L0Error(f"Job {job_id} is of another kind than the first: it cannot be compared with it.")
            found.append(job)
        except L0Error as error:
            troubles.append(str(error))
    more = f" {len(troubles) - 1} more cannot be opened beside the first." if troubles[1:] else ""
    return found, f"{troubles[0]}{more}" if troubles else ""


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_END)
def _history(run: JobRecord[Any, Any]) -> tuple[Any, ...]:
    return tuple(store().snapshots(run.id))


def history(run: JobRecord[Any, Any]) -> Sequence[Any]:
    """All snapshots of a job so far."""
    return _history(run) if run.status.ended else store().snapshots(run.id)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_END)
def points(run: RunRecord) -> Sequence[PointRecord]:
    """The frontier of a run; empty where it has none, or none yet."""
    return store().points(run.id) if run.plan is not None and run.status.ended else ()


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_END)
def _events(run: RunRecord) -> tuple[Event, ...]:
    return tuple(store().events(run.id))


def events(run: RunRecord) -> Sequence[Event]:
    """What was changed in a run after it had begun."""
    return _events(run) if run.status.ended else store().events(run.id)


@st.cache_resource(max_entries=8, show_spinner="Reading the weights …", hash_funcs=BY_END)
def weights(run: RunRecord) -> np.ndarray:
    """Final weights of all households of a run that ended with weights."""
    result = store().result(run.id)
    if result is None:
        raise L0Error(f"Run {run.id} has no weights: leave it out of the comparison.")
    return result.weights


@st.cache_resource(max_entries=32, show_spinner="Looking at each target …", hash_funcs=BY_END)
def errors(run: RunRecord) -> tuple[np.ndarray, np.ndarray]:
    """Signed relative error of each target, and which targets the run's measures count."""
    problem = read_problem(run.problem)
    return relative_errors(problem, weights(run)), in_use(problem, read_findings(run.problem), run.config)
