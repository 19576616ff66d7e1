"""PruningStudy: a network of gated weights learns to tell images apart, and what is left of it becomes a small ordinary one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from l0engine.errors import ConfigError
from l0engine.plain import Plain
from l0engine.studies.pruning.result import PruningResult, PruningSnapshot

NETWORKS = ("mlp", "conv")
#: Limits of the settings, both allowed.
BOUNDS = {
    "hidden": (1, 2048),
    "lambda_l0": (0.0, 1e6),
    "lambda_l2": (0.0, 1e6),
    "epochs": (1, 2000),
    "learning_rate": (1e-6, 1.0),
    "batch_size": (1, 4096),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class PruningStudy(Plain):
    """Which network learns what. The folder holds uploaded images as images.npz.

    Attributes
    ----------
    source : str
        'digits', which ship with scikit-learn, or 'upload'.
    title : str
        Of uploaded images, for people.
    network : str
        One of `NETWORKS`: `SparseMLP`, with a gate on each weight, or two convolutions with a gate on each channel.
    hidden : int
        Units of each hidden layer; channels of the first convolution, the second has twice as many.
    lambda_l0 : float
        Price of an open weight in nats of cross entropy, summed over the training images.
    lambda_l2 : float
        Price of the expected square of a weight, of the mean loss.
    temperature_start, temperature_end, schedule
        Of the gates, as in `TemperatureScheduler`, over all epochs.
    learning_rate : float
        Of the weights at the start; gates learn ten times as fast, and both end at a fiftieth.
    seed : int
        Of the images held out, the weights at the start, the gates' noise and the order of images.
    """

    kind: ClassVar[str] = "pruning"
    snapshot: ClassVar[type[Any]] = PruningSnapshot
    result: ClassVar[type[Any]] = PruningResult
    source: str = "digits"
    title: str = ""
    network: str = "mlp"
    hidden: int = 256
    lambda_l0: float = 0.5
    lambda_l2: float = 3e-4
    temperature_start: float = 1.0
    temperature_end: float = 0.2
    schedule: str = "exponential"
    epochs: int = 200
    learning_rate: float = 0.005
    batch_size: int = 128
    seed: int = 0

    @property
    def label(self) -> str:
        """For menus: 'digits, mlp of 256, λ L0 0.5'."""
        return f"{self.title or self.source}, {self.network} of {self.hidden}, λ L0 {self.lambda_l0:g}"

    def check(self) -> None:
        """Refuse settings that are out of bounds."""
        if self.network not in NETWORKS:
            raise ConfigError(f"There is no network '{self.network[:40]}': choose one of {', '.join(NETWORKS)}.")
        for name, (low, high) in BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} is {getattr(self, name)}: set it to a number from {low:g} to {high:g}.")
