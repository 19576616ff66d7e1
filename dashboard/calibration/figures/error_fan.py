"""Errors over targets against the step: the median, the middle half, and all but the extremes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, mode, thinned
from l0engine.calibration.results import ERROR_QUANTILES, Snapshot


class ErrorFanInfo(NamedTuple):
    """`quantiles` has shape (snapshots, 5), by `ERROR_QUANTILES`."""

    step: np.ndarray
    quantiles: np.ndarray


def info(snapshots: Sequence[Snapshot]) -> ErrorFanInfo:
    """Quantiles of the absolute relative error over the targets in use."""
    shown = thinned(snapshots)
    quantiles = np.array([s.error_quantiles for s in shown], float).reshape(-1, len(ERROR_QUANTILES))
    usable = np.isfinite(quantiles).all(axis=1)
    return ErrorFanInfo(np.array([s.step for s in shown], float)[usable], quantiles[usable])


def plot(info: ErrorFanInfo, palette: theme.Palette, what: str = "Step") -> go.Figure:
    """Two bands and a line on a log axis of percent, against steps or what they are called."""
    q = info.quantiles
    subtitle = "No step recorded yet"
    if len(q):
        subtitle = f"Half of the targets are within {wording.percent(q[-1, 2])}, 95 % within {wording.percent(q[-1, 4])}"
    y = axes.percent_log_axis("Absolute relative error (log)", q)
    fig = theme.figure(palette, "Error of the targets", subtitle, axes.steps_axis(info.step, what), y, unified=f"{what} %{{x:,d}}")
    drawn = axes.at_least(q)
    bands = (("5 % to 95 %", 0, 4, 0.15), ("Middle half", 1, 3, 0.32))
    for name, low, high, opacity in bands:
        edge = {"x": info.step, "mode": mode(q), "line_width": 0, "legendgroup": name}
        edge["marker_color"] = palette.faded(palette.kept, 0.5)
        fig.add_scatter(y=drawn[:, low], showlegend=False, hoverinfo="skip", **edge)
        words = [f"{wording.percent(a)} to {wording.percent(b)}" for a, b in q[:, [low, high]]]
        fill = {"fill": "tonexty", "fillcolor": palette.faded(palette.kept, opacity)}
        fig.add_scatter(y=drawn[:, high], name=name, customdata=words, hovertemplate="%{customdata}", **fill, **edge)
    add_line(fig, info.step, drawn[:, 2], "Median", theme.texts(wording.percent, q[:, 2]), palette.kept)
    return fig
