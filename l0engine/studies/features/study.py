"""FeatureStudy: features chosen by gates, and how well they predict rows not seen, beside other ways of choosing."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from l0engine.errors import ConfigError, ProblemError
from l0engine.studies.features import datasets
from l0engine.studies.features.comparison import METHODS, Comparison, unit
from l0engine.studies.features.table import FeatureTable, feature_table

if TYPE_CHECKING:
    from l0engine.selection.path import FeaturePath, FeatureSnapshot

#: Counts that are compared, at most.
MOST_COUNTS = 12
#: Gates that a snapshot shows, those most open.
MOST_GATES = 200
Run = Generator[dict[str, Any], None, Any]


@dataclass(frozen=True)
class FeatureStudy:
    """Settings of choosing features.

    Attributes
    ----------
    source : str
        A name of `DATA_SETS`, "planted", or "table" for table.parquet in the study's folder.
    count : int
        Features wanted.
    title, target : str
        What a table is called, and the column to be predicted; those of a bundled data set are known.
    task : str
        "auto", "regression" or "classification".
    drop_missing : bool
        Leave out rows with missing values.
    folds : int
        Of the cross-validation.
    seed, epochs : int
        As in `choose_features`; the seed draws the folds and planted data too.
    rows, features, true : int
        Of planted data.
    snr, correlation : float
        Of planted data.
    """

    kind: ClassVar[str] = "features"
    source: str
    count: int
    title: str = ""
    target: str = ""
    task: Literal["auto", "regression", "classification"] = "auto"
    drop_missing: bool = False
    folds: int = 10
    seed: int = 0
    epochs: int = 200
    rows: int = 500
    features: int = 1000
    true: int = 10
    snr: float = 5.0
    correlation: float = 0.0

    @property
    def label(self) -> str:
        """For menus: '5 features, diabetes'."""
        return f"{self.count:,} feature{'s' if self.count > 1 else ''}, {self.title or self.source}"

    def run(self, folder: Path, should_stop: Callable[[], bool]) -> Run:
        """Gates on all rows, then every method on all rows and on each fold; see `Study.run`.

        Snapshots have "names", "target" and "truth" (the first), "gates" with "shown" (columns), "count" and "loss", or "scores".

        Raises
        ------
        ConfigError, ProblemError
            A setting is out of bounds, or the table cannot be used.
        """
        table, truth = self._table(folder)
        splits = self._splits(table)
        table = _steady(table, [train for train, _ in splits])
        if not 1 <= self.count <= len(table.names):
            raise ConfigError(
                f"{self.count:,} of {len(table.names):,} features are impossible: choose a count from 1 to {len(table.names):,}."
            )
        bar = {"epochs": self.epochs * (len(splits) + 2)}
        yield {"step": 0, **bar, "names": table.names, "target": self.target_name, "truth": truth}
        path = yield from self._gates(table, bar, should_stop)
        compared = Comparison(table, _counts(self.count), path, self.seed, self.epochs)
        everything = np.arange(len(table.y))
        for i, (train, test) in enumerate([(everything, everything[:0]), *splits]):
            for j, method in enumerate(METHODS, 1):
                if should_stop():
                    return self._result(table, truth, path, compared)
                compared.choose(method, train, should_stop)
                yield {"step": int(self.epochs * (i + 1 + j / len(METHODS))), **bar}
            if len(test):
                compared.score(train, test)
                yield {"step": self.epochs * (i + 2), **bar, **compared.scores()}
        return self._result(table, truth, path, compared)

    @property
    def target_name(self) -> str:
        """The column that is predicted."""
        known = datasets.DATA_SETS.get(self.source)
        return known.target if known else "y" if self.source == "planted" else self.target

    def _table(self, folder: Path) -> tuple[FeatureTable, list[int]]:
        """The table, and the true features where they are known."""
        if self.source == "planted":
            X, y, truth = datasets.planted(self.rows, self.features, self.true, self.snr, correlation=self.correlation, seed=self.seed)
            names = tuple(f"x{j}" for j in range(1, self.features + 1))
            return FeatureTable(X, y, names, (), (), self.rows), truth.tolist()
        frame = pd.read_parquet(folder / "table.parquet") if self.source == "table" else datasets.load(self.source)
        return feature_table(frame, self.target_name, self.task, drop_missing=self.drop_missing, seed=self.seed), []

    def _splits(self, table: FeatureTable) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows of the training and the test part of each fold."""
        from sklearn.model_selection import KFold, StratifiedKFold

        n = len(table.y)
        if self.folds < 2:
            raise ConfigError(f"{self.folds} folds are impossible: choose 2 or more.")
        if n < 2 * self.folds:
            raise ProblemError(f"{n:,} rows are too few for {self.folds} folds: give at least {2 * self.folds}.")
        most = n - math.ceil(n / self.folds) - 2
        if self.count > most:
            raise ConfigError(f"{self.count:,} features are too many for {n:,} rows in {self.folds} folds: choose {most:,} or fewer.")
        if table.classes:
            sizes = np.bincount(table.y)
            if sizes.min() < self.folds:
                rare = table.classes[int(sizes.argmin())]
                raise ProblemError(
                    f"Class '{rare}' has {sizes.min():,} rows, fewer than the {self.folds} folds: merge it with another or leave it out."
                )
            return list(StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(table.X, table.y))
        return list(KFold(self.folds, shuffle=True, random_state=self.seed).split(table.X))

    def _gates(
        self, table: FeatureTable, bar: dict[str, int], should_stop: Callable[[], bool]
    ) -> Generator[dict[str, Any], None, FeaturePath]:
        """The path on all rows, snapshot by snapshot."""
        from l0engine.selection.features import iterate_features

        frame = pd.DataFrame(table.X, columns=list(table.names))
        run = iterate_features(frame, table.y, self.count, task=table.task, seed=self.seed, epochs=self.epochs, should_stop=should_stop)
        while True:
            try:
                snapshot = next(run)
            except StopIteration as end:
                path: FeaturePath = end.value
                return path
            yield {"step": snapshot.step, **bar, **_shown(snapshot)}

    def _result(self, table: FeatureTable, truth: list[int], path: FeaturePath, compared: Comparison) -> dict[str, Any]:
        chosen = path.chosen(self.count)
        X = table.X[:, chosen.features]
        out = {
            "rows": len(table.y),
            "of": table.rows,
            "features": len(table.names),
            "task": table.task,
            "target": self.target_name,
            "classes": table.classes,
            "left_out": table.left_out,
            "order": chosen.features.tolist(),
            "names": chosen.names,
            "gates": [float(path.history[-1].gates[j]) for j in chosen.features] if path.history else [],
            "coefficients": chosen.coefficients.tolist(),
            "per_deviation": (chosen.coefficients * unit(X)[:, None] * (X / unit(X)).std(axis=0)[:, None]).tolist(),
            "intercept": chosen.intercept.tolist(),
            "truth": truth,
            **compared.scores(),
            "common": compared.common(),
            "seconds": compared.seconds(),
        }
        return out | ({"recovery": compared.recovery(truth)} if truth else {})


def _counts(wanted: int) -> list[int]:
    """From 1 to the number wanted, thinned to `MOST_COUNTS`."""
    if wanted <= MOST_COUNTS:
        return list(range(1, wanted + 1))
    return sorted({round(k) for k in np.geomspace(1, wanted, MOST_COUNTS)})


def _steady(table: FeatureTable, parts: list[np.ndarray]) -> FeatureTable:
    """Without the features that are constant in the training part of a fold."""
    varied = np.all([np.ptp(table.X[rows], axis=0) > 0 for rows in parts], axis=0)
    if varied.all():
        return table
    names = np.array(table.names, object)
    left_out = (*table.left_out, *((name, "the same in nearly every row") for name in names[~varied]))
    return replace(table, X=table.X[:, varied], names=tuple(names[varied]), left_out=left_out)


def _shown(snapshot: FeatureSnapshot) -> dict[str, Any]:
    """The gates most open, by column."""
    shown = np.sort(np.argsort(-snapshot.gates, kind="stable")[:MOST_GATES])
    gates = [round(float(g), 3) for g in snapshot.gates[shown]]
    return {"shown": shown.tolist(), "gates": gates, "count": round(snapshot.count, 2), "loss": snapshot.loss}
