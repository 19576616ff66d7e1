"""The terms of the objective against the step: what the fit is trading, and whether it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import terms
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import thinned
from l0engine.calibration.results import Snapshot


class LossInfo(NamedTuple):
    """Arrays of equal length, one entry a snapshot; and where settings were changed on the way."""

    step: np.ndarray
    data: np.ndarray
    l0: np.ndarray
    l2: np.ndarray
    total: np.ndarray
    marks: tuple[Mark, ...] = ()


def info(snapshots: Sequence[Snapshot], marks: Sequence[Mark] = ()) -> LossInfo:
    """The loss terms of each snapshot, lambdas included."""
    columns = [(s.step, s.data_loss, s.l0_loss, s.l2_loss, s.loss) for s in thinned(snapshots)]
    return LossInfo(*np.array(columns, float).reshape(-1, 5).T, marks=tuple(marks))


def plot(info: LossInfo, palette: theme.Palette) -> go.Figure:
    """Lines on a log axis; a term of zero leaves a gap."""
    parts = (("Total", info.total), ("Target misfit", info.data), ("L0 (households)", info.l0), ("L2 (weights)", info.l2))
    subtitle = "No step recorded yet"
    if len(info.step):
        subtitle = f"Total {_words(info.total[-1])} after {wording.count(info.step[-1])} steps"
    fig = terms.plot(palette, subtitle, "Loss (log scale)", info.step, parts, _words)
    add_marks(fig, info.marks, palette)
    return fig


def _words(value: float) -> str:
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
