"""One column, full table against sample: bars of shares by category or bin."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import axes, theme, wording

#: Categories shown; the rest are 'other'. Numbers with no more different values than this are categories too.
MAX_CATEGORIES = 25
_BINS = 20


class DistributionInfo(NamedTuple):
    """Shares by category or bin, adding up to 1.

    Attributes
    ----------
    column : str
    labels : tuple of str
    full, sample : ndarray
    chosen : ndarray of int
        Rows of the sample behind each.
    edges : ndarray or None
        Bounds of the bins of a number (the first and the last bin hold all that is beyond), None for categories.
    """

    column: str
    labels: tuple[str, ...]
    full: np.ndarray
    sample: np.ndarray
    chosen: np.ndarray
    edges: np.ndarray | None


def info(values: pd.Series, chosen: np.ndarray) -> DistributionInfo:
    """A column, and the positions of the rows chosen. Missing values are a category; of numbers in bins they are left out."""
    edges = None
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MAX_CATEGORIES:
        numbers = values.to_numpy(float, na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        edges = _edges(numbers)
        codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
        codes[np.isnan(numbers)] = -1
        labels = _ranges(edges)
    else:
        codes, labels = _categories(values)
    full, sample = (np.bincount(c[c >= 0], minlength=len(labels)) for c in (codes, codes[chosen]))
    shares = [counts / max(counts.sum(), 1) for counts in (full, sample)]
    return DistributionInfo(str(values.name), tuple(labels), *shares, sample, edges)


def _categories(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Numbers in their order, words by falling frequency; the rarest beyond the cap share 'other'."""
    ordered = pd.api.types.is_numeric_dtype(values)
    codes, found = pd.factorize(values if ordered else values.astype("string"), sort=ordered)
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in found]
    if (codes < 0).any():
        codes, labels = np.where(codes < 0, len(labels), codes), [*labels, "missing"]
    order = np.argsort(-np.bincount(codes, minlength=len(labels)), kind="stable")
    keep = order[: MAX_CATEGORIES - 1] if len(labels) > MAX_CATEGORIES else order
    keep = np.sort(keep) if ordered else keep
    place = np.full(len(labels), len(keep))
    place[keep] = np.arange(len(keep))
    others = len(labels) - len(keep)
    return place[codes], [labels[i] for i in keep] + ([f"other ({others})"] if others else [])


def _edges(numbers: np.ndarray) -> np.ndarray:
    """Round bounds of equal bins from the 1st to the 98th percentile."""
    low, high = np.nanquantile(numbers, [0.01, 0.98])
    if high <= low:
        low, high = np.nanmin(numbers), np.nanmax(numbers)
    step = axes.nice_step(float(high - low) / _BINS)
    whole = numbers[~np.isnan(numbers)]
    if (whole == np.round(whole)).all():
        step = max(round(step), 1)
    return np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step


def _ranges(edges: np.ndarray) -> list[str]:
    words = [wording.short(e) for e in edges]
    inner = [f"{a} to {b}" for a, b in itertools.pairwise(words)]
    return inner if len(inner) < 2 else [f"below {words[1]}", *inner[1:-1], f"{words[-2]} or more"]


def plot(info: DistributionInfo, palette: theme.Palette) -> go.Figure:
    """Two bars for each category or bin, which should be alike."""
    upright, n = info.edges is not None, len(info.labels)
    top = max(float(np.concatenate([info.full, info.sample]).max(initial=0)), 1e-3)
    step = axes.nice_step(top / 5)
    ticks = np.arange(0, top + step, step)
    value = axes.axis(
        "Share of rows", range=[0, top * 1.06], tickvals=ticks.tolist(), ticktext=theme.texts(wording.percent, ticks.round(9))
    )
    name = theme.label(info.column, 40)
    if info.edges is not None:
        shown = range(0, len(info.edges), max(1, -(-len(info.edges) // 7)))
        ticks = {"tickvals": [i - 0.5 for i in shown], "ticktext": [wording.short(info.edges[i]) for i in shown]}
        place = axes.axis(name, range=[-0.7, n - 0.3], showgrid=False, tickangle=0, **ticks)
    else:
        ticks = {"tickvals": list(range(n)), "ticktext": [theme.label(label, 22) for label in info.labels]}
        place = axes.axis(name, range=[n - 0.4, -0.6], showgrid=False, **ticks)
    sides = (place, value) if upright else (value, place)
    height = max(theme.HEIGHT + 120, 150 + 22 * (0 if upright else n))
    fig = theme.figure(palette, f"Full table and sample: {theme.label(info.column, 24)}", _words(info), *sides, height=height)
    fig.update_layout(barmode="group", bargap=0.25, bargroupgap=0)
    hover = [
        f"<b>{theme.label(label)}</b><br>full table {wording.percent(f)}<br>sample {wording.percent(s)} ({wording.plural(c, 'row')})"
        for label, f, s, c in zip(info.labels, info.full, info.sample, info.chosen, strict=True)
    ]
    at, length = ("x", "y") if upright else ("y", "x")
    for title, shares, colour in (("Full table", info.full, palette.dropped), ("Sample", info.sample, palette.kept)):
        fig.add_bar(
            **{at: list(range(n)), length: shares},
            name=title,
            orientation="v" if upright else "h",
            marker={"color": colour, "line": {"width": 0}},
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
        )
    return fig


def _words(info: DistributionInfo) -> str:
    if not len(info.labels):
        return "Nothing to show"
    i = int(np.abs(info.sample - info.full).argmax())
    full, sample = wording.percent(info.full[i]), wording.percent(info.sample[i])
    return f"Widest gap at {theme.label(info.labels[i], 18)}: {full} of all, {sample} of the sample"
