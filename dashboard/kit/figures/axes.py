"""Axes: linear and log, of shares, counts, weights and steps, with ticks for people."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dashboard.kit import wording

#: Errors below this are drawn at it: nobody acts on less than 0.001 %.
ERROR_FLOOR = 1e-5


def axis(title: str, **more: Any) -> dict[str, Any]:
    """A linear axis."""
    return {"title": {"text": title}, **more}


def steps_axis(steps: np.ndarray, what: str = "Step") -> dict[str, Any]:
    """Training steps, or what they are called: whole numbers, starting at the left edge."""
    top = float(steps[-1]) if len(steps) else 1.0
    low = float(steps[0]) if len(steps) else 0.0
    low, top = (0.0, max(top, 1.0)) if top <= low else (low, top)
    pad = (top - low) * 0.015
    dtick = {"dtick": 1} if top - low <= 5 else {"nticks": 6}
    return axis(what, range=[low - pad, top + pad], tickformat=",d", **dtick)


def share_axis(title: str, **more: Any) -> dict[str, Any]:
    """A linear axis of shares from 0 to 1, read as percent."""
    ticks = np.arange(0, 1.01, 0.25).round(2)
    return axis(title, **{"range": [0, 1.02], "tickvals": list(ticks), "ticktext": [wording.percent(t) for t in ticks], **more})


def count_axis(title: str, top: float) -> dict[str, Any]:
    """A linear axis of counts from zero."""
    step = max(nice_step(max(top, 1.0) / 5), 1.0)
    ticks = np.arange(0, top + step, step)
    return axis(title, range=[0, max(top, 1.0) * 1.08], tickvals=list(ticks), ticktext=[wording.short(t) for t in ticks])


def nice_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten, not below `rough`."""
    unit = 10.0 ** math.floor(math.log10(rough))
    return unit * next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= rough * 0.999)


def percent_log_axis(title: str, values: Any, *, floor: float = ERROR_FLOOR) -> dict[str, Any]:
    """A log axis of shares with ticks at 0.001 %, 0.01 %, ... ; draw values through `at_least` with the same floor."""

    def text(share: float) -> str:
        if share < floor * 0.999:
            return ""
        words = wording.percent(share) if share > 2e-5 else f"{share * 100:.12f}".rstrip("0") + " %"
        return f"≤ {words}" if share <= floor * 1.001 else words

    return _log_axis(title, at_least(values, floor), text)


def count_log_axis(title: str, values: Any) -> dict[str, Any]:
    """A log axis of counts, weights or totals with ticks at 1, 10, 100, 1 k, 10 k, ..."""
    values = np.asarray(values, float)
    return _log_axis(title, values[values > 0], wording.short)


def number_log_axis(title: str, values: Any) -> dict[str, Any]:
    """A log axis of plain small numbers with ticks at 0.001, 0.01, 0.1, ..."""
    return _log_axis(title, np.asarray(values, float), lambda v: f"{v:,.7f}".rstrip("0").rstrip(".") if 1e-6 <= v < 1e6 else f"{v:.0e}")


def _log_axis(title: str, values: np.ndarray, text: Any) -> dict[str, Any]:
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (math.log10(values.min()), math.log10(values.max())) if len(values) else (-1.0, 1.0)
    if high - low < 0.6:  # a flat line or a single point gets air above and below
        low, high = low - (0.6 - (high - low)) / 2, high + (0.6 - (high - low)) / 2
    first, last = math.floor(low), math.ceil(high)
    steps = (1, 2, 5) if high - low < 1.7 else (1,)
    every = max(1, math.ceil((last - first) / 7))
    every = 3 if every == 2 and last - first > 9 else every
    ticks = [m * 10.0**e for e in range(first, last + 1, 1) for m in steps if every == 1 or e % every == 0]
    pad = (high - low) * 0.04
    if high - low < 1 and sum(low - pad <= math.log10(t) <= high + pad for t in ticks) < 3:
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in (1, 1.5, 2, 3, 4, 5, 7)]
    return axis(title, type="log", range=[low - pad, high + pad], tickvals=ticks, ticktext=[text(t) for t in ticks], tickangle=0)


def at_least(values: Any, floor: float = ERROR_FLOOR) -> np.ndarray:
    """Absolute values, no smaller than the floor, so that zeros have a place on a log axis."""
    return np.maximum(np.abs(np.asarray(values, float)), floor)
