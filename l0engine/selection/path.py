"""FeaturePath: what choosing features says while it runs and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.errors import ConfigError, ProblemError
from l0engine.selection.models import Logistic
from l0engine.selection.standardised import as_columns


@dataclass(frozen=True, eq=False, slots=True)
class FeatureSnapshot:
    """The gates after `step` steps.

    Attributes
    ----------
    step, epochs : int
    seconds : float
    loss : float
        The mean loss at the mean gates and what their variance adds.
    count : float
        Expected number of open gates.
    gates : ndarray of float32, shape (p,)
        Probability that each gate is open.
    """

    step: int
    epochs: int
    seconds: float
    loss: float
    count: float
    gates: np.ndarray


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Chosen features and a model of them, in the units of the data.

    Attributes
    ----------
    features : ndarray of int, shape (k,)
        Columns of X, first those that the elimination would keep longest.
    names : tuple of str, length k
    coefficients : ndarray of float64, shape (k, n_outputs)
        One output, but for three or more classes, which have one each.
    intercept : ndarray of float64, shape (n_outputs,)
    loss : float
        Mean loss on the data of the fit: half the squared error, or the logistic loss.
    """

    features: np.ndarray
    names: tuple[str, ...]
    coefficients: np.ndarray
    intercept: np.ndarray
    loss: float


@dataclass(frozen=True, eq=False)
class FeaturePath:
    """Sets of features, one for each count; each is chosen by itself, so one need not hold the one before.

    Attributes
    ----------
    names : tuple of str, length p
    sets : tuple of FeatureSet
        ``sets[k - 1]`` has k features.
    classes : ndarray or None
        For classification, in the order of the outputs.
    history : tuple of FeatureSnapshot
    stopped : bool
    """

    names: tuple[str, ...]
    sets: tuple[FeatureSet, ...]
    classes: np.ndarray | None
    history: tuple[FeatureSnapshot, ...]
    stopped: bool

    @property
    def order(self) -> np.ndarray:
        """The features of the largest set, the most important first."""
        return self.sets[-1].features

    def chosen(self, count: int) -> FeatureSet:
        """The set of `count` features."""
        if not 1 <= count <= len(self.sets):
            raise ConfigError(f"There is no set of {count:,} features: choose a count from 1 to {len(self.sets):,}.")
        return self.sets[count - 1]

    def predict(self, X: Any, count: int) -> np.ndarray:
        """Predicted target, or class, of every row of X, shape (n, p), from `count` features; shape (n,)."""
        if self.classes is None:
            return self._eta(X, count)[:, 0]
        return np.asarray(self.classes[self.probabilities(X, count).argmax(axis=1)])

    def probabilities(self, X: Any, count: int) -> np.ndarray:
        """For classification: probabilities of the classes, shape (n, n_classes)."""
        if self.classes is None:
            raise ConfigError("A regression has no classes: call predict.")
        return Logistic(len(self.classes)).probabilities(self._eta(X, count))

    def _eta(self, X: Any, count: int) -> np.ndarray:
        chosen = self.chosen(count)
        if np.ndim(X) != 2 or X.shape[1] != len(self.names):
            raise ProblemError(f"The table has shape {np.shape(X)}: give it the {len(self.names):,} columns of the fit.")
        columns: Any = X
        if sp.issparse(X):
            columns = sp.csc_array(columns)
        elif isinstance(X, pd.DataFrame):
            columns = X.iloc
        table = as_columns(columns[:, chosen.features], chosen.names)
        if not np.isfinite(table.data).all():
            raise ProblemError("The table has missing or infinite values in a chosen column: fill them or leave the rows out.")
        return np.asarray(table.toarray() @ chosen.coefficients + chosen.intercept)
