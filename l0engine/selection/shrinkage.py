"""Shrinkage: how much of it the choice of features needs, told by cross-validation for every count.

Where features stand in for each other or the noise is large, the set that fits the rows best is a poor one for other rows. A ridge in
the search prefers features that do it together without large opposite coefficients (Mazumder, Radchenko & Dedieu 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from l0engine.selection.backward import Eliminated, eliminate, fitted
from l0engine.selection.exchange import exchange
from l0engine.selection.models import Model

#: Ridges that are tried, for each row.
RIDGES = (1e-3, 1e-2, 1e-1)
FOLDS = 5
#: For more features than this it would take minutes: they are eliminated with the model's own ridge.
MOST = 50


def best_sets(
    model: Model, X: np.ndarray, y: np.ndarray, wanted: int, seed: int = 0, should_stop: Callable[[], bool] = lambda: False
) -> list[Eliminated]:
    """Sets of 1, 2, ..., `wanted` columns of X, which holds standardised features, fitted with the model's own ridge.

    For each ridge of `RIDGES` features are eliminated; the ridge whose sets predict the rows of `FOLDS` folds best is taken, for
    each count by itself, and its sets of all rows are bettered by exchange. Once `should_stop` says so no more folds are tried.
    """
    if wanted > MOST:
        return list(eliminate(model, X, y, wanted))[::-1]
    losses = np.zeros((len(RIDGES), wanted))
    for train, test in _folds(y, seed) if len(y) >= 2 * FOLDS else ():
        if should_stop():
            break
        centre = X[train].mean(axis=0)
        known, new = X[train] - centre, X[test] - centre
        for r, ridge in enumerate(RIDGES):
            for eliminated in eliminate(_shrunk(model, ridge, len(train)), known, y[train], wanted):
                found = fitted(model, known, y[train], eliminated)
                losses[r, len(found.columns) - 1] += model.value(new[:, found.columns] @ found.W + found.b, y[test])
    near = np.pad(losses, ((0, 0), (1, 1)), mode="edge")  # counts next to each other together, as folds are few
    best = (near[:, :-2] + near[:, 1:-1] + near[:, 2:]).argmin(axis=0)
    sets = {}
    for r in sorted(set(best.tolist())):
        shrunk = _shrunk(model, RIDGES[r], len(X))
        for found in eliminate(shrunk, X, y, wanted):
            if best[len(found.columns) - 1] == r:
                sets[len(found.columns)] = fitted(model, X, y, exchange(shrunk, X, y, found))
    return [sets[k] for k in range(1, wanted + 1)]


def _shrunk(model: Model, ridge: float, n: int) -> Model:
    return model.ridged(max(ridge * n, model.ridge))


def _folds(y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to predict; rows with neighbouring targets are dealt to different folds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    order = order[np.argsort(y.reshape(len(y), -1)[order, 0], kind="stable")]
    fold = np.empty(len(y), int)
    fold[order] = np.arange(len(y)) % FOLDS
    for f in range(FOLDS):
        yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)
