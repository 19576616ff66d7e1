"""Backward elimination: features leave one by one, each time the one whose going costs least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from l0engine.selection.models import Model

#: Share of the features that leave between two fits while there are more than wanted.
BETWEEN_FITS = 0.1


@dataclass(frozen=True, eq=False)
class Eliminated:
    """Some columns with fitted coefficients.

    Attributes
    ----------
    columns : ndarray of int, shape (k,)
    W : ndarray of float64, shape (k, n_outputs)
        Of standardised features.
    b : ndarray of float64, shape (n_outputs,)
    loss : float
        Mean loss, without the ridge.
    """

    columns: np.ndarray
    W: np.ndarray
    b: np.ndarray
    loss: float


def eliminate(model: Model, X: np.ndarray, y: np.ndarray, wanted: int) -> Iterator[Eliminated]:
    """Nested sets of `wanted`, ..., 2, 1 columns of X, which holds standardised features."""
    columns = np.arange(X.shape[1])
    b = model.start(y)
    W = np.zeros((len(columns), len(b)))
    while len(columns):
        X_now = X[:, columns]
        W, b = model.fit(X_now, y, W, b)
        eta = X_now @ W + b
        if len(columns) <= wanted:
            yield Eliminated(columns, W, b, model.value(eta, y))
        leave = max(1, min(len(columns) - wanted, int(BETWEEN_FITS * len(columns))))
        stay, W = least_missed(X_now, W, model.row_curvature(eta), model.ridge, leave)
        columns = columns[stay]


def fitted(model: Model, X: np.ndarray, y: np.ndarray, found: Eliminated) -> Eliminated:
    """The same columns, fitted with the model's own ridge."""
    part = X[:, found.columns]
    W, b = model.fit(part, y, found.W, found.b)
    return Eliminated(found.columns, W, b, model.value(part @ W + b, y))


def by_importance(model: Model, X: np.ndarray, found: Eliminated) -> np.ndarray:
    """Positions in `found`, first those that elimination would keep longest."""
    X, left, W, order = X[:, found.columns], np.arange(len(found.columns)), found.W, list[int]()
    curvature = model.row_curvature(X @ W + found.b)
    while len(left):
        stay, W = least_missed(X[:, left], W, curvature, model.ridge, 1)
        order += np.delete(left, stay).tolist()
        left = left[stay]
    return np.array(order[::-1], int)


def least_missed(X: np.ndarray, W: np.ndarray, curvature: np.ndarray, ridge: float, leave: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions that stay when `leave` columns go, one after the other, and their coefficients.

    To second order the loss rises by ``sum_c W_jc^2 / (2 (H_c^-1)_jj)`` when column j goes and the others take over its part
    (Hassibi & Stork 1992, the optimal brain surgeon); for least squares this is exact. H_c is the Hessian of output c.
    """
    slack = ridge * np.eye(X.shape[1])
    inverse = [np.linalg.inv((X * curvature[:, [c]]).T @ X + slack) for c in range(W.shape[1])]
    stay, W = np.arange(X.shape[1]), W.copy()
    for _ in range(leave):
        rise = sum(W[:, c] ** 2 / np.diag(P) for c, P in enumerate(inverse))
        j = int(np.argmin(rise))
        rest = np.arange(len(stay)) != j
        for c, P in enumerate(inverse):
            W[:, c] -= P[:, j] * (W[j, c] / P[j, j])
            inverse[c] = (P - np.outer(P[:, j], P[j] / P[j, j]))[np.ix_(rest, rest)]
        stay, W = stay[rest], W[rest]
    return stay, W
