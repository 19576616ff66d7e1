"""Bounds of weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Weights(NamedTuple):
    """Weights, and their slope with respect to the pull (0 where a weight is at a bound); both of shape (n_kept,)."""

    value: np.ndarray
    slope: np.ndarray


class Bounds(NamedTuple):
    """Smallest and largest weights allowed, scalars or of shape (n_kept,)."""

    low: Any = 0.0
    high: Any = np.inf

    def clip(self, value: np.ndarray, slope: np.ndarray) -> Weights:
        """Weights within the bounds; a weight at one does not move."""
        return Weights(np.clip(value, self.low, self.high), np.where((value < self.low) | (value > self.high), 0.0, slope))
