"""TrainingState: all a fit needs to go on from a step, as plain arrays, without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Parameters and optimiser state after `step` steps.

    Attributes
    ----------
    step : ndarray of int64, shape ()
    alive : ndarray of int64, shape (n_alive,)
        Households still trained; the others are dropped for good.
    settled : ndarray of float64, shape (4,)
        Step, households kept and loss since when neither has moved, see `trainer.SETTLED_STEPS`; and 1 where that is long enough. The
        last is not there in what earlier versions wrote.
    parameters, exp_avg, exp_avg_sq : ndarray of float32, shape (2, n_alive)
        Log weights and log_alpha, and Adam's two moments of their gradients.
    """

    step: np.ndarray
    alive: np.ndarray
    settled: np.ndarray
    parameters: np.ndarray
    exp_avg: np.ndarray
    exp_avg_sq: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name, ready for `np.savez`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Inverse of `to_arrays`."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})
