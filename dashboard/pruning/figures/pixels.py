"""What a network still looks at, pixel by pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording


class PixelsInfo(NamedTuple):
    """Living weights of each pixel, shape (height, width), if they can be `counted`; else how strongly the answer depends on it."""

    values: np.ndarray
    counted: bool


def info(values: np.ndarray, counted: bool) -> PixelsInfo:
    """As they are."""
    return PixelsInfo(np.asarray(values, float), counted)


def plot(info: PixelsInfo, palette: theme.Palette) -> go.Figure:
    """A heat map, the picture's first row on top; a pixel that plays no part stays empty."""
    height, width = info.values.shape
    seen = int((info.values > 0).sum())
    subtitle = f"{wording.of(seen, info.values.size)} pixels play a part"
    hidden = {"visible": False, "constrain": "domain"}
    x, y = {**hidden, "range": [-0.5, width - 0.5]}, {**hidden, "range": [height - 0.5, -0.5], "scaleanchor": "x"}
    fig = theme.figure(palette, "What it still looks at", subtitle, x, y, height=420)
    say = (lambda v: wording.plural(v, "living weight")) if info.counted else "mean size of its gradient {:.3g}".format
    words = [[say(v) for v in row] for row in info.values]
    muted = {"size": 12, "color": palette.muted}
    title = {"text": "Living<br>weights" if info.counted else "Influence", "font": muted, "side": "top"}
    fig.add_heatmap(
        z=[[v if v > 0 else None for v in row] for row in info.values],
        customdata=words,
        colorscale=palette.ramp,
        zmin=0,
        zmax=max(float(info.values.max(initial=0)), 1e-12),
        xgap=1,
        ygap=1,
        hovertemplate="row %{y:d}, column %{x:d}<br>%{customdata}<extra></extra>",
        colorbar={"title": title, "tickfont": muted, "thickness": 12, "len": 1},
    )
    fig.add_shape(type="rect", x0=-0.5, x1=width - 0.5, y0=-0.5, y1=height - 0.5, line={"color": palette.dropped, "width": 1})
    return fig
