"""Splicing: exchange of households, a block at a time, while the loss falls; for fewer households than targets.

Those that the rest can do without, by ``w_j^2 ||A_j||^2``, leave for those that the residual r calls for, by ``(A_j' r)_+^2 / ||A_j||^2``.
A block that does not help is halved. Source: Zhu et al. (2020), A polynomial algorithm for best-subset selection problem (abess);
Hazimeh & Mazumder (2020), Fast best subset selection (L0Learn).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.least_squares import least_squares

#: A block is at first this share of the households; an exchange counts where it lowers the loss by this share.
BLOCK, GAIN = 0.1, 1e-4
#: Steps of least squares after each exchange.
STEPS = 40


def spliced(
    a: sp.csc_array,
    b: np.ndarray,
    kept: np.ndarray,
    weights: np.ndarray,
    *,
    exchanges: int,
) -> tuple[np.ndarray, np.ndarray]:
    """As many households with a loss ``||A w - b||^2`` that is no larger.

    Parameters
    ----------
    a : csc_array of float64, shape (n_targets, n_households)
    b : ndarray of float64, shape (n_targets,)
    kept : ndarray of int, shape (n_kept,)
        Ascending columns to begin with.
    weights : ndarray of float64, shape (n_kept,)
        Positive weights near the best ones for them.
    exchanges : int
        It ends after so many tries, or once no single exchange helps.

    Returns
    -------
    kept : ndarray of int, shape (n_kept,)
    weights : ndarray of float64, shape (n_kept,)
    """
    at, norm = sp.csr_array(a.T), np.asarray(a.power(2).sum(axis=0)).ravel()
    usable = norm > 0
    block = max(1, int(BLOCK * len(kept)))
    residual = b - a[:, kept] @ weights
    loss = float(residual @ residual)
    for _ in range(exchanges):
        if block < 1:
            break
        pull = np.maximum(at @ residual, 0.0)
        gain = np.divide(pull**2, norm, out=np.zeros_like(norm), where=usable)
        gain[kept] = 0.0
        size = min(block, int((gain > 0).sum()), len(kept))
        if size == 0:
            break
        enter = np.argpartition(-gain, size - 1)[:size]
        stay = np.argpartition(weights**2 * norm[kept], size - 1)[size:] if size < len(kept) else np.zeros(0, int)
        tried = np.concatenate([kept[stay], enter])
        order = np.argsort(tried)
        start = np.concatenate([weights[stay], pull[enter] / norm[enter]])[order]
        tried = tried[order]
        better = least_squares(a[:, tried], b, start, STEPS)
        after = b - a[:, tried] @ better
        if float(after @ after) < loss * (1 - GAIN):
            kept, weights, residual, loss = tried, better, after, float(after @ after)
        else:
            block //= 2
    return kept, weights
