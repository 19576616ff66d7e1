"""What the refit did: the share of targets within any error, before and after."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE, add_dots
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.problem import Problem

_MAX_STEPS = 1_000


class Curve(NamedTuple):
    """`share` of the targets have an absolute relative error of at most `error`."""

    error: np.ndarray
    share: np.ndarray
    median: float


class RefitEffectInfo(NamedTuple):
    gated: Curve
    refitted: Curve | None
    targets: int


def info(problem: Problem, gated: np.ndarray, refitted: np.ndarray | None, use: np.ndarray | None = None) -> RefitEffectInfo:
    """Errors of two sets of weights over the targets in use (default: the reachable ones).

    `refitted` is None where no refit was asked for.
    """
    use = problem.reachable if use is None else use
    curves = [None if w is None else _curve(np.abs(relative_errors(problem, w)[use])) for w in (gated, refitted)]
    return RefitEffectInfo(curves[0] or _curve(np.zeros(0)), curves[1], int(use.sum()))


def _curve(errors: np.ndarray) -> Curve:
    if len(errors) == 0:
        return Curve(np.zeros(0), np.zeros(0), float("nan"))
    ordered, share = np.sort(errors), np.arange(1, len(errors) + 1) / len(errors)
    if len(errors) > _MAX_STEPS:
        keep = np.unique(np.linspace(0, len(errors) - 1, _MAX_STEPS).round().astype(int))
        return Curve(ordered[keep], share[keep], float(np.median(errors)))
    return Curve(ordered, share, float(np.median(errors)))


def plot(info: RefitEffectInfo, palette: theme.Palette) -> go.Figure:
    """Two rising steps; the one further left is better. A mark stands at each median."""
    curves = [("After the refit", info.refitted, palette.kept, "solid"), ("Before, with gates", info.gated, palette.dropped, "dash")]
    drawn = [(n, c, *s) for n, c, *s in curves if c is not None and len(c.error)]
    errors = np.concatenate([c.error for _, c, *_ in drawn]) if drawn else np.zeros(0)
    across, up = axes.percent_log_axis("Absolute relative error (log scale)", errors), axes.share_axis("Share of targets within it")
    fig = theme.figure(palette, "Error before and after the refit", _words(info), across, up)
    for name, curve, colour, dash in drawn:
        x = axes.at_least(curve.error)
        hover = [
            f"{wording.percent(s)} of targets are<br>within {wording.percent(e)}" for e, s in zip(curve.error, curve.share, strict=True)
        ]
        line = {"color": colour, "shape": "hv", "width": 2.4, "dash": dash}
        fig.add_scatter(
            x=[x[0], *x], y=[0.0, *curve.share], mode="lines", line=line, name=name, customdata=["", *hover], hovertemplate=ALONE
        )
        mark = {"size": 11, "color": colour, "symbol": "diamond", "line": {"width": 1.5, "color": palette.surface}}
        words, at = [f"Median {wording.percent(curve.median)}<br>{name.lower()}"], [float(axes.at_least(curve.median))]
        add_dots(fig, at, [0.5], f"Median, {name.lower()}", words, mark, showlegend=False)
    return fig


def _words(info: RefitEffectInfo) -> str:
    if not info.targets:
        return "No target to measure"
    gated = wording.percent(info.gated.median)
    if info.refitted is None:
        return f"◆ Median {gated}; no refit was asked for"
    return f"◆ Median {gated} before, {wording.percent(info.refitted.median)} after"
