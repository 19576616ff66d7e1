"""The one definition of every measure: pages, exports and logs all call these."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures


def active(weights: np.ndarray) -> np.ndarray:
    """True where a household is kept: its weight is above 0. Shape as `weights`."""
    return np.asarray(weights > 0)


def sparsity(weights: np.ndarray) -> float:
    """Share of households that are not kept, between 0 and 1."""
    return 1.0 - float(active(weights).mean())


def relative_errors(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """``(estimate - value) / abs(value)`` of each target, signed, shape (n_targets,); see `Problem.magnitudes`."""
    return np.asarray((problem.estimates(weights) - problem.values) / problem.magnitudes)


def within_tolerance(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """1 where a target is met within its tolerance, 0 where it is not, NaN where it has none; float64, shape (n_targets,).

    An error counts as in `relative_errors`, see `Problem.tolerances`.
    """
    return _met(problem, np.abs(relative_errors(problem, weights)))


def _met(problem: Problem, errors: np.ndarray) -> np.ndarray:
    tolerances = problem.tolerances
    return np.where(np.isnan(tolerances), np.nan, errors <= tolerances)


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's effective sample size, ``sum(w)^2 / sum(w^2)``, in households; 0 where nothing is kept.

    Source: Kish (1965), Survey Sampling, section 11.7.
    """
    w = np.asarray(weights, np.float64)
    top = float(w.max(initial=0.0))
    if top <= 0:
        return 0.0
    w = w / top
    return float(w.sum() ** 2 / (w @ w))


def overlap(kept: np.ndarray) -> np.ndarray:
    """Jaccard overlap of the kept sets of several runs, pair by pair: shared households / households in either.

    Parameters
    ----------
    kept : ndarray of bool, shape (n_runs, n_households)

    Returns
    -------
    ndarray of float64, shape (n_runs, n_runs)
        nan for two empty sets.
    """
    k = np.asarray(kept, np.float64)
    both, sizes = k @ k.T, k.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - both
    return np.asarray(np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0))


def measure(problem: Problem, weights: np.ndarray, use: np.ndarray) -> Measures | None:
    """All measures of one set of weights; None where nothing is kept.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    use : ndarray of bool, shape (n_targets,)
        The targets that count: `preflight.targets_in_use`.

    Notes
    -----
    kept: households with positive weight. Errors: `relative_errors` in absolute value, over `use`. share_within_10pct: share of
    targets with an error of at most 0.1. ess: `effective_sample_size`. design_effect: ``kept / ess`` (Kish's 1 + cv^2 of the kept
    weights). max_weight: the largest weight. max_weight_ratio: the largest weight / base weight, see `Problem.start_weights`.
    share_within_tolerance: the mean of `within_tolerance` over targets that have a tolerance; None where there are none.
    """
    kept = int(active(weights).sum())
    if kept == 0:
        return None
    every = np.abs(relative_errors(problem, weights))
    met = _met(problem, every)[use & ~np.isnan(problem.tolerances)]
    errors = every[use] if use.any() else np.array([np.nan])
    ess = effective_sample_size(weights)
    return Measures(
        kept=kept,
        mean_abs_rel_error=float(errors.mean()),
        median_abs_rel_error=float(np.median(errors)),
        share_within_10pct=float((errors <= 0.1).mean()),
        ess=ess,
        design_effect=kept / ess,
        max_weight=float(weights.max()),
        max_weight_ratio=float((weights / problem.start_weights).max()),
        max_abs_rel_error=float(errors.max()),
        share_within_tolerance=float(met.mean()) if len(met) else None,
    )
