"""Sets of features: exchanges against scikit-learn's own fits, shrinkage by its use on rows not seen, values of any size."""

import itertools
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss

from l0engine.selection import choose_features
from l0engine.selection.backward import Eliminated, eliminate
from l0engine.selection.exchange import exchange
from l0engine.selection.models import LeastSquares, Logistic
from l0engine.selection.shrinkage import best_sets


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_exchange_ends_where_no_exchange_lowers_the_loss(task):
    rng = np.random.default_rng(8)
    X = rng.standard_normal((80, 7)) @ rng.standard_normal((7, 7))
    X -= X.mean(0)
    y = X[:, :3].sum(1) + rng.standard_normal(80)
    model, target = (LeastSquares(ridge=1e-6), (y - y.mean())[:, None]) if task == "regression" else (Logistic(2), (y > 0).astype(int))

    @cache
    def of(columns):
        if task == "regression":
            return LinearRegression().fit(X[:, columns], y).score(X[:, columns], y) * -1
        ours = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X[:, columns], target)
        return log_loss(target, ours.predict_proba(X[:, columns])) * 80 + (ours.coef_**2).sum() / 2

    def loss(columns):
        return of(tuple(sorted(columns)))

    for start in itertools.combinations(range(7), 3):
        W, b = model.fit(X[:, start], target, np.zeros((3, 1)), model.start(target))
        found = exchange(model, X, target, Eliminated(np.array(start), W, b, model.value(X[:, start] @ W + b, target)))
        reached = loss(found.columns)
        for i, j in itertools.product(range(3), set(range(7)) - set(found.columns.tolist())):
            assert loss([*np.delete(found.columns, i), j]) >= reached - 1e-5 * abs(reached)


def test_shrinkage_is_asked_for_where_features_stand_in_for_each_other():
    """Few rows, much noise, columns that hardly differ: sets chosen without a ridge predict other rows worse; without them it is as good."""
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((460, 12)) + 1.5 * rng.standard_normal((460, 1))
        y = X @ rng.uniform(0, 0.3, 12) + 4 * rng.standard_normal(460)
        X = (X - X[:60].mean(0)) / X[:60].std(0)
        known, target = X[:60], (y[:60] - y[:60].mean())[:, None]
        ours = best_sets(LeastSquares(), known, target, 4, seed)
        bare = sorted(eliminate(LeastSquares(), known, target, 4), key=lambda found: len(found.columns))
        gains += [
            LeastSquares().value(X[60:] @ _wide(b) + b.b, (y[60:] - y[:60].mean())[:, None])
            - LeastSquares().value(X[60:] @ _wide(a) + a.b, (y[60:] - y[:60].mean())[:, None])
            for a, b in zip(ours, bare, strict=True)
        ]
    assert np.mean(gains) > 0


def _planted():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 6))
    return X, 2 * X[:, 1] - X[:, 4] + 0.5 * rng.standard_normal(80), (1, 4)


def _wide(found):
    W = np.zeros((12, 1))
    W[found.columns] = found.W
    return W


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_values_whose_squares_are_infinite(task):
    X, y, _ = _planted()
    y = y if task == "regression" else y > 0
    usual, units = choose_features(X, y, 3, task=task, epochs=30), np.array([1e200, 1, 1e-200, 1, 1e305, 1])
    huge = choose_features(X * units, y, 3, task=task, epochs=30)
    for k in (1, 3):
        assert set(huge.chosen(k).features) == set(usual.chosen(k).features)
        np.testing.assert_allclose(huge.predict(X * units, k) * 1.0, usual.predict(X, k) * 1.0, rtol=1e-4)
    if task == "regression":
        path = choose_features(X, y * 1e200, 3, epochs=30)
        np.testing.assert_allclose(path.predict(X, 3) / 1e200, usual.predict(X, 3), rtol=1e-4)
