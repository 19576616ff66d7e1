"""What the Runs page is filtered by and how a comparison is looked at, by the keys of its widgets, for the address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import streamlit as st

from l0engine.io.limits import clipped

#: The largest share that smoothing takes over.
SMOOTHEST = 0.98


def _share(said: str) -> float | None:
    """A smoothing; None where none is said that a slider could hold."""
    try:
        share = float(said)
    except ValueError:
        return None
    return share if 0.0 <= share <= SMOOTHEST else None


#: Key of the widget by name in the address, what reads it from there, and what it says where nothing is chosen.
_IN_ADDRESS: Mapping[str, tuple[str, Callable[[str], Any], Any]] = {
    "find": ("runs_search", str, ""),
    "kind": ("runs_kind", str, None),
    "status": ("runs_status", str, None),
    "differences": ("runs_apart", {"yes": True}.get, False),
    "order": ("runs_order", str, "newest"),
    "loss": ("cmp_which", str, "Total"),
    "smoothing": ("cmp_smoothing", _share, 0.0),
    "look": ("cmp_look", str, "all"),
}


def arrive(query: Mapping[str, str]) -> None:
    """Take up what an address says; the widgets let go of what is not among their options."""
    for name, (key, read, nothing) in _IN_ADDRESS.items():
        if name in query:
            value = read(query[name])
            st.session_state[key] = nothing if value is None else value
    st.session_state.filters_asked = {name: query[name] for name in _IN_ADDRESS if name in query}


def unknown(options: Mapping[str, Collection[str]]) -> str:
    """What the address asked for that there is not, in a sentence, once; '' where all is there. `options` are those of menus, by name."""
    known = {"differences": ("yes",), **options}
    words = []
    for name, said in st.session_state.pop("filters_asked", {}).items():
        if name == "smoothing" and _share(said) is None:
            words.append(f"{name} '{clipped(said)}' (it is from 0 to {SMOOTHEST})")
        elif name in known and said not in known[name]:
            words.append(f"{name} '{clipped(said)}' (there is {', '.join(known[name])})")
    return (
        f"This address asks for {' and for '.join(words)}: the page is shown without {'it' if len(words) == 1 else 'them'}."
        if words
        else ""
    )


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
