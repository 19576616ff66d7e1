"""Frontiers of several runs together: error against households kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.frontier.figures.frontier import info as points_of
from dashboard.frontier.figures.point import error, hover
from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, positive
from dashboard.runs.figures.looks import Drawn
from l0engine.jobs.records import PointRecord


class FrontiersInfo(NamedTuple):
    """Runs with their own points, by households kept; reference methods are left out."""

    lines: tuple[tuple[Drawn, tuple[PointRecord, ...]], ...]


def info(runs: Sequence[tuple[Drawn, Sequence[PointRecord]]]) -> FrontiersInfo:
    """Those that have a point with a measurable error."""
    found = ((run, points_of(points, 0, 0).ours) for run, points in runs)
    return FrontiersInfo(tuple((run, ours) for run, ours in found if ours))


def plot(info: FrontiersInfo, palette: theme.Palette) -> go.Figure:
    """A line a run on two log axes: lower and further left is better."""
    kept = np.array([p.measures.kept for _, points in info.lines for p in points], float)
    errors = [error(p) for _, points in info.lines for p in points]
    x = axes.count_log_axis("Households kept (log scale)", kept)
    y = axes.percent_log_axis("Median error (log scale)", errors or [1e-4, 1.0])
    subtitle = f"{wording.plural(len(info.lines), 'run')} with a frontier; lower and further left is better"
    fig = theme.figure(palette, "Frontiers", subtitle if info.lines else "No run has a frontier", x, y, height=420)
    for run, points in info.lines:
        heights = positive(axes.at_least([error(p) for p in points]))
        words = [f"<b>{run.label}</b><br>{hover(p)}" for p in points]
        add_line(
            fig, [p.measures.kept for p in points], heights, run.label, words, run.colour, dash=run.dash, mode="lines+markers",
            hover="%{customdata}<extra></extra>",
        )  # fmt: skip
    return fig
