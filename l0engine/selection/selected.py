"""Selected: what choosing rows says while it runs and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l0engine.plain import Plain


@dataclass(frozen=True, slots=True)
class SampleSnapshot(Plain):
    """The gates after `step` steps; small, immutable, JSON-ready.

    Attributes
    ----------
    step, epochs : int
    seconds : float
    largest : float
        Largest standardised difference of the expected gates.
    rounding : float
        Root mean square, over columns, of the standard deviation that the gates' variance leaves in a difference.
    expected_count : float
        Expected number of rows whose gate is open.
    gate_zero, gate_one : int
        Gates that are exactly 0 and exactly 1 at test time.
    gate_counts : tuple of int, length 20
        Gates strictly between, in equal bins.
    """

    step: int
    epochs: int
    seconds: float
    largest: float
    rounding: float
    expected_count: float
    gate_zero: int
    gate_one: int
    gate_counts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Selected:
    """A sample.

    Attributes
    ----------
    indices : ndarray of int, shape (n,)
        Rows, ascending.
    probabilities : ndarray of float32, shape (N,)
        That a row's gate is open, before rounding; 1 for rows asked to be in.
    differences : ndarray of float64, shape (p,)
        Standardised differences of the sample.
    rounded : float
        Largest difference before the swaps.
    swaps : int
    history : tuple of SampleSnapshot
    stopped : bool
        The gates were stopped before the last step.
    """

    indices: np.ndarray
    probabilities: np.ndarray
    differences: np.ndarray
    rounded: float
    swaps: int
    history: tuple[SampleSnapshot, ...]
    stopped: bool

    @property
    def largest(self) -> float:
        """Largest standardised difference."""
        return float(np.abs(self.differences).max())
