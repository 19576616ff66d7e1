"""Who is chosen, by age: full table and sample, on two sides where another column divides the rows in two."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars

#: Years to a band, and of a table that spans less than `_NARROW` years.
_BAND, _NARROW = 5, 25
#: Ages from here on are one band.
_OLDEST = 100


class PyramidInfo(NamedTuple):
    """Shares of all rows by B age bands.

    Attributes
    ----------
    sides : tuple of str
        Two values of the second column, or one empty text where there is none.
    full, sample : ndarray, shape (sides, B)
        Each adds up to 1.
    chosen : ndarray of int, shape (sides, B)
    """

    column: str
    bands: tuple[str, ...]
    sides: tuple[str, ...]
    full: np.ndarray
    sample: np.ndarray
    chosen: np.ndarray


def info(ages: pd.Series, chosen: np.ndarray, second: pd.Series | None = None) -> PyramidInfo:
    """A column of ages, the positions of the rows chosen, and a column of two values."""
    years = np.clip(ages.to_numpy(float), 0, _OLDEST)
    width = _BAND if np.ptp(years) >= _NARROW else 1
    first, last = int(years.min() // width), int(years.max() // width)
    band = (years // width).astype(int) - first
    side, names = (np.zeros(len(band), int), [""]) if second is None else pd.factorize(second, sort=True)
    count = last - first + 1

    def counts(rows: np.ndarray | slice) -> np.ndarray:
        return np.bincount(side[rows] * count + band[rows], minlength=len(names) * count).reshape(len(names), count)

    full, picked = counts(slice(None)), counts(chosen)
    starts = (np.arange(count) + first) * width
    bands = tuple(f"{s} or more" if s == _OLDEST else f"{s}" if width == 1 else f"{s} to {s + width - 1}" for s in starts)
    return PyramidInfo(str(ages.name), bands, tuple(map(str, names)), full / full.sum(), picked / max(picked.sum(), 1), picked)


def plot(info: PyramidInfo, palette: theme.Palette) -> go.Figure:
    """With two sides the sample stands before the full table; with one, full table to the left and sample to the right."""
    top = max(float(info.full.max()), float(info.sample.max())) * 1.06
    step = axes.nice_step(top / 3)
    ticks = np.arange(-np.floor(top / step), np.floor(top / step) + 1) * step
    two, n = len(info.sides) == 2, len(info.bands)
    sides = f": {theme.label(info.sides[0], 16)} left, {theme.label(info.sides[1], 16)} right" if two else ""
    across = {"tickvals": ticks.tolist(), "ticktext": theme.texts(wording.percent, np.abs(ticks).round(9))}
    x = axes.axis(f"Share of rows{sides}", range=[-top, top], **across)
    shown = range(0, n, max(1, -(-n // 20)))
    bands = {"tickvals": list(shown), "ticktext": [info.bands[i] for i in shown]}
    y = axes.axis(theme.label(info.column, 30), range=[-0.6, n - 0.4], showgrid=False, **bands)
    fig = theme.figure(palette, "Who is chosen, by age", _words(info), x, y, height=theme.HEIGHT + 60)
    fig.update_layout(barmode="overlay", bargap=0.15)
    parts = (
        ("Full table", info.full, palette.faded(palette.dropped, 0.55) if two else palette.dropped, 0.85, (-1, 1) if two else (-1,)),
        ("Sample", info.sample, palette.kept, 0.4 if two else 0.85, (-1, 1) if two else (1,)),
    )
    for name, shares, colour, width, signs in parts:
        for side, sign in enumerate(signs):
            look = {"orientation": "h", "width": width, "legendgroup": name, "showlegend": side == 0}
            add_bars(fig, sign * shares[side], list(range(n)), name, _hover(info, side), colour, **look)
    return fig


def _hover(info: PyramidInfo, side: int) -> list[str]:
    head = f"{theme.label(info.sides[side])}, " if info.sides[side] else ""
    return [
        f"<b>{head}{band}</b><br>full table {wording.percent(f)}<br>sample {wording.percent(s)} ({wording.plural(c, 'row')})"
        for band, f, s, c in zip(info.bands, info.full[side], info.sample[side], info.chosen[side], strict=True)
    ]


def _words(info: PyramidInfo) -> str:
    gap = np.abs(info.sample - info.full).sum(axis=0)
    return f"Widest gap at {info.bands[int(gap.argmax())]}: {wording.percent(float(gap.max()))} of rows"
