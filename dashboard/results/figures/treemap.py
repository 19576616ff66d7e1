"""The targets by the parts of their names: how many there are or what they cost, and how well they are met."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from dashboard.kit import theme, wording
from dashboard.kit.figures.film import Film, Mark, Panel
from l0engine.explain.targets import after

#: Beyond so many targets the single ones are left out.
MOST = 6_000


class TreemapInfo(NamedTuple):
    """A row for each part, see `explain.targets.tree`, parents before their children; what holds a single target has no parts.

    `parents` are rows, -1 of the root; `names` those of single targets, else ''; `areas` is what the size of a part shows.
    """

    ids: np.ndarray
    parents: np.ndarray
    labels: list[str]
    names: list[str]
    targets: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    rows: np.ndarray
    areas: np.ndarray
    by_loss: bool

    def at(self, part: str | None) -> int:
        """The row of a part; that of the root where there is no such part, or nothing in it."""
        found = np.flatnonzero(self.ids == part)
        return int(found[0]) if len(found) and self.rows[found[0]] < 0 else 0


def info(nodes: pd.DataFrame, by_loss: bool = False) -> TreemapInfo:
    """The parts that `explain.targets.tree` finds; their areas are numbers of targets, or shares of the loss."""
    ids, above, row = (nodes[c].tolist() for c in ("id", "parent", "row"))
    single = {i for i, r in zip(ids, row, strict=True) if r >= 0}
    few = len(ids) <= MOST
    nodes = nodes[[parent not in single and (few or r < 0) for parent, r in zip(above, row, strict=True)]]
    ids, above, own, names = (nodes[c].tolist() for c in ("id", "parent", "label", "name"))
    places = {i: at for at, i in enumerate(ids)}
    parents = np.array([places.get(parent, -1) for parent in above])
    labels = [
        after(name, parent.count("/")) if name and not i.startswith(f"{parent}//") else label
        for i, parent, label, name in zip(ids, above, own, names, strict=True)
    ]
    targets, losses, errors, rows = (nodes[c].to_numpy() for c in ("targets", "loss", "error", "row"))
    areas = losses if by_loss else targets.astype(float)
    return TreemapInfo(np.array(ids), parents, labels, names, targets, losses, errors, rows, areas, by_loss)


def film(info: TreemapInfo, palette: theme.Palette) -> Film:
    """Tiles within tiles, coloured by the median error of the part."""
    n = len(palette.errors)
    edges = theme.texts(wording.percent, theme.ERROR_STEPS)
    words = [*(f"≤ {edge}" for edge in edges), f"> {edges[-1]}"]
    values = {
        "parent": info.parents, "size": info.areas, "targets": info.targets, "loss": 100 * info.losses, "error": 100 * info.errors,
        "tone": np.searchsorted(theme.ERROR_STEPS, np.nan_to_num(info.errors)) / (n - 1),
    }  # fmt: skip
    hover = "{path}: targets {targets}, median error {error} %" + (", {loss} % of the loss" if info.by_loss else "")
    labels, ways = [theme.shortened(label, 60) for label in info.labels], [""]
    for parent, label in zip(info.parents[1:], labels[1:], strict=True):
        ways.append(f"{ways[parent]}/{label}" if parent else label)
    others = {i: name for i, (name, way) in enumerate(zip(info.names, ways, strict=True)) if name not in ("", way)}
    what = "the share of the loss" if info.by_loss else "how many"
    title = f"Targets: area is {what}, colour the median error"
    panel = Panel(title, (0, 1), (0, 1), legend=tuple(zip(palette.errors, words, strict=True)))
    return Film((panel,), (Mark("tree", 0, values, palette.errors, hover=(hover,), words=labels, names=others),), ("",), height=500)
