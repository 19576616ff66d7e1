"""What widgets hold, by their key: set before they are drawn, read when they change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import streamlit as st


def held(key: str) -> Any:
    """What a widget holds; None before it was drawn."""
    return st.session_state.get(key)


def hold(key: str, value: Any) -> None:
    """What a widget is to hold, whatever it held."""
    st.session_state[key] = value


def hold_first(key: str, value: Any) -> Any:
    """What a widget is to hold when it is drawn for the first time; what it holds."""
    return st.session_state.setdefault(key, value)


def hold_one_of(key: str, options: Collection[Any]) -> None:
    """Let go of a choice that is no longer there, so that the widget starts anew."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)


def menu(label: str, titles: Mapping[str, str], choose: Callable[[str], Any], *, key: str, placeholder: str) -> None:
    """A menu that opens what is chosen and forgets it again; `choose` gets its name before the page runs once more."""

    def chosen() -> None:
        if name := st.session_state[key]:
            st.session_state[key] = None
            choose(name)

    st.selectbox(label, list(titles), index=None, format_func=titles.get, placeholder=placeholder, key=key, on_change=chosen)
