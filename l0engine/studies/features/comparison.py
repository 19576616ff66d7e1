"""Comparison: which features each method takes, on all rows and on the folds, and how well they predict rows not seen."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from l0engine.selection.features import choose_features
from l0engine.selection.path import FeaturePath
from l0engine.studies.features import choosers
from l0engine.studies.features.result import FeatureScores, Recovery, Score
from l0engine.studies.features.table import FeatureTable

OURS = "gates"
METHODS = (OURS, *choosers.CHOOSERS)


class Comparison:
    """Fed with `choose` for each method on all rows; then for each fold with `choose` for each method, and `score`.

    Parameters
    ----------
    table : FeatureTable
    counts : sequence of int
        Ascending; the last one is the count wanted.
    path : FeaturePath
        The gates' own choice on all rows.
    seed, epochs : int
        Of the gates on the folds.
    """

    def __init__(self, table: FeatureTable, counts: Sequence[int], path: FeaturePath, seed: int, epochs: int) -> None:
        if table.task == "regression":  # no measure depends on the unit of the target, and squares of huge values stay finite
            table = replace(table, y=table.y / unit(table.y))
        self._table, self._counts, self._seed, self._epochs = table, list(counts), seed, epochs
        self._on_all: dict[str, choosers.Sets] = {OURS: {k: path.chosen(k).features for k in counts}}
        self._on_fold: dict[str, choosers.Sets] = {}
        self._scores: list[np.ndarray] = []  # for each fold, (method, count, measure)
        self._whole: list[list[float]] = []  # for each fold, (measure), of all features
        self._seconds: dict[str, list[float]] = {method: [] for method in METHODS}

    def choose(self, method: str, rows: np.ndarray, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Have a method choose from these rows."""
        everything = len(rows) == len(self._table.y)
        if everything and method == OURS:
            return
        X, y = self._table.X[rows], self._table.y[rows]
        started = time.perf_counter()
        if method == OURS:
            found = self._gated(X, y, should_stop)
        else:
            found = choosers.CHOOSERS[method](_standardised(X, X), y, self._counts, self._table.task)
        self._seconds[method].append(time.perf_counter() - started)
        (self._on_all if everything else self._on_fold)[method] = found

    def _gated(self, X: np.ndarray, y: np.ndarray, should_stop: Callable[[], bool]) -> choosers.Sets:
        options: dict[str, Any] = {"task": self._table.task, "seed": self._seed, "epochs": self._epochs, "should_stop": should_stop}
        path = choose_features(X, y, self._counts[-1], **options)
        return {k: path.chosen(k).features for k in self._counts}

    def score(self, train: np.ndarray, test: np.ndarray) -> None:
        """Score what each method chose from `train` on the rows of `test`."""
        X, y, task = self._table.X, self._table.y, self._table.task
        a, b = _standardised(X[train], X[train]), _standardised(X[test], X[train])

        def of(columns: np.ndarray | slice) -> list[float]:
            return choosers.scores((a[:, columns], y[train]), (b[:, columns], y[test]), task)

        self._scores.append(np.array([[of(self._on_fold[m][k]) for k in self._counts] for m in METHODS]))
        if X.shape[1] < len(train) - 1:
            self._whole.append(of(slice(None)))

    def scores(self) -> FeatureScores:
        """Held-out scores so far."""
        measures = choosers.MEASURES[self._table.task]
        mean, error = (values.tolist() for values in _summary(self._scores))
        whole, whole_error = (values.tolist() for values in _summary(self._whole))
        scored = METHODS if self._scores else ()
        return FeatureScores(
            counts=tuple(self._counts),
            folds=len(self._scores),
            scores={
                name: {m: Score(tuple(k[q] for k in mean[i]), tuple(k[q] for k in error[i])) for i, m in enumerate(scored)}
                for q, name in enumerate(measures)
            },
            all={name: (whole[q], whole_error[q]) for q, name in enumerate(measures)} if self._whole else {},
        )

    def common(self) -> dict[str, int]:
        """Of the features wanted, how many each method shares with the gates on all rows."""
        k = self._counts[-1]
        return {method: len(set(self._on_all[OURS][k]) & set(found[k])) for method, found in self._on_all.items()}

    def seconds(self) -> dict[str, float]:
        """Median duration of one choice."""
        return {method: statistics.median(taken) for method, taken in self._seconds.items() if taken}

    def recovery(self, truth: Sequence[int]) -> Recovery:
        """What all methods chose from all rows against the truth."""
        both = {m: [len(set(found[k]) & set(truth)) for k in self._counts] for m, found in self._on_all.items()}
        path = choosers.l1_path(_standardised(self._table.X, self._table.X), self._table.y, self._table.X.shape[1], self._table.task)
        return Recovery(
            precision={m: tuple(hit / k for hit, k in zip(hits, self._counts, strict=True)) for m, hits in both.items()},
            recall={m: tuple(hit / len(truth) for hit in hits) for m, hits in both.items()},
            best_l1=max(f1(np.flatnonzero(sizes), truth) for sizes in path),
        )


def f1(chosen: Sequence[int] | np.ndarray, truth: Sequence[int]) -> float:
    """Twice the features in both over the sum of the sizes."""
    return 2 * len({int(j) for j in chosen} & {int(j) for j in truth}) / (len(chosen) + len(truth))


def unit(X: np.ndarray) -> np.ndarray:
    """For each column the power of two just above half its largest value: a division by it loses no bit, and squares stay finite."""
    return np.asarray(np.ldexp(0.5, np.frexp(np.abs(X).max(axis=0))[1]))


def _standardised(X: np.ndarray, by: np.ndarray) -> np.ndarray:
    of = unit(by)
    X, by = X / of, by / of
    return np.asarray((X - by.mean(axis=0)) / by.std(axis=0))


def _summary(folds: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over folds and its standard error, 0 of a single one."""
    values = np.array(folds)
    if len(values) < 2:
        return values.sum(axis=0), np.zeros(values.shape[1:])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
