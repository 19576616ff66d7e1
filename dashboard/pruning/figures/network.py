"""The network itself: its units as dots, those that live in colour, and its strongest living connections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures.traces import add_dots

#: In a column of more units than this only those that a drawn connection joins are drawn.
MOST_DOTS = 1500
#: Dots of a column beneath each other, before a further row of dots is begun beside them.
MOST_ROWS = 24


class Column(NamedTuple):
    """Units of one column, each with its place; `alive` and `drawn` are boolean, the rest are as long."""

    title: str
    alive: np.ndarray
    drawn: np.ndarray
    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]


class NetworkInfo(NamedTuple):
    """Columns, and links between two neighbouring ones: units before and after, shape (links, 2); `connections` are all, drawn or not."""

    columns: tuple[Column, ...]
    links: tuple[np.ndarray, ...]
    connections: int


def info(
    alive: Sequence[np.ndarray],
    links: Sequence[np.ndarray],
    connections: int,
    titles: Sequence[str],
    inputs: tuple[int, int],
    classes: Sequence[str],
) -> NetworkInfo:
    """Where everything stands.

    Parameters
    ----------
    alive : sequence of boolean ndarray, shape (units,)
        For each column, inputs first.
    links, connections
        As in `NetworkInfo`.
    titles : sequence of str
        One for each column.
    inputs : tuple of int
        Rows and columns in which the inputs stand, as the pixels of an image do.
    classes : sequence of str
        Names of the last column's units.
    """
    last, columns = len(alive) - 1, []
    for i, (title, living) in enumerate(zip(titles, alive, strict=True)):
        n = len(living)
        unit = np.arange(n)
        if i == 0:
            rows, wide = inputs
            row, column = unit // wide, unit % wide
            names = [f"pixel in row {r + 1}, column {c + 1}" if rows > 1 else f"input {c + 1}" for r, c in zip(row, column, strict=True)]
        else:
            rows, wide = min(n, MOST_ROWS), math.ceil(n / MOST_ROWS)
            row, column = unit % rows, unit // rows
            names = [f"class {c}" for c in classes] if i == last else [f"unit {u + 1:,}" for u in unit]
        x = i + (column - (wide - 1) / 2) * 0.55 / max(wide - 1, 12)
        drawn = np.isin(unit, _joined(links, i)) if n > MOST_DOTS else np.ones(n, bool)
        columns.append(Column(title, np.asarray(living, bool), drawn, x, _spread(row, rows), tuple(names)))
    return NetworkInfo(tuple(columns), tuple(links), connections)


def plot(info: NetworkInfo, palette: theme.Palette) -> go.Figure:
    """Faint dots are units that are gone."""
    living, units = (sum(f(c.alive) for c in info.columns[1:-1]) for f in (np.count_nonzero, len))
    drawn, total = sum(map(len, info.links)), info.connections
    thinned = f"; the strongest {wording.count(drawn)} of {wording.count(total)} connections" if drawn < total else ""
    hidden = {"visible": False}
    last = len(info.columns) - 1
    x, y = {**hidden, "range": [-0.4, last + 0.4]}, {**hidden, "range": [1.14, -0.04]}
    fig = theme.figure(palette, "What is left of the network", f"{wording.of(living, units)} hidden units{thinned}", x, y, height=460)
    for before, after, links in zip(info.columns, info.columns[1:], info.links, strict=False):
        x, y = _pieces(before.x[links[:, 0]], after.x[links[:, 1]]), _pieces(before.y[links[:, 0]], after.y[links[:, 1]])
        line = {"color": palette.faded(palette.kept, 0.25 if drawn > 200 else 0.45), "width": 1}
        fig.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for living_ones, name, colour in ((False, "gone", palette.faded(palette.dropped, 0.3)), (True, "alive", palette.kept)):
        shown = [(c, c.drawn & (c.alive == living_ones)) for c in info.columns]
        x, y = np.concatenate([c.x[m] for c, m in shown]), np.concatenate([c.y[m] for c, m in shown])
        words = [theme.label(n) for c, m in shown for n, here in zip(c.names, m, strict=True) if here]
        size = 7 if max(len(c.alive) for c in info.columns) < 1000 else 4
        add_dots(
            fig, x, y, name.capitalize(), words, {"color": colour, "size": size}, hovertemplate=f"%{{customdata}}<br>{name}<extra></extra>"
        )
    for i, column in enumerate(info.columns):
        words = f"<b>{column.title}</b><br>{wording.count(column.alive.sum())} of {wording.count(len(column.alive))}"
        fig.add_annotation(x=i, y=1.06, text=words, yanchor="top")
    answers = info.columns[-1]
    if len(answers.names) <= MOST_ROWS:
        for name, px, py in zip(answers.names, answers.x, answers.y, strict=True):
            fig.add_annotation(x=px, y=py, text=theme.label(name.removeprefix("class "), 12), xshift=12, xanchor="left")
    return fig


def _spread(row: np.ndarray, rows: int) -> np.ndarray:
    """From top to bottom, closer together where there are few."""
    span = min(1.0, rows / 12)
    return 0.5 + (row / max(rows - 1, 1) - 0.5 if rows > 1 else row * 0.0) * span


def _joined(links: Sequence[np.ndarray], column: int) -> np.ndarray:
    """Units of a column that a drawn connection joins."""
    return np.concatenate([*(k[:, 0] for k in links[column : column + 1]), *(k[:, 1] for k in links[max(column - 1, 0) : column])])


def _pieces(a: np.ndarray, b: np.ndarray) -> list[float | None]:
    """From each a to its b, with a gap after it."""
    return [value for pair in zip(a.tolist(), b.tolist(), strict=True) for value in (*pair, None)]
