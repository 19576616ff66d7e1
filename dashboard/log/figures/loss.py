"""The loss of a logged run against the epoch, with the epoch that is looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots, add_line, positive
from l0engine.io.logs import CalibrationLog


class LossInfo(NamedTuple):
    """`loss` at each of `epochs`; `chosen` is a position among them."""

    epochs: np.ndarray
    loss: np.ndarray
    by_target: bool
    chosen: int


def info(log: CalibrationLog, chosen: int) -> LossInfo:
    """The loss of each epoch."""
    return LossInfo(log.epochs, log.loss, log.loss_by_target, chosen)


def plot(info: LossInfo, palette: theme.Palette) -> go.Figure:
    """A line on a log axis; where the loss is no positive number it has a gap."""
    some = np.flatnonzero(np.isfinite(info.loss))
    subtitle = "No loss was logged"
    if len(some):
        lowest = some[np.argmin(info.loss[some])]
        subtitle = f"Lowest at epoch {wording.count(info.epochs[lowest])}: {_words(info.loss[lowest])}"
    y = axes.number_log_axis("Mean loss of a target (log)" if info.by_target else "Loss (log)", info.loss)
    fig = theme.figure(palette, "Loss", subtitle, axes.steps_axis(info.epochs, "Epoch"), y, unified="Epoch %{x:,d}")
    drawn, words = positive(info.loss), theme.texts(_words, info.loss)
    add_line(fig, info.epochs, drawn, "Loss", words, palette.kept, showlegend=False)
    marker = {"size": 11, "color": palette.kept, "line": {"width": 2, "color": palette.target}}
    at = slice(info.chosen, info.chosen + 1)
    add_dots(fig, info.epochs[at], drawn[at], "Chosen epoch", None, marker, hoverinfo="skip", hovertemplate=None, showlegend=False)
    return fig


def _words(value: float) -> str:
    return wording.MISSING if not np.isfinite(value) else f"{value:.3g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
