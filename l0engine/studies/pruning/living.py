"""What lives in a network: its connections at test time, and the units on a way from an input to an answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from l0engine.layers.base import GatedLayer
from l0engine.studies.pruning.networks import layers
from l0engine.studies.pruning.result import LayerLife


class Living(NamedTuple):
    """Attributes
    ----------
    units : tuple of boolean ndarray
        Inputs first, then the outputs of each layer. An input or hidden unit lives if a way of weights that are not zero leads
        through it from some input to some output; outputs always do.
    weights : tuple of int
        In each layer, those that are not zero and join two living units.
    strength : tuple of ndarray, shape (units, units before)
        Sum of the sizes of the weights that join two living units, a convolution's or image's positions taken together.
    """

    units: tuple[np.ndarray, ...]
    weights: tuple[int, ...]
    strength: tuple[np.ndarray, ...]


@torch.no_grad()
def living(network: nn.Module) -> Living:
    """What lives in a chain of linear layers and convolutions, gated or not."""
    network.eval()
    sizes: list[np.ndarray] = []  # for each layer and two of its units: sum of the sizes of what joins them
    counts: list[np.ndarray] = []  # and its number
    for layer in layers(network):
        weight = (layer.gated()[0] if isinstance(layer, GatedLayer) else layer.weight).abs()
        before = len(sizes[-1]) if sizes else weight.shape[1]
        parts = weight.reshape(len(weight), before, -1)
        sizes.append(parts.sum(2).double().numpy())
        counts.append((parts > 0).sum(2).numpy())
    units: list[np.ndarray] = [np.ones(counts[0].shape[1], bool), *(np.ones(len(c), bool) for c in counts)]
    for i, joined in enumerate(counts[:-1]):  # forwards: reached from an input
        units[i + 1] = np.asarray((joined[:, units[i]] > 0).any(axis=1))
    for i in reversed(range(len(counts))):  # backwards: leads to an output
        units[i] = np.asarray(np.logical_and(units[i], (counts[i][units[i + 1]] > 0).any(axis=0)))
    both = [np.outer(units[i + 1], units[i]) for i in range(len(counts))]
    return Living(
        tuple(units),
        tuple(int(c[m].sum()) for c, m in zip(counts, both, strict=True)),
        tuple(s * m for s, m in zip(sizes, both, strict=True)),
    )


def by_layer(network: nn.Module, found: Living) -> tuple[LayerLife, ...]:
    """For each layer its name and how many of its weights and units live."""
    all_layers = layers(network)
    return tuple(
        LayerLife(_name(layer, i, len(all_layers)), found.weights[i], layer.weight.numel(), int(alive.sum()), len(alive))
        for i, (layer, alive) in enumerate(zip(all_layers, found.units[1:], strict=True))
    )


def _name(layer: nn.Module, place: int, layers: int) -> str:
    if place == layers - 1:
        return "Output layer"
    return f"{'Convolution' if isinstance(layer, nn.Conv2d) else 'Hidden layer'} {place + 1}"
