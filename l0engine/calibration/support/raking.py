"""Weights on a fixed support: calibration with soft targets, that is relaxed raking where the anchor is entropy.

    minimise  sum_j D_j(w_j) + (||A w - b||^2 + sum_j c_j w_j^2) / (2 tau)   over l_j <= w_j <= u_j

where D holds the weights to those they start from, g. ``tau = mu mean_i (A.A g)_i`` makes the softness mu free of scale: towards 0 the
targets are met as closely as can be, towards infinity the weights stay g. One tau serves all targets, so that those which contradict
each other give way as the loss says. Source: Deville & Sarndal (1992), Calibration Estimators in Survey Sampling; Guggemos & Tille
(2010) for the soft targets.

No one softness suits every problem: a row that a single household carries is hard where one that all share is soft. `settle` finds
it, from soft to hard, as long as it is `worth` it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.metrics import effective_sample_size
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.support.solvers.anchors import ANCHORS, Limits, StartAnchor
from l0engine.calibration.support.solvers.dual import Dual, DualProblem

#: Where nothing is known of the solution, the way to mu leads down from here by decades.
SOFTEST, DECADE = 0.1, 10.0
#: `settle` goes on by this factor.
STEP = 10**-0.5
#: Newton ends when the rest of the decrease, relative to the total weight, is below this; on the way down to mu, loosely.
TOLERANCE, LOOSE = 1e-13, 3e-3
#: `settle` needs less: weights to about four digits.
SETTLED = 1e-9
#: `settle` tries no softness above the first of these, nor below the second times the softest row's share of the mean.
SETTLE_FROM, HARDEST = 1e-2, 1e-8
#: A decade harder pays where the effective sample size falls by no more than these powers of ten for each tenfold lower error, in the
#: geometric mean over targets: errors count down to the first number of each pair.
WORTH = ((3e-5, 0.1), (1e-2, 1.0))
#: So much of it may go where some error above `GROSS` still falls by half, where all errors above it are mended, and where nothing moves.
LITTLE, FULL, NOTHING, GROSS = 0.01, 0.1, 1e-6, 1e-3
#: What changes by less than this share stands still.
STILL = 0.01
#: Harder weights miss no more. Where they miss more by the first share, and by the second of missing everything, rounding has taken over.
RISE, NOISE = 1e-3, 1e-9


#: No bounds.
FREE = Bounds()


class Softness(NamedTuple):
    """Weights for one softness, shape (n_kept,), their relative errors, shape (n_targets,), and their effective sample size."""

    mu: float
    weights: np.ndarray
    errors: np.ndarray
    ess: float

    @classmethod
    def of(cls, mu: float, weights: np.ndarray, errors: Callable[[np.ndarray], np.ndarray]) -> Softness:
        """Weights with what is to be known of them."""
        return cls(mu, weights, errors(weights), effective_sample_size(weights))


def cost(soft: Softness, hard: Softness) -> float:
    """By how many powers of ten the effective sample size falls from one softness to a harder one."""
    return float(np.log10(soft.ess / max(hard.ess, 1e-300)))


def worth(soft: Softness, hard: Softness) -> bool:
    """Whether going from one softness to a harder one pays: much less error for little evenness, or gross errors mended."""
    allowed = sum(factor * np.log10(np.maximum(soft.errors, floor) / np.maximum(hard.errors, floor)).mean() for floor, factor in WORTH)
    gross = soft.errors > GROSS
    mends, all_mended = bool((gross & (hard.errors < soft.errors / 2)).any()), bool(gross.any()) and bool((hard.errors <= GROSS).all())
    return bool(cost(soft, hard) <= max(allowed, FULL if all_mended else LITTLE if mends else NOTHING))


def reaches(best: Softness, soft: Softness, hard: Softness) -> bool:
    """Whether all errors would be mended for what that may cost, if it goes on as from one softness to the next."""
    worst, after = max(soft.errors.max(), GROSS), max(hard.errors.max(), GROSS)
    further = np.log(after / GROSS) / np.log(worst / after) if after < worst else np.inf
    return bool(cost(best, hard) + cost(soft, hard) * further <= FULL)


def moves(soft: Softness, hard: Softness) -> bool:
    """Whether a step from one softness to the next changed anything that matters."""
    change = np.abs(soft.errors - hard.errors) > STILL * soft.errors
    return bool(change.any()) or abs(soft.ess - hard.ess) > STILL * soft.ess


class Raking:
    """The problem at the head of this file for one support; each solution starts from the one before.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_kept)
        It is solved where this is.
    b : ndarray of float64, shape (n_targets,)
    start : ndarray of float64, shape (n_kept,)
        Positive weights g.
    anchor : str
        Name in `anchors.ANCHORS`.
    bounds : Bounds
        Smallest and largest allowed weights l and u.
    price : ndarray of float64, shape (n_kept,), optional
        Price c of each squared weight.
    hardness : ndarray of float64, shape (n_targets,), optional
        Factor of tau, 1 by default; far below 1 for what must hold exactly.
    after : Dual, optional
        Solution of a like problem to start from.
    near : ndarray of float64, shape (n_kept,), optional
        Positive weights near the solution to start from, where there are fewer households than targets. Without either, the
        way leads down from soft targets.
    """

    def __init__(
        self,
        a: LinearMap,
        b: np.ndarray,
        start: np.ndarray,
        *,
        anchor: str = "entropy",
        bounds: Bounds = FREE,
        price: np.ndarray | None = None,
        hardness: np.ndarray | None = None,
        after: Dual | None = None,
        near: np.ndarray | None = None,
    ) -> None:
        here = partial(torch.tensor, dtype=torch.float64, device=a.device)
        self._problem, self._start, self._total = DualProblem(a, here(b), after), here(start), float(start.sum())
        self._hardness = here(np.ones(len(b)) if hardness is None else hardness)
        rows = self._problem.squares.matvec(self._start)[self._hardness == 1].cpu().numpy()
        self._scale = float(rows.mean()) or 1.0
        self._hardest = HARDEST * float(rows[rows > 0].min(initial=self._scale)) / self._scale
        self._anchor, self._limits = ANCHORS[anchor], Limits.of(bounds, a.device)
        self._price = None if price is None or not price.any() else here(price)
        self._nothing = NOISE * float(b @ b)
        self._near, self._softest = None if near is None else here(near), after is None and near is None

    @property
    def dual(self) -> Dual:
        """The solution reached."""
        return self._problem.dual

    def weights(self, mu: float, *, tolerance: float = TOLERANCE) -> np.ndarray:
        """The solution for a softness mu > 0, shape (n_kept,)."""
        if self._near is not None:
            tau = mu * self._scale
            near = self._limits.clip(self._near, self._near).value
            self._problem.fit_pull(self._held(tau).pull_for(near), near, tau * self._hardness)
            self._near = None
        if self._softest:
            self._softest, softness = False, SOFTEST
            while softness > 3 * mu:
                self._solve(softness, LOOSE)
                softness /= DECADE
        return self._solve(mu, tolerance)

    def settle(self, errors: Callable[[np.ndarray], np.ndarray], *, tolerance: float = SETTLED) -> tuple[Softness, tuple[Softness, ...]]:
        """The hardest solution that is `worth` the evenness it costs, and all that were tried, softest first.

        Parameters
        ----------
        errors : callable
            Absolute relative errors of the targets, shape (n_targets,), of weights.

        The softness falls from `SETTLE_FROM` by steps, longer ones where nothing moves, down to where softness means nothing any more, to
        where rounding takes over, or to where it costs more than a `LITTLE` evenness, is not worth it and reaches nothing.
        """
        mu, step = SETTLE_FROM, STEP
        tried = [Softness.of(mu, self.weights(mu, tolerance=tolerance), errors)]
        best, missing = tried[0], self._missing(tried[0].weights)
        while tried[-1].errors.max() > WORTH[0][0] and mu > self._hardest:
            mu = max(mu * step, self._hardest)
            most = (1 + RISE) * missing + self._nothing
            for exact in (tolerance, TOLERANCE):
                weights = self.weights(mu, tolerance=exact)
                missing = self._missing(weights)
                if missing <= most:
                    break
            else:
                break
            tried.append(Softness.of(mu, weights, errors))
            if worth(best, tried[-1]):
                best = tried[-1]
            elif cost(best, tried[-1]) > LITTLE and not reaches(best, *tried[-2:]):
                break
            step = STEP if moves(*tried[-2:]) else step * step
        return best, tuple(tried)

    def _missing(self, weights: np.ndarray) -> float:
        """What softness trades: squared residuals, and the price of squared weights."""
        w = torch.tensor(weights, device=self._start.device)
        residual = self._problem.a.matvec(w) - self._problem.b
        return float((residual**2 / self._hardness).sum() + (0.0 if self._price is None else self._price @ w**2))

    def _held(self, tau: float) -> StartAnchor:
        return self._anchor(self._start, None if self._price is None else self._price / tau, self._limits)

    def _solve(self, mu: float, tolerance: float) -> np.ndarray:
        tau = mu * self._scale
        return np.asarray(self._problem.solve(self._held(tau), tau * self._hardness, tolerance * self._total).cpu().numpy())
