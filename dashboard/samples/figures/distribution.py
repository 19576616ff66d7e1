"""One column, full table against sample: bars of shares by category or bin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import shares


class DistributionInfo(NamedTuple):
    """Shares by category or bin, adding up to 1; `chosen` are the rows of the sample behind each, `edges` as in `shares.Cut`."""

    column: str
    labels: tuple[str, ...]
    full: np.ndarray
    sample: np.ndarray
    chosen: np.ndarray
    edges: np.ndarray | None


def info(values: pd.Series, chosen: np.ndarray) -> DistributionInfo:
    """A column, and the positions of the rows chosen."""
    codes, labels, edges = shares.cut(values, np.ones(len(values)), ends=(0.01, 0.98), bins=20)
    full, sample = (np.bincount(c[c >= 0], minlength=len(labels)) for c in (codes, codes[chosen]))
    return DistributionInfo(str(values.name), labels, *(counts / max(counts.sum(), 1) for counts in (full, sample)), sample, edges)


def plot(info: DistributionInfo, palette: theme.Palette) -> go.Figure:
    """Two bars for each category or bin, which should be alike."""
    hover = [
        f"<b>{theme.label(label)}</b><br>full table {wording.percent(f)}<br>sample {wording.percent(s)} ({wording.plural(c, 'row')})"
        for label, f, s, c in zip(info.labels, info.full, info.sample, info.chosen, strict=True)
    ]
    height = max(theme.HEIGHT + 120, 150 + 22 * (len(info.labels) if info.edges is None else 0))
    bars = (("Full table", info.full, palette.dropped), ("Sample", info.sample, palette.kept))
    title, cut = f"Full table and sample: {theme.label(info.column, 24)}", (info.labels, info.edges)
    return shares.plot(palette, title, _words(info), info.column, "Share of rows", cut, bars, hover, height)


def _words(info: DistributionInfo) -> str:
    if not len(info.labels):
        return "Nothing to show"
    i = int(np.abs(info.sample - info.full).argmax())
    full, sample = wording.percent(info.full[i]), wording.percent(info.sample[i])
    return f"Widest gap at {theme.label(info.labels[i], 18)}: {full} of all, {sample} of the sample"
