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

from l0engine.arrays.inputs import plain
from l0engine.arrays.linear_map import linear_map
from l0engine.errors import ProblemError
from l0engine.hard_concrete import LOG_ALPHA_BOUND, HardConcreteDistribution
from l0engine.sparse_linear.local_search import SHARE, Products, best_support

#: A column whose spread is below this share of its largest value is constant up to rounding.
CONSTANT_BELOW = 1e-10
#: Share of the steps over which the price of a gate rises from 0: at once, it shuts gates before coefficients have grown.
RISE = 0.2
#: Columns that the local search looks at together, and how often it looks for others that the residual speaks for.
POOL, ROUNDS = 1000, 10
#: So few columns are searched from all of them too.
FEW = 100
#: With more columns and rows than this, least squares are solved by iteration.
DIRECT = 2000
#: What `lsqr` says when it ends at its limit of iterations.
LSQR_LIMIT = 7


class Fit(NamedTuple):
    """A fitted line ``X (weight * gate) + intercept`` in the units of X and y; arrays of shape (p,), double precision.

    Every gate is open or shut. `settled` tells whether no addition, drop or exchange of a feature lowers the objective.
    """

    weight: np.ndarray
    log_alpha: Tensor
    intercept: float
    settled: bool


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
    """Minimise ``E mean((y - X (w z) - b)^2) + price * E(number of open gates)``, then the same with gates that are 0 or 1.

    The descent ends with some gates half open, more of them the smaller the price is beside the variance of y. So a local search
    goes on from the open ones, and from none, and least squares are solved on the better of the two.

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
    largest = float(np.abs(y).max()) or 1.0  # squares of huge and tiny values stay finite
    centre = float((y / largest).mean()) if intercept else 0.0
    spread = float(np.sqrt(np.mean((y / largest - centre) ** 2)))
    unit = spread * largest if spread > CONSTANT_BELOW else largest
    goal = (y / largest - centre) * (largest / unit)
    ungated, log_alpha = _descend(columns, goal, log_alpha.float(), how, unit)
    slopes = (ungated * how.dist.gate(log_alpha)).numpy()
    support, settled = _finish(columns, goal, how.price / unit / unit, slopes)
    slopes, exact = columns.solve(goal, support, slopes[support])
    weight, log_alpha = np.zeros(len(columns.scale)), torch.full_like(log_alpha, -LOG_ALPHA_BOUND)
    weight[support] = slopes / columns.scale[support] * unit
    log_alpha[torch.from_numpy(support)] = LOG_ALPHA_BOUND
    return Fit(weight, log_alpha, centre * largest - float(columns.mean @ weight), settled and exact)


def _finish(columns: Columns, goal: np.ndarray, price: float, slopes: np.ndarray) -> tuple[np.ndarray, bool]:
    """The support that a local search finds from the columns with gated coefficients in `slopes`, or from none; whether it settled."""
    usable = np.flatnonzero(~columns.constant)
    if price == 0 or not len(usable):
        return usable, True
    support = usable[np.argsort(-np.abs(slopes[usable]), kind="stable")]
    support = support[slopes[support] != 0]
    slopes, objective = slopes[support], np.inf
    for _ in range(ROUNDS):
        pull = np.abs(columns.pull(goal, support, slopes))
        others = np.setdiff1d(usable, support)
        pool = np.append(support, others[np.argsort(-pull[others], kind="stable")])[:POOL]
        products = columns.products(goal, pool)
        order = np.arange(len(pool))
        starts = [order[: len(support)]]
        if objective == np.inf:
            starts += [order[:0]] + [order] * (len(pool) <= FEW)
        found = best_support(products, price, starts)
        better = found.objective < objective * (1 - SHARE)
        if better:
            support, slopes, objective = pool[found.columns], found.coefficients, found.objective
        if not better or len(pool) == len(usable):
            return np.sort(support), found.settled and (len(support) < len(pool) or len(pool) == len(usable))
    return np.sort(support), False


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


def _descend(columns: Columns, goal: np.ndarray, log_alpha: Tensor, how: Descent, unit: float) -> tuple[Tensor, Tensor]:
    """Coefficients and log_alpha after all steps, in double precision on the CPU; `goal` is y in units of `unit`.

    As columns have unit mean square the objective is ``mean((goal - Z (c m))^2) + sum c^2 v + price * sum p`` with mean m,
    variance v and probability p of the gates. Coefficients start from 0.
    """
    forward, transpose = columns.on(log_alpha.device)
    y, price, dist = torch.from_numpy(goal).to(log_alpha), how.price / unit / unit, how.dist
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
                how.on_step(step, unit * unit * float(residual.square().mean() + (c**2 * gates.variance).sum() + price * p.sum()))
            optimiser.step()
    return c.detach().cpu().double(), a.detach().cpu().double()
