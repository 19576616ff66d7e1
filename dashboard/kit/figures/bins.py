"""Bins: what a chart sends instead of more points than a browser should draw."""

from __future__ import annotations

import itertools
import math

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import wording
from dashboard.kit.theme import Palette


class Bins:
    """Counts of positive pairs on a log grid, for more points than a browser should draw.

    Attributes
    ----------
    x, y : ndarray
        Edges of the cells, one more than there are cells.
    counts : ndarray of int, shape (len(y) - 1, len(x) - 1)
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, cells: int = 60) -> None:
        def edges(v: np.ndarray) -> np.ndarray:
            low, high = np.log10(v.min()), np.log10(v.max())
            return np.linspace(low - 1e-6, high + 1e-6 + (0.1 if high == low else 0), cells + 1)

        ex, ey = edges(x), edges(y)
        counts, _, _ = np.histogram2d(np.log10(x), np.log10(y), bins=(ex, ey))
        self.x, self.y = 10**ex, 10**ey
        self.counts = counts.T.astype(int)

    def heatmap(self, palette: Palette, what: str, x_name: str, y_name: str) -> go.Heatmap:
        """The cells, coloured by the log of their counts; empty ones stay clear."""

        def words(edges: np.ndarray, name: str) -> list[str]:
            return [f"{name} {wording.amount(a)} to {wording.amount(b)}" for a, b in itertools.pairwise(edges)]

        columns, rows = words(self.x, x_name), words(self.y, y_name)
        hover = [
            [f"{wording.plural(c, what)}<br>{column}<br>{row}" if c else "" for column, c in zip(columns, cells, strict=True)]
            for row, cells in zip(rows, self.counts.tolist(), strict=True)
        ]
        z = [[math.log10(c) if c else None for c in row] for row in self.counts.tolist()]
        top = int(self.counts.max())
        ticks = [c for c in (1, 10, 100, 1_000, 10_000, 100_000) if c <= top]
        return go.Heatmap(
            x=self.x.tolist(),
            y=self.y.tolist(),
            z=z,
            colorscale=palette.ramp,
            zmin=0,
            zmax=max(math.log10(top), 0.3),
            text=hover,
            hovertemplate="%{text}<extra></extra>",
            name=f"{what}s",
            colorbar={
                "title": {"text": f"{what.capitalize()}s"},
                "tickvals": [math.log10(c) for c in ticks],
                "ticktext": [wording.short(c) for c in ticks],
            },
        )
