"""Lines, dots and bars of charts, with their words where the pointer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.kit import theme

#: What the pointer reads: the words of each value alone.
ALONE = "%{customdata}<extra></extra>"
#: The same, behind the key of what a click chooses.
SECOND = "%{customdata[1]}<extra></extra>"


def add_line(
    fig: go.Figure, x: Any, y: Any, name: str, words: Sequence[Any], colour: str,
    *, dash: str = "solid", width: float = 2.4, hover: str = "%{customdata}", **more: Any,
) -> None:  # fmt: skip
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


def add_dots(fig: go.Figure, x: Any, y: Any, name: str, words: Sequence[Any] | None, marker: dict[str, Any], **more: Any) -> None:
    """Add markers; `words` and `more` as in `add_line`."""
    fig.add_scatter(x=x, y=y, name=name, marker=marker, customdata=words, **{"mode": "markers", "hovertemplate": ALONE, **more})


def add_bars(fig: go.Figure, x: Any, y: Any, name: str | None, words: Sequence[Any], colour: Any, **more: Any) -> None:
    """Add bars of one colour, or one each; `words` as in `add_line`, `more` as in `Figure.add_bar`."""
    marker = {"color": colour, "line": {"width": 0}}
    fig.add_bar(x=x, y=y, name=name, marker=marker, customdata=words, **{"hovertemplate": ALONE, **more})
