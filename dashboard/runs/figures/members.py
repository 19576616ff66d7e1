"""Households by the runs that keep them: all, some, or one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars, add_dots
from dashboard.runs.figures.looks import Drawn

#: Sets of runs that get a bar; the rest are summed up in words.
MOST = 10
#: Shares of the height: bars above, who is meant below.
_BARS, _WHO = (0.46, 1.0), (0.0, 0.4)


class MembersInfo(NamedTuple):
    """R runs over the same households.

    Attributes
    ----------
    members : ndarray of bool, shape (sets, R)
        Sets of runs, by falling count; no two alike.
    counts : ndarray of int, shape (sets,)
        Households that exactly these runs keep.
    """

    runs: tuple[Drawn, ...]
    members: np.ndarray
    counts: np.ndarray

    @property
    def by_all(self) -> int:
        """Households that every run keeps."""
        return int(self.counts[self.members.all(axis=1)].sum())

    @property
    def by_one(self) -> int:
        """Households that a single one of several runs keeps."""
        return int(self.counts[self.members.sum(axis=1) == 1].sum()) if len(self.runs) > 1 else 0


def info(runs: Sequence[Drawn], kept: np.ndarray) -> MembersInfo:
    """From whom each run keeps, bool, shape (runs, n_households)."""
    ever = kept[:, kept.any(axis=0)]
    packed, counts = np.unique(np.packbits(ever, axis=0), axis=1, return_counts=True)
    members = np.unpackbits(packed, axis=0, count=len(runs)).T.astype(bool)
    order = np.argsort(-counts, kind="stable")
    return MembersInfo(tuple(runs), members[order].reshape(-1, len(runs)), counts[order])


def plot(info: MembersInfo, palette: theme.Palette) -> go.Figure:
    """A bar for each set of runs that keep the same households, and below it a dot for each of those runs."""
    n, ever = len(info.runs), int(info.counts.sum())
    members, counts = info.members[:MOST], info.counts[:MOST]
    subtitle = "No household was kept"
    if ever:
        some = ever - info.by_all - info.by_one
        subtitle = f"Of {wording.count(ever)}: {wording.count(info.by_all)} kept by all, {wording.count(some)} by some, "
        subtitle += f"{wording.count(info.by_one)} by one"
    columns = max(len(counts), 1)
    rest = len(info.counts) - len(counts)
    below = f"{rest:,} smaller sets hold {wording.plural(int(info.counts[MOST:].sum()), 'household')} more" if rest > 0 else ""
    x = axes.axis(below, range=[-0.6, columns - 0.4], showticklabels=False, showgrid=False, anchor="y2")
    y = axes.count_axis("Households", 1.12 * float(counts.max(initial=1))) | {"domain": _BARS}
    fig = theme.figure(palette, "Who is kept by whom", subtitle, x, y, height=270 + 26 * max(n, 3))
    names = [theme.label(name) for name in theme.apart((run.name for run in info.runs), 30)]
    who = axes.axis("", range=[n - 0.4, -0.6], tickvals=list(range(n)), ticktext=names, showgrid=False) | {"domain": _WHO}
    fig.update_layout(showlegend=False, bargap=0.3, yaxis2=who)
    words = [_words(info, members[i], int(counts[i]), ever) for i in range(len(counts))]
    colours = [_colour(info, m, palette) for m in members]
    texts = theme.texts(wording.short, counts)
    look = {
        "text": texts,
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "textfont": {"size": 11, "color": palette.muted},
    }
    add_bars(fig, list(range(len(counts))), counts, "Households", words, colours, **look)
    column, row = np.nonzero(members)
    empty_column, empty_row = np.nonzero(~members)
    none = {"size": 9, "color": palette.grid}
    add_dots(fig, empty_column, empty_row, "Dropped", None, none, yaxis="y2", hoverinfo="skip", hovertemplate=None)
    for i, m in enumerate(members):
        rows = np.flatnonzero(m)
        line = {"color": palette.dropped, "width": 2}
        fig.add_scatter(x=[i, i], y=[rows.min(), rows.max()], yaxis="y2", mode="lines", line=line, hoverinfo="skip")
    marker = {"size": 11, "color": [info.runs[r].colour for r in row]}
    add_dots(fig, column, row, "Kept", [words[c] for c in column], marker, yaxis="y2")
    return fig


def _colour(info: MembersInfo, members: np.ndarray, palette: theme.Palette) -> str:
    """All runs: that of kept households; one: its own; some: between."""
    if members.all():
        return palette.kept
    return info.runs[int(np.argmax(members))].colour if members.sum() == 1 else palette.faded(palette.kept, 0.45)


def _words(info: MembersInfo, members: np.ndarray, count: int, ever: int) -> str:
    names = [run.label for run, m in zip(info.runs, members, strict=True) if m]
    who = "every run" if members.all() and len(names) > 1 else f"only {names[0]}" if len(names) == 1 else ", ".join(names)
    return f"<b>{wording.of(count, ever)}</b> of those ever kept<br>by {who}"
