"""Least squares with gated coefficients: data checks, standardised columns, the descent, and the refit on the open gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse as sp
from scipy.sparse.linalg import LinearOperator, lsqr
from torch import Tensor

from l0engine.calibration.inputs import plain
from l0engine.calibration.linear_map import linear_map
from l0engine.errors import ProblemError
from l0engine.hard_concrete import LOG_ALPHA_BOUND, HardConcreteDistribution

#: A column whose spread is below this share of its largest value is constant up to rounding.
CONSTANT_BELOW = 1e-10
#: Share of the steps over which the price of a gate rises from 0: at once, it shuts gates before coefficients have grown.
RISE = 0.2


class Fit(NamedTuple):
    """A fitted line ``X (weight * gate) + intercept`` in the units of X and y; arrays of shape (p,), double precision."""

    weight: np.ndarray
    log_alpha: Tensor
    intercept: float


@dataclass(frozen=True)
class Descent:
    """How to descend.

    Parameters
    ----------
    dist : HardConcreteDistribution
    price : float
        Of an open gate, in squared units of y.
    lr : float
        Learning rate of Adam, for columns and y of unit standard deviation.
    epochs : int
    on_step : callable, optional
        Gets the step, from 1, and the objective in squared units of y.
    """

    dist: HardConcreteDistribution
    price: float
    lr: float
    epochs: int
    on_step: Callable[[int, float], None] | None = None


def fit_gated(x: Any, y: np.ndarray, log_alpha: Tensor, how: Descent, *, intercept: bool) -> Fit:
    """Minimise ``E mean((y - X (w z) - b)^2) + price * E(number of open gates)``, then solve least squares on the open gates.

    Parameters
    ----------
    x, y
        Of `checked_features` and `checked_response`.
    log_alpha : Tensor, shape (p,)
        Of the gates at the start; its device is where the descent runs.
    how : Descent
    intercept : bool
    """
    columns = Columns(x, intercept)
    centre = float(y.mean()) if intercept else 0.0
    unit = float(np.sqrt(np.mean((y - centre) ** 2))) or 1.0
    goal = (y - centre) / unit
    c, log_alpha = _descend(columns, goal, log_alpha.float(), how, unit**2)
    log_alpha[torch.from_numpy(columns.constant)] = -LOG_ALPHA_BOUND
    slopes, gates = c.numpy(), how.dist.gate(log_alpha).numpy()
    support = np.flatnonzero(gates)
    slopes[support] = columns.solve(goal, support, (slopes * gates)[support]) / gates[support]
    weight = slopes * unit / columns.scale
    return Fit(weight, log_alpha, centre - float(columns.mean @ (weight * gates)))


def checked_features(X: Any) -> Any:
    """X as a float64 ndarray or csr_array of finite numbers.

    Raises
    ------
    ProblemError
    """
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
    """y as a finite float64 array of shape (rows,).

    Raises
    ------
    ProblemError
    """
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
        self.mean = x.mean(axis=0) if centre else np.zeros(width)
        x = x - self.mean if dense else x
        largest = np.abs(x).max(axis=0) if dense else abs(x).max(axis=0).toarray().ravel()
        unit = np.where(largest > 0, largest, 1.0)  # squares of huge and tiny values stay finite
        x = x / unit if dense else x @ sp.diags_array(1 / unit)
        self._offset = np.zeros(width) if dense else self.mean / unit
        spread = np.sqrt(np.maximum((x**2).sum(axis=0) / rows - self._offset**2, 0.0))
        self.constant = spread * unit <= CONSTANT_BELOW * np.maximum(largest, np.abs(self.mean))
        spread = np.where(self.constant, 1.0, spread)
        inverse = np.where(self.constant, 0.0, 1 / spread)
        self.scale, self._offset = unit * spread, self._offset * inverse
        self._x = x * inverse if dense else (x @ sp.diags_array(inverse)).tocsc()

    def on(self, device: torch.device) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """Products with the columns and with their transpose, in single precision."""
        if isinstance(self._x, np.ndarray):
            z = torch.from_numpy(self._x).float().to(device)
            return z.__matmul__, z.T.__matmul__
        map_, offset = linear_map(self._x, device), torch.from_numpy(self._offset).float().to(device)
        return lambda c: map_.matvec(c) - offset @ c, lambda r: map_.rmatvec(r) - offset * r.sum()

    def solve(self, goal: np.ndarray, support: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Least-squares coefficients of the columns in `support`, nearest to `start` where there are many; double precision."""
        x, offset = self._x[:, support], self._offset[support]
        operator: Any = LinearOperator(
            x.shape,
            matvec=lambda c: x @ c.ravel() - offset @ c.ravel(),
            rmatvec=lambda r: x.T @ r.ravel() - offset * r.sum(),
            dtype=np.float64,
        )
        return lsqr(operator, goal, atol=1e-12, btol=1e-12, conlim=0, iter_lim=4 * len(support) + 50, x0=start)[0]


def _descend(columns: Columns, goal: np.ndarray, log_alpha: Tensor, how: Descent, square: float) -> tuple[Tensor, Tensor]:
    """Coefficients and log_alpha after all steps, in double precision on the CPU; `goal` is y in units whose square is `square`.

    As columns have unit mean square the objective is ``mean((goal - Z (c m))^2) + sum c^2 v + price * sum p`` with mean m,
    variance v and probability p of the gates. Coefficients start from 0.
    """
    forward, transpose = columns.on(log_alpha.device)
    y, price, dist = torch.from_numpy(goal).to(log_alpha), how.price / square, how.dist
    c, a = torch.nn.Parameter(torch.zeros_like(log_alpha)), torch.nn.Parameter(log_alpha.clone())
    optimiser = torch.optim.Adam([c, a], lr=how.lr)
    with torch.no_grad():
        for step in range(1, how.epochs + 1):
            gates, p = dist.moments(a), dist.p_active(a)
            residual = forward(c * gates.mean) - y
            pull = transpose(residual) * (2 / len(y))
            rising = price * min(1.0, step / (RISE * how.epochs))
            c.grad = pull * gates.mean + 2 * c * gates.variance
            a.grad = pull * c * gates.mean_slope + c**2 * gates.variance_slope + rising * p * (1 - p)
            if how.on_step is not None:
                how.on_step(step, square * float(residual.square().mean() + (c**2 * gates.variance).sum() + price * p.sum()))
            optimiser.step()
    return c.detach().cpu().double(), a.detach().cpu().double()
