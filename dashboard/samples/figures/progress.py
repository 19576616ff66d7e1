"""The largest difference of the gates, step by step, and what rounding them to rows may still cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_dots, add_line, positive, thinned
from dashboard.samples.figures.figures import deviations
from l0engine.selection.selected import SampleSnapshot


class ProgressInfo(NamedTuple):
    """Standard deviations by step, each shape (steps,).

    Attributes
    ----------
    final, random : float or None
        Largest difference of the sample itself, and of a random one; None while they are not known.
    """

    step: np.ndarray
    largest: np.ndarray
    rounding: np.ndarray
    final: float | None
    random: float | None


def info(snapshots: Sequence[SampleSnapshot], final: float | None = None, random: float | None = None) -> ProgressInfo:
    """From the snapshots of a study, and its result."""
    columns = [(s.step, s.largest, s.rounding) for s in thinned(snapshots)]
    return ProgressInfo(*np.array(columns, float).reshape(-1, 3).T, final, random)


def plot(info: ProgressInfo, palette: theme.Palette) -> go.Figure:
    """Two lines on a log axis; a mark for the sample and a line for a random one, where they are known."""
    known = [v for v in (info.final, info.random) if v is not None]
    y = axes.number_log_axis("Standard deviations (log scale)", [*info.largest, *info.rounding, *known])
    fig = theme.figure(palette, "How near the figures come", _words(info), axes.steps_axis(info.step), y, unified="Step %{x:,d}")
    lines = (
        ("Largest difference of the gates", info.largest, palette.kept, "solid"),
        ("What rounding may cost", info.rounding, palette.undecided, "dash"),
    )
    for name, values, colour, dash in lines:
        words, hover = theme.texts(deviations, values), f"{name.lower()} %{{customdata}}<extra></extra>"
        add_line(fig, info.step, positive(values), name, words, colour, dash=dash, width=2.2, hover=hover)
    if info.final and len(info.step):
        mark = {"color": palette.kept, "size": 11, "symbol": "diamond", "line": {"color": palette.text, "width": 1}}
        add_dots(fig, [info.step[-1]], [info.final], "The sample", [f"the sample, after swaps {deviations(info.final)}"], mark)
    if info.random:
        fig.add_hline(info.random, line={"color": palette.dropped, "width": 1.5, "dash": "dot"})
        place = {"x": 0.01, "xref": "paper", "xanchor": "left", "y": np.log10(info.random), "yanchor": "top"}
        fig.add_annotation(text="random sample", **place)
    return fig


def _words(info: ProgressInfo) -> str:
    if info.final is not None:
        return f"The sample is within {deviations(info.final)} standard deviations"
    return f"Now within {deviations(info.largest[-1])} in expectation" if len(info.step) else "No step recorded yet"
