"""The terms of the loss of a gated network against the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme
from dashboard.kit.figures import terms
from dashboard.pruning.figures.accuracy import epochs_shown
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
    total, words = info.data + info.l0 + info.l2, "{:.3g}".format
    subtitle = f"Total {words(total[-1])} nats an image" if len(total) else "No epoch recorded yet"
    prices = (("Price of open weights (L0)", info.l0), ("Price of large weights (L2)", info.l2))
    parts = (("Total", total), ("Cross entropy", info.data), *prices)
    return terms.plot(palette, subtitle, "Nats an image (log scale)", info.epoch, parts, words, "Epoch")
