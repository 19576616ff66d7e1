"""Accuracy against the epoch: the gated network, and the dense one trained beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line, thinned
from l0engine.studies.pruning.result import PruningSnapshot


class AccuracyInfo(NamedTuple):
    """Shares of images that are told right, each as long as `epoch`."""

    epoch: np.ndarray
    test: np.ndarray
    train: np.ndarray
    dense: np.ndarray


def info(snapshots: Sequence[PruningSnapshot]) -> AccuracyInfo:
    """From the snapshots of a study that have gates in them."""
    shown = [(s.step, s.test, s.train, s.dense) for s in epochs_shown(snapshots)]
    return AccuracyInfo(*np.array(shown, float).reshape(-1, 4).T)


def plot(info: AccuracyInfo, palette: theme.Palette) -> go.Figure:
    """Three lines; the axis begins just below the accuracies of the later three quarters."""
    lines = (
        ("Gated, test images", info.test, palette.kept, "solid", 2.4),
        ("Gated, training images", info.train, palette.kept, "dot", 1.5),
        ("Dense, test images", info.dense, palette.dropped, "dash", 1.8),
    )
    subtitle = f"Now {wording.percent(info.test[-1])} of the test images are told right" if len(info.epoch) else "No epoch recorded yet"
    y = accuracy_axis(np.concatenate([v[len(v) // 4 :] for _, v, *_ in lines]))
    fig = theme.figure(palette, "Accuracy", subtitle, axes.steps_axis(info.epoch, "Epoch"), y, unified="Epoch %{x:,d}")
    for name, values, colour, dash, width in lines:
        add_line(fig, info.epoch, values, name, theme.texts(wording.percent, values), colour, dash=dash, width=width)
    return fig


def epochs_shown(snapshots: Sequence[PruningSnapshot]) -> Sequence[PruningSnapshot]:
    """Those of a study that have gates in them, thinned where they are many."""
    return thinned([s for s in snapshots if s.test is not None])


def accuracy_axis(values: Any) -> dict[str, Any]:
    """A linear axis of shares up to 1, from a round share below the least of `values`."""
    low = float(np.min(values, initial=0.9))
    step = axes.nice_step((1 - low) / 4)
    ticks = 1 - step * np.arange(np.ceil((1 - low) / step) + 1)
    ticks = np.sort(ticks[ticks > -1e-9]).round(6)
    return axes.axis(
        "Images told right", range=[max(ticks[0], 0) - 0.02 * (1 - ticks[0]), 1 + 0.03 * (1 - ticks[0])],
        tickvals=ticks.tolist(), ticktext=[wording.percent(t) for t in ticks],
    )  # fmt: skip
