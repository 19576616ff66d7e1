"""The terms of the objective against the step: what the fit is trading, and whether it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import axes, theme, wording
from dashboard.kit.lines import add_line
from l0engine.calibration.results import Snapshot


class LossInfo(NamedTuple):
    """Arrays of equal length, one entry a snapshot."""

    step: np.ndarray
    data: np.ndarray
    l0: np.ndarray
    l2: np.ndarray
    total: np.ndarray


def info(snapshots: Sequence[Snapshot]) -> LossInfo:
    """The loss terms of each snapshot, lambdas included."""
    columns = [(s.step, s.data_loss, s.l0_loss, s.l2_loss, s.loss) for s in theme.thinned(snapshots)]
    step, data, l0, l2, total = np.array(columns, float).reshape(-1, 5).T
    return LossInfo(step, data, l0, l2, total)


def plot(info: LossInfo, palette: theme.Palette) -> go.Figure:
    """Lines on a log axis; a term of zero leaves a gap."""
    terms = (
        ("Total", info.total, palette.target, "solid", 2.4),
        ("Target misfit", info.data, palette.kept, "solid", 1.8),
        ("L0 (households)", info.l0, palette.undecided, "dash", 1.8),
        ("L2 (weights)", info.l2, palette.dropped, "dot", 1.8),
    )
    drawn = [(name, values, *style) for name, values, *style in terms if (values > 0).any() or name == "Total"]
    subtitle = "No step recorded yet"
    if len(info.step):
        subtitle = f"Total {_words(info.total[-1])} after {wording.count(info.step[-1])} steps"
    fig = theme.figure(
        palette,
        "Loss and its terms",
        subtitle,
        axes.steps_axis(info.step),
        _axis(np.concatenate([info.total, *(v for _, v, *_ in drawn)])),
        unified="Step %{x:,d}",
    )
    for name, values, colour, dash, width in drawn:
        add_line(fig, info.step, theme.positive(values), name, theme.texts(_words, values), colour, dash=dash, width=width)
    return fig


def _axis(values: np.ndarray) -> dict:
    """Down to 1 in 100,000 of the largest term: below, a term plays no part."""
    top = values.max(initial=0.0)
    return axes.number_log_axis("Loss (log scale)", np.maximum(values[values > 0], top * 1e-5))


def _words(value: float) -> str:
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
