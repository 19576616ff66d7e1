"""Schedules: pure functions of the step, by name in `SCHEDULES`; a new one is a function and an entry there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from l0engine.errors import ConfigError


def geometric(step: int, steps: int, start: float, end: float) -> float:
    """From `start` at step 0 to `end` at the last of `steps` steps, by a constant factor.

    Parameters
    ----------
    step : int
        From 0 to ``steps - 1``; later steps stay at `end`.
    steps : int
    start, end : float
        Positive.
    """
    share = _share(step, steps)
    return float(start ** (1 - share) * end**share)


def linear(step: int, steps: int, start: float, end: float) -> float:
    """As `geometric`, by a constant difference."""
    return start + (end - start) * _share(step, steps)


def cosine(step: int, steps: int, start: float, end: float) -> float:
    """As `geometric`, along half a cosine wave: slow at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * _share(step, steps))) / 2


def _share(step: int, steps: int) -> float:
    return 1.0 if steps <= 1 else min(step / (steps - 1), 1.0)


SCHEDULES: Mapping[str, Callable[[int, int, float, float], float]] = {"exponential": geometric, "linear": linear, "cosine": cosine}


@dataclass(frozen=True)
class TemperatureScheduler:
    """Temperature of the gates as a function of the epoch.

    Parameters
    ----------
    initial_temp, final_temp : float
        Temperatures at epoch 0, and at epoch `anneal_epochs` and after; positive.
    anneal_epochs : int
        0 or more.
    schedule : str
        A name in `SCHEDULES`: 'exponential', 'linear' or 'cosine'.

    Raises
    ------
    ConfigError
        A parameter is out of its bounds or unknown.
    """

    initial_temp: float = 2.0
    final_temp: float = 0.1
    anneal_epochs: int = 100
    schedule: str = "exponential"

    def __post_init__(self) -> None:
        for name in ("initial_temp", "final_temp"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}: set it to a number above 0.")
        if not 0 <= self.anneal_epochs < math.inf:
            raise ConfigError(f"anneal_epochs is {self.anneal_epochs}: set it to 0 or more.")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"There is no schedule '{self.schedule}': choose one of {', '.join(SCHEDULES)}.")

    def get_temperature(self, epoch: int) -> float:
        """Temperature at an epoch, counted from 0."""
        if not epoch >= 0:
            raise ConfigError(f"epoch is {epoch}: count epochs from 0.")
        return SCHEDULES[self.schedule](epoch, self.anneal_epochs + 1, self.initial_temp, self.final_temp)
