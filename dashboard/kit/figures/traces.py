"""Lines, dots and bars of charts, with their words where the pointer is; and what is drawn of many values, or of impossible ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.kit.theme import Palette

#: What the pointer reads: the words of each value alone.
ALONE = "%{customdata}<extra></extra>"
#: The same, behind the key of what a click chooses.
SECOND = "%{customdata[1]}<extra></extra>"
#: Snapshots drawn: more steps than this are thinned.
MAX_STEPS = 1_000


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
    _add(fig, "scatter", {"x": x, "y": y, "name": name, "mode": mode(x), **more, "line": line, "customdata": words, "hovertemplate": hover})


def add_dots(fig: go.Figure, x: Any, y: Any, name: str, words: Sequence[Any] | None, marker: dict[str, Any], **more: Any) -> None:
    """Add markers; `words` and `more` as in `add_line`."""
    known = {"x": x, "y": y, "name": name, "marker": marker, "customdata": words}
    _add(fig, "scatter", {**known, "mode": "markers", "hovertemplate": ALONE, **more})


def add_bars(fig: go.Figure, x: Any, y: Any, name: str | None, words: Sequence[Any], colour: Any, **more: Any) -> None:
    """Add bars of one colour, or one each; `words` as in `add_line`, `more` as in `Figure.add_bar`."""
    marker = {"color": colour, "line": {"width": 0}}
    _add(fig, "bar", {"x": x, "y": y, "name": name, "marker": marker, "customdata": words, "hovertemplate": ALONE, **more})


def _add(fig: go.Figure, kind: str, trace: dict[str, Any]) -> None:
    """As `add_scatter` and `add_bar`, which check each trace twice: as they make it, and as the figure copies it."""
    fig.add_trace({"type": kind, **trace})


def thinned(snapshots: Sequence[Any]) -> Sequence[Any]:
    """No more than `MAX_STEPS` of them, evenly chosen, with the first and the last."""
    if len(snapshots) <= MAX_STEPS:
        return snapshots
    return [snapshots[i] for i in np.linspace(0, len(snapshots) - 1, MAX_STEPS).round().astype(int)]


def positive(values: Any) -> list[float | None]:
    """Values for a log axis: what is not positive and finite becomes a gap."""
    return [float(v) if v > 0 and math.isfinite(v) else None for v in values]


def mode(points: Any) -> str:
    """Lines, with a marker where there is only one point to draw."""
    return "lines" if len(points) > 1 else "markers"


def dot_size(n: int) -> int:
    """Pixels across: few dots are drawn larger."""
    return 9 if n < 50 else 7 if n < 500 else 5


def diagonal(low: float, high: float, palette: Palette, name: str) -> go.Scatter:
    """The line where both axes are equal."""
    return go.Scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        name=name,
        hoverinfo="skip",
        line={"color": palette.target, "width": 1.2, "dash": "dot"},
    )


def jitter(n: int, width: float) -> np.ndarray:
    """Offsets spread evenly over (-width/2, width/2), the same each time (golden-ratio sequence)."""
    return ((np.arange(n) * 0.6180339887498949) % 1 - 0.5) * width
