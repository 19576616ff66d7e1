"""Swaps: a chosen row for another one, as long as that brings the largest standardised difference down.

The largest difference says nothing about the second largest, so swaps lower ``sum_k |d_k|^POWER``, d being the differences: hardly
more than the large ones count, and all of them at once. Its weighted squares, with weights ``|d_k|^(POWER - 2)``, rate every row by
itself in three sparse products; leaving and coming rows are then paired, and the best pairs are rated exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp

from l0engine.selection.standardised import Standardised

#: Power of the differences. Weights take none to be smaller than a share `FLOOR` of the largest: swaps move small ones too.
POWER, FLOOR = 6, 0.3
#: Rows that may leave and rows that may come are drawn once, so many of each at most.
POOL = 20_000
#: Best rows to leave and to come that are paired; once these do not help, so many random ones besides; pairs rated exactly.
BEST, ANY, PAIRS = (100, 200), (500, 1000), 300
#: At most so many swaps, and it ends when so many in a row did not lower the largest difference.
ROUNDS, PATIENCE = 300, 15


def swapped(features: Standardised, chosen: np.ndarray, movable: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """The sample after its best swaps, and how many there were.

    Rows are paired by what each does alone until no such pair helps, as where differences are large. From then on it is how two
    rows differ that counts, and random rows are paired as well; the best pair is taken even if it does harm, a way out of dead ends.

    Parameters
    ----------
    chosen : ndarray of int, shape (n,)
    movable : ndarray of bool, shape (N,)
        False for rows that neither come nor leave.
    rng : Generator
        Draws rows to try.
    """
    inside = np.zeros(len(movable), bool)
    inside[chosen] = True
    kept, d = inside.copy(), features.differences(chosen)
    if not (inside & movable).any() or not (~inside & movable).any():
        return np.flatnonzero(kept), 0
    pool = _Pool.drawn(features, inside, movable, rng)
    best, swaps, done, widely = float(np.abs(d).max()), 0, 0, False
    while done < ROUNDS and done - swaps < PATIENCE and best > 0:
        out, into, after = pool.best_pair(d, inside, rng if widely else None)
        if not widely and _size(after / best) >= _size(d / best):
            widely = True
            continue
        d, done = after, done + 1
        inside[out], inside[into] = False, True
        if np.abs(d).max() < best:
            best, swaps, kept = float(np.abs(d).max()), done, inside.copy()
    return np.flatnonzero(kept), swaps


@dataclass(frozen=True, eq=False)
class _Pool:
    """Rows among which swaps are looked for, some inside the sample of `n` and some not; their entries and the squares of these."""

    features: Standardised
    n: int
    rows: np.ndarray
    matrix: sp.csr_array
    squares: sp.csr_array

    @classmethod
    def drawn(cls, features: Standardised, inside: np.ndarray, movable: np.ndarray, rng: np.random.Generator) -> _Pool:
        """At most `POOL` rows of either kind."""
        rows = np.concatenate([_some(np.flatnonzero(side & movable), POOL, rng) for side in (inside, ~inside)])
        matrix = sp.csr_array(features.matrix[rows])
        return cls(features, int(inside.sum()), rows, matrix, sp.csr_array(matrix.power(2)))

    def best_pair(self, d: np.ndarray, inside: np.ndarray, rng: np.random.Generator | None) -> tuple[int, int, np.ndarray]:
        """The row to leave, the row to come and the differences afterwards; random rows are tried as well where there is an `rng`."""
        largest = np.abs(d).max()
        a = np.maximum(np.abs(d) / largest, FLOOR) ** (POWER - 2)
        leave, come = self._rated(d, a)
        chosen = inside[self.rows]
        leaving = _tried(leave, np.flatnonzero(chosen), BEST[0], ANY[0], rng)
        coming = _tried(come, np.flatnonzero(~chosen), BEST[1], ANY[1], rng)
        u, v = (self.features.dense(self.rows[some]) / self.n for some in (leaving, coming))
        loss = leave[leaving][:, None] + come[coming] - 2 * ((u * a).astype(np.float32) @ v.T.astype(np.float32))
        pairs = _least(loss.ravel(), PAIRS)
        i, j = np.unravel_index(pairs, loss.shape)
        after = d - u[i] + v[j]
        k = int(_size(after / largest).argmin())
        return int(self.rows[leaving[i[k]]]), int(self.rows[coming[j[k]]]), after[k]

    def _rated(self, d: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each row alone adds to ``sum_k a_k d_k^2`` when it leaves, and when it comes."""
        o = self.features.offset
        pulled = self.matrix @ np.column_stack([a * d, a * o]).astype(np.float32)
        linear = (pulled[:, 0] - (a * d) @ o) * (2 / self.n)
        square = (self.squares @ a.astype(np.float32) - 2 * pulled[:, 1] + a @ o**2) / self.n**2
        return square - linear, square + linear


def _size(d: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(d) ** POWER).sum(axis=-1))


def _tried(score: np.ndarray, places: np.ndarray, best: int, any_: int, rng: np.random.Generator | None) -> np.ndarray:
    """The places with the least scores, and random ones where there is an `rng`."""
    least = places[_least(score[places], best)]
    return least if rng is None else np.union1d(least, _some(places, any_, rng))


def _least(score: np.ndarray, count: int) -> np.ndarray:
    """Where the least scores are."""
    return np.arange(len(score)) if len(score) <= count else np.argpartition(score, count)[:count]


def _some(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= size else np.sort(rng.choice(rows, size, replace=False))
