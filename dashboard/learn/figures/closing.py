"""How many gates of a model that learns are open at test time, by the right rule and as first published."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from l0engine.lessons.shown.gate import TrainedPicture


class ClosingInfo(NamedTuple):
    """Steps, gates open by both rules, how many there are and how many matter, and whether the mistake is looked at."""

    steps: np.ndarray
    right: np.ndarray
    published: np.ndarray
    features: int
    true: int
    mistaken: bool


def info(trained: TrainedPicture, mistaken: bool) -> ClosingInfo:
    """Of a model."""
    return ClosingInfo(trained.steps, trained.right, trained.published, trained.log_alpha.shape[1], trained.true, mistaken)


def plot(info: ClosingInfo, palette: theme.Palette) -> go.Figure:
    """Two lines, and what is true."""
    y = axes.count_axis("Features left in", info.features)
    shown = info.published if info.mistaken else info.right
    subtitle = f"At the end {wording.count(int(shown[-1]))} of {info.features} features are left, {info.true} matter"
    fig = theme.figure(palette, "A linear model while it learns", subtitle, axes.steps_axis(info.steps), y, height=330, unified="Step %{x}")
    for name, values, colour, looked_at in (
        ("With the temperature", info.right, palette.held_out, not info.mistaken),
        ("As first published", info.published, palette.error, info.mistaken),
    ):
        line = {"color": colour, "width": 3 if looked_at else 1.5, "dash": "solid" if looked_at else "dash", "shape": "hv"}
        fig.add_scatter(x=info.steps, y=values, mode="lines", name=name, line=line)
    ends = [info.steps[0], info.steps[-1]]
    fig.add_scatter(x=ends, y=[info.true] * 2, mode="lines", name="Matter", line={"color": palette.target, "dash": "dot", "width": 1.5})
    return fig
