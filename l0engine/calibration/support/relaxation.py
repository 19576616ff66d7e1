"""The perspective relaxation: few households, small error and even weights as one convex problem, and a bound for every other answer.

    minimise  1/2 ||A w - b||^2 + price/2 sum_j w_j^2 / z_j   over 0 <= z <= 1, sum_j z_j <= k, l_j z_j <= w_j <= u_j z_j

Where the totals fix ``sum w``, ``sum w^2`` is 1 / (effective sample size) up to a constant. With z of 0 and 1 alone this is the problem
itself. For fixed z its dual is smooth in as many variables as there are targets, see `solvers.dual`. Every dual solution theta bounds what
k households can do:

    b' theta - 1/2 ||theta||^2 - (the k largest of h_j),   h_j = max over w of (A_j' theta) w - price/2 w^2,

where w is 0 or from l_j to u_j; protected households are among the k with l_j to u_j, whatever their h_j.

For fixed theta shares grow with what each household would gain by a larger one, ``z_j <- min(1, z_j sqrt(h_j) / c)`` with the c that gives
``sum z = k``; without bounds u this is the best z for the weights. The two alternate. Households outside the pool whose h_j is among the
largest join it, so that the answer is that of all households.

Source: Bertsimas, Pauphilet & Van Parys (2020), Sparse regression: scalable algorithms and empirical performance; Liu, Lodi & Shafiee
(arXiv 2502.09502); column generation for the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.problem.rules import Rules
from l0engine.calibration.support.solvers.anchors import Limits, Ridge
from l0engine.calibration.support.solvers.dual import Dual, DualProblem

#: Alternations at most, and Newton steps in each; they end when other shares would lower the objective by less than this share of it, or
#: the second where only the bound is wanted.
ALTERNATIONS, NEWTON, STILL, BOUNDED = 36, 6, 1e-3, 5e-3
#: After them, so many in which shares grow by the square: those in between go to 0 or 1 while there are others to take over.
SHARPER = 4
#: Where there is no solution to start from, a price is reached from this one, relative to it, in so many alternations.
SOFT, COLD = 125.0, 3
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
#: After each of so many alternations the pool grows, at most by this share of it (and by `FEW` households at least); who enters has the
#: first share, or the second where there is no solution to start from: that pool lacks many, and small shares are slow to grow.
PRICING, GROWTH, FEW, ENTRY, FIRST_ENTRY = 24, 0.5, 100, 0.01, 0.1


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


class Bound(NamedTuple):
    """What a dual solution proves of k households; h_j of every household, shape (n_households,); sum and least of the k largest."""

    value: float
    h: Tensor
    best: float
    least: float


def shares(weights: Tensor, k: int) -> Tensor:
    """``min(1, w / c)`` with the c for which they sum to k; 1 for every positive weight where there are no more than k."""
    if k == 0 or int((weights > 0).sum()) <= k:
        return ((weights > 0) & (k > 0)).to(weights.dtype)
    w = weights.sort(descending=True).values
    rest = w.flip(0).cumsum(0).flip(0)  # rest[i]: sum of all but the i largest
    c = rest[:k] / (k - torch.arange(k, device=w.device))
    return (weights / c[(w[:k] <= c).nonzero()[0]]).clamp(max=1.0)


class Relaxation:
    """The relaxation on one system, for one k and price after the other.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_households)
        It is solved where this is.
    b : ndarray of float64, shape (n_targets,)
    hardness : ndarray of float64, shape (n_targets,)
        What each squared residual is divided by: 1, or far less for what must hold exactly.
    upper : ndarray of float64, shape (n_households,), or inf
        Largest weights u.
    rules : Rules, optional
        Of all households: smallest weights l, in ``l_j z_j <= w_j``; protected ones have a share of 1.
    """

    def __init__(self, a: LinearMap, b: np.ndarray, hardness: np.ndarray, upper: Any = np.inf, rules: Rules | None = None) -> None:
        self._here = partial(torch.tensor, device=a.device)
        self._a, self._b, self._hardness = a, self._here(b), self._here(hardness)
        self._n, self._nothing = a.shape[1], float(b @ b) / 2
        self._upper = self._here(np.broadcast_to(np.asarray(upper, np.float64), self._n))
        self._lower = torch.zeros_like(self._upper) if rules is None else self._here(rules.smallest)
        self._held = torch.zeros_like(self._upper, dtype=torch.bool) if rules is None else self._here(rules.protected)
        self._n_held = int(self._held.sum())
        self._norm = a.squared().rmatvec(torch.ones_like(self._b)).sqrt()

    def bound(self, theta: Tensor, k: int, price: float) -> Bound:
        """The bound that a dual solution gives for k households."""
        pull = self._a.rmatvec(theta)
        w = torch.minimum(torch.maximum(pull / price, self._lower), self._upper)
        h = pull * w - price / 2 * w * w
        h = torch.where(self._held, h, h.clamp(min=0.0))
        free = h[~self._held] if self._n_held else h
        largest = torch.topk(free, k - self._n_held, sorted=False).values if k < self._n else free
        best = float(largest.sum()) + float(h[self._held].sum())
        least = float(largest.min()) if len(largest) else np.inf
        return Bound(float(self._b @ theta - (self._hardness * theta) @ theta / 2) - best, h, best, least)

    def solve(
        self,
        k: int,
        price: float,
        pool: np.ndarray,
        start: np.ndarray,
        after: Dual | None = None,
        *,
        rough: bool = False,
        sharp: bool = True,
    ) -> Relaxed:
        """The solution for all households, from weights of those in a pool.

        Parameters
        ----------
        pool : ndarray of int, shape (n_pool,)
            Ascending columns to begin with.
        start : ndarray of float64, shape (n_pool,)
            Weights of theirs to begin with.
        after : Dual, optional
            Solution for a like k and price to start from.
        rough : bool
            Whether only the bound is wanted: it ends early.
        sharp : bool
            Whether shares in between go to 0 or 1 in the end, while there are others to take over.
        """
        still, sharper = BOUNDED if rough else STILL, SHARPER if sharp else 0
        k, price_asked, best, among = min(k, self._n), price, -np.inf, self._here(pool)
        problem, z = self._restricted(among, after), self._shares(self._here(start), among, k)
        for step in range(ALTERNATIONS):
            price = price_asked * (SOFT ** max(1 - step / COLD, 0.0) if after is None else 1.0)
            found = self._alternated(problem, z, among, k, price)
            if price == price_asked:
                best = max(best, found.value)
                if found.best - float(z @ found.h[among]) <= still * found.value:
                    break
            weights = z * (2 * found.h[among].clamp(min=0.0) / price).sqrt()
            z = self._carrying(self._shares(weights, among, k), weights, among)
            if step < PRICING and len(enter := self._entering(found, among[z > 0])):
                everyone = torch.zeros_like(found.h)
                everyone[among] = z
                everyone[enter] = FIRST_ENTRY if after is None else ENTRY
                among = (everyone > 0).nonzero().flatten()
                z = (everyone[among] * (k / everyone.sum())).clamp(max=1.0)
                z[self._held[among]] = 1.0
                problem = self._restricted(among, problem.dual)
        for _ in range(sharper):
            weights = z * (2 * found.h[among].clamp(min=0.0) / price).sqrt()
            z = self._carrying(self._shares(weights**2, among, k), weights, among)
            found = self._alternated(problem, z, among, k, price)
            best = max(best, found.value)
        w = Ridge(z, price, self._limits(among)).weights(problem.a.rmatvec(problem.theta)).value
        residual, some = problem.a.matvec(w) - self._b, z > 0
        value = float((residual**2 / self._hardness).sum() + price * (w[some] ** 2 / z[some]).sum()) / 2
        kept = (z > NONE) | (self._norm[among] * w > CARRIES)
        at, weight, share, stay = (t.cpu().numpy() for t in (among, w, z, kept))
        return Relaxed(k, price, at, weight, share, stay, (value - best) / self._nothing, best, problem.dual)

    def even(self, kept: np.ndarray, price: float, least: float, after: Dual) -> np.ndarray:
        """The weights of some households alone, each with a share of 1 and no less than `least`; shape (n_kept,)."""
        among = self._here(kept)
        problem, high = self._restricted(among, after, CLOSE), self._upper[among]
        low = torch.maximum(high.clamp(max=least), self._lower[among])
        ridge = Ridge(torch.ones_like(high), price, Limits(low, high))
        return np.asarray(problem.solve(ridge, self._hardness, FINE * self._nothing).cpu().numpy())

    def _alternated(self, problem: DualProblem, z: Tensor, pool: Tensor, k: int, price: float) -> Bound:
        """For given shares the dual is solved; what its solution proves."""
        problem.solve(Ridge(z, price, self._limits(pool)), self._hardness, ENOUGH * self._nothing, NEWTON)
        return self.bound(problem.theta, k, price)

    def _limits(self, pool: Tensor) -> Limits:
        return Limits(self._lower[pool], self._upper[pool])

    def _shares(self, weights: Tensor, pool: Tensor, k: int) -> Tensor:
        """`shares`, where protected households have theirs in any case."""
        held = self._held[pool]
        z = torch.ones_like(weights)
        z[~held] = shares(weights[~held], k - self._n_held)
        return z

    def _carrying(self, z: Tensor, weights: Tensor, pool: Tensor) -> Tensor:
        """Shares without those that are next to none, of households that carry next to nothing."""
        return torch.where((z < NONE / 100) & (self._norm[pool] * weights < CARRIES), 0.0, z)

    def _entering(self, found: Bound, pool: Tensor) -> Tensor:
        """Households outside the pool that would be among the k best, the best of them where they are many."""
        h = found.h.clone()
        h[pool] = 0.0
        enter = ((h >= found.least) & (h > 0)).nonzero().flatten()  # the k-th best may be one of them
        most = max(FEW, int(GROWTH * len(pool)))
        return enter if len(enter) <= most else enter[torch.topk(h[enter], most, sorted=False).indices]

    def _restricted(self, pool: Tensor, after: Dual | None, rough: float = ROUGH) -> DualProblem:
        return DualProblem(self._a if len(pool) == self._n else self._a.columns(pool), self._b, after, rough)
