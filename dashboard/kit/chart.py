"""A finished Plotly chart in the project's own template and the viewer's colours; live ones go through `live_plot`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import state
from dashboard.kit import layout
from dashboard.kit.theme import CONFIG, CONFIG_PNG, PALETTES, Palette

#: The `plot` of a figure's file, which takes what its `info` returns.
Plot = Callable[[Any, Palette], go.Figure]


def theme() -> str:
    """The theme the viewer has chosen, 'light' or 'dark'."""
    return st.context.theme.type or "light"


def palette() -> Palette:
    """Its colours."""
    return PALETTES[theme()]


def config() -> dict[str, Any]:
    """Plotly's settings: how the camera above a picture saves it, as the viewer has chosen."""
    return CONFIG_PNG if state.held("picture_format") == "PNG" else CONFIG


def chart(plot: Plot, info: Any, key: str, alt: str, **selection: Any) -> Any:
    """Draw a figure; what was selected in it, where `selection` asks for that as in `st.plotly_chart`.

    Parameters
    ----------
    plot, info
        The picture and what it shows.
    key : str
        Unique on the page.
    alt : str
        What the picture shows, for screen readers.
    """
    return st.plotly_chart(plot(info, palette()), theme=None, config=config(), key=key, alt=alt, **selection)


def side_by_side(drawn: Sequence[tuple[Plot, Any, str, str]], row: str, draw: Callable[..., Any] = chart) -> list[DeltaGenerator]:
    """Figures (as `chart` takes them) in two columns, which are returned; `row` is their key, and `draw` may be `live_plot`."""
    columns = layout.columns(2, key=row, narrowest=340, gap="medium")
    for i, (plot, info, key, alt) in enumerate(drawn):
        with columns[i % 2]:
            draw(plot, info, key=key, alt=alt)
    return columns
