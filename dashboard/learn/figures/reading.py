"""The gate that is read at test time as a function of log_alpha, with the temperature and with it forgotten."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme
from dashboard.kit.figures import axes
from l0engine.lessons.shown.gate import GatePicture


class ReadingInfo(NamedTuple):
    """Curves over log_alpha, where this gate stands on them, and whether the mistake is looked at."""

    log_alphas: np.ndarray
    gates: np.ndarray
    publisheds: np.ndarray
    means: np.ndarray
    at: float
    gate: float
    published: float
    closes: float
    closes_published: float
    mistaken: bool


def info(picture: GatePicture, log_alpha: float, mistaken: bool) -> ReadingInfo:
    """Of a gate at `log_alpha`."""
    return ReadingInfo(
        picture.log_alphas, picture.gates, picture.publisheds, picture.means, log_alpha, picture.gate, picture.published, picture.closes,
        picture.closes_published, mistaken,
    )  # fmt: skip


def plot(info: ReadingInfo, palette: theme.Palette) -> go.Figure:
    """Lines, and a dot for this gate; of the two rules the one that is not looked at is faint."""
    x, y = axes.axis("log α", range=[-6, 6]), axes.axis("Gate at test time", range=[-0.03, 1.06])
    closes = info.closes_published if info.mistaken else info.closes
    fig = theme.figure(palette, "What is read at test time", f"Shut below log α = {closes:.2f}".replace("-", "−"), x, y, height=330)
    rules = (("With the temperature", info.gates, palette.held_out, not info.mistaken), ("As first published", info.publisheds, palette.error, info.mistaken))
    fig.add_scatter(x=info.log_alphas, y=info.means, mode="lines", name="Mean", line={"color": palette.target, "dash": "dot", "width": 1.5})
    for name, values, colour, looked_at in rules:
        width = {"width": 3 if looked_at else 1.5, "dash": "solid" if looked_at else "dash"}
        fig.add_scatter(x=info.log_alphas, y=values, mode="lines", name=name, line={"color": colour, **width}, opacity=1 if looked_at else 0.6)
    colour = palette.error if info.mistaken else palette.held_out
    fig.add_scatter(
        x=[info.at], y=[info.published if info.mistaken else info.gate], mode="markers", showlegend=False,
        marker={"color": colour, "size": 12, "line": {"color": palette.surface, "width": 2}}, hovertemplate="This gate: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    return fig
