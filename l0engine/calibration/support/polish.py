"""Polish: local search over the kept households of a small problem, with exact non-negative least squares on every set it tries.

Gates and elimination judge households one at a time, so on a handful of them they miss pairs that would rather change places.
Here households are dropped, added and swapped, the best single move each time, until none helps; then each of them is barred
in turn, the search goes on without it, and what comes out is taken where it is better.

Only a household whose column points along the residual lowers the loss, and by no more than least squares without signs would;
one orthogonal basis gives that bound for all entrants at once, so few sets need solving.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from l0engine.calibration.problem.system import NEGLIGIBLE, ScaledSystem

#: Multiplications in the bounds of one round, ``n_targets * n_pool * n_kept^2``; a search in which they are more ends: seconds at most.
WORK = 2 * 10**6
#: Moves of one descent, detours that ended better, and sets solved for each household that might leave: at most so many.
MOVES, DETOURS, TRIES = 100, 20, 200
#: A move lowers the objective by at least this share of the loss of weights 0.
GAIN = 1e-10


class Polished(NamedTuple):
    """Households, ascending, their weights of least loss, both of shape (n_kept,), and the objective; without a price weights may be 0."""

    kept: np.ndarray
    weights: np.ndarray
    objective: float


def polish(system: ScaledSystem, kept: np.ndarray, *, price: float | None = None) -> Polished | None:
    """Better households than these, by the squared loss ``sum_i a_i r_i^2`` of their best weights >= 0.

    The loss is squared whatever the system's, and caps and prices of weights play no part: with those, do not call it.

    Parameters
    ----------
    system : ScaledSystem
    kept : ndarray of int, shape (n_kept,)
        Columns of the system to begin with, at least one.
    price : float, optional
        Of a household: the objective is loss + price * households, and their number is free. Without it, it stays.

    Returns
    -------
    Polished or None
        Never worse than `kept`, and the same for the same arguments. None where the problem is too large, see `WORK`.
    """
    everyone = np.arange(system.shape[1])
    if len(system.target) * len(everyone) > WORK:
        return None
    a, b = system.least_squares(everyone)
    search = _Search(a.toarray(), b, price)
    best, allowed = search.solved(np.sort(kept)), np.ones(len(everyone), bool)
    if search.too_large(best):
        return None
    best = search.descend(best, allowed)
    for _ in range(DETOURS):
        better = next(filter(None, (search.detour(best, i) for i in range(len(best.kept)))), None)
        if better is None:
            break
        best = search.descend(better, allowed)
    return best


def polished(system: ScaledSystem, gated: np.ndarray, price: float | None = None) -> np.ndarray:
    """Gated weights after `polish`, shape (n_households,); as they were where the problem is too large or nothing is worth its price."""
    found = polish(system, np.flatnonzero(gated > 0), price=price)
    if found is None or not len(found.kept):
        return gated
    out = np.zeros_like(gated)
    out[found.kept] = np.maximum(found.weights, NEGLIGIBLE * system.base_weights[found.kept])
    return out


class _Search:
    """The moves, on the columns of a dense matrix."""

    def __init__(self, a: np.ndarray, b: np.ndarray, price: float | None) -> None:
        self._a, self._b, self._squares = a, b, (a * a).sum(axis=0)
        self._free, self._price = price is not None, price or 0.0
        self._gain = GAIN * float(b @ b)

    def solved(self, kept: np.ndarray) -> Polished:
        """A set with its best weights; where their number is free, without those of weight 0."""
        try:
            weights, norm = nnls(self._a[:, kept], self._b) if len(kept) else (np.zeros(0), np.linalg.norm(self._b))
        except RuntimeError:  # it did not settle: any other set is better
            return Polished(kept, np.zeros(len(kept)), np.inf)
        if self._free:
            kept, weights = kept[weights > 0], weights[weights > 0]
        return Polished(kept, weights, float(norm) ** 2 + self._price * len(kept))

    def too_large(self, now: Polished) -> bool:
        return self._a.size * len(now.kept) ** 2 > WORK

    def descend(self, now: Polished, allowed: np.ndarray) -> Polished:
        """The best move again and again, until none gains."""
        for _ in range(MOVES):
            rests = [np.delete(now.kept, i) for i in range(len(now.kept))] + [now.kept] * self._free
            moved = None if self.too_large(now) else self._best(rests, now.objective - self._gain, allowed)
            if moved is None:
                break
            now = moved
        return now

    def detour(self, best: Polished, i: int) -> Polished | None:
        """Where a descent ends that must do without the i-th household of a set; None where that is no better."""
        allowed = np.arange(len(self._squares)) != best.kept[i]
        start = self._best([np.delete(best.kept, i)], np.inf, allowed)
        end = start and self.descend(start, allowed)
        return end if end and end.objective < best.objective - self._gain else None

    def _best(self, rests: list[np.ndarray], least: float, allowed: np.ndarray) -> Polished | None:
        """The best set below `least`: one of `rests`, where their number is free, or one of them and an allowed household."""
        found = None
        for rest in map(self.solved, rests):
            if self._free and len(rest.kept) > 0 and rest.objective < least:
                found, least = rest, rest.objective
            bounds = np.where(allowed, self._bounds(rest), np.inf)
            for j in np.argsort(bounds, kind="stable")[:TRIES]:
                if bounds[j] >= least:
                    break
                tried = self.solved(np.sort(np.append(rest.kept, j)))
                if tried.objective < least:
                    found, least = tried, tried.objective
        return found

    def _bounds(self, rest: Polished) -> np.ndarray:
        """The objective of a set with each household more, from below; infinite where that one would get no weight."""
        a, b = self._a, self._b
        pull = a.T @ (b - a[:, rest.kept] @ rest.weights)
        basis = np.linalg.qr(a[:, rest.kept])[0]
        residual, along = b - basis @ (basis.T @ b), basis.T @ a
        outside = self._squares - (along * along).sum(axis=0)  # what the basis does not span of each column
        gain = np.divide((a.T @ residual) ** 2, outside, out=np.zeros_like(pull), where=outside > 1e-12 * self._squares)
        bounds = residual @ residual - gain + self._price  # it counts itself; others may be left with weight 0
        bounds[pull <= 0] = np.inf
        bounds[rest.kept] = np.inf
        return np.asarray(bounds)
