"""Gates of the latest snapshot: how many households are decided, and where the undecided stand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_bars, positive
from l0engine.calibration.results import Snapshot
from l0engine.gates.bins import GATE_BINS


class GatesInfo(NamedTuple):
    """Shares of all households whose gate is exactly 0, 1, and strictly between (by `GATE_BINS`); `step` is None without a snapshot."""

    zero: float
    one: float
    between: np.ndarray
    n_households: int
    step: int | None


def info(snapshots: Sequence[Snapshot], n_households: int) -> GatesInfo:
    """From the last of the snapshots."""
    if not snapshots:
        return GatesInfo(0.0, 0.0, np.zeros(len(GATE_BINS) - 1), n_households, None)
    s = snapshots[-1]
    return GatesInfo(s.gate_zero, s.gate_one, np.asarray(s.gate_counts, float) / max(n_households, 1), n_households, s.step)


def plot(info: GatesInfo, palette: theme.Palette, what: str = "households") -> go.Figure:
    """Bars on a log axis, for the ends hold nearly everything; the subtitle is the legend, with the three shares."""
    undecided = float(info.between.sum())
    subtitle = "No step recorded yet"
    if info.step is not None:
        parts = ((palette.dropped, info.zero, "closed"), (palette.undecided, undecided, "between"), (palette.kept, info.one, "open"))
        subtitle = "   ".join(f"{theme.swatch(c)} {wording.percent(share)} {word}" for c, share, word in parts)
    low = 1 / max(info.n_households, 1)
    every = np.concatenate([[info.zero, info.one], info.between])
    y = axes.percent_log_axis(f"Share of {what} (log scale)", np.append(every[every > 0], [low, 1.0]), floor=0.0)
    ticks = {-0.06: "0<br>closed", 0.25: "0.25", 0.5: "0.5", 0.75: "0.75", 1.06: "1<br>open"}
    x = axes.axis("Gate", range=[-0.12, 1.12], tickvals=list(ticks), ticktext=list(ticks.values()))
    fig = theme.figure(palette, "Where the gates stand", subtitle, x, y)
    fig.update_layout(barmode="overlay", bargap=0, showlegend=False)
    edges = [f"Gates {a:.2f} to {b:.2f}" for a, b in itertools.pairwise(GATE_BINS)]
    middle = (GATE_BINS[:-1] + GATE_BINS[1:]) / 2
    for name, at, width, shares, colour, words in (
        ("Closed", [-0.06], 0.06, [info.zero], palette.dropped, ["Gate exactly 0: dropped"]),
        ("Between", middle, 0.042, info.between, palette.undecided, edges),
        ("Open", [1.06], 0.06, [info.one], palette.kept, ["Gate exactly 1: kept in full"]),
    ):
        hover = [f"{w}<br>{wording.of(round(s * info.n_households), info.n_households)}" for w, s in zip(words, shares, strict=True)]
        add_bars(fig, list(at), positive(shares), name, hover, colour, width=width)
    return fig
