"""What moved most among the figures that were not targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars

#: Figures drawn.
MOST = 20
#: Changes beyond this are drawn to the edge, where they are written.
_WIDEST = 1.5


class LedgerInfo(NamedTuple):
    """One entry a figure, what moved most first; `all` is how many there are, `moved` how many are beyond the band."""

    names: list[str]
    before: np.ndarray
    after: np.ndarray
    change: np.ndarray
    band: float
    moved: int
    all: int


def info(ledger: pd.DataFrame, band: float) -> LedgerInfo:
    """Of a drift ledger, the figures that were not targets and that changed by a known share."""
    own = ledger[ledger["target"] == ""]
    known = own[np.isfinite(own["change"])].head(MOST)
    names = [f"{c}, {w}" if not w.startswith("= ") else f"{c} {w}" for c, w in zip(known["column"], known["what"], strict=True)]
    numbers = (known[c].to_numpy(float) for c in ("before", "after", "change"))
    return LedgerInfo(names, *numbers, band, int(own["moved"].sum()), len(own))


def plot(info: LedgerInfo, palette: theme.Palette) -> go.Figure:
    """A bar a figure; those beyond the band stand out, and lines show the band."""
    subtitle = f"{wording.of(info.moved, info.all)} figures changed by more than {wording.percent(info.band)}"
    top = min(max(1.15 * float(np.abs(info.change).max(initial=info.band)), 1.5 * info.band), _WIDEST)
    across = axes.axis("Change", tickformat=".0%", zeroline=True, zerolinecolor=palette.dropped, range=[-top, top])
    up = axes.axis("", autorange="reversed")
    fig = theme.figure(palette, "What moved most, beyond the targets", subtitle, across, up, height=140 + 24 * max(len(info.names), 4))
    share = [" = " in name for name in info.names]
    hover = [
        f"<b>{theme.label(name)}</b><br>before {(wording.percent if s else wording.amount)(b)}<br>after "
        f"{(wording.percent if s else wording.amount)(a)}<br>change {wording.percent(c)}{' points' if s else ''}"
        for name, s, b, a, c in zip(info.names, share, info.before, info.after, info.change, strict=True)
    ]
    colours = [palette.error if abs(c) > info.band else palette.dropped for c in info.change]
    cut = [(wording.percent(c) + " ›" if c > 0 else "‹ " + wording.percent(c)) if abs(c) > top else "" for c in info.change]
    ends = {"text": cut, "textposition": "inside", "insidetextanchor": "start", "textfont": {"color": palette.surface}}
    add_bars(fig, info.change, [theme.label(n, 40) for n in info.names], None, hover, colours, orientation="h", **ends)
    for edge in (-info.band, info.band):
        fig.add_vline(edge, line={"color": palette.target, "dash": "dot", "width": 1})
    return fig.update_layout(showlegend=False)
