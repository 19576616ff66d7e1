"""The address of the page, and how often a live page polls."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.state import building, comparing, draft, filters, first, lessons
from dashboard.state.opened import studies
from dashboard.state.opened.problems import let_go, open_problem
from dashboard.state.opened.runs import open_point, open_run
from dashboard.state.resources import supervisor
from l0engine.errors import L0Error


def follow_url(page: str) -> None:
    """Take run and problem from the address on arrival, and keep the address current, so that it can be shared.

    The address of a lesson, one of the pages, says its controls and nothing else.
    """
    try:
        supervisor()
    except L0Error as error:  # a store of a newer version
        st.error(str(error), icon=":material/error:")
        st.stop()
    st.session_state.setdefault("arrived", False)
    if not st.session_state.arrived:
        st.session_state.arrived = True
        query = st.query_params.to_dict()
        for arrive in (
            lambda: _calibration(query, page),
            lambda: building.arrive(query),
            lambda: draft.arrive(query),
            lambda: comparing.arrive(query),
            lambda: filters.arrive(query),
            *studies.arrivals(query),
        ):
            try:
                arrive()
            except L0Error as error:  # the others open all the same
                st.session_state.notice = f"This address does not open here: {error}"
    if page not in ("runs", "results"):
        first.drawn()
    let_go()
    wanted: dict[str, str | None] = {"run": st.session_state.get("run"), "point": st.session_state.get("point")}
    wanted |= studies.address() | draft.address() | {"build": st.session_state.get("building")} | comparing.address()
    wanted |= {"problem": None if "run" in st.session_state else st.session_state.get("problem")}
    wanted |= filters.address() if page == "runs" else {}
    lessons.arrive(page, wanted)
    said = lessons.asked(page).address() if page in lessons.LESSONS else {k: v for k, v in wanted.items() if v is not None}
    if st.query_params.to_dict() != said:
        st.query_params.from_dict(said)
    above = st.container()  # always there, so that nothing moves when the notice goes
    if notice := st.session_state.pop("notice", None):
        above.warning(notice, icon=":material/link_off:")
        first.drawn()  # it would be gone when the page runs anew


def _calibration(query: Mapping[str, str], page: str) -> None:
    """Open the run that an address names, or the problem."""
    if "run" in query:
        open_run(query["run"])
        if page == "results":
            first.ask()
        open_point(query.get("point") or None)
    elif "problem" in query:
        open_problem(query["problem"])
