"""A small network that learns to part points in a plane while its weights go, as the Pruning page trains one on images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_circles, make_moons
from torch import Tensor, nn

from l0engine.adam import Adam
from l0engine.layers.base import GatedLayer
from l0engine.layers.layers import L0Linear
from l0engine.lessons.shown.network import NetworkAsk, NetworkPicture
from l0engine.penalties import update_temperatures
from l0engine.pruning import compact, prune_model
from l0engine.schedules import geometric
from l0engine.studies.pruning.living import Living, living
from l0engine.studies.pruning.networks import GATE_RATE, OPEN_AT_START, answers, layers, right

#: Points to learn from, all at once in each of so many epochs; every few of them a stage is kept.
POINTS, EPOCHS, EVERY = 200, 120, 4
#: Learning rate of the weights, and the temperature of the gates at the start and at the end.
RATE, WARM, COOL = 0.03, 1.0, 0.2
#: Further points, on which accuracy is measured.
FURTHER = 1_000
#: The map covers [-EDGE, EDGE] in both directions, in so many cells.
EDGE, CELLS = 2.5, 40


def show(ask: NetworkAsk) -> NetworkPicture:
    """The network of these settings, stage by stage, and compacted."""
    x, y = points(ask.shape, POINTS, 2 * ask.seed)
    more, theirs = points(ask.shape, FURTHER, 2 * ask.seed + 1)
    side = np.linspace(-EDGE, EDGE, CELLS, dtype=np.float32)
    cells = torch.from_numpy(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
    model = network(ask.hidden, ask.seed)
    stages = [_stage(model, 0, cells, more, theirs)]
    for epoch in trained(model, x, y, ask.price):
        if epoch % EVERY == 0:
            stages.append(_stage(model, epoch, cells, more, theirs))
    scores = answers(model, more)
    prune_model(model)
    small, report = compact(model, more[:1])
    epochs, maps, found, accuracy, weights = zip(*stages, strict=True)
    return NetworkPicture(
        points=x.numpy(),
        labels=y.numpy(),
        epochs=np.array(epochs),
        side=side,
        maps=np.stack(maps),
        weights=tuple(np.stack([w[i] for w in weights]) for i in range(3)),
        alive=tuple(np.stack([f.units[i] for f in found]) for i in range(4)),
        opened=np.array([sum(f.weights) for f in found]),
        accuracy=np.array(accuracy),
        before=report.before.parameters,
        after=report.after.parameters,
        difference=float((answers(small, more) - scores).abs().max()),
    )


def network(hidden: int, seed: int) -> nn.Sequential:
    """Two hidden layers whose units have a gate each."""
    options: dict[str, Any] = {"temperature": WARM, "init_sparsity": 1 - OPEN_AT_START, "group": "output"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, second = L0Linear(2, hidden, seed=2 * seed, **options), L0Linear(hidden, hidden, seed=2 * seed + 1, **options)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(hidden, 2))


def trained(model: nn.Sequential, x: Tensor, y: Tensor, price: float) -> Iterator[int]:
    """Train by Adam on all points at once, gates ten times as fast and cooling, their price rising over the first half; each epoch's "
    "number."""
    gated = [layer for layer in layers(model) if isinstance(layer, GatedLayer)]
    gates = [layer.gates.qz_logits for layer in gated]
    others = [p for p in model.parameters() if all(p is not g for g in gates)]
    optimiser = Adam(others, gates, fused=True)
    for epoch in range(EPOCHS):
        update_temperatures(model, geometric(epoch, EPOCHS, WARM, COOL))
        model.train()
        loss = nn.functional.cross_entropy(model(x), y)
        rising = price / len(y) * min(1.0, 2 * epoch / EPOCHS)
        loss = loss + rising * sum((layer.get_l0_penalty() for layer in gated), torch.zeros(()))
        optimiser.forget()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(RATE, RATE * GATE_RATE)
        yield epoch + 1


def points(shape: str, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points of two classes around 0, about 1 from it, shape (n, 2), and their classes, shape (n,)."""
    rng = np.random.default_rng(seed)
    if shape == "spiral":
        y, turn = np.arange(n) % 2, rng.uniform(0.25, 1.25, n)
        angle = np.pi * (1.75 * turn + y)
        x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], 1) * 1.5 + 0.07 * rng.standard_normal((n, 2))
    elif shape == "circles":
        x, y = make_circles(n, noise=0.1, factor=0.45, random_state=seed)
        x = 1.5 * x
    else:
        x, y = make_moons(n, noise=0.15, random_state=seed)
        x = (x - [0.5, 0.25]) * 1.4
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(np.asarray(y, np.int64))


@torch.no_grad()
def _stage(
    model: nn.Sequential, epoch: int, cells: Tensor, more: Tensor, theirs: Tensor
) -> tuple[int, np.ndarray, Living, float, list[np.ndarray]]:
    """Epoch, map, what lives, accuracy and weights."""
    share = answers(model, cells).softmax(1)[:, 1]
    chance = (255 * share).round().to(torch.uint8).reshape(CELLS, CELLS).numpy()
    weights = [(layer.gated()[0] if isinstance(layer, GatedLayer) else layer.weight).numpy().copy() for layer in layers(model)]
    return epoch, chance, living(model), right(model, more, theirs) / FURTHER, weights
