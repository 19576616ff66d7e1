"""A menu that opens what is chosen and forgets it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st


def menu(label: str, titles: Mapping[str, str], choose: Callable[[str], Any], *, key: str, placeholder: str) -> None:
    """Draw the menu; `choose` gets the name of what was chosen, before the page runs again."""

    def chosen() -> None:
        if name := st.session_state[key]:
            st.session_state[key] = None
            choose(name)

    st.selectbox(label, list(titles), index=None, format_func=titles.get, placeholder=placeholder, key=key, on_change=chosen)
