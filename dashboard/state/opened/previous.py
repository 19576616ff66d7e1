"""What the next run goes out from: nothing, a run of the store, or an uploaded file of weights."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.state.resources import store
from dashboard.state.uploads import ENDINGS, Uploads, plain
from l0engine.calibration.problem.previous import Previous
from l0engine.calibration.results import Status
from l0engine.io.whole import read_arrays

WEIGHTS = Uploads("previous", ".npz", ENDINGS, plain("previous"))
#: The choice that is none, and the names of the widgets that hold the choice, and whether there is one.
NOTHING, KEY, SWITCH = "nothing", "previous", "previous_wanted"
#: Runs that are offered, at most.
_OFFERED = 50


def origins() -> dict[str, str]:
    """What there is to go out from: id of a run, with /KEY of a point of its frontier, or path of an upload; title; nothing first."""
    runs = store().as_they_are(store().runs(statuses=[s for s in Status if s.has_result], limit=_OFFERED))
    titles = {p.sha: p.title for p in store().problems()}
    named = {run.id: f"{run.title} · {titles[run.problem]}" for run in runs if run.outcome is not None and run.problem in titles}
    points = {
        f"{run.id}/{p.key}": f"{p.measures.kept:,} households of the frontier of {named[run.id]}"
        for run in runs if run.id in named and run.plan is not None
        for p in store().points(run.id) if p.method == "l0engine"
    }  # fmt: skip
    return {NOTHING: "Base weights", **named, **points, **{path: f"File: {title}" for path, title in WEIGHTS.titles().items()}}


def previous() -> Previous | None:
    """The answer that the next run goes out from; None where none is chosen.

    Raises
    ------
    L0Error
        It is no longer there.
    """
    chosen = previous_chosen()
    if chosen is None:
        return None
    return _file(chosen) if chosen in WEIGHTS.titles() else _run(chosen, store().run(chosen.partition("/")[0]).ended)


def previous_chosen() -> str | None:
    """Its name in `origins`; None where none is chosen."""
    chosen = st.session_state.get(f"{KEY}_chosen", NOTHING) if st.session_state.get(SWITCH) else NOTHING
    return None if chosen == NOTHING else str(chosen)


@st.cache_resource(max_entries=4, show_spinner="Reading the previous weights …")
def _file(path: str) -> Previous:
    found = Previous.from_arrays(read_arrays(Path(path)))
    return Previous.create(found.ids, found.weights, WEIGHTS.titles()[path])


@st.cache_resource(max_entries=4, show_spinner="Reading the previous weights …")
def _run(named: str, ended: float | None) -> Previous:
    """A run may go on and end anew, with other weights."""
    return store().answer(named)
