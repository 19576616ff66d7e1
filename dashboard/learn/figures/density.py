"""The distribution of one gate: its density between 0 and 1, and the two points where it piles up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from l0engine.lessons.shown.gate import GatePicture


class DensityInfo(NamedTuple):
    """Points of the density, both point masses, mean, and the gate at test time by the rule that is looked at."""

    x: np.ndarray
    density: np.ndarray
    p_zero: float
    p_one: float
    mean: float
    gate: float
    published: bool


def info(picture: GatePicture, published: bool) -> DensityInfo:
    """Of a gate."""
    return DensityInfo(
        picture.x, picture.density, picture.p_zero, picture.p_one, picture.mean, picture.published if published else picture.gate, published
    )


def plot(info: DensityInfo, palette: theme.Palette) -> go.Figure:
    """Bars hold the probability of exactly 0 and 1, the line the density; both are read on one axis, probability a twentieth."""
    share = info.density / 20
    y = axes.share_axis("Probability (between: of each 0.05)")
    x = axes.axis("Gate", range=[-0.1, 1.1], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 shut", "0.25", "0.5", "0.75", "1 open"])
    rule = "as first published" if info.published else "at test time"
    subtitle = (
        f"{theme.swatch(palette.dropped)} shut {wording.percent(info.p_zero)}   {theme.swatch(palette.undecided)} between "
        f"{wording.percent(max(0.0, 1 - info.p_zero - info.p_one))}   {theme.swatch(palette.kept)} open {wording.percent(info.p_one)}"
    )
    fig = theme.figure(palette, "Where the gate falls, drawn anew each time", subtitle, x, y, height=330)
    fig.add_scatter(
        x=info.x, y=share, mode="lines", fill="tozeroy", name="Between", line={"color": palette.undecided},
        fillcolor=palette.faded(palette.undecided, 0.25), hovertemplate="About %{y:.1%} fall within 0.025 of %{x:.2f}<extra></extra>",
    )  # fmt: skip
    for at, p, colour, word in ((0.0, info.p_zero, palette.dropped, "shut"), (1.0, info.p_one, palette.kept, "open")):
        fig.add_bar(x=[at], y=[p], width=0.05, marker_color=colour, name=word, hovertext=f"Exactly {at:g}, {word}: {wording.percent(p)}",
                    hoverinfo="text")  # fmt: skip
    for at, colour, dash, word, height in (
        (info.mean, palette.target, "dot", f"mean {info.mean:.2f}", 1.0),
        (info.gate, palette.error if info.published else palette.held_out, "solid", f"{rule} {info.gate:.2f}", 0.9),
    ):
        fig.add_scatter(x=[at, at], y=[0, height], mode="lines", line={"color": colour, "dash": dash, "width": 2}, hovertext=word, hoverinfo="text")
        right = at < 0.5
        fig.add_annotation(x=at, y=height, text=word, xanchor="left" if right else "right", xshift=4 if right else -4, font={"color": colour})
    return fig.update_layout(showlegend=False)
