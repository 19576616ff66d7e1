"""Two runs against each other: target by target, and household by household."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.bins import Bins
from dashboard.kit.figures.traces import add_dots, diagonal, dot_size
from dashboard.runs.figures.looks import Drawn


class PairInfo(NamedTuple):
    """Targets or households: their names, and what each of the two runs makes of them; arrays of equal length."""

    a: Drawn
    b: Drawn
    names: np.ndarray
    of_a: np.ndarray
    of_b: np.ndarray


def errors_info(a: Drawn, b: Drawn, names: np.ndarray, of_a: np.ndarray, of_b: np.ndarray, use: np.ndarray) -> PairInfo:
    """Absolute relative errors of the targets in use; `of_a` and `of_b` are signed, shape (n_targets,)."""
    use = use & np.isfinite(of_a) & np.isfinite(of_b)
    return PairInfo(a, b, names[use], np.abs(of_a[use]), np.abs(of_b[use]))


def weights_info(a: Drawn, b: Drawn, names: np.ndarray, of_a: np.ndarray, of_b: np.ndarray) -> PairInfo:
    """Weights of the households that either run keeps."""
    kept = (of_a > 0) | (of_b > 0)
    return PairInfo(a, b, names[kept], of_a[kept], of_b[kept])


def plot_errors(info: PairInfo, palette: theme.Palette) -> go.Figure:
    """A dot a target, in the colour of the run that is nearer; above 10,000 cells with counts."""
    x, y = axes.at_least(info.of_a), axes.at_least(info.of_b)
    n, nearer = len(x), int((info.of_a < info.of_b).sum())
    subtitle = f"{info.a.label} is nearer on {wording.of(nearer, n)} targets" if n else "No target in use in both"
    both = np.concatenate([x, y]) if n else np.array([1e-4, 1.0])
    across = axes.percent_log_axis(f"Error, {info.a.label}", both)
    up = axes.percent_log_axis(f"Error, {info.b.label}", both)
    fig = theme.figure(palette, "Target by target", subtitle, across, up, height=460)
    fig.add_trace(diagonal(float(both.min()), float(both.max()), palette, "Equal"))
    if n > theme.MAX_POINTS:
        return fig.add_trace(Bins(x, y).heatmap(palette, "target", f"error, {info.a.label}", f"error, {info.b.label}"))
    parts = ((f"Nearer: {info.a.label}", info.of_a < info.of_b, info.a), (f"Nearer: {info.b.label}", info.of_a > info.of_b, info.b))
    for name, mine, run in (*parts, ("As near", info.of_a == info.of_b, None)):
        colour = palette.faded(run.colour if run else palette.dropped, 0.6)
        words = [_errors_words(info, i) for i in np.flatnonzero(mine)]
        if words:
            add_dots(fig, x[mine], y[mine], name, words, {"size": dot_size(n), "color": colour}, hovertemplate=_hover(info))
    return fig


def _hover(info: PairInfo) -> str:
    """What the pointer reads: a name, and what the one and the other make of it."""
    return f"<b>%{{customdata[0]}}</b><br>{info.a.label}: %{{customdata[1]}}<br>{info.b.label}: %{{customdata[2]}}<extra></extra>"


def _errors_words(info: PairInfo, i: int) -> tuple[str, str, str]:
    return theme.label(info.names[i], 60), wording.percent(info.of_a[i]), wording.percent(info.of_b[i])


def plot_weights(info: PairInfo, palette: theme.Palette) -> go.Figure:
    """A dot a household; those that one run drops lie on the axis, which is marked 0."""
    some = np.concatenate([info.of_a[info.of_a > 0], info.of_b[info.of_b > 0]])
    low = float(some.min()) / 3 if len(some) else 0.1
    scale = np.append(some, low) if len(some) else np.array([low, 10.0])
    x, y = np.maximum(info.of_a, low), np.maximum(info.of_b, low)
    both = (info.of_a > 0) & (info.of_b > 0)
    subtitle = f"{wording.of(both.sum(), len(both))} households are kept by both" if len(both) else "No household was kept"
    across, up = (_with_zero(axes.count_log_axis(f"Weight, {run.label}", scale), low) for run in (info.a, info.b))
    fig = theme.figure(palette, "Household by household", subtitle, across, up, height=460)
    fig.add_trace(diagonal(low, float(scale.max()), palette, "Equal"))
    if both.sum() > theme.MAX_POINTS:
        return fig.add_trace(Bins(x[both], y[both]).heatmap(palette, "household", info.a.label, info.b.label))
    only_a, only_b = both < (info.of_a > 0), both < (info.of_b > 0)
    parts = (("Both", both, palette.kept), (f"Only {info.a.label}", only_a, info.a.colour), (f"Only {info.b.label}", only_b, info.b.colour))
    for name, mine, colour in parts:
        rows = np.flatnonzero(mine)
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), theme.MAX_POINTS // 2)).astype(int)] if len(rows) else rows
        if len(rows):
            words = [_weights_words(info, i) for i in rows]
            marker = {"size": dot_size(len(both)), "color": palette.faded(colour, 0.5)}
            add_dots(fig, x[rows], y[rows], name, words, marker, hovertemplate=_hover(info))
    return fig


def _weights_words(info: PairInfo, i: int) -> tuple[str, str, str]:
    a, b = (wording.weight(w) if w > 0 else "dropped" for w in (info.of_a[i], info.of_b[i]))
    return theme.label(info.names[i], 40), a, b


def _with_zero(axis: dict[str, object], floor: float) -> dict[str, object]:
    """The lowest line of an axis stands for 0."""
    ticks = [(t, w) for t, w in zip(axis["tickvals"], axis["ticktext"], strict=True) if t > floor * 2.2]  # type: ignore[call-overload]
    return axis | {"tickvals": [floor, *(t for t, _ in ticks)], "ticktext": ["0", *(w for _, w in ticks)]}
