"""The colours a viewer sees."""

import streamlit as st

from dashboard.kit.theme import PALETTES, Palette


def palette() -> Palette:
    """Colours of the theme the viewer has chosen."""
    return PALETTES[st.context.theme.type or "light"]
