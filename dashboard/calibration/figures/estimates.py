"""Estimate against target: every published total, and how closely the weights meet it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.bins import Bins
from dashboard.kit.figures.traces import add_dots, diagonal
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.problem import Problem


class EstimatesInfo(NamedTuple):
    """One entry a target; `errors` are signed and relative."""

    names: np.ndarray
    groups: np.ndarray
    values: np.ndarray
    estimates: np.ndarray
    errors: np.ndarray
    reachable: np.ndarray
    use: np.ndarray


def info(problem: Problem, weights: np.ndarray, use: np.ndarray | None = None) -> EstimatesInfo:
    """What the weights add up to, target by target; `use` says which count in the summary (default: the reachable)."""
    use = problem.reachable if use is None else use
    estimates, errors = problem.estimates(weights), relative_errors(problem, weights)
    return EstimatesInfo(problem.names, problem.groups, problem.values, estimates, errors, problem.reachable, use)


def plot(info: EstimatesInfo, palette: theme.Palette) -> go.Figure:
    """Absolute values on log axes, coloured by error; above 10,000 targets, cells with counts.

    A dot is a positive target, a triangle a negative one, a square one whose estimate has the other sign, a cross one
    that no household can reach. Estimates too small for the axis lie on its lowest line, marked 0.
    """
    value, estimate = np.abs(info.values), np.abs(info.estimates)
    some = np.concatenate([value, estimate])
    some = some[some > 0]
    top = float(some.max()) if len(some) else 10.0
    floor = max(float(value[value > 0].min()) / 10 if (value > 0).any() else top / 1e3, top * 1e-15)
    x, y = np.maximum(value, floor), np.maximum(estimate, floor)
    good = info.use & (np.abs(info.errors) <= 0.01)
    subtitle = f"{wording.of(good.sum(), info.use.sum())} targets within 1 %" if info.use.any() else "No target to meet"
    scale = np.concatenate([x, y, [top]])
    up = axes.count_log_axis("Estimate, absolute (log)", scale)
    if (estimate <= floor).any():
        up = _with_zero(up, floor)
    across = axes.count_log_axis("Target, absolute value (log)", scale)
    fig = theme.figure(palette, "Estimate against target", subtitle, across, up, height=460)
    equal = diagonal(float(scale.min()), float(scale.max()), palette, "Estimate = target")
    if len(x) > theme.MAX_POINTS:
        return fig.add_traces([Bins(x, y).heatmap(palette, "target", "target", "estimate"), equal])
    fig.add_trace(equal)
    worst_last = np.argsort(np.abs(info.errors), kind="stable")  # and so on top
    wrong = info.reachable & (info.values * info.estimates < 0)
    kinds = (
        ("Positive", info.reachable & (info.values >= 0) & ~wrong, "circle"),
        ("Negative", info.reachable & (info.values < 0) & ~wrong, "triangle-down"),
        ("Other sign", wrong, "square-open"),
    )
    for name, mine, symbol in kinds:
        rows = worst_last[mine[worst_last]]
        if len(rows):
            colours = [palette.errors[c] for c in np.searchsorted(theme.ERROR_STEPS, np.abs(info.errors[rows]))]
            line = {"width": 1.5 if symbol.endswith("open") else 0.6, "color": palette.muted}
            _dots(fig, info, rows, x, y, name, {"symbol": symbol, "size": 7, "color": colours, "line": line})
    if (~info.reachable).any():
        name = f"Unreachable ({wording.count((~info.reachable).sum())})"
        _dots(fig, info, np.flatnonzero(~info.reachable), x, y, name, {"symbol": "x", "size": 8, "color": palette.error})
    fig.add_trace(_colour_bar(palette))
    return fig


def _dots(fig: go.Figure, info: EstimatesInfo, rows: np.ndarray, x: np.ndarray, y: np.ndarray, name: str, marker: dict) -> None:
    names, groups = ([theme.label(t) for t in texts[rows]] for texts in (info.names, info.groups))
    numbers = [theme.texts(wording.amount, v[rows]) for v in (info.values, info.estimates)]
    errors = theme.texts(wording.percent, info.errors[rows])
    hover = "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>target %{customdata[2]}<br>estimate %{customdata[3]}"
    hover += "<br>error %{customdata[4]}<extra></extra>"
    words = list(map(list, zip(names, groups, *numbers, errors, strict=True)))
    add_dots(fig, x[rows], y[rows], name, words, marker, hovertemplate=hover)


def _with_zero(axis: dict, floor: float) -> dict:
    """The axis with the floor as a tick named 0, and none that would crowd it."""
    pairs = [(v, t) for v, t in zip(axis["tickvals"], axis["ticktext"], strict=True) if v > 3 * floor]
    return axis | {"tickvals": [floor, *(v for v, _ in pairs)], "ticktext": ["0", *(t for _, t in pairs)]}


def _colour_bar(palette: theme.Palette) -> go.Scatter:
    """The five classes of error with the bounds between them as ticks: a trace that draws its colour bar only."""
    n = len(palette.errors)
    scale = [[edge / n, colour] for i, colour in enumerate(palette.errors) for edge in (i, i + 1)]
    bar = {"title": {"text": "Error", "side": "top", "font": {"size": 12}}, "thickness": 12, "len": 0.6, "outlinewidth": 0}
    bar |= {"tickvals": [i + 0.5 for i in range(n - 1)], "ticktext": theme.texts(wording.percent, theme.ERROR_STEPS)}
    marker = {"color": [0], "colorscale": scale, "cmin": -0.5, "cmax": n - 0.5, "showscale": True, "colorbar": bar}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False, hoverinfo="skip")
