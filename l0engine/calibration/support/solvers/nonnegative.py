"""Non-negative least squares in short steps, so that a request to stop is heard on the way.

Source: Lawson and Hanson (1974), Solving least squares problems, chapter 23.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse as sp
from scipy.linalg import qr, qr_delete, qr_insert, solve_triangular
from scipy.optimize import nnls

from l0engine.heeding import heed

#: One call for all columns, up to so many rows times columns times the fewer of both: a quarter of a second.
AT_ONCE = 100_000_000
#: SciPy hears nothing in a call: rows times columns times iterations, about a second.
WORK = 500_000_000
#: A column may enter where it pulls more than these shares of what is missing and of the right-hand side.
PULL, ROUNDING = 1e-10, 1e-13
#: The end is where a round lowers what is missing by less than this share.
SETTLED = 1e-9
#: Columns that are tried one by one, for each row at most.
TRIES = 5


def nonnegative(a: sp.csc_array, b: np.ndarray, *, patient: bool = False) -> tuple[np.ndarray, float] | None:
    """Weights with the least ``||A w - b||``, and that norm.

    In rounds: the columns that pull most join those in use, as many as there are rows, until none pulls. Where a round would be too
    long, columns enter one by one if it is `patient`, in seconds to a minute; else it is None.

    Parameters
    ----------
    a : csc_array of float64, shape (n_rows, n_columns)
    b : ndarray of float64, shape (n_rows,)
    patient : bool
    """
    rows, columns = a.shape
    weights, missing, pulls = np.zeros(columns), float(np.linalg.norm(b)), _Pulls(a, b)
    if rows * columns * min(rows, columns) <= AT_ONCE:
        return _solved(a, b) or (_one_by_one(pulls, weights) if patient else None)
    while True:
        outside = np.flatnonzero(pull := pulls.at(weights))
        outside = outside[np.argsort(-pull[outside], kind="stable")[:rows]]
        if not len(outside):
            return weights, missing
        used = np.union1d(np.flatnonzero(weights), outside)
        found = _solved(a[:, used], b)
        if found is None:
            return _one_by_one(pulls, weights) if patient else None
        if found[1] >= missing * (1 - SETTLED):
            return weights, missing
        weights, missing = np.zeros(columns), found[1]
        weights[used] = found[0]


class _Pulls:
    """How much each column of a system would lower what is missing."""

    def __init__(self, a: sp.csc_array, b: np.ndarray) -> None:
        self.a, self.b = a, b
        self._lengths = np.sqrt(np.asarray(a.multiply(a).sum(axis=0)).ravel())

    def missing(self, weights: np.ndarray) -> np.ndarray:
        return np.asarray(self.b - self.a @ weights)

    def at(self, weights: np.ndarray) -> np.ndarray:
        """Along each column, shape (n_columns,); 0 of those in use, and where it is next to nothing."""
        missing = self.missing(weights)
        least = max(PULL * float(np.linalg.norm(missing)), ROUNDING * float(np.linalg.norm(self.b)))
        pull = np.divide(self.a.T @ missing, self._lengths, out=np.zeros(len(weights)), where=self._lengths > 0)
        return np.where((pull > least) & (weights == 0), pull, 0.0)


def _solved(a: sp.csc_array, b: np.ndarray) -> tuple[np.ndarray, float] | None:
    heed()
    try:
        weights, missing = nnls(a.toarray(), b, maxiter=max(1, WORK // max(a.shape[0] * a.shape[1], 1)))
    except RuntimeError:  # too long, or it does not settle
        return None
    return np.asarray(weights), float(missing)


def _one_by_one(pulls: _Pulls, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """From the best weights of some columns: the one that pulls most enters, and those that would get less than nothing leave."""
    a, b, rows = pulls.a, pulls.b, pulls.a.shape[0]
    weights, used, refused = weights.copy(), np.flatnonzero(weights).tolist(), np.zeros(len(weights), bool)
    q, r = qr(a[:, used].toarray()) if used else (np.eye(rows), np.zeros((rows, 0)))
    for _ in range(TRIES * rows):
        heed()
        pull = np.where(refused, 0.0, pulls.at(weights))
        if len(used) == rows or not pull.any():
            break
        used.append(new := int(pull.argmax()))
        q, r = qr_insert(q, r, a[:, [new]].toarray().ravel(), len(used) - 1, which="col")
        while (least := solve_triangular(r[: len(used)], q[:, : len(used)].T @ b)).min() <= 0:
            heed()
            now, low = weights[used], np.flatnonzero(least <= 0)
            steps = now[low] / (now[low] - least[low])  # of the way to the least, where a weight comes to nothing
            now += steps.min() * (least - now)
            weights[used] = np.maximum(now, 0.0)
            for i in low[steps <= steps.min() * (1 + 1e-12)][::-1]:
                q, r = qr_delete(q, r, int(i), which="col")
                weights[used.pop(int(i))] = 0.0
            if not used:
                break
        else:
            weights[used] = least
        refused[new] = weights[new] == 0  # nothing but rounding spoke for it
        if not refused[new]:
            refused[:] = False
    return weights, float(np.linalg.norm(pulls.missing(weights)))
