"""The point of a frontier that is looked at, and what limits it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.state.opened.problems import read_problem
from dashboard.state.resources import store
from l0engine.errors import L0Error
from l0engine.jobs.records import PointRecord, RunRecord


def open_point(key: str | None) -> None:
    """Make a point of the current run's frontier the one that Results shows; None for the run's own result.

    Raises
    ------
    L0Error
        The frontier has no such point.
    """
    st.session_state.pop("point", None)
    if key is not None:
        run = st.session_state.run
        if key not in {p.key for p in store().points(run)}:
            raise L0Error(f"Run {run} has no point {key[:40]!r} on its frontier: its own answer is shown.")
        st.session_state.point = key


def point(record: RunRecord) -> PointRecord | None:
    """The chosen point of a run's frontier."""
    key = st.session_state.get("point")
    return next((p for p in store().points(record.id) if p.key == key), None) if key else None


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …")
def _point_weights(run_id: str, key: str, n_households: int) -> np.ndarray:
    return store().point_weights(run_id, key, n_households)


def point_weights(record: RunRecord, chosen: PointRecord) -> np.ndarray:
    """Weights of all households at a point."""
    return _point_weights(record.id, chosen.key, read_problem(record.problem).n_households)
