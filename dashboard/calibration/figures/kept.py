"""Households kept against the step: how far the selection has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.marks import Mark, add_marks
from dashboard.kit.figures.traces import add_line, positive, thinned
from l0engine.calibration.results import Snapshot

#: Where the largest count is this many times the smallest, the axis is logarithmic.
LOG_FROM = 5.0


class KeptInfo(NamedTuple):
    step: np.ndarray
    kept: np.ndarray
    n_households: int
    marks: tuple[Mark, ...] = ()


def info(snapshots: Sequence[Snapshot], n_households: int, marks: Sequence[Mark] = ()) -> KeptInfo:
    """Households with a test-time gate above 0, of all `n_households`, and where settings were changed on the way."""
    shown = thinned(snapshots)
    step, kept = np.array([s.step for s in shown], float), np.array([s.kept for s in shown], int)
    return KeptInfo(step, kept, n_households, tuple(marks))


def plot(info: KeptInfo, palette: theme.Palette) -> go.Figure:
    """One line; a log axis where it falls by more than `LOG_FROM`, else a linear one from zero."""
    kept, some = info.kept, info.kept[info.kept > 0]
    log = bool(len(some)) and kept.max() > LOG_FROM * some.min()
    subtitle = wording.of(kept[-1], info.n_households) if len(kept) else "No step recorded yet"
    top = max(int(kept.max(initial=0)), 1)
    y = axes.count_log_axis("Households kept (log scale)", kept) if log else axes.count_axis("Households kept", top)
    fig = theme.figure(palette, "Households kept", subtitle, axes.steps_axis(info.step), y, unified="Step %{x:,d}")
    gone = 1 - kept / info.n_households if info.n_households else np.full(len(kept), np.nan)
    hover = [f"{wording.of(k, info.n_households)} kept<br>sparsity {wording.percent(s)}" for k, s in zip(kept, gone, strict=True)]
    drawn = positive(kept) if log else kept
    add_line(fig, info.step, drawn, "Kept", hover, palette.kept, hover="%{customdata}<extra></extra>", showlegend=False)
    add_marks(fig, info.marks, palette)
    return fig
