"""WhatIf: the refit as the dual problem it solved, and what it would have found without one target or one household.

Final weights are ``w = g exp(A' theta)`` within bounds, where theta minimises

    f(theta) = sum_j D_j*((A' theta)_j) - b' theta + sum_i tau_i theta_i^2 / 2

with the curvature ``H = A diag(s) A' + diag(tau)``, s the slopes of the weights; see `solvers.dual`. Leaving target i out holds theta_i
at 0, leaving household j out takes its column away. One Newton step from theta answers both from the inverse of H alone: that is what is
*predicted*. Steps until nothing moves any more are the refit itself: that is what is *checked*.

The influence of a household is that of regression diagnostics. Source: Cook & Weisberg (1982), Residuals and Influence in Regression, 3.4;
for calibration weights: Deville & Sarndal (1992).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.metrics import active, effective_sample_size
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import L0Error
from l0engine.explain.system import inverse_of, solved, system

#: The inverse of H is as large as the square of this many targets at most.
MOST_TARGETS = 4000
#: The check ends when the decrease left, relative to the total weight, is below this, or after so many steps.
TOLERANCE, STEPS = 1e-12, 60
#: The largest exponent, as in the refit.
LARGEST_EXPONENT = 50.0
#: The solution found here is that of the run where no more of its weight than this share stands elsewhere.
SAME = 0.01
#: A prediction is rough where a weight would change by more than about this share: beyond it one step says little.
ROUGH = 0.25
#: A target is out where its softness is this many times what the others make of it.
_OUT = 1e9
#: Households whose leverage is worked out at a time.
_BLOCK = 256


class Change(NamedTuple):
    """What leaving one target or household out does to the refit of the other ones.

    Attributes
    ----------
    ess : float
        Change of the effective sample size, in households.
    loss : float
        Change of the loss of the other targets, in the loss's own units; negative is better.
    weights : ndarray of float64, shape (n_kept,)
        The weights it would have.
    rough : bool
        Some weight would change so much, or stands at a bound, that one step says little; False where it was checked. Where it is
        False, predictions were within 5 % of the rerun in the middle, see `tests/explain/test_whatif.py`.
    """

    ess: float
    loss: float
    weights: np.ndarray
    rough: bool


@dataclass(frozen=True, eq=False)
class WhatIf:
    """One refit; build it with `WhatIf.of`.

    Attributes
    ----------
    rows : ndarray of int, shape (n_use,)
        Targets in use.
    kept : ndarray of int, shape (n_kept,)
        Households kept.
    a : csc_array, shape (n_use, n_kept)
        Scaled as the loss sees it; a row for the sum of weights stands last, where settings ask for one.
    b : ndarray, shape (n_use,)
    start, low, high : ndarray, shape (n_kept,)
        The weights g that the refit held to, and bounds.
    tau : ndarray, shape (n_use,)
    theta : ndarray, shape (n_use,)
        The solution.
    weights : ndarray, shape (n_kept,)
        What it gives: those of the run, but for the tolerance of its solver.
    """

    rows: np.ndarray
    kept: np.ndarray
    a: sp.csc_array
    b: np.ndarray
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray
    tau: np.ndarray
    theta: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, problem: Problem, config: Config, weights: np.ndarray, start: np.ndarray | None, mu: float | None) -> Self:
        """The refit behind final weights.

        Parameters
        ----------
        weights, start : ndarray, shape (n_households,)
            What the refit made of which weights, see `Result`.
        mu : float
            Its softness.

        Raises
        ------
        L0Error
            Prices are not known here; it says why.
        """
        if start is None or mu is None:
            raise L0Error("What anything would cost is not known here: the run had no refit, or an earlier version made it. Run it again.")
        if not LOSSES[config.loss].squared or config.anchor != "entropy" or config.lambda_ratio > 0:
            raise L0Error("What anything would cost is known for squared losses, entropy and no price of ratios only.")
        kept, (rows, a, b, tau) = np.flatnonzero(active(weights)), system(problem, config, weights, start, mu)
        if len(b) > MOST_TARGETS:
            raise L0Error(f"What anything would cost is worked out for up to {MOST_TARGETS:,} targets; there are {len(b):,}.")
        bounds = Bounds.of(config, problem.start_weights[kept], problem.rules.at(kept))
        low, high = (np.broadcast_to(bound, len(kept)).astype(float) for bound in bounds)
        whole = cls(rows, kept, a, b, start[kept], low, high, tau, np.zeros(len(b)), weights[kept])
        theta, found = whole._solved(whole._first())
        if not np.abs(found - weights[kept]).sum() <= SAME * found.sum():
            raise L0Error("What anything would cost is not known here: the refit did not end at its optimum.")
        return cls(rows, kept, a, b, start[kept], low, high, tau, theta, found)

    @cached_property
    def inverse(self) -> np.ndarray:
        """H^-1 at the solution, shape (n_use, n_use)."""
        return np.asarray(inverse_of(self._curvature(self.a, self._slope(self.weights), self.tau)))

    @cached_property
    def leverages(self) -> np.ndarray:
        """``s_j A_j' H^-1 A_j``, shape (n_kept,), from 0 to 1: how far the targets need just this household."""
        parts = np.empty(len(self.kept))
        for at in self._blocks(len(self.kept)):
            mine = self.a[:, at].T
            parts[at] = np.asarray(mine.multiply(mine @ self.inverse).sum(axis=1)).ravel()
        return np.asarray(np.clip(self._slope(self.weights) * parts, 0.0, 1.0))

    def without_target(self, target: int, *, check: bool = False) -> Change:
        """What the refit would be without one target (row number of the problem): predicted, or checked by solving it."""
        at = self._at(self.rows, target)
        if not check:
            step = -self.theta[at] * self.inverse[:, at] / self.inverse[at, at]
            return self._predicted(step, self.weights, without=at)
        tau = self.tau.copy()
        tau[at] = _OUT / self.inverse[at, at]
        theta, weights = replace(self, tau=tau)._solved(self.theta)
        return self._change(weights, self.tau * theta, without=at)

    def without_household(self, household: int, *, check: bool = False) -> Change:
        """What the refit would be without one household (column of the problem): predicted, or checked by solving it."""
        at = self._at(self.kept, household)
        column = np.asarray(self.a[:, [at]].toarray()).ravel()
        left = np.where(np.arange(len(self.kept)) == at, 0.0, self.weights)
        if not check:
            share = min(float(self._slope(self.weights)[at] * (column @ self.inverse @ column)), 1 - 1e-12)
            return self._predicted(self.weights[at] / (1 - share) * (self.inverse @ column), left)
        start, low, high = (np.where(left > 0, x, 0.0) for x in (self.start, self.low, self.high))
        theta, weights = replace(self, start=start, low=low, high=high)._solved(self.theta)
        return self._change(weights, self.tau * theta)

    def _predicted(self, step: np.ndarray, weights: np.ndarray, without: int | None = None) -> Change:
        """After one Newton step; with the curvature of now the residuals left are tau theta."""
        pull = self.a.T @ step
        found = self._change(self._moved(weights, pull), self.tau * (self.theta + step), without)
        held = bool((self._slope(found.weights) == 0)[weights > 0].any())  # at a bound, which one step cannot tell from free
        return found._replace(rough=held or bool(np.abs(pull[weights > 0]).max(initial=0.0) > ROUGH))

    def _change(self, weights: np.ndarray, residual: np.ndarray, without: int | None = None) -> Change:
        counts = np.arange(len(self.b)) != without
        loss = float((residual[counts] ** 2).sum() - ((self.tau * self.theta)[counts] ** 2).sum())
        return Change(effective_sample_size(weights) - effective_sample_size(self.weights), loss, weights, rough=False)

    def _moved(self, weights: np.ndarray, pull: np.ndarray) -> np.ndarray:
        """Weights after a further pull: those that fall do so by a factor, those that rise by a share, so that a rough step stays sane."""
        moved = weights * np.where(pull < 0, np.exp(np.minimum(pull, 0.0)), 1 + pull)
        return np.where(weights > 0, np.clip(moved, self.low, self.high), 0.0)

    def _at(self, among: np.ndarray, what: int) -> int:
        found = np.flatnonzero(among == what)
        if not len(found):
            raise L0Error(f"Number {what} is not in the refit: choose one that is in use.")
        return int(found[0])

    def _blocks(self, n: int) -> list[np.ndarray]:
        return np.array_split(np.arange(n), max(n // _BLOCK, 1))

    def _weights(self, theta: np.ndarray) -> np.ndarray:
        pull = np.minimum(self.a.T @ theta, LARGEST_EXPONENT)
        return np.asarray(np.clip(self.start * np.exp(pull), self.low, self.high))

    def _slope(self, weights: np.ndarray) -> np.ndarray:
        """How fast each weight grows with its pull: by itself, or not at all at a bound."""
        return np.where((weights > self.low) & (weights < self.high), weights, 0.0)

    @staticmethod
    def _curvature(a: sp.csc_array, slope: np.ndarray, tau: np.ndarray) -> np.ndarray:
        half = a @ sp.diags_array(np.sqrt(slope))
        h = (half @ half.T).toarray()
        h[np.diag_indices_from(h)] += tau
        return np.asarray(h)

    def _first(self) -> np.ndarray:
        """The theta that comes closest to the weights of the run, in least squares of their logarithms, and to their residuals."""
        slope = self._slope(self.weights)
        pull = self.a @ (slope * np.log(self.weights / self.start)) + self.b - self.a @ self.weights
        return np.asarray(solved(self._curvature(self.a, slope, self.tau), pull))

    def _solved(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """theta and weights at the optimum, by Newton steps that are halved until f falls."""
        weights, enough = self._weights(theta), TOLERANCE * float(self.start.sum())
        for _ in range(STEPS):
            gradient = self.a @ weights - self.b + self.tau * theta
            step = -solved(self._curvature(self.a, self._slope(weights), self.tau), gradient)
            fall, size = float(gradient @ step), 1.0
            if not -fall > enough:
                break
            while size > 1e-8:
                tried = self._weights(theta + size * step)
                if float((self.a @ tried - self.b + self.tau * (theta + size * step)) @ step) <= 0.5 * abs(fall):
                    break  # f is convex: its slope along the step has not risen far beyond the least
                size /= 2
            theta, weights = theta + size * step, tried
        return theta, weights
