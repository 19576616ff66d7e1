"""Seen: what a look at a fit saw of each target and of each household, packed into little room."""

from __future__ import annotations

import zlib
from typing import NamedTuple, Self

import numpy as np

#: One look in so many sees the gates, and with more targets than the second the errors.
RARELY, MOST_TARGETS = 5, 5_000
#: With more households the gates are not kept.
MOST_HOUSEHOLDS = 1_000_000
#: A probability of 1 in steps, and what a household counts as that was dropped for good.
WHOLE, DROPPED = 254, 0


class Seen(NamedTuple):
    """One look.

    Attributes
    ----------
    errors : bytes
        Signed relative errors of the targets in use with test-time gates, little-endian float32, shape (n_use,); empty where not kept.
    gates : bytes
        A byte for each household, compressed by zlib: `DROPPED`, or 1 + `WHOLE` times the probability that its gate is open, rounded;
        empty where not kept.
    """

    errors: bytes = b""
    gates: bytes = b""

    @classmethod
    def of(cls, errors: np.ndarray | None, opened: np.ndarray | None, alive: np.ndarray, n_households: int) -> Self:
        """Pack a look.

        Parameters
        ----------
        errors : ndarray, shape (n_use,), or None
        opened : ndarray, shape (n_alive,), or None
            Probabilities that gates are open.
        alive : ndarray of int, shape (n_alive,)
        """
        packed = b""
        if opened is not None:
            steps = np.full(n_households, DROPPED, np.uint8)
            steps[alive] = 1 + np.round(WHOLE * np.clip(opened, 0, 1)).astype(np.uint8)
            packed = zlib.compress(steps.tobytes(), 1)
        return cls(b"" if errors is None else np.asarray(errors, "<f4").tobytes(), packed)


class GatePath(NamedTuple):
    """The gate of one household at the looks that saw it.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_looks,)
    opened : ndarray of float64, shape (n_looks,)
        Probability that it is open, in steps of 1 / `WHOLE`; NaN once the household was dropped for good.
    """

    steps: np.ndarray
    opened: np.ndarray

    @property
    def dropped(self) -> tuple[int, int] | None:
        """The steps between which it was dropped for good; None where it was not, or nothing is known."""
        gone = np.flatnonzero(np.isnan(self.opened))
        return (int(self.steps[gone[0] - 1]) if gone[0] else 0, int(self.steps[gone[0]])) if len(gone) else None


class ErrorPath(NamedTuple):
    """The signed relative error of one target at the looks that saw it, both of shape (n_looks,)."""

    steps: np.ndarray
    errors: np.ndarray


def gate_path(looks: list[tuple[int, bytes]], household: int) -> GatePath:
    """Of one household (column of the problem), from steps and what `Seen.gates` packed, in order."""
    levels = np.array([zlib.decompress(packed)[household] for _, packed in looks], float)
    return GatePath(np.array([step for step, _ in looks], np.int64), np.where(levels == DROPPED, np.nan, (levels - 1) / WHOLE))
