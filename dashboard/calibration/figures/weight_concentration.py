"""Concentration: what share of all weight the heaviest of the kept households carry."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, diagonal
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.problem import Problem

_MAX_STEPS = 200


class WeightConcentrationInfo(NamedTuple):
    """Shares from 0 to 1: of the kept households, heaviest first, and of the total weight they hold."""

    households: np.ndarray
    final: np.ndarray
    base: np.ndarray
    kept: int

    def top(self, share: float) -> float:
        """Share of the final weight held by the heaviest `share` of the kept households."""
        return float(np.interp(share, self.households, self.final))


def info(problem: Problem, weights: np.ndarray) -> WeightConcentrationInfo:
    """Cumulative shares of final and base weights over the kept households, each in its own order."""
    kept = active(weights)
    n = int(kept.sum())
    at = np.unique(np.linspace(0, n, min(n, _MAX_STEPS) + 1).round().astype(int))
    held = [_held(w[kept])[at] if n else np.zeros(1) for w in (np.asarray(weights, float), problem.base_weights)]
    return WeightConcentrationInfo(at / max(n, 1), held[0], held[1], n)


def _held(weights: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0.0], np.cumsum(np.sort(weights)[::-1])])
    return running / running[-1]


def plot(info: WeightConcentrationInfo, palette: theme.Palette) -> go.Figure:
    """Two bowed lines over the diagonal of equal weights; the higher the bow, the fewer households decide."""
    subtitle = "No household was kept"
    if info.kept:
        subtitle = f"The heaviest 10 % of the kept hold {wording.percent(info.top(0.1))} of the weight"
    x, y = axes.share_axis("Kept households, heaviest first"), axes.share_axis("Share of total weight")
    head = "Heaviest %{x:.1~%} of the kept"
    fig = theme.figure(palette, "How concentrated the weights are", subtitle, x, y, height=400, unified=head)
    if not info.kept:
        return fig
    lines = (
        ("Final weights", info.final, palette.kept, "solid", 2.4),
        ("Their base weights", info.base, palette.dropped, "dash", 2.0),
    )
    for name, held, colour, dash, width in lines:
        words, hover = theme.texts(wording.percent, held), "%{customdata} of the weight"
        add_line(fig, info.households, held, name, words, colour, dash=dash, width=width, hover=hover, mode="lines")
    return fig.add_trace(diagonal(0, 1, palette, "All equal"))
