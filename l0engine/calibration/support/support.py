"""Support: some households, and the weights from which they are calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Support:
    """Some households, and what is known of them.

    Attributes
    ----------
    kept : ndarray of int, shape (n_kept,)
        Columns of the system, ascending.
    start : ndarray of float64, shape (n_kept,)
        Their gated weights, scaled to the total of the fit: where raking starts.
    log_weights : ndarray of float64, shape (n_kept,)
        After the brief refit of `elimination`; with the norms of the columns they are the order in which households leave.
    """

    kept: np.ndarray
    start: np.ndarray
    log_weights: np.ndarray

    @classmethod
    def at(cls, kept: np.ndarray, start: np.ndarray) -> Self:
        """Households with positive weights that nothing more is known of."""
        return cls(kept, start, np.log(start))

    @classmethod
    def of(cls, weights: np.ndarray) -> Self:
        """Those with positive ones among weights of all households, shape (n_households,)."""
        kept = np.flatnonzero(weights)
        return cls.at(kept, weights[kept])

    @classmethod
    def random(cls, base: np.ndarray, protected: np.ndarray, k: int, seed: int) -> Self:
        """k households, the protected ones and others drawn at random, all alike, with base weights that are scaled to the total of all.

        `base` and `protected`, of bool, have the shape (n_households,).
        """
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(~protected), k - int(protected.sum()), replace=False)
        kept = np.union1d(np.flatnonzero(protected), drawn)
        return cls.at(kept, base[kept] * (base.sum() / base[kept].sum()))


def foremost(worth: np.ndarray, size: int, held: np.ndarray | None = None) -> np.ndarray:
    """Where the `size` largest values stand, ascending; those that are held count as largest.

    Parameters
    ----------
    worth : ndarray of float64, shape (n,)
    held : ndarray of bool, shape (n,), optional
    """
    order = -worth if held is None else np.where(held, -np.inf, -worth)
    return np.sort(np.argpartition(order, size - 1)[:size])
