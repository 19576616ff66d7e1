"""A column cut into categories or bins, and shares of them as bars side by side, which should be alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars, add_dots

#: Categories shown; the rest are 'other'. Numbers with no more distinct values than this are categories too.
MAX_CATEGORIES = 25


class Cut(NamedTuple):
    """Where each row of a column belongs.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        Position in `labels`, -1 for a row that is left out.
    edges : ndarray or None
        Bounds of the bins of a number (the first and the last bin hold all that is beyond), None for categories.
    """

    codes: np.ndarray
    labels: tuple[str, ...]
    edges: np.ndarray | None


def cut(column: pd.Series, weights: np.ndarray, ends: tuple[float, float], bins: int) -> Cut:
    """Numbers with many values in equal bins, all else by value.

    Missing values are a category of their own; of numbers in bins they are left out.

    Parameters
    ----------
    weights : ndarray, shape (rows,)
        How much each row counts in quantiles and in the order of categories.
    ends : tuple of float
        Quantiles about which the bins begin and end.
    bins : int
        About how many.
    """
    if not is_number(column) or column.nunique() <= MAX_CATEGORIES:
        codes, labels = _categories(column, weights)
        return Cut(codes, tuple(labels), None)
    values = column.to_numpy(float, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    edges = _edges(values, weights, ends, bins)
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    words = [wording.short(e) for e in edges]
    ranges = [f"{a} to {b}" for a, b in itertools.pairwise(words)]
    ranges = ranges if len(ranges) < 2 else [f"below {words[1]}", *ranges[1:-1], f"{words[-2]} or more"]
    return Cut(np.where(np.isnan(values), -1, codes), tuple(ranges), edges)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers; yes and no are none."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _categories(column: pd.Series, weights: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers in their order, words by falling weight; the smallest beyond the cap share 'other'."""
    if is_number(column) or isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = pd.factorize(column, sort=True)
    else:
        codes, values = pd.factorize(column.astype("string"))
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    if (codes < 0).any():
        codes, labels = np.where(codes < 0, len(labels), codes), [*labels, "missing"]
    order = np.argsort(-np.bincount(codes, weights, minlength=len(labels)), kind="stable")
    keep = order[: MAX_CATEGORIES - 1] if len(labels) > MAX_CATEGORIES else order
    keep = np.sort(keep) if is_number(column) else keep
    place = np.full(len(labels), len(keep))
    place[keep] = np.arange(len(keep))
    others = len(labels) - len(keep)
    return place[codes], [labels[i] for i in keep] + ([f"other ({others})"] if others else [])


def _edges(values: np.ndarray, weights: np.ndarray, ends: tuple[float, float], bins: int) -> np.ndarray:
    """Round bounds of equal bins; of whole numbers they are whole."""
    ok = ~np.isnan(values)
    order = np.argsort(values[ok])
    v, share = values[ok][order], np.cumsum(weights[ok][order])
    low, high = (float(v[min(np.searchsorted(share, q * share[-1]), len(v) - 1)]) for q in ends)
    if high <= low:
        low, high = float(v[0]), float(v[-1])
    step = axes.nice_step((high - low) / bins)
    if (v == np.round(v)).all():
        step = max(round(step), 1)
    first, last = np.floor(low / step), np.ceil(high / step)
    return np.arange(first, last + 1) * step


def plot(
    palette: theme.Palette, title: str, subtitle: str, column: str, value: str, cut: tuple[Sequence[str], np.ndarray | None],
    bars: Sequence[tuple[str, np.ndarray, str]], hover: Sequence[str], height: int, mark: tuple[str, np.ndarray] | None = None,
) -> go.Figure:  # fmt: skip
    """Bars for each category, which lie, or for each bin, which stand.

    Parameters
    ----------
    column, value : str
        Names of the axes: of the categories or bins, and of their shares.
    cut : tuple
        Labels and edges, as in `Cut`.
    bars : sequence of (str, ndarray, str)
        Name, shares and colour.
    hover : sequence of str
        What the pointer reads, the same at all bars of a row.
    mark : tuple of (str, ndarray), optional
        Name and shares of a stroke beside the bars.
    """
    labels, edges = cut
    n, upright = len(labels), edges is not None
    top = max([float(share.max(initial=0)) for _, share, *_ in [*bars, *([mark] if mark else [])]] + [1e-3])
    step = axes.nice_step(top / 5)
    ticks = np.arange(0, top + step, step)
    length = axes.axis(value, range=[0, top * 1.06], tickvals=ticks.tolist(), ticktext=theme.texts(wording.percent, ticks.round(9)))
    if edges is not None:
        shown = range(0, len(edges), max(1, -(-len(edges) // 7)))
        names = {"tickvals": [i - 0.5 for i in shown], "ticktext": [wording.short(edges[i]) for i in shown], "tickangle": 0}
    else:
        names = {"tickvals": list(range(n)), "ticktext": [theme.label(label, 22) for label in labels]}
    place = axes.axis(theme.label(column, 40), range=[-0.7, n - 0.3] if upright else [n - 0.4, -0.6], showgrid=False, **names)
    fig = theme.figure(palette, title, subtitle, *((place, length) if upright else (length, place)), height=height)
    fig.update_layout(barmode="group", bargap=0.25, bargroupgap=0)
    places, way = list(range(n)), "v" if upright else "h"
    for name, share, colour in bars:
        add_bars(fig, *((places, share) if upright else (share, places)), name, hover, colour, orientation=way)
    if mark is not None:
        name, share = mark
        size, symbol = (10, "line-ew") if upright else (14, "line-ns")
        stroke = {"symbol": symbol, "size": size, "line": {"width": 2, "color": palette.target}}
        add_dots(fig, *((places, share) if upright else (share, places)), name, hover, stroke)
    return fig
