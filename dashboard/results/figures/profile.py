"""Estimate against target along the bands of a name: where in the distribution it is missed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars, add_dots
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.explain.profiles import along


class ProfileInfo(NamedTuple):
    """One entry a band, lowest first; empty where the name has none."""

    labels: list[str]
    values: np.ndarray
    estimates: np.ndarray
    errors: np.ndarray


def info(problem: Problem, weights: np.ndarray, target: int) -> ProfileInfo:
    """The targets that differ from one in its band only."""
    rows, labels = along(problem, target)
    return ProfileInfo(labels, problem.values[rows], problem.estimates(weights)[rows], relative_errors(problem, weights)[rows])


def plot(info: ProfileInfo, palette: theme.Palette) -> go.Figure:
    """Bars are estimates, marks are targets."""
    worst = int(np.abs(info.errors).argmax()) if len(info.labels) else 0
    subtitle = f"Widest gap at {theme.label(info.labels[worst], 24)}: {wording.percent(info.errors[worst])}" if info.labels else "No bands"
    fig = theme.figure(palette, "Along the bands", subtitle, axes.axis("Band", type="category"), axes.axis("Total", tickformat="~s"))
    hover = [
        f"<b>{theme.label(name)}</b><br>target {wording.amount(v)}<br>estimate {wording.amount(e)}<br>error {wording.percent(d)}"
        for name, v, e, d in zip(info.labels, info.values, info.estimates, info.errors, strict=True)
    ]
    labels = [theme.label(n, 24) for n in info.labels]
    add_bars(fig, labels, info.estimates, "Estimate", hover, palette.kept)
    mark = {"symbol": "line-ew-open", "size": 22, "color": palette.target, "line": {"width": 3}}
    add_dots(fig, labels, info.values, "Target", hover, mark)
    return fig
