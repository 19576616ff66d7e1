"""How a pruning study is carried out: two networks trained side by side, what is left of one of them, and what else would do."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Generator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from l0engine.errors import ProblemError
from l0engine.jobs.task import Context, Ending
from l0engine.pruning import compact, magnitude_pruned, prune_model
from l0engine.studies.pruning import files
from l0engine.studies.pruning.images import ImageSet, load
from l0engine.studies.pruning.living import by_layer, living
from l0engine.studies.pruning.networks import Training, gated, restarted, right, size
from l0engine.studies.pruning.result import PruningResult, PruningSnapshot
from l0engine.studies.pruning.settings import PruningStudy

#: Images in the batch whose latency is measured.
BATCH = 256
#: Sizes at which magnitude pruning is tried, from all weights down to a 300th of them.
_MAGNITUDES = [300 ** (-i / 14) for i in range(15)]
#: Training images looked at for their accuracy.
_MOST_TRAIN = 4096


class Data(NamedTuple):
    """Scaled images and their labels."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def run(job: Context) -> Generator[PruningSnapshot, None, Ending[PruningResult]]:
    """Yield a snapshot an epoch, and write what `files` says.

    A stop ends the training of the gated network and of the dense one, which keep step with each other; the networks that are
    trained from scratch are left out then.

    Raises
    ------
    ConfigError, ProblemError
        A setting is out of bounds, or training broke.
    """
    started = time.perf_counter()
    study: PruningStudy = job.task
    study.check()
    images = load(study.source, job.folder, study.seed)
    data = _data(images)
    model = gated(study, images)
    dense = restarted(model, study.seed)
    epochs = yield from _trained(study, model, dense, data, job.should_stop)
    layers = by_layer(model, living(model))
    kept = sum(layer.weights for layer in layers)
    if not kept:
        raise ProblemError("No weight is left that leads from a pixel to an answer: lower the price of an open weight, or train longer.")
    prune_model(model)
    network, report = compact(model, data.test[torch.arange(BATCH) % len(data.test)])
    networks = {"dense": dense, "gated": model, "compact": network, "magnitude": magnitude_pruned(dense, 1 - kept / size(dense))}
    if not job.should_stop():
        networks |= yield from _from_scratch(study, images, network, kept, data, epochs, job.should_stop)
    files.write(job.folder, images, model, dense, network, data.test)
    test = (data.test, data.test_labels)
    weights = {name: size(found) for name, found in networks.items()}
    result = PruningResult(
        network=study.network,
        classes=images.classes,
        train=len(images.train),
        test=len(images.test),
        epochs=epochs,
        right={name: right(found, *test) for name, found in networks.items()},
        weights={**weights, "gated": kept, "compact": kept, "magnitude": kept},
        magnitude=tuple((round(share * size(dense)), right(magnitude_pruned(dense, 1 - share), *test)) for share in _MAGNITUDES),
        layers=layers,
        report=report,
        difference=files.difference(model, network, data.test),
        seconds=time.perf_counter() - started - job.paused,
    )
    return Ending(result)


def _data(images: ImageSet) -> Data:
    x, y = torch.from_numpy(images.pixels) / images.scale, torch.from_numpy(images.labels)
    train, test = torch.from_numpy(images.train), torch.from_numpy(images.test)
    return Data(x[train], y[train], x[test], y[test])


def _trained(
    study: PruningStudy, model: nn.Module, dense: nn.Module, data: Data, should_stop: Callable[[], bool]
) -> Generator[PruningSnapshot, None, int]:
    """Train the gated network and the dense one, epoch by epoch; how many epochs."""
    ours, theirs = (Training(network, study, data.train, data.train_labels) for network in (model, dense))
    seen = (data.train[:_MOST_TRAIN], data.train_labels[:_MOST_TRAIN])
    for epoch in range(study.epochs):
        terms = ours.epoch(epoch, should_stop)
        theirs.epoch(epoch, should_stop)
        yield PruningSnapshot(
            step=epoch + 1,
            epochs=2 * study.epochs,
            train=right(model, *seen) / len(seen[1]),
            test=right(model, data.test, data.test_labels) / len(data.test),
            dense=right(dense, data.test, data.test_labels) / len(data.test),
            data_loss=terms.data,
            l0_loss=terms.l0,
            l2_loss=terms.l2,
            temperature=ours.temperature(epoch),
            layers=by_layer(model, living(model)),
        )
        if should_stop():
            return epoch + 1
    return study.epochs


def _from_scratch(
    study: PruningStudy, images: ImageSet, network: nn.Module, kept: int, data: Data, epochs: int, should_stop: Callable[[], bool]
) -> Generator[PruningSnapshot, None, dict[str, nn.Module]]:
    """Small networks without gates, trained as the dense one was; none if stopped on the way."""
    widest = bisect_right(range(2, study.hidden + 1), kept, key=lambda width: size(gated(study, images, width)))
    small = gated(study, images, 1 + widest)
    found = {"small": restarted(small, study.seed), "anew": restarted(network, study.seed)}
    trainings = [Training(one, study, data.train, data.train_labels) for one in found.values()]
    for epoch in range(epochs):
        for training in trainings:
            training.epoch(epoch, should_stop)
        if should_stop():
            return {}
        yield PruningSnapshot(study.epochs + epoch + 1, 2 * study.epochs)
    return found
