"""Who was kept against everyone, by one attribute: do the kept households, weighted, still look like the population?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import shares
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.problem import Problem


class CompositionInfo(NamedTuple):
    """Shares by category or bin, each column adding up to 1.

    Attributes
    ----------
    everyone, kept, kept_count : ndarray
        All households by base weight, kept ones by final weight, kept ones each counted once.
    households : ndarray of int
        Kept households behind each row.
    edges : ndarray or None
        As in `shares.Cut`.
    """

    attribute: str
    labels: tuple[str, ...]
    everyone: np.ndarray
    kept: np.ndarray
    kept_count: np.ndarray
    households: np.ndarray
    edges: np.ndarray | None


def info(problem: Problem, weights: np.ndarray, attribute: str) -> CompositionInfo:
    """Shares over the values of one column of `problem.attributes`."""
    codes, labels, edges = shares.cut(problem.attributes[attribute], problem.base_weights, ends=(0.02, 0.97), bins=16)
    seen, weights = codes >= 0, np.asarray(weights, float)
    sums = [np.bincount(codes[seen], w[seen], len(labels)) for w in (problem.base_weights, weights, active(weights).astype(float))]
    return CompositionInfo(str(attribute), labels, *(s / s.sum() if s.sum() > 0 else s for s in sums), sums[2].astype(int), edges)


def plot(info: CompositionInfo, palette: theme.Palette) -> go.Figure:
    """Two bars, everyone and kept by weight, which should be alike; a mark shows the kept households unweighted."""
    hover = [
        f"<b>{theme.label(name)}</b><br>everyone {wording.percent(e)}<br>kept, weighted {wording.percent(k)}"
        f"<br>kept, unweighted {wording.percent(c)} ({wording.plural(h, 'household')})"
        for name, e, k, c, h in zip(info.labels, info.everyone, info.kept, info.kept_count, info.households, strict=True)
    ]
    height = 180 + 26 * max(len(info.labels), 4) if info.edges is None else 360
    bars = (("Everyone", info.everyone, palette.dropped), ("Kept, weighted", info.kept, palette.kept))
    title, mark = f"Kept against everyone: {theme.label(info.attribute, 24)}", ("Kept, unweighted", info.kept_count)
    return shares.plot(palette, title, _words(info), info.attribute, "Share", (info.labels, info.edges), bars, hover, height, mark)


def _words(info: CompositionInfo) -> str:
    if not info.households.sum():
        return "No household was kept"
    i = int(np.abs(info.kept - info.everyone).argmax())
    name, everyone, kept = theme.label(info.labels[i], 18), info.everyone[i], info.kept[i]
    return f"Widest gap at {name}: {wording.percent(everyone)} everyone, {wording.percent(kept)} kept"
