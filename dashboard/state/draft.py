"""The settings being edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from l0engine.calibration.config import Config


def draft() -> dict[str, Any]:
    """The settings being edited, by name; kept over page switches."""
    return st.session_state.setdefault("draft", Config().to_dict())


def fitted_draft(groups: Collection[str]) -> dict[str, Any]:
    """The settings being edited as they fit a problem: of the groups they name only those it has."""
    edited = draft()
    multipliers = {g: factor for g, factor in edited["group_multipliers"].items() if g in groups}
    return {**edited, "group_multipliers": multipliers, "hold_out": [g for g in edited["hold_out"] if g in groups]}


def set_draft(values: Mapping[str, Any]) -> None:
    """Replace the settings being edited, and have every widget of the form read them anew."""
    st.session_state.draft = dict(values)
    st.session_state.form_version = form_version() + 1


def form_version() -> int:
    """Part of the form's widget keys: a new one makes new widgets."""
    return int(st.session_state.get("form_version", 0))
