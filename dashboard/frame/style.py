"""What Streamlit's own look lacks: room at the top, captions and words on the primary colour, or on a tint of it, that can be read."""

from __future__ import annotations

import streamlit as st

from dashboard.kit.chart import palette

_ROOM = "@media (min-width: 768px) {[data-testid='stMainBlockContainer'] {padding: 3rem 3rem 4rem}}"
#: Buttons, chips and chosen marks that stand on the primary colour; buttons that cannot be pressed do not.
_PRIMARY = (
    "button[data-testid^='stBaseButton-primary']:not(:disabled), button[data-testid^='stBaseButton-primary']:not(:disabled) *, "
    "[data-testid='stMultiSelect'] span[title], [data-testid='stMultiSelect'] span[title] *, [data-baseweb='tag'], [data-baseweb='tag'] *"
)
#: Dark words, for the primary colour of the dark theme is light.
_INK = "#0F141B"


def show() -> None:
    """Put it on the page."""
    colours = palette()
    captions = f"[data-testid='stCaptionContainer'], [data-testid='stCaptionContainer'] * {{color: {colours.muted} !important; opacity: 1}}"
    primary = f"{_PRIMARY} {{color: {_INK} !important}}" if colours.name == "dark" else ""
    chosen = f"[data-variant='segmented_control'][data-selected]:hover * {{color: {colours.text} !important}}"
    st.html(f"<style>{_ROOM} {captions} {primary} {chosen}</style>")
