"""Calibrated: a support with its final weights, and which of two is better."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate, Measures
from l0engine.calibration.support.polish import polished
from l0engine.calibration.support.raking import Softness, worth
from l0engine.calibration.support.refit import recalibrate
from l0engine.calibration.support.support import Support

#: Newton's tolerance for sets of many sizes: a start from the neighbouring size must not stop there.
TOLERANCE = 1e-9
#: Softnesses of the refit on the curve of error against effective sample size, softest first.
CURVE = (10.0, 3.0, 1.0, 0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7)
#: Softer ones, where evenness comes before error: the last leaves next to no difference between weights.
SOFTER = (1e3, 300.0, 100.0, 30.0)
#: A loss as small as that of this error on every target is none; losses are equal within the second share.
MET, EQUAL = 1e-3, 0.01


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A support with its final weights.

    Attributes
    ----------
    support : Support
    weights : ndarray of float64, shape (n_households,)
    measures : Measures
    found : Softness
        The same weights on the support, with errors by row of the system.
    loss : float
        The objective's loss of the weights, without prices.
    seconds : float
        What choosing them took.
    certificate : Certificate or None
    """

    support: Support
    weights: np.ndarray
    measures: Measures
    found: Softness
    loss: float
    seconds: float = 0.0
    certificate: Certificate | None = None

    @classmethod
    def of(cls, problem: Problem, system: ScaledSystem, support: Support, found: Softness) -> Self:
        """Weights on a support, with what is to be known of them."""
        weights = np.zeros(problem.n_households)
        weights[support.kept] = found.weights
        weights.setflags(write=False)
        measures = measure(problem, weights, system.use)
        assert measures is not None  # a support is never empty
        return cls(support, weights, measures, found, system.value(weights))


def calibrated(problem: Problem, system: ScaledSystem, config: Config, support: Support, *, eliminated: bool = True) -> Calibrated:
    """Calibrate a support; every household keeps a positive weight, so that counts are exact.

    Parameters
    ----------
    eliminated : bool
        Whether the support comes from an elimination. Only then is it polished, where the config says so; and with fewer households than
        targets the way to the weights starts from those of the elimination.
    """
    n_targets = len(system.target)
    if eliminated and config.polish and len(support.kept) <= n_targets:
        support = exchanged(system, support)
    near = np.exp(support.log_weights) if eliminated and len(support.kept) < n_targets else None
    found, _ = recalibrate(system, support.kept, support.start, config, near=near, tolerance=TOLERANCE)
    return Calibrated.of(problem, system, support, found)


def along(
    problem: Problem, system: ScaledSystem, config: Config, support: Support, *, level: float | None, softnesses: Iterable[float] = CURVE
) -> Generator[Calibrated]:
    """The same households from soft to hard, for each of some softnesses: error against effective sample size.

    Weights are held to those of the support; or, where there is a `level`, to that one weight, by squares: the softness is then the price
    of evenness.
    """
    kept, start, dual = support.kept, support.start, None
    if level is not None:
        start, config = np.full(len(kept), level), replace(config, anchor="chi-square")
    for mu in softnesses:
        found, dual = recalibrate(system, kept, start, replace(config, mu=mu), after=dual, tolerance=TOLERANCE)
        yield Calibrated.of(problem, system, support, found)


def levels(system: ScaledSystem, support: Support) -> tuple[float, ...]:
    """The one weight that all households of a support may have: their mean, which keeps the sum; and that which misses least."""
    mean, equal = float(support.start.mean()), np.zeros(system.shape[1])
    equal[support.kept] = 1.0
    estimates = system.estimates(equal)
    pull = float(system.importance * estimates @ system.target)
    return (mean, pull / float(system.importance * estimates @ estimates)) if pull > 0 else (mean,)


def exchanged(system: ScaledSystem, support: Support) -> Support:
    """Other households in the same number, with a lower loss, see `polish`."""
    gated = np.zeros(system.shape[1])
    gated[support.kept] = support.start
    improved = polished(system, gated)
    return support if improved is gated else Support.of(improved)


def better(one: Calibrated, other: Calibrated, system: ScaledSystem) -> bool:
    """Whether one answer beats another: the smaller loss; where that is equal, that it misses no target, of whatever importance;
    then more evenness or less error, as is `worth` it.
    """
    met = MET**2 * system.nothing
    a, b = max(one.loss, met), max(other.loss, met)
    if abs(a - b) > EQUAL * max(a, b):
        return a < b
    misses, other_misses = (bool((answer.found.errors > MET).any()) for answer in (one, other))
    if misses != other_misses:
        return other_misses
    return worth(other.found, one.found) and one.loss <= max(other.loss, met) * (1 + EQUAL)
