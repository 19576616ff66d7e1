"""Runs that go out from the same previous answer at several prices of change: how much of it they keep, against their error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE, add_dots
from l0engine.jobs.records import RunRecord


class StabilityInfo(NamedTuple):
    """One entry a run, by price of change.

    Attributes
    ----------
    source : str
        What they went out from.
    prices : ndarray
    share : ndarray
        Share of the households kept that were in the previous answer.
    error, median : ndarray
        Mean and median absolute relative error; with more households than targets the median is next to nothing at any price.
    stayed, entered, left : ndarray of int
    """

    source: str
    prices: np.ndarray
    share: np.ndarray
    error: np.ndarray
    median: np.ndarray
    stayed: np.ndarray
    entered: np.ndarray
    left: np.ndarray


def info(runs: Sequence[RunRecord]) -> StabilityInfo:
    """From `RunRecord.outcome`; runs without an overlap, or that went out from another answer than the first, are left out."""
    ended = [(r.config.price_change, r.outcome.overlap, r.outcome.final) for r in runs if r.outcome is not None]
    good = [(p, o, m) for p, o, m in ended if o is not None and m is not None and math.isfinite(m.mean_abs_rel_error)]
    alike = sorted(((p, o, m) for p, o, m in good if o.sha256 == good[0][1].sha256), key=lambda one: one[0])
    rows = [(p, o.share, m.mean_abs_rel_error, m.median_abs_rel_error, o.stayed, o.entered, o.left) for p, o, m in alike]
    prices, share, error, median, *counts = np.array(rows, float).reshape(-1, 7).T
    return StabilityInfo(alike[0][1].source if alike else "", prices, share, error, median, *(c.astype(int) for c in counts))


def plot(info: StabilityInfo, palette: theme.Palette) -> go.Figure:
    """A dot a run, joined by price; nearer to the right keeps more of the previous set, lower misses less."""
    n = len(info.prices)
    low = max(-0.03, info.share.min() - 0.1) if n else -0.03
    step = axes.nice_step((1 - low) / 5)
    ticks = [t for t in np.arange(0, 1 + step / 2, step) if t >= low]
    shown = {"range": [low, 1.05], "tickvals": ticks, "ticktext": theme.texts(wording.percent, ticks)}
    x = axes.share_axis("Share of those kept that were in the previous set", **shown)
    y = axes.percent_log_axis("Mean error (log scale)", info.error if n else [1e-4, 1.0])
    fig = theme.figure(palette, "Overlap against error", _words(info), x, y, height=420)
    fig.update_layout(showlegend=False)
    if n:
        words = [_hover(info, i) for i in range(n)]
        look = {"size": 10, "color": palette.kept, "line": {"width": 1.2, "color": palette.surface}}
        text = {"text": _labels(info), "textposition": "top left", "textfont": {"size": 12, "color": palette.muted}}
        line = {"mode": "lines+markers+text", "line": {"color": palette.kept, "width": 2}}
        add_dots(fig, info.share, axes.at_least(info.error), "Runs", words, look, hovertemplate=ALONE, **line, **text)
    return fig


def _price(price: float) -> str:
    """As a label."""
    return f"{price:g}"


def _labels(info: StabilityInfo) -> list[str]:
    """Prices beside their dots; those of dots in one place together, at the first."""
    places = [(round(float(s), 2), round(math.log10(e), 1)) for s, e in zip(info.share, axes.at_least(info.error), strict=True)]
    together = {at: ", ".join(_price(p) for p, own in zip(info.prices, places, strict=True) if own == at) for at in places}
    return [together[at] if places.index(at) == i else "" for i, at in enumerate(places)]


def _words(info: StabilityInfo) -> str:
    if len(info.prices) < 2:
        return "Nothing to compare: it takes two runs from the same previous answer"
    low, high = int(np.argmin(info.share)), int(np.argmax(info.share))
    (a, b), (c, d) = ((wording.percent(info.share[i]), wording.percent(info.error[i])) for i in (low, high))
    return f"{a} at an error of {b}, {c} at {d}; labels: prices"


def _hover(info: StabilityInfo, i: int) -> str:
    kept = info.stayed[i] + info.entered[i]
    return (
        f"<b>price of change {_price(info.prices[i])}</b><br>{wording.of(info.stayed[i], kept)} were in the previous set"
        f"<br>{wording.count(info.entered[i])} entered, {wording.count(info.left[i])} left"
        f"<br>mean error {wording.percent(info.error[i])}, median {wording.percent(info.median[i])}"
    )
