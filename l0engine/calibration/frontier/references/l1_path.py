"""The path of non-negative least squares with an L1 penalty, for the reference method."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import torch
from scipy import sparse as sp

from l0engine.calibration.problem.system import NEGLIGIBLE

#: The penalty is halved so often; by then more of it changes little but time.
HALVINGS = 11
#: A solution of the path may miss its optimality conditions by this share of the penalty.
L1_TOLERANCE = 1e-3
#: The working set grows at most so often for one penalty; a dozen times is usual.
ROUNDS = 100


def l1_path(a: sp.csc_array, b: np.ndarray, should_stop: Callable[[], bool] = lambda: False) -> Generator[tuple[float, np.ndarray]]:
    """Solutions of ``minimise ||a x - b||^2 / 2 + penalty sum(x) over x >= 0``, the penalty halved each time.

    Each is solved on a working set, which grows until no column left out would enter.

    Yields
    ------
    penalty : float
    x : ndarray of float64, shape (n_columns,)
    """
    at = sp.csr_array(a.T)
    x, pull = np.zeros(a.shape[1]), at @ b
    penalty = float(pull.max())
    for _ in range(HALVINGS if penalty > 0 else 0):
        penalty /= 2
        work = np.flatnonzero(x)
        for round_ in range(ROUNDS):
            if should_stop():
                return
            out = pull > penalty * (1 + L1_TOLERANCE)
            out[work] = False
            enter = np.flatnonzero(out)
            if round_ and not len(enter):
                break
            most = max(50, len(work) // 2)
            if len(enter) > most:
                enter = enter[np.argpartition(-pull[enter], most)[:most]]
            work = np.union1d(np.flatnonzero(x), enter)
            part = sp.csc_array(a[:, work])
            x[work] = nonnegative_quadratic((part.T @ part).toarray(), part.T @ b - penalty, x[work], L1_TOLERANCE / 2 * penalty)
            pull = at @ (b - a @ x)
        yield penalty, np.where(x > NEGLIGIBLE, x, 0.0)


def nonnegative_quadratic(g: np.ndarray, h: np.ndarray, x: np.ndarray, tolerance: float) -> np.ndarray:
    """Minimise ``x' g x / 2 - h' x`` over x >= 0 by projected Newton steps from x.

    Source: Bertsekas (1982), Projected Newton methods for optimization problems with simple constraints.
    """
    for _ in range(200):
        slope = g @ x - h
        free = np.flatnonzero((x > 0) | (slope < 0))
        if not len(free) or np.abs(slope[free]).max() <= tolerance:
            break
        step, size = np.zeros_like(x), 1.0
        step[free] = _newton_step(g[np.ix_(free, free)], slope[free])
        while size > 1e-10:
            move = np.maximum(x - size * step, 0.0) - x
            if slope @ move + move @ (g @ move) / 2 <= 1e-4 * (slope @ move):
                break
            size /= 2
        x = x + move
    return x


def _newton_step(g: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """``g^-1 slope``, with as small a ridge as makes it definite: households may be alike."""
    block, right, ridge, failed = torch.from_numpy(g), torch.from_numpy(slope)[:, None], 1e-10, True
    while failed:
        factor, info = torch.linalg.cholesky_ex(block + torch.diag(block.diagonal() * ridge))
        failed, ridge = bool(info), ridge * 100
    return np.asarray(torch.cholesky_solve(right, factor)[:, 0])
