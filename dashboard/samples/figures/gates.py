"""How the gates decided: rows whose gate is closed, open or between, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, positive, thinned
from l0engine.selection.selected import SampleSnapshot


class SampleGatesInfo(NamedTuple):
    """Rows by step, each shape (steps,); `wanted` is the size of the sample."""

    step: np.ndarray
    closed: np.ndarray
    between: np.ndarray
    open: np.ndarray
    wanted: int


def info(snapshots: Sequence[SampleSnapshot], wanted: int) -> SampleGatesInfo:
    """From the snapshots of a study."""
    columns = [(s.step, s.gate_zero, sum(s.gate_counts), s.gate_one) for s in thinned(snapshots)]
    return SampleGatesInfo(*np.array(columns, int).reshape(-1, 4).T, wanted)


def plot(info: SampleGatesInfo, palette: theme.Palette) -> go.Figure:
    """Three lines on a log axis, and the size asked for."""
    rows = int(info.closed[-1] + info.between[-1] + info.open[-1]) if len(info.step) else 0
    subtitle = f"At the end {wording.count(info.between[-1])} of {wording.count(rows)} undecided" if rows else "No step recorded yet"
    lines = (
        ("Closed", info.closed, palette.dropped, "dash"),
        ("Between", info.between, palette.undecided, "solid"),
        ("Open", info.open, palette.kept, "solid"),
    )
    every = np.concatenate([info.closed, info.between, info.open, [info.wanted]])
    y = axes.count_log_axis("Rows (log scale)", every)
    fig = theme.figure(palette, "How the gates decided", subtitle, axes.steps_axis(info.step), y, unified="Step %{x:,d}")
    if not rows:
        return fig
    fig.add_hline(info.wanted, line={"color": palette.target, "width": 1.2, "dash": "dot"})
    for name, counts, colour, dash in lines:
        words, hover = [wording.of(c, rows) for c in counts], f"{name.lower()} %{{customdata}}<extra></extra>"
        add_line(fig, info.step, positive(counts), name, words, colour, dash=dash, width=2.2, hover=hover)
    place = {"x": 0.01, "xref": "paper", "xanchor": "left", "y": np.log10(info.wanted), "yanchor": "bottom"}
    return fig.add_annotation(text=f"{wording.count(info.wanted)} asked for", **place)
