"""Loss and households kept of several runs, step by step, each as it was and smoothed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import add_line, positive, thinned
from dashboard.runs.figures.looks import Drawn
from l0engine.calibration.results import Snapshot

#: What of a snapshot is drawn, and what it is called.
LOSSES: Mapping[str, Callable[[Snapshot], float]] = {"Total": lambda s: s.loss, "Target misfit": lambda s: s.data_loss}


class Curve(NamedTuple):
    """One run's line; arrays of equal length, one entry a snapshot."""

    run: Drawn
    step: np.ndarray
    raw: np.ndarray
    smooth: np.ndarray


class SeriesInfo(NamedTuple):
    """Lines of one measure, and where settings were changed on the way."""

    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()


def info(
    runs: Sequence[tuple[Drawn, Sequence[Snapshot]]],
    value: Callable[[Snapshot], float],
    smoothing: float = 0.0,
    marks: Sequence[Mark] = (),
) -> SeriesInfo:
    """Of each run `value`, and its smoothed course; see `smoothed`."""
    curves = []
    for run, snapshots in runs:
        shown = thinned(snapshots)
        raw = np.array([value(s) for s in shown], float)
        curves.append(Curve(run, np.array([s.step for s in shown], float), raw, smoothed(raw, smoothing)))
    return SeriesInfo(tuple(curves), tuple(marks))


def smoothed(values: np.ndarray, smoothing: float) -> np.ndarray:
    """Exponentially weighted geometric mean of what was so far, as fits a log axis; what is not above 0 stays out of it.

    Parameters
    ----------
    values : ndarray, shape (n,)
    smoothing : float
        What an entry counts less than the one after it, from 0 (the values themselves) to below 1.
    """
    if smoothing <= 0 or not len(values):
        return values
    logs = pd.Series(np.log(np.where(values > 0, values, np.nan)))
    mean = np.exp(logs.ewm(alpha=1 - smoothing, adjust=True, ignore_na=True).mean().to_numpy())
    return np.where(values > 0, mean, values)


def plot_loss(info: SeriesInfo, palette: theme.Palette, what: str = "Total") -> go.Figure:
    """The loss of each run on a log axis, which ends at a millionth of the largest."""

    def axis(values: np.ndarray) -> dict[str, object]:
        return axes.number_log_axis("Loss (log scale)", np.maximum(values[values > 0], values.max(initial=0.0) * 1e-6))

    return plot(info, palette, f"Loss: {what.lower()}", axis, _loss_words)


def plot_kept(info: SeriesInfo, palette: theme.Palette) -> go.Figure:
    """Households kept of each run on a log axis."""
    return plot(info, palette, "Households kept by the gates", partial(axes.count_log_axis, "Households kept (log scale)"), wording.count)


def plot(
    info: SeriesInfo, palette: theme.Palette, title: str, axis: Callable[[np.ndarray], dict[str, object]],
    words: Callable[[float], str], unit: str = "Step",
) -> go.Figure:  # fmt: skip
    """A line a run, raw and smoothed; `axis` is made for all values, `unit` is what a step is called."""
    steps = np.concatenate([c.step for c in info.curves]) if info.curves else np.zeros(0)
    values = np.concatenate([c.raw for c in info.curves]) if info.curves else np.zeros(0)
    x = axes.steps_axis(np.array([0.0, steps.max()]) if len(steps) else steps, unit)
    fig = theme.figure(palette, title, _subtitle(info, words), x, axis(values), unified=f"{unit} %{{x:,d}}")
    fig.update_layout(showlegend=False)
    for curve in info.curves:
        look = {"dash": curve.run.dash}
        if curve.smooth is not curve.raw:
            faint = palette.faded(curve.run.colour, 0.25)
            add_line(fig, curve.step, positive(curve.raw), curve.run.label, [], faint, width=1.2, hover="", hoverinfo="skip")
        add_line(fig, curve.step, positive(curve.smooth), curve.run.label, theme.texts(words, curve.raw), curve.run.colour, **look)
    add_marks(fig, info.marks, palette)
    return fig


def _subtitle(info: SeriesInfo, words: Callable[[float], str]) -> str:
    found = [float(c.raw[-1]) for c in info.curves if len(c.raw)]
    if not found:
        return "No step recorded yet"
    low, high = words(min(found)), words(max(found))
    return f"At the end: {low}" if low == high else f"At the end: from {low} to {high}"


def _loss_words(value: float) -> str:
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
