"""Features: for every count up to a largest one, the columns that explain a target, by gates and elimination.

Every feature j has coefficients W_j and one Hard Concrete gate. With eta = X (m W) + b at the mean gates m,

    mean_i E phi(eta_i) <= mean_i phi(eta_i(m)) + curvature / 2 sum_j |W_j|^2 v_j,

X being standardised and v the gates' variance; an equality for least squares. The right-hand side is minimised over W and the
gates, while the expected number of open gates is held to a count that falls from half the features to the largest wanted.
From the features of the most open gates, somewhat more than wanted, elimination and exchange choose a set for every count, with as
much shrinkage as cross-validation asks for; see `shrinkage`.

Sources: Louizos, Welling & Kingma (2017) for the gates; Boehning (1992) for the bound; Hassibi & Stork (1992) for the elimination.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from scipy import sparse as sp

from l0engine.arrays.linear_map import linear_map
from l0engine.draining import drain
from l0engine.errors import ConfigError, ProblemError
from l0engine.gates.counts import held
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.schedules import geometric
from l0engine.selection.backward import by_importance
from l0engine.selection.models import LeastSquares, Logistic, Model
from l0engine.selection.path import FeaturePath, FeatureSet, FeatureSnapshot
from l0engine.selection.shrinkage import best_sets
from l0engine.selection.standardised import Standardised, numbers

Task = Literal["regression", "classification"]
#: The elimination starts from so many features for each one wanted, but not from fewer than `AT_LEAST`.
CANDIDATES, AT_LEAST = 2.0, 20
#: Step of the coefficients (Adam), of the gates (root mean square over gates, with momentum), and share of the run the count falls.
STEP_W, STEP_GATES, MOMENTUM, FALLING = 0.05, 0.1, 0.9, 0.8
#: With more open gates than this the coefficients' step is shorter by their square root, so that together they do not overshoot.
CROWD = 30
SNAPSHOTS = 100
MOST_CLASSES = 100


def choose_features(
    X: Any,
    y: Any,
    max_features: int,
    *,
    task: Task = "regression",
    seed: int = 0,
    epochs: int = 200,
    watch: Callable[[FeatureSnapshot], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FeaturePath:
    """The best features of a linear or logistic model, for every count from 1 to `max_features`.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix, shape (n, p)
    y : array-like, shape (n,)
        Numbers, or for classification any labels of two or more classes.
    max_features : int
        From 1 to p.
    task : "regression" or "classification"
        Least squares, or a logistic model with a slight ridge.
    seed : int
        Of the first coefficients, which are close to 0, and of the folds of the cross-validation.
    epochs : int
        Steps of the gates.
    watch : callable
        Gets up to 101 snapshots.
    should_stop : callable
        Polled before every step; once True, the sets follow from the gates as they are.

    Raises
    ------
    ConfigError, ProblemError
        A setting is out of bounds; a column is not numeric, constant or has missing values, and the message names it.
    """
    run = iterate_features(X, y, max_features, task=task, seed=seed, epochs=epochs, should_stop=should_stop)
    return drain(run, watch)


def iterate_features(
    X: Any,
    y: Any,
    max_features: int,
    *,
    task: Task = "regression",
    seed: int = 0,
    epochs: int = 200,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[FeatureSnapshot, None, FeaturePath]:
    """As `choose_features`, snapshot by snapshot; the generator's value is the path."""
    table = Standardised.create(X)
    n, p = table.shape
    if not 1 <= max_features <= p:
        raise ConfigError(f"{max_features:,} of {p:,} features are impossible: choose a count from 1 to {p:,}.")
    if epochs < 1:
        raise ConfigError(f"epochs is {epochs}: set it to 1 or more.")
    model, target, classes, unit = _task(task, y, n)
    gates = _Gates(table, model, target, max_features, epochs, seed)
    history: list[FeatureSnapshot] = []
    started, stopped, every = time.perf_counter(), False, max(1, epochs // SNAPSHOTS)
    for step in range(epochs):
        stopped = should_stop()
        if stopped:
            break
        loss = gates.advance(step)
        if (step + 1) % every == 0 or step + 1 == epochs:
            p_active = gates.p_active()
            history.append(FeatureSnapshot(step + 1, epochs, time.perf_counter() - started, loss, float(p_active.sum()), p_active))
            yield history[-1]
    candidates = np.sort(gates.top(min(p, _candidates(max_features, n))))
    X = table.dense(columns=candidates)
    sets = []
    for found in best_sets(model, X, target, max_features, seed, should_stop):
        place = by_importance(model, X, found)
        columns = candidates[found.columns[place]]
        W = found.W[place] / table.sd[columns, None] * unit
        names = tuple(table.names[j] for j in columns)
        sets.append(FeatureSet(columns, names, W, found.b * unit - table.mean[columns] @ W, found.loss * unit * unit))
    return FeaturePath(table.names, tuple(sets), classes, tuple(history), stopped)


def _candidates(max_features: int, n: int) -> int:
    return max(max_features, min(max(int(CANDIDATES * max_features), AT_LEAST), n // 2))


def _task(task: str, y: Any, n: int) -> tuple[Model, np.ndarray, np.ndarray | None, float]:
    """The model, the target as the model takes it, the classes, and the unit of the target, its standard deviation if it is a number."""
    if np.shape(y) != (n,):
        raise ProblemError(f"The target has shape {np.shape(y)}: give it one value for each of the {n:,} rows.")
    if pd.isna(np.asarray(y, object)).any():
        raise ProblemError("The target has missing values: leave their rows out.")
    if task == "regression":
        values = numbers(y, "target")
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            raise ProblemError("The target is infinite somewhere or the same in every row: choose another one.")
        largest = float(np.abs(values).max())  # squares of huge values stay finite
        spread = float((values / largest).std())
        return LeastSquares(), (values / largest / spread)[:, None], None, spread * largest
    if task != "classification":
        raise ConfigError(f"The task '{task}' is unknown: choose 'regression' or 'classification'.")
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    if not 2 <= len(classes) <= min(MOST_CLASSES, n - 1):
        raise ProblemError(
            f"The target's number of classes is {len(classes):,}: choose one with 2 to {MOST_CLASSES}, or task='regression'."
        )
    return Logistic(len(classes)), codes, classes, 1.0


class _Gates:
    """The mutable part: coefficients, log_alpha and what their steps remember."""

    def __init__(self, table: Standardised, model: Model, target: np.ndarray, wanted: int, epochs: int, seed: int) -> None:
        (n, p), self._dist = table.shape, HardConcreteDistribution()
        self._model, self._y, self._n = model, target, n
        self._map = linear_map(sp.csc_array(table.matrix), torch.device("cpu"))
        self._offset = torch.from_numpy(table.offset.astype(np.float32))[:, None]
        self._counts = (max(p / 2, wanted), wanted, max(1, int(FALLING * epochs)))
        b = model.start(self._y)
        self._b = torch.from_numpy(np.asarray(b, np.float32))
        noise = np.random.default_rng(seed).standard_normal((p, len(b)))
        self._W = torch.from_numpy((1e-3 * noise).astype(np.float32))
        self._log_alpha = held(torch.zeros(p), self._counts[0], self._dist)
        self._velocity = torch.zeros(p)
        self._adam = [torch.zeros_like(t) for t in (self._W, self._W, self._b, self._b)]

    def advance(self, step: int) -> float:
        """One step on coefficients and gates; the loss it started from."""
        model, W, gates = self._model, self._W, self._dist.moments(self._log_alpha)
        gated = W * gates.mean[:, None]
        eta = (self._map.matvec(gated) - (self._offset * gated).sum(0) + self._b).numpy()
        r = torch.from_numpy(np.asarray(model.derivative(eta, self._y), np.float32) / self._n)
        pull = self._map.rmatvec(r) - self._offset * r.sum(0)
        square = (W * W).sum(1)
        loss = model.value(eta, self._y) + model.curvature / 2 * float((square * gates.variance).sum())
        by_gate = (pull * W).sum(1) * gates.mean_slope + model.curvature / 2 * square * gates.variance_slope
        first, second, first_b, second_b = self._adam
        high, low, fall = self._counts
        rate = STEP_W * min(1.0, (CROWD / geometric(step, fall, high, low)) ** 0.5)
        _adam(W, pull * gates.mean[:, None] + model.curvature * W * gates.variance[:, None], first, second, step, rate)
        _adam(self._b, r.sum(0), first_b, second_b, step, STEP_W)
        self._velocity.mul_(MOMENTUM).add_(by_gate - by_gate.mean(), alpha=1 - MOMENTUM)
        # one scale for all gates: were each to have its own, as in Adam, those that nothing speaks for would move like the others
        rms = float(self._velocity.square().mean().sqrt()) + 1e-12
        self._log_alpha = held(self._log_alpha - STEP_GATES / rms * self._velocity, geometric(step, fall, high, low), self._dist)
        return loss

    def p_active(self) -> np.ndarray:
        """Probability that each gate is open, shape (p,)."""
        return np.asarray(self._dist.p_active(self._log_alpha).numpy())

    def top(self, count: int) -> np.ndarray:
        """The `count` features whose gates are open with the largest probability."""
        return np.argsort(-self._log_alpha.numpy(), kind="stable")[:count]


def _adam(x: torch.Tensor, gradient: torch.Tensor, first: torch.Tensor, second: torch.Tensor, step: int, rate: float) -> None:
    """A step of Adam in place (Kingma & Ba 2015)."""
    first.lerp_(gradient, 0.1)
    second.lerp_(gradient.square(), 0.001)
    x.addcdiv_(first, (second / (1 - 0.999 ** (step + 1))).sqrt_().add_(1e-8), value=-rate / (1 - 0.9 ** (step + 1)))
