"""Weights before and after: how far the kept households moved from their base weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.bins import Bins
from dashboard.kit.figures.traces import add_dots, diagonal, dot_size
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.problem import Problem

#: Final weights below this share of the smallest base weight are drawn at it: they count for nothing.
_LOWEST = 0.01


class WeightChangeInfo(NamedTuple):
    """One entry a kept household; `binned` where only counts of them are to be drawn."""

    ids: np.ndarray
    base: np.ndarray
    final: np.ndarray
    binned: bool = False


def info(problem: Problem, weights: np.ndarray, binned: bool = False) -> WeightChangeInfo:
    """Base and final weight of the households kept."""
    kept = active(weights)
    return WeightChangeInfo(problem.household_ids[kept], problem.base_weights[kept], np.asarray(weights, float)[kept], binned)


def plot(info: WeightChangeInfo, palette: theme.Palette) -> go.Figure:
    """A dot for each kept household, or cells with counts above 10,000; above the diagonal the weight grew."""
    ratio = info.final / info.base
    subtitle = "No household was kept"
    if len(ratio):
        subtitle = f"Final / base: median {wording.ratio(np.median(ratio))}, largest {wording.ratio(ratio.max())}"
    low = float(info.base.min()) * _LOWEST if len(ratio) else 1.0
    if below := int((info.final < low).sum()):
        subtitle += f"; {below:,} lie lower"
    final = np.maximum(info.final, low)
    x = axes.count_log_axis("Base weight (log)", info.base)
    y = axes.count_log_axis("Final weight (log)", np.concatenate([final, info.base]))
    fig = theme.figure(palette, "Weights before and after", subtitle, x, y, height=420)
    both = np.concatenate([info.base, [1.0] if not len(ratio) else []])
    unchanged = diagonal(float(both.min()), float(both.max()), palette, "Unchanged")
    if len(ratio) > theme.MAX_POINTS or (info.binned and len(ratio)):
        return fig.add_traces([Bins(info.base, final).heatmap(palette, "household", "base weight", "final weight"), unchanged])
    hover = [
        f"<b>{theme.label(i)}</b><br>base weight {wording.weight(b)}<br>final weight {wording.weight(f)}<br>ratio {wording.ratio(f / b)}"
        for i, b, f in zip(info.ids, info.base, info.final, strict=True)
    ]
    marker = {"color": palette.faded(palette.kept, 0.45), "size": dot_size(len(ratio))}
    add_dots(fig, info.base, final, "One household", hover, marker)
    return fig.add_trace(unchanged)
