"""The way to a number of households: candidates from several sources, calibrated, and the best of them.

Gates and the elimination that follows them judge households one by one; the relaxation judges them together, see `relaxing`.
Non-negative least squares has an exact answer where there is one; small problems are cheap enough to try a random start as well. The
best of them wins, see `better`.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import cached_property
from operator import itemgetter

import numpy as np
from scipy import sparse as sp

from l0engine.arrays.linear_map import LinearMap, applied
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate
from l0engine.calibration.support.calibrated import EQUAL, MET, Calibrated, better, calibrated, exchanged
from l0engine.calibration.support.elimination import Elimination
from l0engine.calibration.support.raking import HARDEST, Softness
from l0engine.calibration.support.relaxing import Relaxing, filled, is_small, relaxes
from l0engine.calibration.support.solvers.least_squares import least_squares
from l0engine.calibration.support.solvers.nonnegative import nonnegative
from l0engine.calibration.support.splicing import spliced
from l0engine.calibration.support.support import Support, foremost

#: Non-negative least squares is tried up to so many.
VERTEX_CELLS = 5_000_000
#: Exchanges of households that are tried: a limit in work, as one in time would give other weights on a busy machine. So many candidates
#: get them, those that miss least, after so many steps of least squares; one on a large problem. There are fewer where a set has many
#: entries: so many in all.
EXCHANGES, SPLICED, BRIEF = 60, 2, 60
EXCHANGED_ENTRIES = 400_000
#: On a large problem with fewer households than this share of the targets, shares of the relaxation do not say who matters.
FAR_FEWER = 0.5
#: So few households on a small problem are exchanged one by one as well, see `polish`.
FEWEST = 8
#: How much more the households of the previous set count in eliminations, where change has a price; the last lets them leave last.
LOYALTY = (10.0, 1e12)
#: Losses of different sizes are equal within this share.
SAME = 1e-3
#: The least share of their weights that households get which only fill up.
PAD = 1e-9
#: What least squares leaves at 0 gets this share of the largest weight: raking starts from positive ones.
LEAST_FITTED = 1e-9


class Chooser:
    """Answers for one number of households after the other, best from the largest down.

    Parameters
    ----------
    problem, system, config
    gated : ndarray of float64, shape (n_households,)
        Gated weights of a fit; all may be 0.
    """

    def __init__(self, problem: Problem, system: ScaledSystem, config: Config, gated: np.ndarray) -> None:
        self._problem, self._system, self._config = problem, system, config
        self._gated = gated if (gated > 0).any() else system.base_weights
        self._elimination: Elimination | None = None
        self._support: Support | None = None
        self._small = is_small(system)
        self._medium = math.prod(system.shape) <= VERTEX_CELLS
        self._root = np.sqrt(system.importance)
        self._aim = self._root * system.target
        self._bounded = system.bounded(config)
        self.relaxes = relaxes(system, config)
        self._change = system.lambda_change(config)

    def at(self, k: int) -> Calibrated:
        """The best answer found with k households."""
        started, best = time.perf_counter(), None
        for support in [*self._candidates(k), *self._loyal(k)]:
            found = calibrated(self._problem, self._system, self._config, support)
            if best is None or self._beats(found, best):
                best = found
        assert best is not None  # gates always give a candidate
        return replace(best, certificate=self.certificate(best.weights, k), seconds=time.perf_counter() - started)

    def certificate(self, weights: np.ndarray, k: int) -> Certificate | None:
        """What is proven of weights of all households, shape (n_households,), as an answer with k; None where k was not relaxed."""
        return self._relaxing.certificate(weights, k) if self.relaxes else None

    def as_good(self, larger: Calibrated, smaller: Calibrated) -> Calibrated:
        """An answer of the larger size with a loss no larger than the smaller one's: its households and the best of the others.

        The larger answer itself where its loss is as good as none, or nothing better is found.
        """
        s, started = self._system, time.perf_counter()
        if larger.loss <= MET**2 * s.nothing:
            return larger
        more = np.setdiff1d(larger.support.kept, smaller.support.kept)
        part = s.squares[more] * larger.weights[more] ** 2
        more = more[np.argsort(-part, kind="stable")[: len(larger.support.kept) - len(smaller.support.kept)]]
        start = smaller.weights.copy()
        start[more] = 1e-2 * larger.weights[more]
        support, mu = Support.of(start), smaller.found.mu
        while mu > HARDEST:
            found = calibrated(self._problem, s, replace(self._config, mu=mu, polish=False), support)
            if found.loss <= smaller.loss:
                break
            mu /= 10
        else:
            if self._bounded or self._config.total != "free":
                return larger
            found = self._padded(smaller, larger, support)
        return replace(found, certificate=self.certificate(found.weights, len(support.kept)), seconds=time.perf_counter() - started)

    def _padded(self, smaller: Calibrated, larger: Calibrated, support: Support) -> Calibrated:
        """The smaller answer, and as much of the larger one's weights for the rest as costs a third of what makes losses differ."""
        s, kept = self._system, support.kept
        extra, rest = np.zeros(len(larger.weights)), np.setdiff1d(kept, smaller.support.kept)
        extra[rest] = larger.weights[rest]
        share, most = 1.0, smaller.loss * (1 + SAME / 3)
        while s.value(smaller.weights + share * extra) > most and share > PAD:
            share /= 2
        weights = smaller.weights + share * extra
        found = Softness.of(smaller.found.mu, weights[kept], lambda w: s.errors(s.columns(kept) @ w - s.target))
        return Calibrated.of(self._problem, s, support, found)

    def _candidates(self, k: int) -> list[Support]:
        s, few = self._system, k < len(self._system.target)
        splices = few and s.loss.squared and not self._config.bounded
        found: list[Support] = []
        if self.relaxes and splices and not self._medium and k < FAR_FEWER * len(s.target):
            self._relaxing.prove(k)  # exchange goes out from gates: no worse there, and sooner at hand
        elif self.relaxes:
            found.append(self._relaxing.support(k))
        if not found or not self._relaxing.settled or self._small or few:
            found.append(self._from_gates(k))
        if self._small or (few and self._medium):
            found += [self._strongest(k), Support.random(s.base_weights, s.rules.protected, k, self._config.seed)]
        if few and self._medium and np.count_nonzero(self._vertex) > k:
            found.append(Elimination(s, self._vertex).down_to(k))
        if splices:
            best = sorted(map(self._fitted, found), key=itemgetter(0))[: SPLICED if self._medium else 1]
            exchanges = min(EXCHANGES, EXCHANGED_ENTRIES // max(k * s.source.nnz // s.shape[1], 1))
            if exchanges:
                anew = [self._fitted(self._splice(support, exchanges)) for _, support in best]
                best = [min(pair, key=itemgetter(0)) for pair in zip(anew, best, strict=True)]
            found = [support for _, support in best]
            if self._small and k <= FEWEST and self._config.total == "free" and s.ruled is None:
                found.append(exchanged(s, found[0]))
        if self._medium and 0 < np.count_nonzero(self._vertex) <= k:
            found.append(Support.of(filled(s, self._config, self._vertex, k)))
        if self.relaxes and k > len(s.target):  # fewer have no weight to give away
            even = self._relaxing.evened(found)
            found = found + even if self._medium or not even else even
        return found

    def _from_gates(self, k: int) -> Support:
        """Elimination from the households that the fit kept, or from all where it kept too few."""
        if self._elimination is None or self._support is None or len(self._support.kept) < k:
            enough = np.count_nonzero(self._gated) >= k
            self._elimination = Elimination(self._system, self._gated if enough else np.maximum(self._gated, self._system.base_weights))
            self._support = self._elimination.full
        self._support = self._elimination.down_to(k, self._support)
        return self._support

    def _loyal(self, k: int) -> list[Support]:
        """Where change has a price: eliminations in which the households of the previous set count for more, up to leaving last."""
        s = self._system
        if s.before is None or not self._change:
            return []
        pool = np.where(self._gated > 0, self._gated, s.before.weights)
        pool = pool if np.count_nonzero(pool) >= k else np.maximum(pool, s.base_weights)
        return [Elimination(s, pool, np.where(s.before.kept, factor, 1.0)).down_to(k) for factor in LOYALTY]

    def _beats(self, one: Calibrated, other: Calibrated) -> bool:
        """`better`; where change has a price, the smaller sum of loss and price first."""
        if self._change:
            met = MET**2 * self._system.nothing
            a, b = (max(c.loss, met) + self._system.cost_of_change(self._config, c.weights) for c in (one, other))
            if abs(a - b) > EQUAL * max(a, b):
                return a < b
        return better(one, other, self._system)

    def _strongest(self, k: int) -> Support:
        """The households that would each do most alone."""
        s = self._system
        pull = np.maximum(s.matrix.T @ (s.importance * s.target), 0.0)
        alone = np.divide(pull, s.squares, out=np.zeros(len(pull)), where=s.squares > 0)
        kept = foremost(pull * alone, k, s.rules.protected)
        return Support.at(kept, np.maximum(alone[kept] / k, 1e-3 * s.base_weights[kept]))

    @cached_property
    def _least_squares(self) -> tuple[sp.csc_array, np.ndarray]:
        """``A, b`` of the squared loss of all households."""
        return self._system.least_squares(np.arange(self._system.shape[1]))

    @cached_property
    def _weighted(self) -> LinearMap:
        """The same A on the device."""
        return self._system.part_by_areas(np.arange(self._system.shape[1]), self._root)

    @cached_property
    def _relaxing(self) -> Relaxing:
        return Relaxing(self._system, self._config, self._gated, self._weighted, self._aim)

    @cached_property
    def _vertex(self) -> np.ndarray:
        """Weights of non-negative least squares, shape (n_households,): at most as many as there are targets."""
        found = self._least(np.arange(len(self._system.base_weights)), patient=True)
        assert found is not None  # it has all the time
        return found[0]

    def _least(self, kept: np.ndarray, patient: bool = False) -> tuple[np.ndarray, float] | None:
        """Weights of some households by non-negative least squares, shape (n_kept,), and their loss; None where that would
        be long, unless it is `patient`.

        Protected ones have their smallest weight at least; largest weights are left to the calibration.
        """
        (a, b), base = self._least_squares, self._system.base_weights[kept]
        least = np.where(self._system.rules.protected[kept], self._system.bounds(kept, self._config).low, 0.0)
        part = sp.csc_array(a[:, kept])
        found = nonnegative(sp.csc_array(part.multiply(base)), b - part @ least, patient=patient)
        return found and (np.asarray(least + found[0] * base), found[1] ** 2)

    def _fitted(self, support: Support) -> tuple[float, Support]:
        """What a support misses of its targets at the least, and the support with the weights for that.

        On a problem that is not of medium size, or with rules of single households: after brief least squares, as it was.
        """
        rules = self._system.ruled and self._system.ruled.at(support.kept)
        if self._medium and rules is None and (least := self._least(support.kept)) is not None:
            weights = np.maximum(least[0], LEAST_FITTED * max(least[0].max(), np.finfo(float).tiny))
            return least[1], Support.at(support.kept, weights)
        part = self._system.part(support.kept, self._root)
        residual = applied(part, least_squares(part, self._aim, np.exp(support.log_weights), BRIEF, rules)) - self._aim
        return float(residual @ residual), support

    def _splice(self, support: Support, exchanges: int) -> Support:
        s, weights = self._system, np.exp(support.log_weights)
        kept, better = spliced(self._weighted, self._aim, support.kept, weights, exchanges=exchanges, rules=s.ruled)
        start = np.zeros(s.shape[1])
        start[kept] = better
        start[support.kept] = np.where(start[support.kept] > 0, support.start, 0.0)
        start = np.maximum(start[kept], 1e-9 * better.max())
        return Support(kept, start * (support.start.sum() / start.sum()), np.log(np.maximum(better, 1e-12 * better.max())))
