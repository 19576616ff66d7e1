"""The targets by the parts of their names: how many there are or what they cost, and how well they are met."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from l0engine.explain.targets import ALL

#: Levels that are drawn at once; a click opens what is below.
DEPTH = 2
#: Beyond so many targets the single ones are left out.
MOST = 6_000


class TreemapInfo(NamedTuple):
    """A row for each part, see `explain.targets.tree`; `areas` is what its size shows, `level` the part that is open.

    `whole`: whether all that is below it is there as well, for a page that nobody sends more.
    """

    ids: np.ndarray
    parents: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    rows: np.ndarray
    areas: np.ndarray
    by_loss: bool
    level: str = ALL
    whole: bool = False


def info(nodes: pd.DataFrame, by_loss: bool = False) -> TreemapInfo:
    """The parts that `explain.targets.tree` finds; their areas are numbers of targets, or shares of the loss."""
    if len(nodes) > MOST:
        nodes = nodes[nodes["row"] < 0]
    columns = [nodes[c].to_numpy() for c in ("id", "parent", "label", "targets", "loss", "error", "row")]
    return TreemapInfo(*columns, columns[4] if by_loss else columns[3].astype(float), by_loss)


def plot(info: TreemapInfo, palette: theme.Palette) -> go.Figure:
    """Rectangles within rectangles, coloured by the median error of the part."""
    what = "share of the loss" if info.by_loss else "number of targets"
    info = info if info.whole else _seen(info)
    fig = theme.figure(palette, "Targets by the parts of their names", f"Area: {what}. Colour: error in the middle", {}, {}, height=480)
    n, classes = len(palette.errors), np.searchsorted(theme.ERROR_STEPS, np.nan_to_num(info.errors))
    hover = [
        f"<b>{theme.label(i.removeprefix(ALL).strip('/') or ALL)}</b><br>{wording.plural(t, 'target')}<br>median error {wording.percent(e)}"
        f"<br>{wording.percent(c)} of the loss"
        for i, t, e, c in zip(info.ids, info.targets, info.errors, info.losses, strict=True)
    ]
    inks = ["#FFFFFF" if palette.name == "light" else "#0F141B"] + ["#0F141B"] * (n - 1)
    if palette.name == "dark":
        inks[0] = "#FFFFFF"
    colours = {"colors": [palette.errors[c] for c in classes], "line": {"width": 1, "color": palette.surface}}
    fig.add_treemap(
        ids=info.ids,
        parents=info.parents,
        labels=[theme.label(x, 40) for x in info.labels],
        values=info.areas,
        branchvalues="total",
        level=info.level,
        maxdepth=DEPTH,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        texttemplate="%{label}",
        marker={**colours, "pad": {"t": 20, "l": 2, "r": 2, "b": 2}},
        textfont={"color": [inks[c] for c in classes], "size": 12},
        pathbar={"textfont": {"size": 13}, "thickness": 24},
        root={"color": palette.grid},
    )
    edges = ["0 %", *theme.texts(wording.percent, theme.ERROR_STEPS)]
    key = "   ".join(f"{theme.swatch(c)} {'≤' if i + 1 < n else '>'} {edges[min(i + 1, n - 1)]}" for i, c in enumerate(palette.errors))
    where = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "yshift": -6}
    top = 66 if info.level == ALL and not info.whole else 92  # room for the way to the part that is open
    fig.update_layout(margin={"t": top, "l": 4, "r": 4, "b": 32}, annotations=[{"text": key, **where}])
    return fig


def _seen(info: TreemapInfo) -> TreemapInfo:
    """Only what is drawn while a part is open: the part, what is below it as far as that is shown, and the way to it."""
    deepest, inside = info.level.count("/") + DEPTH - 1, f"{info.level}/"
    keep = [i == info.level or inside.startswith(f"{i}/") or (i.startswith(inside) and i.count("/") <= deepest) for i in info.ids]
    arrays = {name: getattr(info, name)[keep] for name in ("ids", "parents", "labels", "targets", "losses", "errors", "rows", "areas")}
    return info._replace(**arrays)
