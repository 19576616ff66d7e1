"""All jobs in one table: filtered, sorted, and chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.runs import actions, table
from dashboard.state import comparing, filters, keeping
from l0engine.calibration.results import Status
from l0engine.jobs.job import JobRecord

#: What to show, by a word.
_STATES = {
    "Finished": (Status.CONVERGED, Status.STEP_LIMIT, Status.FINISHED, Status.STOPPED),
    "In progress": (Status.QUEUED, Status.RUNNING, Status.PAUSED),
    "Needs a look": (Status.INTERRUPTED, Status.FAILED, Status.DIVERGED),
}

#: Seconds between two looks at whether what is compared is still there.
_LOOK_SECONDS = 5.0
#: Orders of the list, by name in the address: a title, and what comes first; None comes last.
_ORDERS: Mapping[str, tuple[str, Callable[[JobRecord[Any, Any]], Any]]] = {
    "newest": ("Newest", lambda job: -job.created),
    "kept": ("Fewest kept", lambda job: (m := table.measures(job)) and m.kept),
    "error": ("Least error", lambda job: (m := table.measures(job)) and m.median_abs_rel_error),
    "ess": ("Largest ESS", lambda job: (m := table.measures(job)) and -m.ess),
    "time": ("Longest", lambda job: -job.seconds if job.seconds else None),
}
#: What an address may ask the list for, by name.
CHOICES: Mapping[str, Collection[str]] = {"kind": table.KINDS, "status": _STATES, "order": _ORDERS}


def show(jobs: Sequence[JobRecord[Any, Any]], *, low: bool) -> None:
    """The list, `low` where a comparison stands below it; the page runs anew when a job begins or ends."""
    drawn = {job.id: job.status for job in jobs if not job.status.ended}
    if drawn:

        @state.ticking()
        def watch() -> None:
            if keeping.live() != drawn:
                st.rerun()

        watch()
    _list(jobs, low)


def watch_compared(jobs: Sequence[JobRecord[Any, Any]]) -> None:
    """The page runs anew when a job that is compared goes, or comes back: another window or the command line may have done so."""
    shown = [job.id for job in jobs]

    @state.ticking(least=_LOOK_SECONDS)
    def watch() -> None:
        if comparing.there() != shown:
            st.rerun()

    watch()


@st.fragment
def _list(jobs: Sequence[JobRecord[Any, Any]], low: bool) -> None:
    titles = {record.sha: record.title for record in state.store().problems()}
    shown, apart = _filtered(jobs, titles)
    frame, looks = table.listed(shown, titles, keeping.costs(shown), settings=apart)
    if not shown:
        st.info("No run is like this. Change the filter above.", icon=":material/filter_alt_off:")
        return
    chosen = table.choose(shown, frame, looks, key="runs", rows=5 if low else 14, alt="All runs and studies, one a row")
    actions.show(chosen)
    for job in chosen[:3]:
        if job.status in (*_STATES["Needs a look"], Status.PAUSED):
            st.warning(f"**{wording.markdown(job.title)}**: {wording.markdown(job.sentence)}", icon=":material/error:")


def _filtered(jobs: Sequence[JobRecord[Any, Any]], titles: dict[str, str]) -> tuple[list[JobRecord[Any, Any]], bool]:
    """The jobs that fit, and whether only settings that differ are asked for."""
    words, kinds, states, orders, differences = layout.columns([3, 2, 2, 2, 2.4], key="runs_filter", narrowest=150, align="bottom")
    text = (
        words.text_input("Search", placeholder="Part of a name, note or problem", key="runs_search", icon=":material/search:")
        .strip()
        .lower()
    )
    state.hold_one_of("runs_kind", table.KINDS)
    state.hold_one_of("runs_status", _STATES)
    kind = kinds.selectbox("Kind", list(table.KINDS), index=None, format_func=table.KINDS.get, placeholder="All kinds", key="runs_kind")
    which = states.selectbox("Status", list(_STATES), index=None, placeholder="Any", key="runs_status")
    state.hold_one_of("runs_order", _ORDERS)
    state.hold_first("runs_order", "newest")
    order = orders.selectbox(
        "Order", list(_ORDERS), format_func=lambda name: _ORDERS[name][0], key="runs_order", help="Pinned ones stay on top."
    )
    apart = differences.toggle(
        "Only differences",
        key="runs_apart",
        help="The settings in which the calibrations that are listed differ, in place of times, devices and notes.",
    )
    filters.keep_address()

    def fits(job: JobRecord[Any, Any]) -> bool:
        said = " ".join((job.id, job.title, job.task.label, job.note, titles.get(getattr(job.task, "problem", ""), ""))).lower()
        return text in said and kind in (None, job.task.kind) and (which is None or job.status in _STATES[which])

    def place(job: JobRecord[Any, Any]) -> tuple[Any, ...]:
        value = _ORDERS[order][1](job)
        return (not job.pinned, value is None, value)

    shown = sorted((job for job in jobs if fits(job)), key=place)
    return ([job for job in shown if keeping.is_run(job)] if apart else shown), apart
