"""One target over the training: how far its estimate was off at each look, and what the refit made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import add_line
from l0engine.calibration.seen import ErrorPath


class ErrorPathInfo(NamedTuple):
    """Signed relative errors by step, that of the final weights, and where settings were changed on the way."""

    steps: np.ndarray
    errors: np.ndarray
    final: float
    marks: tuple[Mark, ...] = ()


def info(path: ErrorPath, final: float, marks: Sequence[Mark] = ()) -> ErrorPathInfo:
    """Of the looks whose error is a number."""
    usable = np.isfinite(path.errors)
    return ErrorPathInfo(path.steps[usable], path.errors[usable], final, tuple(marks))


def plot(info: ErrorPathInfo, palette: theme.Palette) -> go.Figure:
    """A line on a log axis of percent, and a dotted one where the refit ended."""
    subtitle = "No step recorded"
    if len(info.steps):
        first, last = (wording.percent(abs(info.errors[i])) for i in (0, -1))
        subtitle = f"{first} off at step {wording.count(info.steps[0])}, {last} in the end, {wording.percent(abs(info.final))} refitted"
    y = axes.percent_log_axis("Absolute relative error (log)", np.append(info.errors, info.final))
    fig = theme.figure(palette, "Error over the training", subtitle, axes.steps_axis(info.steps), y, unified="Step %{x:,d}")
    add_line(fig, info.steps, axes.at_least(info.errors), "In training", theme.texts(wording.percent, info.errors), palette.kept)
    held = [wording.percent(info.final)] * len(info.steps)
    level = np.full(len(info.steps), axes.at_least(info.final))
    add_line(fig, info.steps, level, "Refitted", held, palette.target, dash="dot", width=1.5)
    add_marks(fig, info.marks, palette)
    return fig
