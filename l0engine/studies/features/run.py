"""How features are chosen: gates on all rows, then every method on all rows and on each fold."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

from l0engine.draining import translated
from l0engine.errors import ConfigError, ProblemError
from l0engine.jobs.task import Context, Ending
from l0engine.selection.features import iterate_features
from l0engine.selection.path import FeaturePath, FeatureSnapshot
from l0engine.studies.features import datasets
from l0engine.studies.features.comparison import METHODS, Comparison, unit
from l0engine.studies.features.result import FeatureProgress, FeatureResult
from l0engine.studies.features.settings import FeatureStudy
from l0engine.studies.features.table import FeatureTable, feature_table

#: Counts that are compared, at most.
MOST_COUNTS = 12
#: Gates that a snapshot shows, those most open.
MOST_GATES = 200


def run(job: Context) -> Generator[FeatureProgress, None, Ending[FeatureResult]]:
    """Choose, compare, and end with what there is where the job is stopped.

    Raises
    ------
    ConfigError, ProblemError
        A setting is out of bounds, or the table cannot be used.
    """
    study: FeatureStudy = job.task
    table, truth = _table(study, job.folder)
    splits = _splits(study, table)
    table = _steady(table, [train for train, _ in splits])
    if not 1 <= study.count <= len(table.names):
        raise ConfigError(
            f"{study.count:,} of {len(table.names):,} features are impossible: choose a count from 1 to {len(table.names):,}."
        )
    epochs = study.epochs * (len(splits) + 2)
    yield FeatureProgress(step=0, epochs=epochs, names=table.names, target=study.target_name, truth=truth)
    path = yield from _gates(job, table, epochs)
    compared = Comparison(table, _counts(study.count), path, study.seed, study.epochs)
    yield from _compare(job, compared, [(np.arange(len(table.y)), np.arange(0)), *splits], epochs)
    return Ending(_result(study, table, truth, path, compared))


def _table(study: FeatureStudy, folder: Path) -> tuple[FeatureTable, tuple[int, ...]]:
    """The table, and the true features where they are known."""
    if study.source == "planted":
        X, y, truth = datasets.planted(study.rows, study.features, study.true, study.snr, correlation=study.correlation, seed=study.seed)
        names = tuple(f"x{j}" for j in range(1, study.features + 1))
        return FeatureTable(X, y, names, (), (), study.rows), tuple(truth.tolist())
    frame = pd.read_parquet(folder / "table.parquet") if study.source == "table" else datasets.load(study.source)
    return feature_table(frame, study.target_name, study.task, drop_missing=study.drop_missing, seed=study.seed), ()


def _splits(study: FeatureStudy, table: FeatureTable) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of the training and the test part of each fold."""
    n, folds = len(table.y), study.folds
    if folds < 2:
        raise ConfigError(f"{folds} folds are impossible: choose 2 or more.")
    if n < 2 * folds:
        raise ProblemError(f"{n:,} rows are too few for {folds} folds: give at least {2 * folds}.")
    most = n - math.ceil(n / folds) - 2
    if study.count > most:
        raise ConfigError(f"{study.count:,} features are too many for {n:,} rows in {folds} folds: choose {most:,} or fewer.")
    if not table.classes:
        return list(KFold(folds, shuffle=True, random_state=study.seed).split(table.X))
    sizes = np.bincount(table.y)
    if sizes.min() < folds:
        rare = table.classes[int(sizes.argmin())]
        raise ProblemError(f"Class '{rare}' has {sizes.min():,} rows, fewer than the {folds} folds: merge it with another or leave it out.")
    return list(StratifiedKFold(folds, shuffle=True, random_state=study.seed).split(table.X, table.y))


def _gates(job: Context, table: FeatureTable, epochs: int) -> Generator[FeatureProgress, None, FeaturePath]:
    """The path on all rows, snapshot by snapshot; each shows the gates most open."""
    study, frame = job.task, pd.DataFrame(table.X, columns=list(table.names))
    options: dict[str, Any] = {"task": table.task, "seed": study.seed, "epochs": study.epochs, "should_stop": job.should_stop}

    def told(s: FeatureSnapshot) -> FeatureProgress:
        shown = np.sort(np.argsort(-s.gates, kind="stable")[:MOST_GATES])
        gates = tuple(round(float(g), 3) for g in s.gates[shown])
        return FeatureProgress(
            step=s.step, epochs=epochs, shown=tuple(shown.tolist()), gates=gates, count=round(s.count, 2), loss=float(s.loss)
        )

    return (yield from translated(iterate_features(frame, table.y, study.count, **options), told))


def _compare(
    job: Context, compared: Comparison, parts: Sequence[tuple[np.ndarray, np.ndarray]], epochs: int
) -> Generator[FeatureProgress, None, None]:
    """Every method on the training rows of each part; what they chose is scored on the test rows, where there are some."""
    step = each = job.task.epochs
    for i, (train, test) in enumerate(parts, 1):
        for j, method in enumerate(METHODS, 1):
            if job.should_stop():
                return
            compared.choose(method, train, job.should_stop)
            before, step = step, int(each * (i + j / len(METHODS)))
            if before < step < each * (i + 1):  # with few epochs, methods share a step
                yield FeatureProgress(step=step, epochs=epochs)
        if len(test):
            compared.score(train, test)
        yield FeatureProgress(step=step, epochs=epochs, **vars(compared.scores()))


def _result(study: FeatureStudy, table: FeatureTable, truth: tuple[int, ...], path: FeaturePath, compared: Comparison) -> FeatureResult:
    chosen = path.chosen(study.count)
    X = table.X[:, chosen.features]
    per_deviation = chosen.coefficients * unit(X)[:, None] * (X / unit(X)).std(axis=0)[:, None]
    return FeatureResult(
        rows=len(table.y),
        of=table.rows,
        features=len(table.names),
        task=table.task,
        target=study.target_name,
        classes=table.classes,
        left_out=table.left_out,
        order=tuple(chosen.features.tolist()),
        names=chosen.names,
        gates=tuple(path.history[-1].gates[chosen.features].tolist()) if path.history else (),
        coefficients=tuple(map(tuple, chosen.coefficients.tolist())),
        per_deviation=tuple(map(tuple, per_deviation.tolist())),
        intercept=tuple(chosen.intercept.tolist()),
        truth=truth,
        **vars(compared.scores()),
        common=compared.common(),
        seconds=compared.seconds(),
        recovery=compared.recovery(truth) if truth else None,
    )


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
