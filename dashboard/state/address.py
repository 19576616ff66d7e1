"""The address of the page, and how often a live page polls."""

from __future__ import annotations

import time
import uuid

import streamlit as st

from dashboard.state import studies
from dashboard.state.points import open_point
from dashboard.state.problems import open_problem
from dashboard.state.resources import supervisor
from dashboard.state.runs import open_run
from l0engine.errors import L0Error


def follow_url() -> None:
    """Take run and problem from the address on arrival, and keep the address current, so that it can be shared."""
    supervisor()
    st.session_state.setdefault("arrived", False)
    if not st.session_state.arrived:
        st.session_state.arrived = True
        try:
            if "run" in st.query_params:
                open_run(st.query_params["run"])
                open_point(st.query_params.get("point"))
            elif "problem" in st.query_params:
                open_problem(st.query_params["problem"])
            studies.arrive(st.query_params.to_dict())
        except L0Error as error:
            st.session_state.notice = f"This address does not open here: {error}"
    wanted = {"run": st.session_state.get("run"), "point": st.session_state.get("point")}
    wanted |= studies.address()
    wanted |= {"problem": None if "run" in st.session_state else st.session_state.get("problem")}
    wanted = {k: v for k, v in wanted.items() if v is not None}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    if notice := st.session_state.pop("notice", None):
        st.warning(notice, icon=":material/link_off:")


@st.cache_resource
def _viewers() -> dict[str, float]:
    """When each session last polled, by session."""
    return {}


def tick_seconds() -> float:
    """How often a live page polls: once a second, less often where more than ten sessions do."""
    now, mine = time.monotonic(), st.session_state.setdefault("viewer", uuid.uuid4().hex)
    viewers = _viewers()
    viewers[mine] = now
    return max(1.0, sum(now - seen < 30 for seen in list(viewers.values())) / 10)
