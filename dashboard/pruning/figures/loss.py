"""The terms of the loss of a gated network against the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import axes, theme
from dashboard.kit.lines import add_line
from dashboard.pruning.figures.accuracy import epochs_axis, epochs_shown
from l0engine.studies.pruning.result import PruningSnapshot


class PruningLossInfo(NamedTuple):
    """Means over the images of an epoch, prices included, each as long as `epoch`."""

    epoch: np.ndarray
    data: np.ndarray
    l0: np.ndarray
    l2: np.ndarray


def info(snapshots: Sequence[PruningSnapshot]) -> PruningLossInfo:
    """From the snapshots of a study that have gates in them."""
    shown = [(s.step, s.data_loss, s.l0_loss, s.l2_loss) for s in epochs_shown(snapshots)]
    return PruningLossInfo(*np.array(shown, float).reshape(-1, 4).T)


def plot(info: PruningLossInfo, palette: theme.Palette) -> go.Figure:
    """Lines on a log axis; a term of zero is left out."""
    total = info.data + info.l0 + info.l2
    terms = (
        ("Total", total, palette.target, "solid", 2.4),
        ("Cross entropy", info.data, palette.kept, "solid", 1.8),
        ("Price of open weights (L0)", info.l0, palette.undecided, "dash", 1.8),
        ("Price of large weights (L2)", info.l2, palette.dropped, "dot", 1.8),
    )
    drawn = [term for term in terms if (term[1] > 0).any()]
    subtitle = f"Total {_words(total[-1])} nats an image" if len(total) else "No epoch recorded yet"
    values = np.concatenate([total, *(v for _, v, *_ in drawn)])
    y = axes.number_log_axis("Nats an image (log scale)", np.maximum(values[values > 0], values.max(initial=0) * 1e-5))
    fig = theme.figure(palette, "Loss and its terms", subtitle, epochs_axis(info.epoch), y, unified="Epoch %{x:,d}")
    for name, values, colour, dash, width in drawn:
        add_line(fig, info.epoch, theme.positive(values), name, theme.texts(_words, values), colour, dash=dash, width=width)
    return fig


def _words(value: float) -> str:
    return f"{value:.3g}"
