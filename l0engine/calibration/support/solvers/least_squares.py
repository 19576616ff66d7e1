"""Least squares over positive weights, briefly: what elimination and exchange judge households by."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.problem.rules import Rules
from l0engine.calibration.support.solvers.lbfgs import Curvature
from l0engine.heeding import heed
from l0engine.machine import at_most, suitable

#: A weight starts at no less than this share of the largest, so that it has a logarithm that can move.
SMALLEST = 1e-12
#: And ends at no more than the largest times e to this power.
LARGEST_RISE = 50.0
#: A step must lower the loss by this share of what its slope promises; else it is shortened, so many times.
DESCENT, SHORTER = 1e-4, 20
#: The end: a step that gains no more than the first share of the loss, or the second of that of weights 0.
SETTLED, NOTHING = 2e-9, 1e-12


def least_squares(a: LinearMap, b: np.ndarray, start: np.ndarray, steps: int, rules: Rules | None = None) -> np.ndarray:
    """Weights with a small ``||A w - b||^2``, shape (n_kept,), by some steps of L-BFGS on log weights, on the matrix's device.

    Where a limit holds a weight, it leaves the step. Source: Bertsekas (1982), Projected Newton methods.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_kept)
    b : ndarray of float64, shape (n_targets,)
    start : ndarray of float64, shape (n_kept,)
        Positive weights.
    steps : int
    rules : Rules, optional
        Limits of the weights.
    """
    here = partial(torch.tensor, device=a.device, dtype=torch.float64)
    logs = np.log(np.maximum(start, SMALLEST * start.max()))
    top = logs.max() + LARGEST_RISE
    limits = None
    if rules is not None:
        with np.errstate(divide="ignore"):  # no least weight is a logarithm of minus infinity
            low, high = np.log(rules.smallest), np.minimum(np.log(rules.largest), top)
        limits, logs = (here(low), here(high)), np.clip(logs, low, high)
    with at_most(suitable(a.entries, a.shape[1])):
        found = _descended(a, here(b), here(logs), float(top), limits, steps)
    return np.asarray(np.maximum(torch.exp(found).cpu().numpy(), np.finfo(float).tiny))


def _descended(a: LinearMap, b: Tensor, x: Tensor, top: float, limits: tuple[Tensor, Tensor] | None, steps: int) -> Tensor:
    """Log weights after so many steps from x, or fewer, where those gain nothing more; none above `top`, all within the limits."""
    curvature, nothing = Curvature(x), NOTHING * float(b @ b)
    weights = torch.exp(x)
    residual = a.matvec(weights) - b
    loss, gradient = float(residual @ residual), a.rmatvec(residual + residual) * weights
    for number in range(steps):
        heed()
        slope = gradient if limits is None else _free(gradient, x, *limits, gradient)
        direction = curvature.direction(slope)
        direction = direction if limits is None else _free(gradient, x, *limits, direction)
        size = 1.0 if number else min(1.0, 1 / max(float(direction.norm()), 1e-300))
        for _ in range(SHORTER):
            tried = torch.clamp(torch.add(x, direction, alpha=size), max=top)
            tried = tried if limits is None else tried.clamp(*limits)
            step, weights = tried - x, torch.exp(tried)
            residual = a.matvec(weights) - b
            after, promised = (float(v) for v in torch.stack([residual @ residual, slope @ step]).tolist())
            if after <= loss + DESCENT * promised:
                break
            size *= float(np.clip(promised / (2 * (promised - (after - loss))), 0.1, 0.5))
        else:
            return x
        before, gradient = gradient, a.rmatvec(residual + residual) * weights
        curvature.add(step, gradient - before)
        x, gained, loss = tried, loss - after, after
        if gained <= max(SETTLED * loss, nothing):
            break
    return x


def _free(gradient: Tensor, x: Tensor, low: Tensor, high: Tensor, v: Tensor) -> Tensor:
    """A vector, 0 where a limit holds a log weight that would go on beyond it."""
    held = ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))
    return torch.where(held, 0.0, v)
