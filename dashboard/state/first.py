"""What comes first to a browser that arrives by a link: one picture, which a canvas draws; all else is sent once that is drawn."""

from __future__ import annotations

import streamlit as st


def waits() -> bool:
    """Whether a browser is still to draw its first picture."""
    return bool(st.session_state.get("first_waits", False))


def ask() -> None:
    """Let all else wait for the first picture."""
    st.session_state.first_waits = True


def drawn() -> None:
    """It has been drawn, or there is none."""
    st.session_state.first_waits = False
