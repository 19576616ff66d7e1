"""Runs that differ in their seed only: do they keep the same households, and which are kept every time?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE, add_bars
from l0engine.calibration import metrics

#: Up to so many runs, each cell of the map has its number written in it.
MAX_WRITTEN = 8


class OverlapInfo(NamedTuple):
    """R runs over the same households.

    Attributes
    ----------
    sizes : ndarray of int, shape (R,)
        Households each run keeps.
    shared, jaccard, chance : ndarray, shape (R, R)
        Households both keep; their share of those that either keeps (nan where neither keeps any); the same share
        if both had drawn their households at random.
    inclusion : ndarray of int, shape (R,)
        Households kept by exactly 1, 2, ... R runs.
    """

    labels: tuple[str, ...]
    sizes: np.ndarray
    shared: np.ndarray
    jaccard: np.ndarray
    chance: np.ndarray
    inclusion: np.ndarray


def info(labels: Sequence[str], sets: Sequence[np.ndarray]) -> OverlapInfo:
    """`sets` holds for each run a boolean array: True where it keeps the household."""
    runs = len(sets)
    kept = np.array([np.asarray(s, bool) for s in sets]) if runs else np.zeros((0, 0), bool)
    sizes = kept.sum(axis=1)
    shared = np.array([[np.count_nonzero(a & b) for b in kept] for a in kept], int).reshape(runs, runs)
    pairs = sizes[:, None] + sizes[None, :]
    random = sizes[:, None] * sizes[None, :] / max(kept.shape[1] if runs else 0, 1)
    chance = np.divide(random, pairs - random, out=np.full(random.shape, np.nan), where=pairs > random)
    counts = np.bincount(kept.sum(axis=0), minlength=runs + 1)[1:] if runs else np.zeros(0, int)
    return OverlapInfo(tuple(labels), sizes, shared, metrics.overlap(kept), chance, counts)


def plot_overlap(info: OverlapInfo, palette: theme.Palette) -> go.Figure:
    """A map of the pairs; the diagonal, where a run meets itself, stays clear."""
    n = len(info.labels)
    names = [theme.label(name) for name in theme.apart(info.labels, 22)]
    ticks = {"tickvals": list(range(n)), "ticktext": names, "showgrid": False}
    low, high = -0.5, max(n, 1) - 0.5
    x, y = axes.axis("Run", range=[low, high], **ticks), axes.axis("Run", range=[high, low], **ticks)
    height = min(210 + 44 * max(n, 3), 640)
    fig = theme.figure(palette, "Do runs keep the same households?", _overlap_words(info), x, y, height=height)
    fig.update_layout(margin={"t": 76})
    if n < 2:
        return fig
    clear = np.eye(n, dtype=bool) | ~np.isfinite(info.jaccard)
    quarters = [0, 0.25, 0.5, 0.75, 1]
    bar = {"title": {"text": "In both, of those in either"}, "tickvals": quarters, "ticktext": theme.texts(wording.percent, quarters)}
    written = [["" if clear[i, j] else _whole(info.jaccard[i, j]) for j in range(n)] for i in range(n)]
    fig.add_heatmap(
        z=[[None if clear[i, j] else float(info.jaccard[i, j]) for j in range(n)] for i in range(n)],
        colorscale=[[0, palette.faded(palette.kept, 0.05)], [1, palette.faded(palette.kept, 0.55)]],  # pale enough to write on
        x=list(range(n)),
        y=list(range(n)),
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        hoverongaps=True,
        customdata=[[_pair(info, i, j) for j in range(n)] for i in range(n)],
        hovertemplate=ALONE,
        text=written if n <= MAX_WRITTEN else None,
        texttemplate="%{text}" if n <= MAX_WRITTEN else None,
        textfont={"size": 12, "color": palette.text},
        colorbar=bar,
    )
    return fig


def _whole(share: float) -> str:
    """Without decimals, unless that would say none or all."""
    return wording.percent(round(share, 2) if 0.005 < share < 0.995 else share)


def _pair(info: OverlapInfo, i: int, j: int) -> str:
    a, b = (theme.label(info.labels[k]) for k in (i, j))
    if i == j:
        return f"<b>{a}</b><br>keeps {wording.plural(info.sizes[i], 'household')}"
    either = info.sizes[i] + info.sizes[j] - info.shared[i, j]
    return (
        f"<b>{a}</b> and <b>{b}</b><br>{wording.of(info.shared[i, j], either)} in both"
        f"<br>{wording.percent(info.chance[i, j])} if drawn at random"
    )


def _overlap_words(info: OverlapInfo) -> str:
    upper = np.triu_indices(len(info.labels), 1)
    found = info.jaccard[upper]
    known = np.isfinite(found)
    if not known.any():
        return "Nothing to compare: it takes two runs that keep households"
    overlap, chance = (wording.percent(float(np.median(v[upper][known]))) for v in (info.jaccard, info.chance))
    return f"Median overlap of two runs {overlap}; at random {chance}"


def plot_inclusion(info: OverlapInfo, palette: theme.Palette) -> go.Figure:
    """Of the households that any run keeps, the share kept by 1, 2, ... of them."""
    runs, ever = len(info.labels), int(info.inclusion.sum())
    share = info.inclusion / max(ever, 1)
    every = max(1, -(-runs // 10))
    fig = theme.figure(
        palette,
        "In how many runs is a household kept?",
        f"In every run: {wording.of(info.inclusion[-1], ever)} of those ever kept" if ever else "No household was kept",
        axes.axis("Runs that keep it", range=[0.4, max(runs, 1) + 0.6], tickvals=list(range(1, runs + 1, every)), showgrid=False),
        axes.share_axis("Share of households ever kept", range=[0, 1.12]),  # room for the label of a full bar
    )
    fig.update_layout(showlegend=False, bargap=0.25)
    if ever:
        words = [f"kept in {c} of {wording.plural(runs, 'run')}<br>{wording.of(n, ever)}" for c, n in enumerate(info.inclusion, start=1)]
        colours = [palette.faded(palette.kept, 0.45)] * (runs - 1) + [palette.kept]
        texts = theme.texts(wording.percent, share) if runs <= 10 else None
        look = {"textposition": "outside", "cliponaxis": False, "textfont": {"size": 12, "color": palette.muted}}
        add_bars(fig, list(range(1, runs + 1)), share, "Households", words, colours, text=texts, **look)
    return fig
