"""Error against effective sample size at one number of households: what a softer refit costs and gains."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots
from l0engine.calibration.results import Measures
from l0engine.jobs.records import PointRecord


class TradeOffInfo(NamedTuple):
    """The curve of a point, softest first, and what is in use: softness, median absolute relative error, effective sample size."""

    mu: np.ndarray
    error: np.ndarray
    ess: np.ndarray
    measures: tuple[Measures, ...]
    in_use: Measures


def info(point: PointRecord) -> TradeOffInfo:
    """From `PointRecord.curve`, which may still be empty."""
    curve = [(mu, m) for mu, m in point.curve if math.isfinite(m.median_abs_rel_error) and math.isfinite(m.ess)]
    columns = np.array([(mu, m.median_abs_rel_error, m.ess) for mu, m in curve], float).reshape(-1, 3).T
    return TradeOffInfo(*columns, tuple(m for _, m in curve), point.measures)


def plot(info: TradeOffInfo, palette: theme.Palette) -> go.Figure:
    """A line from soft to hard, with mu written at both ends, and a ring around what is in use."""
    used = info.in_use
    errors = axes.at_least(np.append(info.error, used.median_abs_rel_error))
    y = axes.percent_log_axis("Median error (log scale)", errors)
    low, high = y["range"]
    pad = 0.07 * (high - low)  # for the words at both ends
    x, y = _count_axis("Effective sample size (households)", np.append(info.ess, used.ess)), y | {"range": [low - pad, high + pad]}
    fig = theme.figure(palette, "Error against even weights", _subtitle(info), x, y, height=400)
    ends = ["" for _ in info.mu]
    if len(ends):
        ends[0], ends[-1] = f"μ {number(info.mu[0])}", f"μ {number(info.mu[-1])}"
        words = [f"<b>μ {number(mu)}</b><br>{_words(m)}" for mu, m in zip(info.mu, info.measures, strict=True)]
        places = ["top left" if e > np.median(info.ess) else "bottom right" for e in info.ess]
        texts = {"text": ends, "textposition": places, "textfont": {"size": 12, "color": palette.muted}, "cliponaxis": False}
        look = {"mode": "lines+markers+text", "line": {"color": palette.kept, "width": 2.4}} | texts
        marker = {"size": 8, "color": palette.kept}
        add_dots(fig, info.ess, axes.at_least(info.error), "Softness μ of the refit", words, marker, **look)
    if math.isfinite(used.median_abs_rel_error) and math.isfinite(used.ess):
        ring = {"symbol": "circle-open", "size": 17, "color": palette.target, "line": {"width": 2.4}}
        add_dots(fig, [used.ess], errors[-1:].tolist(), "In use", [f"<b>In use</b><br>{_words(used)}"], ring, showlegend=True)
    return fig


def number(mu: float) -> str:
    """A softness as people write it.

    >>> number(3e-05), number(0.1), number(10.0)
    ('0.00003', '0.1', '10')
    """
    return np.format_float_positional(mu, trim="-", precision=3, fractional=False)


def _words(m: Measures) -> str:
    return (
        f"median error {wording.percent(m.median_abs_rel_error)}<br>mean error {wording.percent(m.mean_abs_rel_error)}"
        f"<br>{wording.percent(m.share_within_10pct)} of targets within 10 %"
        f"<br>effective sample size {wording.count(m.ess)} of {wording.plural(m.kept, 'household')}"
        f"<br>largest weight {wording.ratio(m.max_weight_ratio)} its base weight"
    )


def _subtitle(info: TradeOffInfo) -> str:
    if not len(info.mu):
        return "The curve of this point has not been computed yet"
    used = info.in_use
    return f"In use: {wording.percent(used.median_abs_rel_error)}, effective sample size {wording.count(used.ess)}"


def _count_axis(title: str, values: np.ndarray) -> dict[str, Any]:
    """Linear, around the values, with room for words; from zero where they begin near it."""
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    pad = max((high - low) * 0.14, high * 0.02, 0.5)
    low, high = max(low - pad, 0.0), high + pad
    step = max(axes.nice_step((high - low) / 4), 1.0)
    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return axes.axis(title, range=[low, high], tickvals=ticks.tolist(), ticktext=[wording.count(t) for t in ticks])
