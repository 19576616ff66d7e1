"""Who is chosen, by state: one tile a state, as good as a map where no outline can be fetched."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import ALONE

_GRID = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. ..
"""
#: Column and row of each state's tile.
TILES = {
    state: (column, row)
    for row, line in enumerate(_GRID.strip().splitlines())
    for column, state in enumerate(line.split())
    if state != ".."
}
#: The colours end at twice and at half a state's share, and begin to show at a tenth more or less.
_LIMIT, _LEAST = 1.0, math.log2(1.1)


class MapInfo(NamedTuple):
    """By state, the rows of the table and of the sample, and the share of the sample over the share of the table."""

    states: tuple[str, ...]
    rows: np.ndarray
    chosen: np.ndarray
    ratio: np.ndarray


def info(values: pd.Series, chosen: np.ndarray) -> MapInfo:
    """A column of state abbreviations, and the positions of the rows chosen."""
    states = sorted(set(values) & set(TILES))
    codes = pd.Index(states).get_indexer(values)
    rows, picked = (np.bincount(c[c >= 0], minlength=len(states)) for c in (codes, codes[chosen]))
    return MapInfo(tuple(states), rows, picked, (picked / max(picked.sum(), 1)) / (rows / max(rows.sum(), 1)))


def plot(info: MapInfo, palette: theme.Palette) -> go.Figure:
    """Tiles coloured by the ratio, which stands in them too; grey where a state has its share."""
    logs = np.log2(np.maximum(info.ratio, 2**-_LIMIT))
    reach = min(max(float(np.abs(logs).max(initial=0)), _LEAST), _LIMIT)
    z, text, hover = ([[blank] * 11 for _ in range(8)] for blank in (None, "", ""))
    for state, rows, chosen, ratio, log in zip(info.states, info.rows, info.chosen, info.ratio, logs, strict=True):
        column, row = TILES[state]
        z[row][column] = float(log)
        text[row][column] = f"{state}<br>{ratio:.2f}"
        hover[row][column] = f"<b>{state}</b><br>{wording.of(chosen, rows)} chosen<br>{wording.ratio(float(ratio))} its share"
    hidden = {"showgrid": False, "showticklabels": False}
    x = axes.axis("Each tile is a state: its share of the sample over its share of all rows", range=[-0.5, 10.5], **hidden)
    y = axes.axis("", range=[7.5, -0.5], **hidden)
    fig = theme.figure(palette, "Who is chosen, by state", _words(info), x, y, height=theme.HEIGHT + 60)
    ticks = [-reach, -reach / 2, 0, reach / 2, reach]
    fig.add_heatmap(
        z=z,
        zmin=-reach,
        zmax=reach,
        colorscale=[[0, palette.faded(palette.error, 0.6)], [0.5, palette.grid], [1, palette.faded(palette.kept, 0.6)]],
        xgap=3,
        ygap=3,
        text=text,
        texttemplate="%{text}",
        textfont={"size": 11, "color": palette.text},
        customdata=hover,
        hovertemplate=ALONE,
        colorbar={"tickvals": ticks, "ticktext": [f"{2**t:.2f}" for t in ticks]},
    )
    return fig


def _words(info: MapInfo) -> str:
    if not info.states:
        return "No state in this column"
    low, high = int(info.ratio.argmin()), int(info.ratio.argmax())
    return f"From {info.ratio[low]:.2f} times its share ({info.states[low]}) to {info.ratio[high]:.2f} ({info.states[high]})"
