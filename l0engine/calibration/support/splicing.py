"""Splicing: exchange of households, a block at a time, while the loss falls; for fewer households than targets.

A block of those that the residual r calls for, by ``(A_j' r)_+^2 / ||A_j||^2``, joins; then as many leave as came, those that carry least
by ``w_j^2 ||A_j||^2``, in rounds, with brief least squares after each. A block that helps little is halved. Source: Zhu et al. (2020),
A polynomial algorithm for best-subset selection problem (abess); Hazimeh & Mazumder (2020), Fast best subset selection (L0Learn).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from l0engine.arrays.linear_map import LinearMap, applied
from l0engine.calibration.problem.rules import Rules
from l0engine.calibration.support.solvers.least_squares import least_squares
from l0engine.calibration.support.support import foremost

#: The first block is this share of the set; as many leave in so many rounds; an exchange counts where it lowers the loss by the second
#: share, and the block stays as it is where it does so by the third.
FIRST, ROUNDS, GAIN, SLOW = 0.25, 10, 1e-4, 2e-3
#: Steps of least squares in all rounds together; the most of one round.
STEPS, LONG = 200, 40


def spliced(
    a: LinearMap, b: np.ndarray, kept: np.ndarray, weights: np.ndarray, *, exchanges: int, rules: Rules | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As many households with a loss ``||A w - b||^2`` that is no larger.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_households)
    b : ndarray of float64, shape (n_targets,)
    kept : ndarray of int, shape (n_kept,)
        Ascending columns to begin with.
    weights : ndarray of float64, shape (n_kept,)
        Positive weights near the best ones for them.
    exchanges : int
        It ends after so many tries, or once no single exchange helps.
    rules : Rules, optional
        Of all households; protected ones never leave.

    Returns
    -------
    kept : ndarray of int, shape (n_kept,)
    weights : ndarray of float64, shape (n_kept,)
    """
    here = partial(torch.tensor, device=a.device)
    norm = a.squared().rmatvec(here(np.ones(len(b)))).cpu().numpy()
    usable, block, size = norm > 0, max(int(FIRST * len(kept)), 1), len(kept)
    residual = b - applied(_columns(a, kept), weights)
    for _ in range(exchanges):
        pull = np.maximum(a.rmatvec(here(residual)).cpu().numpy(), 0.0)
        gain = np.divide(pull**2, norm, out=np.zeros_like(norm), where=usable)
        gain[kept] = 0.0
        block = min(block, int((gain > 0).sum()))
        if block < 1:
            break
        enter = np.argpartition(-gain, block - 1)[:block]
        tried = np.concatenate([kept, enter])
        order = np.argsort(tried)
        start = np.concatenate([weights, pull[enter] / norm[enter]])[order]
        tried, better = _shrunk(a, b, norm, tried[order], start, size, rules)
        after = b - applied(_columns(a, tried), better)
        gained = 1 - float(after @ after) / max(float(residual @ residual), np.finfo(float).tiny)
        if gained > GAIN:
            kept, weights, residual = tried, better, after
        if gained < SLOW:
            block //= 2
    return kept, weights


def _shrunk(
    a: LinearMap, b: np.ndarray, norm: np.ndarray, kept: np.ndarray, weights: np.ndarray, size: int, rules: Rules | None
) -> tuple[np.ndarray, np.ndarray]:
    """The `size` households that carry most, and their weights."""
    sizes = np.unique(np.linspace(size, len(kept), ROUNDS, endpoint=False).astype(int))[::-1]
    steps = min(LONG, STEPS // len(sizes))
    weights = least_squares(_columns(a, kept), b, weights, steps, rules and rules.at(kept))
    for left in sizes:
        stay = foremost(weights**2 * norm[kept], left, rules and rules.protected[kept])
        kept = kept[stay]
        weights = least_squares(_columns(a, kept), b, weights[stay], steps, rules and rules.at(kept))
    return kept, weights


def _columns(a: LinearMap, kept: np.ndarray) -> LinearMap:
    return a.columns(torch.tensor(kept, device=a.device))
