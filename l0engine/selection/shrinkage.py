"""Shrinkage: how much of it the choice of features needs, told by cross-validation.

Where features stand in for each other or the noise is large, the set that fits the rows best is a poor one for other rows. A ridge in
the search prefers features that do it together without large opposite coefficients (Mazumder, Radchenko & Dedieu 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from l0engine.selection.backward import Eliminated, eliminate, fitted
from l0engine.selection.exchange import exchange
from l0engine.selection.models import Model

#: Ridges that are tried, for each row; never less than the model's own one.
RIDGES = (0.0, 0.1, 0.3)
FOLDS = 5
#: For more features than this it would take minutes: they are eliminated with the model's own ridge.
MOST = 50


def best_sets(
    model: Model, X: np.ndarray, y: np.ndarray, wanted: int, seed: int = 0, should_stop: Callable[[], bool] = lambda: False
) -> list[Eliminated]:
    """Sets of 1, 2, ..., `wanted` columns of X, which holds standardised features, fitted with the model's own ridge.

    For each ridge of `RIDGES` features are eliminated and exchanged; the ridge whose sets predict the rows of `FOLDS` folds best is
    taken, for all counts together, as the folds are too few to tell it for each. Once `should_stop` says so no more folds are tried.
    """
    if wanted > MOST:
        return list(eliminate(model, X, y, wanted))[::-1]
    losses = np.zeros(len(RIDGES))
    for train, test in _folds(y, seed) if len(y) >= 2 * FOLDS else ():
        if should_stop():
            break
        centre = X[train].mean(axis=0)
        known, new = X[train] - centre, X[test] - centre
        for r, ridge in enumerate(RIDGES):
            for found in _searched(model, ridge, known, y[train], wanted):
                losses[r] += model.value(new[:, found.columns] @ found.W + found.b, y[test])
    return list(_searched(model, RIDGES[losses.argmin()], X, y, wanted))[::-1]


def _searched(model: Model, ridge: float, X: np.ndarray, y: np.ndarray, wanted: int) -> Iterator[Eliminated]:
    """Sets of `wanted`, ..., 2, 1 columns, eliminated and exchanged with this ridge for each row, fitted with the model's own."""
    shrunk = model.ridged(max(ridge * len(X), model.ridge))
    for found in eliminate(shrunk, X, y, wanted):
        yield fitted(model, X, y, exchange(shrunk, X, y, found))


def _folds(y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to predict; rows with neighbouring targets are dealt to different folds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    order = order[np.argsort(y.reshape(len(y), -1)[order, 0], kind="stable")]
    fold = np.empty(len(y), int)
    fold[order] = np.arange(len(y)) % FOLDS
    for f in range(FOLDS):
        yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)
