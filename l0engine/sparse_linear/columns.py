"""Columns: the features of a regression, checked and standardised, dense or sparse, and the products that a fit asks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse as sp
from scipy.sparse.linalg import LinearOperator, lsqr
from torch import Tensor

from l0engine.arrays.inputs import plain
from l0engine.arrays.linear_map import linear_map
from l0engine.errors import ProblemError
from l0engine.sparse_linear.local_search import Products

#: A column whose spread is below this share of its largest value is constant up to rounding.
CONSTANT_BELOW = 1e-10
#: With more columns and rows than this, least squares are solved by iteration.
DIRECT = 2000
#: What `lsqr` says when it ends at its limit of iterations.
LSQR_LIMIT = 7


def checked_features(X: Any) -> Any:
    """X as a float64 ndarray or csr_array of finite numbers, or a ProblemError."""
    a: Any = X if isinstance(X, pd.DataFrame) else plain(X)
    sparse: bool = sp.issparse(a)
    if sparse and a.ndim == 2 and a.dtype.kind in "biuf":
        a = sp.csr_array(a, dtype=np.float64)
        bad = a.indices[~np.isfinite(a.data)]
    else:
        try:
            a = np.asarray(a.toarray() if sparse else a)
            if a.dtype.kind == "c":
                raise TypeError
            a = a.astype(np.float64)
        except (TypeError, ValueError):
            raise ProblemError("X holds something that is not a real number: encode or leave out such columns.") from None
        if a.ndim != 2:
            raise ProblemError(f"X has {a.ndim} axes: give a table of rows and columns, such as X.reshape(-1, 1) for one column.")
        bad = np.flatnonzero(~np.isfinite(a).all(axis=0))
    if 0 in a.shape:
        raise ProblemError(f"X has shape {a.shape}: give at least one row and one column.")
    if len(bad):
        name = repr(X.columns[bad[0]]) if isinstance(X, pd.DataFrame) else bad[0]
        raise ProblemError(f"Column {name} of X holds a missing (NaN) or infinite value: fill it or drop the rows.")
    return a


def checked_response(y: Any, rows: int) -> np.ndarray:
    """y as a finite float64 array of shape (rows,), or a ProblemError."""
    try:
        a = np.asarray(plain(y), np.float64)
    except (TypeError, ValueError):
        raise ProblemError("y holds something that is not a real number: give numbers only.") from None
    if a.shape != (rows,):
        raise ProblemError(f"y has shape {a.shape} but X has {rows:,} rows: give one number a row, as an array of shape ({rows},).")
    if not np.isfinite(a).all():
        raise ProblemError("y holds a missing (NaN) or infinite value: drop the rows.")
    return a


class Columns:
    """Columns of X scaled to unit mean square and, with an intercept, centred; sparse ones stay sparse and are centred in products.

    Parameters
    ----------
    x : ndarray or csr_array of float64, shape (n, p)
    centre : bool
    """

    def __init__(self, x: Any, centre: bool) -> None:
        rows, width = x.shape
        dense = isinstance(x, np.ndarray)
        largest = np.abs(x).max(axis=0) if dense else abs(x).max(axis=0).toarray().ravel()
        unit = np.where(largest > 0, largest, 1.0)  # sums and squares of huge and tiny values stay finite
        x = x / unit if dense else _times(x, 1 / unit)
        mean = x.mean(axis=0) if centre else np.zeros(width)
        x = x - mean if dense else x
        self.mean, self._offset = mean * unit, np.zeros(width) if dense else mean
        spread = np.sqrt(np.maximum((x**2).sum(axis=0) / rows - self._offset**2, 0.0))
        self.constant = spread <= CONSTANT_BELOW
        spread = np.where(self.constant, 1.0, spread)
        inverse = np.where(self.constant, 0.0, 1 / spread)
        self.scale, self._offset = unit * spread, self._offset * inverse
        self._x = x * inverse if dense else _times(x, inverse).tocsc()

    def on(self, device: torch.device) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """Products with the columns and with their transpose, in single precision."""
        if isinstance(self._x, np.ndarray):
            z = torch.from_numpy(self._x).float().to(device)
            return z.__matmul__, z.T.__matmul__
        map_, offset = linear_map(self._x, device), torch.from_numpy(self._offset).float().to(device)
        return lambda c: map_.matvec(c) - offset @ c, lambda r: map_.rmatvec(r) - offset * r.sum()

    def pull(self, goal: np.ndarray, support: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Mean products of all columns with the residual that `slopes` on `support` leave; shape (p,)."""
        residual = goal - (self._x[:, support] @ slopes - self._offset[support] @ slopes)
        return np.asarray(self._x.T @ residual - self._offset * residual.sum()) / len(goal)

    def products(self, goal: np.ndarray, pool: np.ndarray) -> Products:
        """Mean products of the columns in `pool` and `goal`."""
        x, offset, n = self._x[:, pool], self._offset[pool], len(goal)
        square: Any = x.T @ x / n
        square = square if isinstance(square, np.ndarray) else square.toarray()
        return Products(square - np.outer(offset, offset), (x.T @ goal - offset * goal.sum()) / n, float(goal @ goal) / n)

    def solve(self, goal: np.ndarray, support: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
        """Least-squares coefficients of the columns in `support`, nearest to `start` where there are many, and whether they are exact."""
        x, offset = self._x[:, support], self._offset[support]
        if min(x.shape) <= DIRECT and isinstance(x, np.ndarray):
            return start + np.linalg.lstsq(x, goal - x @ start)[0], True
        operator: Any = LinearOperator(
            x.shape,
            matvec=lambda c: x @ c.ravel() - offset @ c.ravel(),
            rmatvec=lambda r: x.T @ r.ravel() - offset * r.sum(),
            dtype=np.float64,
        )
        found, why, *_ = lsqr(operator, goal, atol=1e-12, btol=1e-12, conlim=0, iter_lim=4 * len(support) + 50, x0=start)
        return found, why != LSQR_LIMIT


def _times(x: Any, factors: np.ndarray) -> Any:
    """A sparse matrix with its columns multiplied; an infinite factor, of a denormal column, is refused by no product with 0."""
    out = x.tocoo()
    out.data = out.data * factors[out.coords[1]]
    return out.tocsr()
