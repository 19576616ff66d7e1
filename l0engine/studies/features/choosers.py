"""Other ways of choosing features, by scikit-learn; the model that all choices are refitted by, and its scores.

Features are standardised; a target of classes holds their positions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import RFE, f_classif, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, lasso_path
from sklearn.metrics import log_loss
from sklearn.svm import l1_min_c

from l0engine.studies.features.datasets import Task

#: For each count the columns that a method would take.
Sets = dict[int, np.ndarray]
#: Above so many features, recursive elimination lets a tenth of them go at a time, below one.
ONE_BY_ONE = 100
#: The weakest penalty of the logistic L1 path is so many times weaker than the strongest, in so many steps.
WEAKEST, STEPS = 1e4, 60

#: Names of measures by task, the first one first; True where more is better.
MEASURES: Mapping[Task, Mapping[str, bool]] = {"regression": {"R²": True}, "classification": {"accuracy": True, "log loss": False}}


def l1(X: np.ndarray, y: np.ndarray, counts: Sequence[int], task: Task) -> Sets:
    """Where the L1 path first has `count` features or more, those with the largest coefficients."""
    path = l1_path(X, y, max(counts), task)
    sizes = (path > 0).sum(axis=1)
    first = {k: int(np.argmax(sizes >= k)) if sizes.max() >= k else int(np.argmax(sizes)) for k in counts}
    return {k: np.argsort(-path[at], kind="stable")[:k] for k, at in first.items()}


def l1_path(X: np.ndarray, y: np.ndarray, wanted: int, task: Task) -> np.ndarray:
    """Sizes of the coefficients along the path, strongest penalty first, shape (n_points, p); logistic ones end at `wanted`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # which features there are is settled before the last digits
        if task == "regression":
            return np.asarray(np.abs(lasso_path(X, y - y.mean())[1]).T)
        model = LogisticRegression(l1_ratio=1.0, solver="saga", warm_start=True, tol=1e-3, max_iter=300, random_state=0)
        path: list[np.ndarray] = []
        for C in l1_min_c(X, y, loss="log") * np.geomspace(1, WEAKEST, STEPS):
            path.append(np.linalg.norm(model.set_params(C=C).fit(X, y).coef_, axis=0))
            if (path[-1] > 0).sum() >= wanted:
                break
    return np.array(path)


def univariate(X: np.ndarray, y: np.ndarray, counts: Sequence[int], task: Task) -> Sets:
    """The features with the largest F by themselves."""
    order = np.argsort(-(f_regression if task == "regression" else f_classif)(X, y)[0], kind="stable")
    return {k: order[:k] for k in counts}


def recursive(X: np.ndarray, y: np.ndarray, counts: Sequence[int], task: Task) -> Sets:
    """Recursive elimination of the smallest coefficient."""
    columns, few = np.arange(X.shape[1]), max(ONE_BY_ONE, *counts)
    if len(columns) > few:
        columns = np.flatnonzero(RFE(model_of(task), n_features_to_select=few, step=0.1).fit(X, y).support_)
    rank = RFE(model_of(task), n_features_to_select=1).fit(X[:, columns], y).ranking_
    return {k: columns[np.argsort(rank)[:k]] for k in counts}


#: The methods by name.
CHOOSERS: Mapping[str, Callable[[np.ndarray, np.ndarray, Sequence[int], Task], Sets]] = {
    "l1": l1,
    "univariate": univariate,
    "rfe": recursive,
}


def model_of(task: Task) -> Any:
    """Least squares, or a logistic model with scikit-learn's own slight ridge."""
    return LinearRegression() if task == "regression" else LogisticRegression(max_iter=1000)


def scores(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], task: Task) -> list[float]:
    """Measures, as `MEASURES` has them, of the model fitted to `train` (X, y) on the rows of `test`."""
    model = model_of(task).fit(*train)
    if task == "regression":
        return [float(model.score(*test))]
    shares = model.predict_proba(test[0])
    return [float(model.score(*test)), float(log_loss(test[1], shares, labels=model.classes_))]
