"""What is open now: problem, run and point; choosing one closes what belonged to another."""

from __future__ import annotations

import streamlit as st


def choose_problem(sha: str) -> None:
    """Make a problem the current one; the run of another is let go."""
    if st.session_state.get("problem") != sha:
        st.session_state.problem = sha
        choose_run(None)


def choose_run(run_id: str | None) -> None:
    """Make a run the current one, or none; the point of another is let go."""
    for key in ("run", "point"):
        st.session_state.pop(key, None)
    if run_id is not None:
        st.session_state.run = run_id
