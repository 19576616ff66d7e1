"""Lines of charts: over steps, epochs or counts, with their words where the pointer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.kit import theme


def add_line(
    fig: go.Figure,
    x: Any,
    y: Any,
    name: str,
    words: Sequence[Any],
    colour: str,
    *,
    dash: str = "solid",
    width: float = 2.4,
    hover: str = "%{customdata}",
    **more: Any,
) -> None:
    """Add a line, or a dot where there is only one value yet.

    Parameters
    ----------
    words : sequence
        What the pointer reads at each value.
    hover : str
        Plotly's template of it.
    more
        As in `Figure.add_scatter`.
    """
    line = {"color": colour, "dash": dash, "width": width}
    fig.add_scatter(x=x, y=y, name=name, **{"mode": theme.mode(x), **more}, line=line, customdata=words, hovertemplate=hover)
