"""Goals: the smallest set of households that does what was asked, found by elimination from the kept ones of a fit."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.elimination import LEAVE, Elimination, Support
from l0engine.calibration.metrics import measure
from l0engine.calibration.polish import polished
from l0engine.calibration.problem import Problem
from l0engine.calibration.dual import Dual
from l0engine.calibration.refit import recalibrate
from l0engine.calibration.results import Measures
from l0engine.calibration.system import ScaledSystem

#: Newton's tolerance for sets of many sizes: a start from the neighbouring size must not stop there.
TOLERANCE = 1e-9
#: With so many households for each target the dual solution of the neighbouring size is a good start.
MANY = 1.5


class Calibrated(NamedTuple):
    """A support with its raked weights, shape (n_households,), their measures, the dual solution, and how long it took."""

    support: Support
    weights: np.ndarray
    measures: Measures
    dual: Dual
    seconds: float


def starts_warm(support: Support, system: ScaledSystem) -> bool:
    """Whether there are households enough to start raking from the dual solution of a neighbouring size."""
    return len(support.kept) > MANY * len(system.target)


def calibrated(
    problem: Problem,
    system: ScaledSystem,
    config: Config,
    support: Support,
    after: Dual | None = None,
    *,
    eliminated: bool = True,
) -> Calibrated:
    """Rake a support; every household keeps a positive weight, so that counts are exact.

    Parameters
    ----------
    after : Dual, optional
        Solution of a neighbouring size. With few households for each target the way does not start there; with fewer
        households than targets it starts from the weights of the elimination.
    eliminated : bool
        Whether the support comes from an elimination; only then is it polished, where the config says so.
    """
    started, n_targets = time.perf_counter(), len(system.target)
    if eliminated and config.polish and len(support.kept) <= n_targets:
        support = _polished(system, support)
    kept = support.kept
    warm = after if starts_warm(support, system) else None
    near = np.exp(support.log_weights) if eliminated and len(support.kept) < n_targets else None
    found, dual = recalibrate(system, kept, support.start, config, after=warm, near=near, tolerance=TOLERANCE)
    weights = np.zeros(problem.n_households)
    weights[kept] = found.weights
    weights.setflags(write=False)
    measures = measure(problem, weights, system.use)
    assert measures is not None  # a support is never empty
    return Calibrated(support, weights, measures, dual, time.perf_counter() - started)


def _polished(system: ScaledSystem, support: Support) -> Support:
    """Other households in the same number, with a lower loss."""
    gated = np.zeros(system.matrix.shape[1])
    gated[support.kept] = support.start
    better = polished(system, gated)
    kept = np.flatnonzero(better)
    return support if better is gated else Support(kept, better[kept], np.log(better[kept]))


def falls_short(config: Config, m: Measures) -> str:
    """How far measures are from the goals of a config, in words; empty where they meet them."""
    if config.budget is not None and m.kept < config.budget:
        return f"{m.kept:,} households are kept, not {config.budget:,}"
    if config.max_median_error is not None and not m.median_abs_rel_error <= config.max_median_error:
        return f"the median error is {m.median_abs_rel_error:.3%}, not {config.max_median_error:.3%}"
    if config.min_ess is not None and not m.ess >= config.min_ess:
        return f"the effective sample size is {m.ess:,.0f}, not {config.min_ess:,.0f}"
    return ""


def smallest(problem: Problem, system: ScaledSystem, config: Config, gated: np.ndarray) -> Calibrated:
    """The fewest of the kept households that meet the goals of a config; all of them where they do not.

    Sizes go down by fifths until a goal is missed, then the last step is halved until it is one household; error and effective
    sample size are taken to worsen with every household that leaves, which holds but for their noise.

    Parameters
    ----------
    gated : ndarray of float64, shape (n_households,)
        Gated weights of a fit; some are positive.
    """
    elimination = Elimination(system, gated)
    if config.budget is not None:
        budget = min(config.budget, len(elimination.full.kept))
        return calibrated(problem, system, config, elimination.down_to(budget, elimination.full))
    good = calibrated(problem, system, config, elimination.full)
    if falls_short(config, good.measures):
        return good
    low, high = 0, len(good.support.kept)  # `low` misses the goal, `high` meets it
    while high - low > 1:
        size = max(int(high * LEAVE), 1) if low == 0 else (low + high) // 2
        size = min(size, high - 1)
        tried = calibrated(problem, system, config, elimination.down_to(size, good.support), good.dual)
        if falls_short(config, tried.measures):
            low = size
        else:
            good, high = tried, size
    return good
