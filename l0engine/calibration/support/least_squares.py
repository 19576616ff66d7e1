"""Least squares over positive weights, briefly: what elimination and exchange judge households by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import Bounds, minimize

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.problem.rules import Rules

#: Memory of L-BFGS.
MEMORY = 10
#: A weight starts at no less than this share of the largest, so that it has a logarithm that can move.
SMALLEST = 1e-12
#: And ends at no more than the largest times e to this power.
LARGEST_RISE = 50.0


def least_squares(a: LinearMap, b: np.ndarray, start: np.ndarray, steps: int, rules: Rules | None = None) -> np.ndarray:
    """Weights with a small ``||A w - b||^2``, shape (n_kept,), by some steps of L-BFGS on log weights.

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
    target = torch.tensor(b, device=a.device)
    x = np.log(np.maximum(start, SMALLEST * start.max()))
    top = x.max() + LARGEST_RISE

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        w = np.exp(np.minimum(x, top))
        residual = a.matvec(torch.from_numpy(w).to(a.device)) - target
        return float(residual @ residual), 2 * a.rmatvec(residual).cpu().numpy() * w

    options: Any = {"maxiter": steps, "maxcor": MEMORY}
    with np.errstate(divide="ignore"):  # no least weight is a logarithm of minus infinity
        within = None if rules is None else Bounds(np.log(rules.smallest), np.log(rules.largest))
    found = np.asarray(minimize(loss, x, jac=True, method="L-BFGS-B", bounds=within, options=options).x)
    return np.asarray(np.maximum(np.exp(np.minimum(found, top)), np.finfo(float).tiny))
