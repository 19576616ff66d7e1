"""The frame at the left: current problem, current run, and the way to others."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import wording
from l0engine.calibration.results import Status

_ICONS = {
    **dict.fromkeys((Status.QUEUED, Status.RUNNING, Status.PAUSED), ":material/hourglass_top:"),
    **dict.fromkeys((Status.CONVERGED, Status.STEP_LIMIT, Status.FINISHED), ":material/check_circle:"),
    **dict.fromkeys((Status.DIVERGED, Status.FAILED), ":material/error:"),
    Status.STOPPED: ":material/stop_circle:",
    Status.INTERRUPTED: ":material/link_off:",
}


def show() -> None:
    """Problem, run, and a menu of earlier runs of this problem."""
    with st.sidebar:
        record = state.problem_record()
        st.caption("Problem")
        size = f"{wording.count(record.n_targets)} targets × {wording.count(record.n_households)} households"
        st.markdown(f"**{wording.markdown(record.title)}**  \n{size}")
        run = state.run()
        run = run and state.store().as_they_are([run])[0]
        st.caption("Run")
        if run is None:
            st.markdown("None yet. Start one on the Calibrate page.")
        else:
            st.markdown(f"{_ICONS[run.status]} **{wording.markdown(run.title)}**  \n{status_words(run.status)}")
        earlier = [r for r in state.store().as_they_are(state.store().runs(record.sha, limit=50)) if run is None or r.id != run.id]
        if earlier:
            words = [r.title for r in earlier]  # a menu tells its options apart by their words
            titles = {r.id: f"{r.title}{f' · {r.id[-4:]}' if words.count(r.title) > 1 else ''} · {status_words(r.status)}" for r in earlier}
            state.menu("Earlier runs", titles, state.open_run, key="earlier_run", placeholder=f"Open one of {len(earlier)}")


def status_words(status: Status) -> str:
    """A status in a word or two."""
    if not status.ended:
        return "in progress"  # the sidebar is drawn once; the live panel knows more
    return {Status.STEP_LIMIT: "finished", Status.CONVERGED: "finished (settled)"}.get(status, status.value)
