"""Loss and households kept of several runs, step by step, each as it was and smoothed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import add_line
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
    """Lines of one measure, the step that is looked at (None for the end of each), and where settings were changed on the way."""

    curves: tuple[Curve, ...]
    at: int | None
    marks: tuple[Mark, ...] = ()


def info(
    runs: Sequence[tuple[Drawn, Sequence[Snapshot]]],
    value: Callable[[Snapshot], float],
    smoothing: float = 0.0,
    at: int | None = None,
    marks: Sequence[Mark] = (),
) -> SeriesInfo:
    """Of each run `value`, and its smoothed course; see `smoothed`."""
    curves = []
    for run, snapshots in runs:
        shown = theme.thinned(snapshots)
        raw = np.array([value(s) for s in shown], float)
        curves.append(Curve(run, np.array([s.step for s in shown], float), raw, smoothed(raw, smoothing)))
    return SeriesInfo(tuple(curves), at, tuple(marks))


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
    values = np.concatenate([c.raw for c in info.curves]) if info.curves else np.zeros(0)
    y = axes.number_log_axis("Loss (log scale)", np.maximum(values[values > 0], values.max(initial=0.0) * 1e-6))
    return _plot(info, palette, f"Loss: {what.lower()}", y, _loss_words)


def plot_kept(info: SeriesInfo, palette: theme.Palette) -> go.Figure:
    """Households kept of each run on a log axis."""
    values = np.concatenate([c.raw for c in info.curves]) if info.curves else np.zeros(0)
    return _plot(info, palette, "Households kept by the gates", axes.count_log_axis("Households kept (log scale)", values), wording.count)


def _plot(info: SeriesInfo, palette: theme.Palette, title: str, y: dict[str, object], words: Callable[[float], str]) -> go.Figure:
    steps = np.concatenate([c.step for c in info.curves]) if info.curves else np.zeros(0)
    x = axes.steps_axis(np.array([0.0, steps.max()]) if len(steps) else steps)
    fig = theme.figure(palette, title, _subtitle(info, words), x, y, unified="Step %{x:,d}")
    fig.update_layout(showlegend=False)
    for curve in info.curves:
        look = {"dash": curve.run.dash}
        if curve.smooth is not curve.raw:
            faint = palette.faded(curve.run.colour, 0.25)
            add_line(fig, curve.step, theme.positive(curve.raw), curve.run.label, [], faint, width=1.2, hover="", hoverinfo="skip")
        add_line(fig, curve.step, theme.positive(curve.smooth), curve.run.label, theme.texts(words, curve.raw), curve.run.colour, **look)
    _look_at(fig, info, palette)
    add_marks(fig, info.marks, palette)
    return fig


def place(curve: Curve, at: int | None) -> int | None:
    """Which entry of a curve is the last one at a step; None before its first."""
    n = len(curve.step) if at is None else int(np.searchsorted(curve.step, at, side="right"))
    return n - 1 if n else None


def _subtitle(info: SeriesInfo, words: Callable[[float], str]) -> str:
    found = [float(c.raw[i]) for c in info.curves if (i := place(c, info.at)) is not None]
    if not found:
        return "No step recorded yet"
    when = "At the end" if info.at is None else f"At step {wording.count(info.at)}"
    low, high = words(min(found)), words(max(found))
    return f"{when}: {low}" if low == high else f"{when}: from {low} to {high}"


def _look_at(fig: go.Figure, info: SeriesInfo, palette: theme.Palette) -> None:
    """A line at the step that is looked at, and a dot where each run is then."""
    if info.at is None:
        return
    fig.add_vline(x=info.at, line={"color": palette.muted, "width": 1.2, "dash": "dot"})
    for curve in info.curves:
        i = place(curve, info.at)
        if i is not None and curve.smooth[i] > 0:
            marker = {"size": 9, "color": curve.run.colour, "line": {"width": 1.5, "color": palette.surface}}
            fig.add_scatter(x=[curve.step[i]], y=[curve.smooth[i]], mode="markers", marker=marker, hoverinfo="skip", name=curve.run.label)


def _loss_words(value: float) -> str:
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
