"""Exchange: of a set of features, one at a time for another one, while the loss falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from l0engine.selection.backward import Eliminated, fitted
from l0engine.selection.models import Model

#: Of the exchanges that promise most, so many are tried before a set is left as it is.
TRIES = 3
#: An exchange has to lower the loss by this share to be more than rounding.
SHARE = 1e-6


def exchange(model: Model, X: np.ndarray, y: np.ndarray, found: Eliminated) -> Eliminated:
    """`found`, with features exchanged for others of X, which holds standardised features, while the loss with its ridge falls.

    Splicing one by one (Zhu et al. 2020, abess), each pair judged together: see `_promised`.
    """
    for _ in range(len(found.columns) + 10):
        loss = _penalised(model, found, len(X))
        outside = np.delete(np.arange(X.shape[1]), found.columns)
        promised = _promised(model, X, y, found, outside).ravel()
        hopeful = np.flatnonzero(promised < -SHARE * loss)
        for at in hopeful[np.argsort(promised[hopeful], kind="stable")][:TRIES]:
            j, i = divmod(int(at), len(found.columns))
            columns, W = found.columns.copy(), found.W.copy()
            columns[i], W[i] = outside[j], 0.0
            tried = fitted(model, X, y, replace(found, columns=columns, W=W))
            if _penalised(model, tried, len(X)) < (1 - SHARE) * loss:
                found = tried
                break
        else:
            return found
    return found


def _penalised(model: Model, found: Eliminated, n: int) -> float:
    return n * found.loss + model.ridge / 2 * float((found.W**2).sum())


def _promised(model: Model, X: np.ndarray, y: np.ndarray, found: Eliminated, outside: np.ndarray) -> np.ndarray:
    """To second order, what the loss would change by if outside[j] took the place of columns[i]; shape (j, i).

    For least squares it is exact. With ``P`` the inverse Hessian of the set and ``B = H_outside,set P``, feature i going costs
    ``W_i^2 / (2 P_ii)`` and changes the pull on j by ``B_ji W_i / P_ii`` and its curvature by ``B_ji^2 / P_ii``.
    """
    eta = X[:, found.columns] @ found.W + found.b
    derivative, curvature = model.derivative(eta, y), model.row_curvature(eta) + 1e-12
    change = np.zeros((len(outside), len(found.columns)))
    for c in range(eta.shape[1]):
        weighted, total = X * curvature[:, [c]], curvature[:, c].sum()
        mean = weighted.sum(axis=0) / total
        H = weighted.T @ X[:, found.columns] - np.outer(total * mean, mean[found.columns])
        P = np.linalg.inv(H[found.columns] + model.ridge * np.eye(len(found.columns)))
        across = H[outside]
        B = across @ P
        own = (np.einsum("ij,ij->j", weighted, X) - total * mean**2)[outside] + model.ridge - (B * across).sum(axis=1)
        lever = found.W[:, c] / np.diag(P)
        pull = (B * lever) - (derivative[:, c] @ X)[outside, None]
        change += found.W[:, c] * lever / 2 - pull**2 / (2 * (own[:, None] + B**2 / np.diag(P)))
    return change
