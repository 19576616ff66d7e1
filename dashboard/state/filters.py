"""What the Runs page is filtered by and how a comparison is looked at, by the keys of its widgets, for the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

#: The largest share that smoothing takes over.
SMOOTHEST = 0.98


def _share(said: str) -> float:
    """A smoothing; 0 where none is said that a slider could hold."""
    try:
        share = float(said)
    except ValueError:
        return 0.0
    return share if 0.0 <= share <= SMOOTHEST else 0.0


#: Key of the widget by name in the address, what reads it from there, and what it says where nothing is chosen.
_IN_ADDRESS: Mapping[str, tuple[str, Callable[[str], Any], Any]] = {
    "find": ("runs_search", str, ""),
    "kind": ("runs_kind", str, None),
    "status": ("runs_status", str, None),
    "differences": ("runs_apart", "yes".__eq__, False),
    "order": ("runs_order", str, "newest"),
    "loss": ("cmp_which", str, "Total"),
    "smoothing": ("cmp_smoothing", _share, 0.0),
    "look": ("cmp_look", str, "all"),
}


def arrive(query: Mapping[str, str]) -> None:
    """Take up what an address says; the widgets let go of what is not among their options."""
    for name, (key, read, _) in _IN_ADDRESS.items():
        if name in query:
            st.session_state[key] = read(query[name])


def address() -> dict[str, str | None]:
    """What the address says of them."""
    said = {name: (st.session_state.get(key), nothing) for name, (key, _, nothing) in _IN_ADDRESS.items()}
    return {name: None if value in (None, nothing) else "yes" if value is True else str(value) for name, (value, nothing) in said.items()}


def keep_address() -> None:
    """Have the address say what a widget of a part of the page now holds, for that part runs alone."""
    for name, value in address().items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
