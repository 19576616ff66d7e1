"""One target of a logged run: its estimate over the epochs, and the published total."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line
from l0engine.io.logs import CalibrationLog


class PathInfo(NamedTuple):
    """`estimates` at each of `epochs` up to the chosen one, nan where nothing was logged."""

    name: str
    value: float
    epochs: np.ndarray
    estimates: np.ndarray


def info(log: CalibrationLog, target: int, at: int) -> PathInfo:
    """The estimates of a target up to an epoch, both by position."""
    return PathInfo(str(log.names[target]), float(log.values[target]), log.epochs[: at + 1], log.estimates[: at + 1, target])


def plot(info: PathInfo, palette: theme.Palette) -> go.Figure:
    """The estimate as a line, the published total as a dotted one; the axis shows both."""
    some = np.flatnonzero(np.isfinite(info.estimates))
    subtitle = "It was never logged"
    if len(some):
        last = float(info.estimates[some[-1]])
        subtitle = f"{wording.amount(last)} at epoch {info.epochs[some[-1]]:,d}, published {wording.amount(info.value)}"
        subtitle += f" ({wording.percent(last / info.value - 1)})" if info.value > 0 else ""
    y = axes.axis("Total", **_ticks(np.append(info.estimates[some], info.value)))
    x = axes.steps_axis(info.epochs, "Epoch")
    fig = theme.figure(palette, theme.label(info.name, 55), subtitle, x, y, unified="Epoch %{x:,d}")
    words = theme.texts(wording.amount, info.estimates)
    add_line(fig, info.epochs, [None if np.isnan(e) else e for e in info.estimates.tolist()], "Estimate", words, palette.kept)
    total, said = np.full(len(info.epochs), info.value), [wording.amount(info.value)] * len(info.epochs)
    add_line(fig, info.epochs, total, "Published", said, palette.target, dash="dot", width=1.5)
    return fig


def _ticks(values: np.ndarray) -> dict:
    """Range and ticks around all values, in the words of the page."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    step = axes.nice_step((high - low + 2 * room) / 5)
    ticks = np.arange(np.ceil((low - room) / step), np.floor((high + room) / step) + 1) * step
    return {"range": [low - room, high + room], "tickvals": ticks.tolist(), "ticktext": theme.texts(wording.short, ticks)}
