"""Swaps: a chosen row for another one, as long as that brings the largest standardised difference down."""

from __future__ import annotations

import numpy as np

from l0engine.selection.standardised import Standardised

#: Chosen rows that may leave and other rows that may come in their place; each pair is tried in every round.
LEAVING, COMING = 1000, 2000
#: At most so many swaps, and it ends when so many in a row did not lower the largest difference.
ROUNDS, PATIENCE = 150, 15


def swapped(features: Standardised, chosen: np.ndarray, movable: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """The sample after its best swaps, and how many there were.

    A round takes the pair with the least ``sum_k a_k d_k^2`` afterwards, d being the differences and ``a_k = |d_k|`` those
    before: nearly the sum of cubes, so that large differences count most, at the price of one matrix product.

    Parameters
    ----------
    chosen : ndarray of int, shape (n,)
    movable : ndarray of bool, shape (N,)
        False for rows that neither come nor leave.
    rng : Generator
        Draws the rows that may leave and come, where there are more than `LEAVING` and `COMING`.
    """
    inside = np.zeros(len(movable), bool)
    inside[chosen] = True
    leaving, coming = (_some(np.flatnonzero(side & movable), size, rng) for side, size in ((inside, LEAVING), (~inside, COMING)))
    if not len(leaving) or not len(coming):
        return np.flatnonzero(inside), 0
    n, d = len(chosen), features.differences(chosen)
    u, v = (features.dense(rows).astype(np.float32) / n for rows in (leaving, coming))
    best, swaps, stale, done = np.abs(d).max(), 0, 0, 0
    kept = inside.copy()
    while done < ROUNDS and stale < PATIENCE:
        weight = np.sqrt(np.abs(d) + 0.01 * best + 1e-12).astype(np.float32)
        a, b = (d - u) * weight, v * weight
        loss = a @ (2 * b.T)
        loss += (a**2).sum(1, keepdims=True)
        loss += (b**2).sum(1)
        i, j = np.unravel_index(loss.argmin(), loss.shape)
        d = d - u[i] + v[j]
        inside[leaving[i]], inside[coming[j]] = False, True
        leaving[i], coming[j] = coming[j], leaving[i]
        u[i], v[j] = v[j].copy(), u[i].copy()
        done += 1
        stale += 1
        if np.abs(d).max() < best:
            best, swaps, stale = np.abs(d).max(), done, 0
            kept = inside.copy()
    return np.flatnonzero(kept), swaps


def _some(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= size else rng.choice(rows, size, replace=False)
