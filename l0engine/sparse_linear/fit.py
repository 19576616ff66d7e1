"""Least squares with gated coefficients: the descent, the local search, and the refit on the open gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from l0engine.arrays.adam import Adam
from l0engine.hard_concrete import LOG_ALPHA_BOUND, HardConcreteDistribution
from l0engine.sparse_linear.columns import CONSTANT_BELOW, Columns
from l0engine.sparse_linear.local_search import SHARE, best_support

#: Share of the steps over which the price of a gate rises from 0: at once, it shuts gates before coefficients have grown.
RISE = 0.2
#: Columns that the local search looks at together, and how often it looks for others that the residual speaks for.
POOL, ROUNDS = 1000, 10
#: So few columns are searched from all of them too.
FEW = 100


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
    price : float
        Of an open gate, in squared units of y.
    lr : float
        Learning rate of Adam, for columns and y of unit standard deviation.
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


def _descend(columns: Columns, goal: np.ndarray, log_alpha: Tensor, how: Descent, unit: float) -> tuple[Tensor, Tensor]:
    """Coefficients and log_alpha after all steps, in double precision on the CPU; `goal` is y in units of `unit`.

    As columns have unit mean square the objective is ``mean((goal - Z (c m))^2) + sum c^2 v + price * sum p`` with mean m,
    variance v and probability p of the gates. Coefficients start from 0.
    """
    forward, transpose = columns.on(log_alpha.device)
    y, price, dist = torch.from_numpy(goal).to(log_alpha), how.price / unit / unit, how.dist
    c, a = torch.nn.Parameter(torch.zeros_like(log_alpha)), torch.nn.Parameter(log_alpha.clone())
    optimiser = Adam([c, a], how.lr)
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
