"""How a pruning study is carried out: two networks trained side by side, what is left of one of them, and what else would do."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from l0engine.errors import ProblemError
from l0engine.pruning import compact, magnitude_pruned, prune_model
from l0engine.studies.pruning import files
from l0engine.studies.pruning.images import ImageSet
from l0engine.studies.pruning.living import by_layer, living
from l0engine.studies.pruning.networks import Training, gated, restarted, right, size
from l0engine.studies.pruning.settings import PruningSettings

#: Images in the batch whose latency is measured.
BATCH = 256
#: Sizes at which magnitude pruning is tried, from all weights down to a 300th of them.
_MAGNITUDES = [300 ** (-i / 14) for i in range(15)]
#: Training images looked at for their accuracy.
_MOST_TRAIN = 4096

Steps = Generator[dict[str, Any], None, dict[str, Any]]


class Data(NamedTuple):
    """Scaled images and their labels."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def carry_out(study: PruningSettings, images: ImageSet, folder: Path, should_stop: Callable[[], bool]) -> Steps:
    """Yield a snapshot an epoch, and write what `files` says.

    A stop ends the training of the gated network and of the dense one, which keep step with each other; the networks that are
    trained from scratch are left out then.

    Returns
    -------
    dict
        network, classes, train, test (numbers of images), epochs (those of the gated network). right, weights: of the test images
        and of weights that are not zero, by network: dense, gated, compact, magnitude (pruned to as many weights), and, unless
        stopped, small (dense with as many weights) and anew (the compacted shape). magnitude: pairs of weights and right at
        several sizes. layers: see `by_layer`. report: see `CompactionReport`, for a batch of 256 images. difference: the largest between
        a score of the gated and of the compacted network, over all test images. seconds.
    """
    started = time.perf_counter()
    data = _data(images)
    model = gated(study, images)
    dense = restarted(model, study.seed)
    epochs = yield from _trained(study, model, dense, data, should_stop)
    layers = by_layer(model, living(model))
    kept = sum(layer["weights"] for layer in layers)
    if not kept:
        raise ProblemError("No weight is left that leads from a pixel to an answer: lower the price of an open weight, or train longer.")
    prune_model(model)
    network, report = compact(model, data.test[torch.arange(BATCH) % len(data.test)])
    networks = {"dense": dense, "gated": model, "compact": network, "magnitude": magnitude_pruned(dense, 1 - kept / size(dense))}
    if not should_stop():
        networks |= yield from _from_scratch(study, images, network, kept, data, epochs, should_stop)
    files.write(folder, images, model, dense, network, data.test)
    test = (data.test, data.test_labels)
    magnitude = [(round(share * size(dense)), right(magnitude_pruned(dense, 1 - share), *test)) for share in _MAGNITUDES]
    weights = {name: size(found) for name, found in networks.items()}
    return {
        "network": study.network,
        "classes": list(images.classes),
        "train": len(images.train),
        "test": len(images.test),
        "epochs": epochs,
        "right": {name: right(found, *test) for name, found in networks.items()},
        "weights": {**weights, "gated": kept, "compact": kept, "magnitude": kept},
        "magnitude": magnitude,
        "layers": layers,
        "report": report.to_dict(),
        "difference": files.difference(model, network, data.test),
        "seconds": time.perf_counter() - started,
    }


def _data(images: ImageSet) -> Data:
    x, y = torch.from_numpy(images.pixels) / images.scale, torch.from_numpy(images.labels)
    train, test = torch.from_numpy(images.train), torch.from_numpy(images.test)
    return Data(x[train], y[train], x[test], y[test])


def _trained(
    study: PruningSettings, model: nn.Module, dense: nn.Module, data: Data, should_stop: Callable[[], bool]
) -> Generator[dict[str, Any], None, int]:
    """Train the gated network and the dense one, epoch by epoch; how many epochs."""
    ours, theirs = (Training(network, study, data.train, data.train_labels) for network in (model, dense))
    seen = (data.train[:_MOST_TRAIN], data.train_labels[:_MOST_TRAIN])
    for epoch in range(study.epochs):
        terms = ours.epoch(epoch, should_stop)
        theirs.epoch(epoch, should_stop)
        yield {
            "step": epoch + 1,
            "epochs": 2 * study.epochs,
            "train": right(model, *seen) / len(seen[1]),
            "test": right(model, data.test, data.test_labels) / len(data.test),
            "dense": right(dense, data.test, data.test_labels) / len(data.test),
            "data_loss": terms.data,
            "l0_loss": terms.l0,
            "l2_loss": terms.l2,
            "temperature": ours.temperature(epoch),
            "layers": by_layer(model, living(model)),
        }
        if should_stop():
            return epoch + 1
    return study.epochs


def _from_scratch(
    study: PruningSettings, images: ImageSet, network: nn.Module, kept: int, data: Data, epochs: int, should_stop: Callable[[], bool]
) -> Generator[dict[str, Any], None, dict[str, nn.Module]]:
    """Small networks without gates, trained as the dense one was; none if stopped on the way."""
    width, small = 1, gated(study, images, 1)
    while width < study.hidden and size(wider := gated(study, images, width + 1)) <= kept:
        width, small = width + 1, wider
    found = {"small": restarted(small, study.seed), "anew": restarted(network, study.seed)}
    trainings = [Training(one, study, data.train, data.train_labels) for one in found.values()]
    for epoch in range(epochs):
        for training in trainings:
            training.epoch(epoch, should_stop)
        if should_stop():
            return {}
        yield {"step": study.epochs + epoch + 1, "epochs": 2 * study.epochs}
    return found
