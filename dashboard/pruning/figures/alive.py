"""Weights and units alive in each layer against the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.kit import theme, wording
from dashboard.kit.figures import axes
from dashboard.kit.figures.traces import add_line
from dashboard.pruning.figures.accuracy import epochs_shown
from l0engine.studies.pruning.result import PruningSnapshot


class AliveInfo(NamedTuple):
    """Counts by layer and epoch, shape (layers, epochs); `of_...` by layer, what there is in all."""

    epoch: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray
    units: np.ndarray
    of_weights: np.ndarray
    of_units: np.ndarray
    temperature: np.ndarray


def info(snapshots: Sequence[PruningSnapshot]) -> AliveInfo:
    """From the snapshots of a study that have gates in them."""
    shown = epochs_shown(snapshots)
    layers = shown[-1].layers if shown else ()
    epoch, temperature = np.array([(s.step, s.temperature) for s in shown], float).reshape(-1, 2).T
    alive = np.array([[(layer.weights, layer.units) for layer in s.layers] for s in shown], int).reshape(len(shown), len(layers), 2)
    whole = np.array([(layer.of_weights, layer.of_units) for layer in layers], int).reshape(-1, 2)
    return AliveInfo(epoch, tuple(layer.name for layer in layers), *alive.T, *whole.T, temperature)


def plot(info: AliveInfo, palette: theme.Palette) -> go.Figure:
    """For each layer a line for its weights, and a dotted one for its units; the units of the last layer are the classes."""
    subtitle = "No epoch recorded yet"
    if len(info.epoch):
        alive, whole = int(info.weights[:, -1].sum()), int(info.of_weights.sum())
        subtitle = f"{wording.of(alive, whole)} weights, temperature {info.temperature[-1]:.2g}"
    y = axes.share_axis("Share alive")
    fig = theme.figure(palette, "Weights and units alive", subtitle, axes.steps_axis(info.epoch, "Epoch"), y, unified="Epoch %{x:,d}")
    for i, name in enumerate(info.names):
        colour = theme.OKABE_ITO[i % len(theme.OKABE_ITO)]
        parts = [("weights", info.weights[i], info.of_weights[i], {"width": 2.2})]
        if i < len(info.names) - 1:
            parts.append(("units", info.units[i], info.of_units[i], {"width": 1.6, "dash": "dot"}))
        for part, alive, whole, look in parts:
            words = [wording.of(n, whole) for n in alive]
            add_line(fig, info.epoch, alive / max(whole, 1), f"{name}: {part}", words, colour, **look)
    return fig
