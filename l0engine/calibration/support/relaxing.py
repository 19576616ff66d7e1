"""Which relaxation a problem gets, its way to a number of households, and what it proves of an answer."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse as sp

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.config import Config
from l0engine.calibration.problem.rules import Rules
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate
from l0engine.calibration.support.capping import LEAST, LEAST_EVEN, Capping
from l0engine.calibration.support.elimination import Elimination
from l0engine.calibration.support.relaxation import APART, Relaxation, Relaxed
from l0engine.calibration.support.solvers.dual import is_factored
from l0engine.calibration.support.support import Support
from l0engine.selection.cube import flight

#: What a relaxation asks of evenness: a loss of this share of that of keeping none, at an effective sample size of k.
EVENNESS = 1e-4
#: A sum of weights that must hold is as hard as this in a relaxation, which only chooses.
HARD = 1e-3
#: Up to so many entries, and targets times households, a problem is small: every candidate is tried.
FEW_ENTRIES, FEW_CELLS = 300_000, 2_000_000
#: A relaxation works on at most so many entries.
RELAXED_ENTRIES = 10_000_000
#: Over all households the relaxation finds those that suit the targets best, and totals that were held out are met less well by them. So
#: on a problem that is not small, for more households than targets, it chooses among what the gates kept, and others up to so many for each
#: that is wanted; and this share of the price of evenness is on ``||A_j w_j||^2``, by which the totals spread if households are drawn anew.
SHORTLIST, CARRIED = 2.0, 0.5
#: Shares in between are drawn by a flight of the cube method for at least so many households a target, and at most so many targets.
PLENTY, FLOWN_TARGETS = 1.5, 100


def is_small(system: ScaledSystem) -> bool:
    """Whether every candidate is cheap."""
    return bool(system.source.nnz <= FEW_ENTRIES and math.prod(system.shape) <= FEW_CELLS)


def caps(system: ScaledSystem, config: Config) -> bool:
    """Whether the relaxation is `Capping`: on a problem that is not small, where settings alone give a largest weight."""
    return (config.max_ratio is not None or config.max_weight is not None) and not is_small(system) and system.ruled is None


def relaxes(system: ScaledSystem, config: Config) -> bool:
    """Whether a relaxation is asked for, and the problem of a kind and size for one; smallest weights alone are for small problems."""
    fits = system.source.nnz <= RELAXED_ENTRIES and is_factored(len(system.target), system.areas)
    return config.relax and system.loss.squared and fits and (not config.bounded or is_small(system) or caps(system, config))


def filled(system: ScaledSystem, config: Config, weights: np.ndarray, k: int) -> np.ndarray:
    """Weights with further households at a small share of their base weight, in an order drawn from the seed, until there are k."""
    out, base = weights.copy(), system.base_weights
    rest = np.random.default_rng(config.seed).permutation(np.flatnonzero(out == 0))[: k - np.count_nonzero(out)]
    out[rest] = LEAST * base[rest]
    return out


class _Parts(NamedTuple):
    """What households carry, for `flight`: shape (n_households, n_targets)."""

    matrix: sp.csr_array

    def dense(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.asarray(self.matrix[rows].toarray()[:, columns], np.float64)


class Relaxing:
    """The relaxation of one problem, for one number of households after the other, best from the largest down.

    Parameters
    ----------
    system, config
    gated : ndarray of float64, shape (n_households,)
        Weights to begin with.
    a : LinearMap of float64, shape (n_targets, n_households)
    b : ndarray of float64, shape (n_targets,)
        The squared loss of all households is ``||a w - b||^2``.
    """

    def __init__(self, system: ScaledSystem, config: Config, gated: np.ndarray, a: LinearMap, b: np.ndarray) -> None:
        self._system, self._config, self._gated, self._a, self._b = system, config, gated, a, b
        self._hardness, self._capped = np.maximum(system.hardness, HARD), caps(system, config)
        self._relaxed: Relaxed | None = None
        self._apart = np.inf
        self._bounds: dict[int, tuple[float, float]] = {}

    @property
    def settled(self) -> bool:
        """Whether the last solution is near what is proven: only then does it say who matters."""
        return self._apart <= APART

    def support(self, k: int) -> Support:
        """k households, and weights to start from."""
        if self._capped:
            return self._under_caps(k)
        if self._flies(k):
            return self._flown(self._solved(k, sharp=False), k)
        chosen_among_all = is_small(self._system) or k <= len(self._system.target)  # so few have neither weight nor fit to give away
        return self._rounded(self._solved(k) if chosen_among_all else self._shortlisted(k), k)

    def _under_caps(self, k: int) -> Support:
        price = self._price(k)
        support, theta = self._capping.down_to(k, price)
        self._bounds[k] = price, self._relaxation.bound(theta, k, price).value
        weights = np.zeros(self._system.shape[1])
        weights[support.kept] = support.start
        value, bound = self._proven(weights, k)
        self._apart = 2 * (value - bound) / self._system.nothing
        return support

    def prove(self, k: int) -> Relaxed:
        """What `certificate` needs of k households, and no more: a rough solution bounds nearly as well. Not under caps."""
        return self._solved(k, rough=True, sharp=False)

    def _price(self, k: int) -> float:
        return EVENNESS * self._system.nothing * k / float(self._system.base_weights.sum()) ** 2

    def _flies(self, k: int) -> bool:
        """Whether nearly all shares may be in between: where households are many and targets few, most sets of them do as well.

        Not on a small problem: what is drawn hangs on the last bits of the shares, and there other candidates are as good.
        """
        n_targets = len(self._system.target)
        return n_targets <= FLOWN_TARGETS and k >= PLENTY * n_targets and not is_small(self._system)

    def _solved(self, k: int, *, rough: bool = False, sharp: bool = True) -> Relaxed:
        if self._relaxed is None or not (self._relaxed.settled or rough):
            pool, start, after = np.flatnonzero(self._gated > 0), self._gated[self._gated > 0], None
        else:
            stay = self._relaxed.shares > 0
            pool, start, after = self._relaxed.pool[stay], self._relaxed.weights[stay], self._relaxed.dual
        self._relaxed = self._relaxation.solve(k, self._price(k), pool, start, after, rough=rough, sharp=sharp)
        self._bounds[k], self._apart = (self._relaxed.price, self._relaxed.bound), self._relaxed.apart
        return self._relaxed

    def _shortlisted(self, k: int) -> Relaxed:
        """The relaxation of a shortlist: what the gates kept, and where that is too few, those with the largest shares of the proof.

        With a price on what each carries, which is to count weights in other units.
        """
        system, proof = self._system, self.prove(k)
        gates, others = self._gated > 0, proof.pool[np.argsort(-proof.shares, kind="stable")]
        room = max(int(SHORTLIST * k) - np.count_nonzero(gates), 0)
        pool = np.union1d(np.flatnonzero(gates), others[~gates[others]][:room])
        start, unit = self._gated.copy(), self._unit[pool]
        start[proof.pool] = np.where(gates[proof.pool], start[proof.pool], proof.weights)
        rules = system.ruled and system.ruled.at(pool)
        rules = rules and Rules(rules.protected, rules.smallest / unit, rules.largest / unit)
        a = self._a.columns(torch.tensor(pool, device=self._a.device))
        a = a.weighted(torch.ones(len(self._b), dtype=torch.float64, device=a.device), torch.tensor(unit, device=a.device))
        among = Relaxation(a, self._b, self._hardness, self._upper[pool] / unit, rules)
        found = among.solve(k, proof.price, np.arange(len(pool)), start[pool] / unit, proof.dual)
        self._apart = found.apart
        return replace(found, pool=pool[found.pool], weights=found.weights * unit[found.pool])

    @cached_property
    def _unit(self) -> np.ndarray:
        """In which weights count alike for the price, shape (n_households,): small ones where a household carries much."""
        carried = self._system.squares.astype(np.float64)
        by = self._gated if carried @ self._gated > 0 else self._system.base_weights  # gates may keep only who carries nothing
        mean = float(carried @ by) / float(by.sum())
        return np.asarray(1 / np.sqrt(1 - CARRIED + CARRIED * carried / mean))

    def evened(self, supports: list[Support]) -> list[Support]:
        """The same households, started from the weights that the relaxation has for them alone: as even as its price asks.

        None under caps, where weights are even from the start.
        """
        relaxed = self._relaxed
        if relaxed is None:
            return []
        least = [LEAST_EVEN * float(support.start.mean()) for support in supports]
        even = [self._relaxation.even(s.kept, relaxed.price, low, relaxed.dual) for s, low in zip(supports, least, strict=True)]
        return [replace(support, start=start) for support, start in zip(supports, even, strict=True)]

    def certificate(self, weights: np.ndarray, k: int) -> Certificate | None:
        """What is proven of weights of all households, shape (n_households,), as an answer with k; None where k was not relaxed."""
        if k not in self._bounds:
            return None
        value, bound = self._proven(weights, k)
        return Certificate(k=k, price=self._bounds[k][0], value=value, bound=max(bound, 0.0))

    def _proven(self, weights: np.ndarray, k: int) -> tuple[float, float]:
        """The objective of weights of all households, and what k of them cannot fall below."""
        price, bound = self._bounds[k]
        residual = np.sqrt(self._system.importance) * (self._system.estimates(weights) - self._system.target)
        return float((residual**2 / self._hardness).sum()) / 2 + price / 2 * float(weights @ weights), bound

    def _rounded(self, relaxed: Relaxed, k: int) -> Support:
        """Elimination from the relaxed weights; households of no share fill up where there are fewer than k."""
        some = relaxed.kept
        if some.sum() < k:
            some = np.zeros(len(relaxed.pool), bool)
            held = self._system.rules.protected[relaxed.pool]
            some[np.argsort(np.where(held, -np.inf, -relaxed.weights), kind="stable")[:k]] = True
        return self._eliminated(relaxed.pool[some], relaxed.weights[some], k)

    def _flown(self, relaxed: Relaxed, k: int) -> Support:
        """Each household with its share as probability and its whole weight, so that totals stay; elimination of those left undecided."""
        some = relaxed.shares > 0
        pool, shares = relaxed.pool[some], relaxed.shares[some]
        whole = relaxed.weights[some] / shares
        parts = _Parts(sp.csr_array(self._system.columns(pool).multiply(whole).T))
        left = flight(parts, shares, np.random.default_rng(self._config.seed), columns=np.arange(len(self._system.target)))
        drawn = left > 0
        return self._eliminated(pool[drawn], (whole * left)[drawn], k)

    def _eliminated(self, kept: np.ndarray, weights: np.ndarray, k: int) -> Support:
        """Elimination from some households and their weights, shape (n_kept,), down to k; filled up first where they are fewer."""
        start = np.zeros(self._system.shape[1])
        start[kept] = np.maximum(weights, LEAST * self._system.base_weights[kept])
        if np.count_nonzero(start) < k:
            start = filled(self._system, self._config, start, k)
        return Elimination(self._system, start).down_to(k)

    @cached_property
    def _upper(self) -> np.ndarray:
        """Largest weights allowed, shape (n_households,)."""
        return np.asarray(self._system.bounds(np.arange(self._system.shape[1]), self._config).high)

    @cached_property
    def _relaxation(self) -> Relaxation:
        return Relaxation(self._a, self._b, self._hardness, self._upper, self._system.ruled)

    @cached_property
    def _capping(self) -> Capping:
        return Capping(self._a, self._b, self._hardness, self._system.base_weights, self._upper, self._gated)
