"""The refit: calibrate the kept households of a fit by relaxed raking, whatever the loss."""

from __future__ import annotations

import numpy as np
import torch

from l0engine.arrays.linear_map import applied, linear_map
from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import CPU, NEGLIGIBLE, ScaledSystem
from l0engine.calibration.support.raking import SETTLED, TOLERANCE, Raking, Softness
from l0engine.calibration.support.solvers.dual import SMALL_WORK, Dual, work

#: Newton's tolerance where the sum of weights must hold: what is missing of it counts squared.
EXACTLY = 1e-15


def refit(system: ScaledSystem, gated: np.ndarray, config: Config) -> np.ndarray:
    """Recalibrate the kept households of a fit.

    Parameters
    ----------
    system : ScaledSystem
    gated : ndarray of float64, shape (n_households,)
        Gated weights; the support is where they are positive.
    config : Config
        Its `mu`, bounds, `anchor`, `lambda_ratio` and loss.

    Returns
    -------
    ndarray of float64, shape (n_households,)
        0 off the support. On it, weights that the targets press down to `NEGLIGIBLE` of the base weight are 0 too, but for those of
        protected households.
    """
    return refitted(system, gated, config)[0]


def refitted(system: ScaledSystem, gated: np.ndarray, config: Config) -> tuple[np.ndarray, float]:
    """As `refit`, and the softness that was taken."""
    kept = np.flatnonzero(gated > 0)
    found, _ = recalibrate(system, kept, gated[kept], config)
    out = np.zeros(len(gated))
    out[kept] = found.weights
    return without_negligible(system, out), found.mu


def without_negligible(system: ScaledSystem, weights: np.ndarray, share: float = NEGLIGIBLE) -> np.ndarray:
    """Weights, shape (n_households,), with 0 for those up to a share of the base weight, but for those of protected households."""
    return np.where(system.rules.protected | (weights > share * system.base_weights), weights, 0.0)


def recalibrate(
    system: ScaledSystem,
    kept: np.ndarray,
    start: np.ndarray,
    config: Config,
    *,
    after: Dual | None = None,
    near: np.ndarray | None = None,
    tolerance: float | None = None,
) -> tuple[Softness, Dual]:
    """Calibrate some households without gates; for a loss that is not squared, reweight the targets and do it again until settled.

    Parameters
    ----------
    kept : ndarray of int, shape (n_kept,)
        Columns of the system.
    start : ndarray of float64, shape (n_kept,)
        Positive weights to start from.
    after : Dual, optional
        Solution for much the same households to start from, see `Raking`.
    near : ndarray of float64, shape (n_kept,), optional
        Or weights near the solution.
    tolerance : float, optional
        Of `Raking`; by default fine for a mu that is given, less so where it is sought.

    Returns
    -------
    Softness
    Dual
    """
    a, importance, weights = system.part_by_areas(kept), system.importance, start
    if a.device.type != "cpu" and work(*a.shape) <= SMALL_WORK:
        a = linear_map(a.host(), CPU, torch.float64)  # done there before a GPU has begun
    bounds, price = system.bounds(kept, config), config.lambda_ratio / system.base_weights[kept] ** 2

    def residual(w: np.ndarray) -> np.ndarray:
        return np.asarray(applied(a, w) - system.target)

    def errors(w: np.ndarray) -> np.ndarray:
        return system.errors(residual(w))

    if (system.hardness < 1).any():
        tolerance = EXACTLY
    for _ in range(1 if system.loss.squared else 10):
        before = weights
        if not system.loss.squared:
            importance = system.importance * _reweighting(system, residual(weights))
        row = np.sqrt(importance)
        raking = Raking(
            a if (row == 1).all() else a.scaled(torch.tensor(row, device=a.device)),
            row * system.target,
            start,
            anchor=config.anchor,
            bounds=bounds,
            price=price,
            hardness=system.hardness,
            after=after,
            near=near,
        )
        if config.mu is None:
            found, _ = raking.settle(errors, tolerance=tolerance or SETTLED)
        else:
            found = Softness.of(config.mu, raking.weights(config.mu, tolerance=tolerance or TOLERANCE), errors)
        weights, after, near = found.weights, raking.dual, None
        if np.abs(weights - before).sum() <= 1e-4 * before.sum():
            break
    return found, raking.dual


def _reweighting(system: ScaledSystem, residual: np.ndarray) -> np.ndarray:
    """Factors that make a squared loss pull like phi: ``phi'(r) / (2 r)``, of mean 1."""
    r = np.where(np.abs(residual) < 1e-3, 1e-3, residual)
    factor = system.loss.derivative(torch.from_numpy(r)).numpy() / (2 * r)
    return factor / factor.mean() if factor.any() else np.ones_like(factor)
