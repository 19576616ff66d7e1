"""The settings being edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from dashboard.state.opened.previous import previous_chosen
from l0engine.calibration.config import Config

#: Settings that stand in the address, and as what.
_IN_ADDRESS = {"exclude": "left_out", "soften": "relaxed"}


def draft() -> dict[str, Any]:
    """The settings being edited, by name; kept over page switches."""
    if "draft" not in st.session_state:  # a page asks for them dozens of times: they are made and checked once
        st.session_state.draft = Config().to_dict()
    edited: dict[str, Any] = st.session_state.draft
    return edited


def fitted_draft(groups: Collection[str]) -> dict[str, Any]:
    """The settings being edited as they fit a problem: of the groups they name only those it has."""
    edited = draft()
    multipliers = {g: factor for g, factor in edited["group_multipliers"].items() if g in groups}
    change = {} if previous_chosen() is not None else {"price_change": Config().price_change}  # it is a price on leaving that
    return {**edited, **change, "group_multipliers": multipliers, "hold_out": [g for g in edited["hold_out"] if g in groups]}


def set_draft(values: Mapping[str, Any]) -> None:
    """Replace the settings being edited, and have every widget of the form read them anew."""
    st.session_state.draft = dict(values)
    st.session_state.form_version = form_version() + 1


def arrive(query: Mapping[str, str]) -> None:
    """Take up what an address says of the targets that are left out or relaxed.

    Raises
    ------
    ConfigError
        It names no finding.
    """
    said = {name: query[key].split(",") for name, key in _IN_ADDRESS.items() if query.get(key)}
    draft().update({name: list(getattr(Config(**said), name)) for name in said})


def address() -> dict[str, str | None]:
    """What is left out or relaxed, for the address: a reload or a second tab has it too."""
    return {key: ",".join(draft()[name]) or None for name, key in _IN_ADDRESS.items()}


def form_version() -> int:
    """Part of the form's widget keys: a new one makes new widgets."""
    return int(st.session_state.get("form_version", 0))
