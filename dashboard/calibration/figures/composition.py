"""Who was kept against everyone, by one attribute: do the kept households, weighted, still look like the population?"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import axes, theme, wording
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.problem import Problem

#: Categories shown; the rest are 'other'. Numbers with no more distinct values than this are categories too.
MAX_CATEGORIES = 25
_BINS = 16


class CompositionInfo(NamedTuple):
    """Shares by category or bin, each column adding up to 1.

    Attributes
    ----------
    attribute : str
    labels : tuple of str
    everyone, kept, kept_count : ndarray
        All households by base weight, kept ones by final weight, kept ones each counted once.
    households : ndarray of int
        Kept households behind each row.
    edges : ndarray or None
        Bounds of the bins of a number (the first and the last bin hold all that is beyond), None for categories.
    """

    attribute: str
    labels: tuple[str, ...]
    everyone: np.ndarray
    kept: np.ndarray
    kept_count: np.ndarray
    households: np.ndarray
    edges: np.ndarray | None


def info(problem: Problem, weights: np.ndarray, attribute: str) -> CompositionInfo:
    """Shares over the values of one column of `problem.attributes`.

    Missing values are a category of their own; of numbers in bins they are left out.
    """
    column = problem.attributes[attribute]
    weights = np.asarray(weights, float)
    if _is_number(column) and column.nunique() > MAX_CATEGORIES:
        values = column.to_numpy(float, na_value=np.nan)
        values = np.where(np.isfinite(values), values, np.nan)
        edges = _edges(values, problem.base_weights)
        codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        codes = np.where(np.isnan(values), -1, codes)
        labels = _ranges(edges)
    else:
        codes, labels, edges = *_categories(column, problem.base_weights), None
    seen, kept = codes >= 0, active(weights)
    measures = (problem.base_weights, weights, kept.astype(float))
    sums = [np.bincount(codes[seen], w[seen], minlength=len(labels)) for w in measures]
    shares = [s / s.sum() if s.sum() > 0 else s for s in sums]
    return CompositionInfo(str(attribute), tuple(labels), *shares, households=sums[2].astype(int), edges=edges)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _categories(column: pd.Series, base: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers in their order, words by falling weight; the smallest beyond the cap share 'other'."""
    if _is_number(column) or isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = pd.factorize(column, sort=True)
    else:
        codes, values = pd.factorize(column.astype("string"))
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    if (codes < 0).any():
        codes, labels = np.where(codes < 0, len(labels), codes), [*labels, "missing"]
    size = np.bincount(codes, base, minlength=len(labels))
    order = np.argsort(-size, kind="stable")
    keep = order[: MAX_CATEGORIES - 1] if len(labels) > MAX_CATEGORIES else order
    keep = np.sort(keep) if _is_number(column) else keep
    place = np.full(len(labels), len(keep))
    place[keep] = np.arange(len(keep))
    others = len(labels) - len(keep)
    return place[codes], [labels[i] for i in keep] + ([f"other ({others})"] if others else [])


def _edges(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Round bounds of equal bins from the 2nd to the 97th percentile of everyone."""
    ok = ~np.isnan(values)
    order = np.argsort(values[ok])
    v, share = values[ok][order], np.cumsum(base[ok][order])
    low, high = (float(v[min(np.searchsorted(share, q * share[-1]), len(v) - 1)]) for q in (0.02, 0.97))
    if high <= low:
        low, high = float(v[0]), float(v[-1])
    step = axes.nice_step((high - low) / _BINS) if high > low else 1.0
    if (v == np.round(v)).all():
        step = max(step, 1.0)
    first, last = np.floor(low / step), np.ceil(high / step)
    return np.arange(first, last + 1 + (last == first)) * step


def _ranges(edges: np.ndarray) -> list[str]:
    words = [wording.short(e) for e in edges]
    inner = [f"{a} to {b}" for a, b in itertools.pairwise(words)]
    return inner if len(inner) < 2 else [f"below {words[1]}", *inner[1:-1], f"{words[-2]} or more"]


def plot(info: CompositionInfo, palette: theme.Palette) -> go.Figure:
    """Two bars, everyone and kept by weight, which should be alike; a mark shows the kept households unweighted."""
    upright = info.edges is not None
    n = len(info.labels)
    shares = np.concatenate([info.everyone, info.kept, info.kept_count])
    value = axes.axis(
        "Share",
        range=[0, max(float(shares.max(initial=0)) * 1.06, 0.01)],
        **_percent_ticks(float(shares.max(initial=0))),
    )
    if upright:
        every = max(1, -(-len(info.edges) // 6))
        shown = [i for i in range(len(info.edges)) if i % every == 0]
        place = axes.axis(
            theme.label(info.attribute, 40),
            range=[-0.7, n - 0.3],
            showgrid=False,
            tickangle=0,
            tickvals=[i - 0.5 for i in shown],
            ticktext=[wording.short(info.edges[i]) for i in shown],
        )
    else:
        place = axes.axis(
            theme.label(info.attribute, 40),
            range=[n - 0.4, -0.6],
            showgrid=False,
            tickvals=list(range(n)),
            ticktext=[theme.label(name, 22) for name in info.labels],
        )
    fig = theme.figure(
        palette,
        f"Kept against everyone: {theme.label(info.attribute, 24)}",
        _words(info),
        *((place, value) if upright else (value, place)),
        height=360 if upright else 180 + 26 * max(n, 4),
    )
    fig.update_layout(barmode="group", bargap=0.25, bargroupgap=0)
    hover = [
        f"<b>{theme.label(name)}</b><br>everyone {wording.percent(e)}<br>kept, weighted {wording.percent(k)}"
        f"<br>kept, unweighted {wording.percent(c)} ({wording.plural(h, 'household')})"
        for name, e, k, c, h in zip(info.labels, info.everyone, info.kept, info.kept_count, info.households, strict=True)
    ]
    common = {"customdata": hover, "hovertemplate": "%{customdata}<extra></extra>"}
    at, length = ("x", "y") if upright else ("y", "x")
    for name, share, colour in (
        ("Everyone", info.everyone, palette.dropped),
        ("Kept, weighted", info.kept, palette.kept),
    ):
        bar = {at: list(range(n)), length: share, "name": name, "marker": {"color": colour, "line": {"width": 0}}}
        fig.add_bar(**bar, orientation="v" if upright else "h", **common)
    mark = {
        "symbol": "line-ew" if upright else "line-ns",
        "size": 10 if upright else 14,
        "line": {"width": 2, "color": palette.target},
    }
    fig.add_scatter(**{at: list(range(n)), length: info.kept_count}, mode="markers", name="Kept, unweighted", marker=mark, **common)
    return fig


def _percent_ticks(top: float) -> dict:
    step = next((s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if top / s <= 6), 0.25)
    ticks = np.arange(0, 1 + step / 2, step)
    return {"tickvals": ticks.tolist(), "ticktext": [wording.percent(round(t, 6)) for t in ticks]}


def _words(info: CompositionInfo) -> str:
    if not info.households.sum():
        return "No household was kept"
    gap = np.abs(info.kept - info.everyone)
    i = int(gap.argmax())
    name, everyone, kept = theme.label(info.labels[i], 18), info.everyone[i], info.kept[i]
    return f"Widest gap at {name}: {wording.percent(everyone)} everyone, {wording.percent(kept)} kept"
