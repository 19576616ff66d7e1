"""What comes first to a browser that arrives by a link: one picture, which a canvas draws; all else is sent once that is drawn."""

from __future__ import annotations

import time

import streamlit as st

#: Seconds after which all is sent to a browser that has not said that it drew the picture.
PATIENCE = 5.0


def waits() -> bool:
    """Whether a browser is still to draw its first picture."""
    return bool(st.session_state.get("first_waits", False))


def ask() -> None:
    """Let all else wait for the first picture."""
    st.session_state.first_waits = True


def drawn() -> None:
    """It has been drawn, or nothing is to wait for it."""
    st.session_state.first_waits = False


def skip() -> None:
    """Send all else now, as there is no picture, or nobody says that it was drawn."""
    drawn()
    st.rerun()


def be_patient() -> None:
    """Send all else to a browser that does not say so, once it has had time."""
    begun = time.monotonic()

    @st.fragment(run_every=PATIENCE)
    def look() -> None:
        if time.monotonic() - begun > PATIENCE - 1:
            skip()

    look()
