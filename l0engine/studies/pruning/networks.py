"""Small networks that tell images apart: made with gates, without them, and trained alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from l0engine.adam import Adam
from l0engine.errors import ConfigError, ProblemError
from l0engine.hard_concrete import HardConcrete
from l0engine.layers import L0Conv2d, L0Linear, SparseMLP
from l0engine.penalties import compute_l0_penalty, compute_l2_penalty, update_temperatures
from l0engine.pruning import plain
from l0engine.schedules import SCHEDULES, TemperatureScheduler
from l0engine.studies.pruning.images import ImageSet
from l0engine.studies.pruning.settings import PruningStudy

#: Gates learn so many times as fast as weights: they have further to go.
GATE_RATE = 10.0
#: Share of the gates that are open at the start.
OPEN_AT_START = 0.8
#: The price of open weights rises over this share of the epochs, so that weights are worth something before they are priced.
RISE = 0.75
#: Images that are run through a network at a time where nothing is learnt.
_CHUNK = 2048


class Terms(NamedTuple):
    """Means of the terms of the loss over the images of an epoch, prices included."""

    data: float
    l0: float
    l2: float


def gated(study: PruningStudy, images: ImageSet, width: int | None = None) -> nn.Module:
    """The network of a study with gates, its weights drawn by the study's seed; of another width where that is given.

    Raises
    ------
    ConfigError
        The images are too small to be folded twice.
    """
    width = study.hidden if width is None else width
    channels, rows, columns = images.pixels.shape[1:]
    options: dict[str, Any] = {"temperature": study.temperature_start, "init_sparsity": 1 - OPEN_AT_START, "use_l2": True}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.seed)
        if study.network == "mlp":
            return SparseMLP(channels * rows * columns, width, len(images.classes), seed=study.seed, **options)
        if min(rows, columns) < 4:
            raise ConfigError(
                f"The images are {rows} x {columns} pixels and convolutions need 4 x 4 or more: choose the fully connected network."
            )
        one, two, three = np.random.SeedSequence(study.seed).generate_state(3).tolist()
        return nn.Sequential(
            L0Conv2d(channels, width, 3, padding=1, structured=True, seed=one, **options), nn.ReLU(), nn.MaxPool2d(2),
            L0Conv2d(width, 2 * width, 3, padding=1, structured=True, seed=two, **options), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), L0Linear(2 * width * (rows // 4) * (columns // 4), len(images.classes), seed=three, **options),
        )  # fmt: skip


def restarted(network: nn.Module, seed: int) -> nn.Module:
    """A network without gates of the same shape, its weights drawn anew."""
    new = plain(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in layers(new):
            layer.reset_parameters()
    return new


def size(network: nn.Module) -> int:
    """Number of weights, biases not counted."""
    return sum(layer.weight.numel() for layer in layers(network))


def layers(network: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The layers with weights, in the order in which images pass them."""
    return [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


class Training:
    """Adam on minibatches, with a generator of its own; call `epoch` for each of the study's epochs.

    The learning rate falls along half a cosine wave. An open weight costs ``lambda_l0 / n`` of the mean loss: it stays if it lowers
    the cross entropy, summed over the n training images, by more than ``lambda_l0`` nats.
    """

    def __init__(self, network: nn.Module, study: PruningStudy, x: Tensor, y: Tensor) -> None:
        self.network, self._study, self._x, self._y = network, study, x, y
        gates = {p for m in network.modules() if isinstance(m, HardConcrete) for p in m.parameters()}
        self._optimiser = Adam([p for p in network.parameters() if p not in gates], [p for p in network.parameters() if p in gates])
        self._rates = study.learning_rate, study.learning_rate * GATE_RATE
        self._has_gates = bool(gates)
        self._generator = torch.Generator().manual_seed(study.seed)
        self._temperature = TemperatureScheduler(study.temperature_start, study.temperature_end, max(study.epochs - 1, 0), study.schedule)

    def temperature(self, epoch: int) -> float:
        """Temperature of the gates in an epoch, counted from 0."""
        return self._temperature.get_temperature(epoch)

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> Terms:
        """See every training image once, unless stopped.

        Raises
        ------
        ProblemError
            The loss is not finite.
        """
        study, n = self._study, len(self._y)
        if self._has_gates:
            update_temperatures(self.network, self.temperature(epoch))
        rates = [SCHEDULES["cosine"](epoch, study.epochs, rate, rate / 50) for rate in self._rates]
        price = study.lambda_l0 / n * min(1.0, epoch / max(RISE * study.epochs, 1.0)) if self._has_gates else 0.0
        self.network.train()
        sums, seen = torch.zeros(3), 0
        for rows in torch.split(torch.randperm(n, generator=self._generator), study.batch_size):
            terms = [nn.functional.cross_entropy(self.network(self._x[rows]), self._y[rows])]
            terms.append(price * compute_l0_penalty(self.network) if price else torch.zeros(()))
            terms.append(study.lambda_l2 * compute_l2_penalty(self.network) if study.lambda_l2 else torch.zeros(()))
            self._optimiser.forget()
            sum(terms, torch.zeros(())).backward()  # type: ignore[no-untyped-call]
            self._optimiser.step(*rates)
            sums += torch.stack([t.detach() for t in terms]) * len(rows)
            seen += len(rows)
            if should_stop():
                break
        out = Terms(*(sums / seen).tolist())
        if not all(map(math.isfinite, out)):
            raise ProblemError(f"The loss is no finite number in epoch {epoch + 1:,}: lower the learning rate.")
        return out


@torch.no_grad()
def answers(network: nn.Module, x: Tensor) -> Tensor:
    """Scores of every class, shape (n, classes), by the gates of test time."""
    network.eval()
    return torch.cat([network(part) for part in torch.split(x, _CHUNK)])


def right(network: nn.Module, x: Tensor, y: Tensor) -> int:
    """Number of images whose class has the highest score."""
    return int((answers(network, x).argmax(1) == y).sum())
