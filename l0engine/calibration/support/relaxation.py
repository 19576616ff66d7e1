"""The perspective relaxation: few households, small error and even weights as one convex problem, and a bound for every other answer.

    minimise  1/2 ||A w - b||^2 + price/2 sum_j w_j^2 / z_j   over 0 <= z <= 1, sum_j z_j <= k, 0 <= w_j <= u_j z_j

Where the totals fix ``sum w``, ``sum w^2`` is 1 / (effective sample size) up to a constant. With z of 0 and 1 alone this is the problem
itself. For fixed z its dual is smooth in as many variables as there are targets, see `dual`. Every dual solution theta bounds what k
households can do:

    b' theta - 1/2 ||theta||^2 - (the k largest of h_j),   h_j = max over 0 <= w <= u_j of (A_j' theta) w - price/2 w^2.

For fixed theta shares grow with what each household would gain by a larger one, ``z_j <- min(1, z_j sqrt(h_j) / c)`` with the c that gives
``sum z = k``; without bounds u this is the best z for the weights. The two alternate. Households outside the pool whose h_j is among the
largest join it, so that the answer is that of all households.

Source: Bertsimas, Pauphilet & Van Parys (2020), Sparse regression: scalable algorithms and empirical performance; Liu, Lodi & Shafiee
(arXiv 2502.09502); column generation for the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.support.anchors import Ridge
from l0engine.calibration.support.dual import Dual, DualProblem

#: Alternations at most, and Newton steps in each; they end when other shares would lower the objective by less than this share of it.
ALTERNATIONS, NEWTON, STILL = 36, 10, 1e-3
#: After them, so many in which shares grow by the square: those in between go to 0 or 1 while there are others to take over.
SHARPER = 4
#: Where there is no solution to start from, a price is reached from this one, relative to it, in so many alternations.
SOFT, COLD = 125.0, 4
#: Newton ends when the decrease left is below this share of the objective of no household; for weights that are used, of the second.
ENOUGH, FINE = 1e-8, 1e-10
#: Conjugate gradients end when the residual has shrunk to this share, for weights that are used to the second: curvatures jump where
#: weights become 0.
ROUGH, CLOSE = 0.1, 0.01
#: A share of a household below this is none, unless the household carries more than so much of its targets: a rare one may need little
#: weight.
NONE, CARRIES = 1e-3, 1e-5
#: A solution has settled where its objective is above its bound by no more than this share of that of no household.
APART = 1e-3
#: After each of so many alternations the pool grows, at most by this share of it (and by `FEW` households at least); who enters has this
#: share.
PRICING, GROWTH, FEW, ENTRY = 24, 0.5, 100, 0.01


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A solution of the relaxation.

    Attributes
    ----------
    k : int
    price : float
    pool : ndarray of int, shape (n_pool,)
        Columns that took part, ascending.
    weights, shares : ndarray of float64, shape (n_pool,)
        w and z.
    kept : ndarray of bool, shape (n_pool,)
        Who has a share, or carries something all the same.
    apart : float
        By how much the objective of weights and shares is above the bound, as a share of that of no household.
    bound : float
        No k households have a smaller ``1/2 ||A w - b||^2 + price/2 ||w||^2``.
    dual : Dual
    """

    k: int
    price: float
    pool: np.ndarray
    weights: np.ndarray
    shares: np.ndarray
    kept: np.ndarray
    apart: float
    bound: float
    dual: Dual

    @property
    def settled(self) -> bool:
        """Whether objective and bound have met, nearly: only then do the shares say who matters."""
        return self.apart <= APART


def shares(weights: np.ndarray, k: int) -> np.ndarray:
    """``min(1, w / c)`` with the c for which they sum to k; 1 for every positive weight where there are no more than k."""
    if np.count_nonzero(weights) <= k:
        return (weights > 0).astype(float)
    w = np.sort(weights)[::-1]
    rest = np.cumsum(w[::-1])[::-1]  # rest[i]: sum of all but the i largest
    full = np.arange(k)
    c = rest[:k] / (k - full)
    return np.asarray(np.minimum(1.0, weights / c[np.flatnonzero(w[:k] <= c)[0]]))


def _largest(h: np.ndarray, k: int) -> float:
    """The sum of the k largest."""
    return float((np.partition(h, len(h) - k)[len(h) - k :] if k < len(h) else h).sum())


class Relaxation:
    """The relaxation on one system, for one k and price after the other.

    Parameters
    ----------
    a : csc_array of float64, shape (n_targets, n_households)
    b : ndarray of float64, shape (n_targets,)
    hardness : ndarray of float64, shape (n_targets,)
        What each squared residual is divided by: 1, or far less for what must hold exactly.
    upper : ndarray of float64, shape (n_households,), or inf
        Largest weights u.
    """

    def __init__(self, a: sp.csc_array, b: np.ndarray, hardness: np.ndarray, upper: Any = np.inf) -> None:
        self.a, self._at, self._b, self._hardness = a, sp.csr_array(a.T), b, hardness
        self._upper = np.broadcast_to(upper, a.shape[1])
        self._norm = np.sqrt(np.asarray(a.power(2).sum(axis=0)).ravel())

    def bound(self, theta: np.ndarray, k: int, price: float) -> tuple[float, np.ndarray]:
        """The bound that a dual solution gives for k households, and h_j of every household, shape (n_households,)."""
        pull = self._at @ theta
        w = Bounds(0.0, self._upper).clip(pull / price, pull).value
        h = np.maximum(pull * w - price / 2 * w * w, 0.0)
        value = float(self._b @ theta - (self._hardness * theta) @ theta / 2) - _largest(h, k)
        return value, h

    def solve(self, k: int, price: float, pool: np.ndarray, start: np.ndarray, after: Dual | None = None) -> Relaxed:
        """The solution for all households, from weights of those in a pool.

        Parameters
        ----------
        pool : ndarray of int, shape (n_pool,)
            Ascending columns to begin with.
        start : ndarray of float64, shape (n_pool,)
            Weights of theirs to begin with.
        after : Dual, optional
            Solution for a like k and price to start from.
        """
        k, nothing, price_asked = min(k, self.a.shape[1]), float(self._b @ self._b) / 2, price
        problem, z, best = self._restricted(pool, after), shares(start, k), -np.inf
        for step in range(ALTERNATIONS):
            price = price_asked * (SOFT ** max(1 - step / COLD, 0.0) if after is None else 1.0)
            h, bound = self._alternated(problem, z, pool, k, price)
            if price == price_asked:
                best = max(best, bound)
                if _largest(h, k) - float(z @ h[pool]) <= STILL * bound:
                    break
            weights = z * np.sqrt(2 * h[pool] / price)
            z = self._carrying(shares(weights, k), weights, pool)
            if step < PRICING and len(enter := self._entering(h, k, pool[z > 0])):
                everyone = np.zeros(self.a.shape[1])
                everyone[pool], everyone[enter] = z, ENTRY
                pool = np.union1d(pool[z > 0], enter)
                z = np.minimum(everyone[pool] * k / everyone.sum(), 1.0)
                problem = self._restricted(pool, problem.dual)
        for _ in range(SHARPER):
            weights = z * np.sqrt(2 * h[pool] / price)
            z = self._carrying(shares(weights**2, k), weights, pool)
            h, bound = self._alternated(problem, z, pool, k, price)
            best = max(best, bound)
        w = Ridge(z, price, Bounds(0.0, self._upper[pool])).weights(problem.at @ problem.theta).value
        residual, some = problem.a @ w - self._b, z > 0
        value = float((residual**2 / self._hardness).sum() + price * (w[some] ** 2 / z[some]).sum()) / 2
        kept = (z > NONE) | (self._norm[pool] * w > CARRIES)
        return Relaxed(k, price, pool, w, z, kept, (value - best) / nothing, best, problem.dual)

    def _alternated(self, problem: DualProblem, z: np.ndarray, pool: np.ndarray, k: int, price: float) -> tuple[np.ndarray, float]:
        """For given shares the dual is solved; h_j of every household, shape (n_households,), and the bound."""
        problem.solve(Ridge(z, price, Bounds(0.0, self._upper[pool])), self._hardness, ENOUGH * float(self._b @ self._b) / 2, NEWTON)
        bound, h = self.bound(problem.theta, k, price)
        return h, bound

    def _carrying(self, z: np.ndarray, weights: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """Shares without those that are next to none, of households that carry next to nothing."""
        return np.where((z < NONE / 100) & (self._norm[pool] * weights < CARRIES), 0.0, z)

    def even(self, kept: np.ndarray, price: float, least: float, after: Dual) -> np.ndarray:
        """The weights of some households alone, each with a share of 1 and no less than `least`; shape (n_kept,)."""
        problem, one, enough = self._restricted(kept, after, CLOSE), np.ones(len(kept)), FINE * float(self._b @ self._b) / 2
        bounds = Bounds(np.minimum(least, self._upper[kept]), self._upper[kept])
        return problem.solve(Ridge(one, price, bounds), self._hardness, enough)

    def _entering(self, h: np.ndarray, k: int, pool: np.ndarray) -> np.ndarray:
        """Households outside the pool that would be among the k best, the best of them where they are many."""
        least = np.partition(h, len(h) - k)[len(h) - k] if k < len(h) else 0.0
        h = h.copy()
        h[pool] = 0.0
        enter = np.flatnonzero((h >= least) & (h > 0))  # the k-th best may be one of them
        most = max(FEW, int(GROWTH * len(pool)))
        return np.asarray(enter if len(enter) <= most else enter[np.argpartition(-h[enter], most)[:most]])

    def _restricted(self, pool: np.ndarray, after: Dual | None, rough: float = ROUGH) -> DualProblem:
        part = self.a if len(pool) == self.a.shape[1] else self.a[:, pool]
        return DualProblem(sp.csr_array(part), self._b, after, rough)
