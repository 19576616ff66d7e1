"""What a `PruningStudy` leaves in its folder: drawing.npz, examples.npz, model.npz and model.py.

drawing.npz holds alive0, alive1, ... (the living units, inputs first), links0, ... (shape (links, 2): the strongest connections
between two neighbouring ones of them, from and to), connections (how many there are) and pixels (for each its living weights, or
its influence). examples.npz holds some test images as they were given, their labels, and what the dense and the compacted network
take them for; classes are positions. model.npz and model.py are the compacted network, which takes images as they were given.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx, nn

from l0engine.io.whole import write_arrays
from l0engine.layers.base import GatedLayer
from l0engine.pruning.standalone import save_standalone
from l0engine.studies.pruning.images import ImageSet
from l0engine.studies.pruning.living import living
from l0engine.studies.pruning.networks import answers, layers

#: Test images that are shown.
EXAMPLES = 12
#: Connections drawn between two columns.
MOST_LINKS = 250
#: Images over which the influence of a pixel is averaged.
_INFLUENCE = 512


def write(folder: Path, images: ImageSet, model: nn.Module, dense: nn.Module, network: fx.GraphModule, test: Tensor) -> None:
    """Write all of them; `test` are the scaled test images."""
    found = living(model)
    units = {f"alive{i}": alive for i, alive in enumerate(found.units)}
    links = {f"links{i}": _strongest(strength) for i, strength in enumerate(found.strength)}
    connections = np.array([np.count_nonzero(strength) for strength in found.strength])
    pixels = _pixels(model, found.units[1], test)
    write_arrays(folder / "drawing.npz", {**units, **links, "connections": connections, "pixels": pixels})
    theirs, ours = (answers(one, test).argmax(1).numpy() for one in (dense, network))
    some = _examples(images.labels[images.test], theirs, ours)
    chosen = images.test[some]
    write_arrays(
        folder / "examples.npz",
        {"images": images.pixels[chosen], "labels": images.labels[chosen], "dense": theirs[some], "compact": ours[some]},
    )
    unscaled = copy.deepcopy(network)
    with torch.no_grad():
        layers(unscaled)[0].weight /= images.scale  # a power of two: exact
    save_standalone(unscaled, folder)


def difference(model: nn.Module, network: nn.Module, x: Tensor) -> float:
    """The largest between a score of one network and of the other."""
    return float((answers(model, x) - answers(network, x)).abs().max())


def _strongest(strength: np.ndarray) -> np.ndarray:
    """Units before and after, shape (links, 2), of the strongest connections, the strongest first."""
    after, before = np.nonzero(strength)
    order = np.argsort(-strength[after, before], kind="stable")[:MOST_LINKS]
    return np.stack([before[order], after[order]], axis=1)


def _pixels(model: nn.Module, alive: np.ndarray, test: Tensor) -> np.ndarray:
    """Shape (height, width): living weights of each pixel, all colours together, where pixels have weights of their own; else how
    much the highest score depends on it, the mean size of its derivative."""
    first = layers(model)[0]
    if isinstance(first, nn.Linear):
        weight = first.gated()[0] if isinstance(first, GatedLayer) else first.weight  # in eval mode
        counts = (weight.detach()[torch.from_numpy(alive)] != 0).sum(0)
        return np.asarray(counts.reshape(test.shape[1:]).sum(0).numpy())
    x = test[:_INFLUENCE].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.eval()(x).max(dim=1).values.sum(), x)
    return np.asarray(slope.abs().mean(0).sum(0).numpy())


def _examples(labels: np.ndarray, theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """A few images: up to half of them such that one network errs, first where they differ; then others, from all over the set."""
    wrong = (theirs != labels) | (ours != labels)
    hard = np.flatnonzero(wrong)
    hard = hard[np.argsort(theirs[hard] == ours[hard], kind="stable")][: EXAMPLES // 2]
    easy = np.flatnonzero(~wrong)
    some = np.linspace(0, len(easy) - 1, min(EXAMPLES - len(hard), len(easy))).round().astype(int)
    return np.concatenate([hard, easy[some]])
