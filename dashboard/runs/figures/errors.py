"""Errors of the targets of several runs at one step: the middle, the middle half, and all but the extremes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.runs.figures.looks import Drawn
from l0engine.calibration.results import ERROR_QUANTILES, Snapshot


class ErrorsInfo(NamedTuple):
    """Runs with a measurable error, the step each is at, and their quantiles, shape (runs, 5), by `ERROR_QUANTILES`."""

    runs: tuple[Drawn, ...]
    steps: tuple[int, ...]
    quantiles: np.ndarray


def info(runs: Sequence[tuple[Drawn, Sequence[Snapshot]]], at: int | None = None) -> ErrorsInfo:
    """Of each run its last snapshot up to the step that is looked at."""
    found = []
    for run, snapshots in runs:
        until = [s for s in snapshots if (at is None or s.step <= at) and np.isfinite(s.error_quantiles).all()]
        if until:
            found.append((run, until[-1].step, until[-1].error_quantiles))
    quantiles = np.array([q for *_, q in found], float).reshape(-1, len(ERROR_QUANTILES))
    return ErrorsInfo(tuple(run for run, *_ in found), tuple(step for _, step, _ in found), quantiles)


def plot(info: ErrorsInfo, palette: theme.Palette) -> go.Figure:
    """A run a row: a thin line for nine tenths of the targets, a thick one for the middle half, a mark for the median."""
    n, q = len(info.runs), axes.at_least(info.quantiles)
    x = axes.percent_log_axis("Absolute relative error (log)", q if n else [1e-4, 1.0])
    names = [theme.label(run.name, 30) for run in info.runs]
    y = axes.axis("", range=[max(n, 1) - 0.4, -0.6], tickvals=list(range(n)), ticktext=names, showgrid=False)
    subtitle = "No step recorded yet"
    if n:
        best = int(np.argmin(info.quantiles[:, 2]))
        subtitle = f"Lowest median {wording.percent(info.quantiles[best, 2])}: {theme.label(info.runs[best].name, 24)}"
    fig = theme.figure(palette, "Errors of the targets, before the refit", subtitle, x, y, height=max(theme.HEIGHT, 150 + 24 * n))
    fig.update_layout(showlegend=False)
    for i, run in enumerate(info.runs):
        low, first, middle, third, high = info.quantiles[i]
        words = (
            f"<b>{run.label}</b>, step {wording.count(info.steps[i])}<br>median {wording.percent(middle)}"
            f"<br>middle half {wording.percent(first)} to {wording.percent(third)}"
            f"<br>nine tenths {wording.percent(low)} to {wording.percent(high)}<extra></extra>"
        )
        for ends, width, opacity in (((0, 4), 3, 0.4), ((1, 3), 11, 0.55)):
            line = {"color": palette.faded(run.colour, opacity), "width": width}
            fig.add_scatter(x=q[i, list(ends)], y=[i, i], mode="lines", line=line, hovertemplate=words)
        marker = {"size": 13, "color": run.colour, "line": {"width": 1.5, "color": palette.surface}}
        fig.add_scatter(x=[q[i, 2]], y=[i], mode="markers", marker=marker, hovertemplate=words)
    return fig
