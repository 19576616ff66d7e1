"""One household over the training: how likely its gate was open, and when it was dropped for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import add_dots, add_line
from l0engine.calibration.seen import GatePath


class GatePathInfo(NamedTuple):
    """See `GatePath`; and where settings were changed on the way."""

    path: GatePath
    marks: tuple[Mark, ...] = ()


def info(path: GatePath, marks: Sequence[Mark] = ()) -> GatePathInfo:
    """All looks that saw gates."""
    return GatePathInfo(path, tuple(marks))


def plot(info: GatePathInfo, palette: theme.Palette) -> go.Figure:
    """A line of probabilities; a cross at the look that found the household gone."""
    steps, opened = info.path
    alive, gone = np.isfinite(opened), info.path.dropped
    subtitle = "No step recorded"
    if gone is not None:
        subtitle = f"Dropped for good between step {wording.count(gone[0])} and {wording.count(gone[1])}"
    elif len(steps):
        subtitle = f"Open with {wording.percent(opened[-1])} at the last look"
    y = axes.share_axis("Probability that its gate is open")
    fig = theme.figure(palette, "Its gate over the training", subtitle, axes.steps_axis(steps), y, unified="Step %{x:,d}")
    colour = palette.kept if gone is None else palette.dropped
    words = theme.texts(wording.percent, opened[alive])
    add_line(fig, steps[alive], opened[alive], "Gate", words, colour, mode="lines+markers")
    if gone is not None:
        mark = {"symbol": "x", "size": 10, "color": palette.error}
        add_dots(fig, [gone[1]], [0.0], "Dropped", ["dropped for good"], mark, hovertemplate="%{customdata}", cliponaxis=False)
    add_marks(fig, info.marks, palette)
    return fig
