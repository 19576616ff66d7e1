"""A finished Plotly chart in the project's own template; live ones go through `live_plot`."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.kit.theme import CONFIG


def chart(figure: go.Figure, key: str, alt: str, **selection: Any) -> Any:
    """Draw a figure; what was selected in it, where `selection` asks for that as in `st.plotly_chart`.

    Parameters
    ----------
    figure : Figure
    key : str
        Unique on the page.
    alt : str
        What the picture shows, for screen readers.
    """
    return st.plotly_chart(figure, theme=None, config=CONFIG, key=key, alt=alt, **selection)
