"""FeatureTable: a table as numbers, with the column to be predicted; what can be no feature is left out with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from l0engine.errors import ConfigError, ProblemError
from l0engine.studies.features.datasets import Task

#: Text columns with more values than this are left out; those with fewer become a column of 0 and 1 for each value.
MOST_CATEGORIES = 12
#: Larger tables are thinned to a random sample of rows with so many cells.
MOST_CELLS = 4_000_000
MOST_FEATURES = 2_000
MOST_CLASSES = 100


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features and target as numbers.

    Attributes
    ----------
    X : ndarray of float64, shape (n, p)
    y : ndarray, shape (n,)
        float64, or for classification the position of each row's class.
    names : tuple of str, length p
    classes : tuple of str
        Of a classification, else empty.
    left_out : tuple of (str, str)
        Columns that are no features, and why.
    rows : int
        Of the table it was made of.
    """

    X: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    classes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    rows: int

    @property
    def task(self) -> Task:
        return "classification" if self.classes else "regression"


def feature_table(
    frame: pd.DataFrame,
    target: str,
    task: Literal["auto", "regression", "classification"] = "auto",
    *,
    drop_missing: bool = False,
    seed: int = 0,
) -> FeatureTable:
    """Take a table apart into features and target.

    Parameters
    ----------
    frame : DataFrame
    target : str
        Column to be predicted.
    task : str
        "auto" for classification where the target is text or has two values.
    drop_missing : bool
        Leave out rows with missing values, else they are refused.
    seed : int
        Of the rows drawn from a table with more than `MOST_CELLS` cells.

    Raises
    ------
    ConfigError, ProblemError
        A sentence that names the column and the remedy.
    """
    if task not in ("auto", "regression", "classification"):
        raise ConfigError(f"The task '{task}' is unknown: choose auto, regression or classification.")
    if target not in frame.columns:
        raise ProblemError(f"The table has no column '{target[:60]}': choose its target among {', '.join(map(str, frame.columns[:8]))}.")
    kept = {str(c): _clean(frame[c]) for c in frame.columns}
    y = kept.pop(target)
    left_out = {name: why for name, column in kept.items() if (why := _unusable(column))}
    used = pd.DataFrame({name: column for name, column in kept.items() if name not in left_out}, index=frame.index)
    whole = _whole_rows(used, y, drop_missing)
    used, y = used[whole], y[whole]
    constant = [name for name in used.columns if len(used[name].unique()) < 2]
    left_out |= dict.fromkeys(constant, "the same in every row")
    encoded = _encoded(used.drop(columns=constant))
    if encoded.empty:
        raise ProblemError(
            "The table has no column that could be a feature: it needs numbers, or text with a few values, beside the target."
        )
    if encoded.shape[1] > MOST_FEATURES:
        raise ProblemError(f"The table has {encoded.shape[1]:,} features: leave out columns until there are {MOST_FEATURES:,} or fewer.")
    rows = _drawn(len(encoded), MOST_CELLS // encoded.shape[1], seed)
    values, classes = _target(y, target, task)
    X = encoded.to_numpy(np.float64)
    return FeatureTable(X[rows], values[rows], tuple(encoded.columns), classes, tuple(left_out.items()), len(frame))


def _clean(column: pd.Series) -> pd.Series:
    """Empty text and infinite numbers are missing."""
    if types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        return pd.Series(np.where(np.isfinite(values), values, np.nan), column.index, name=column.name)
    return column.where(column.astype(str) != "")


def _unusable(column: pd.Series) -> str:
    """Why a column can be no feature, or nothing."""
    if column.isna().all():
        return "empty"
    if types.is_numeric_dtype(column):
        return ""
    if types.is_datetime64_any_dtype(column):
        return "dates"
    values = column.astype(str)[column.notna()].nunique()
    return f"text with {values:,} different values" if values > MOST_CATEGORIES else ""


def _whole_rows(used: pd.DataFrame, y: pd.Series, drop_missing: bool) -> np.ndarray:
    missing = {str(y.name): int(y.isna().sum()), **used.isna().sum().to_dict()}
    worst = max(missing, key=lambda name: missing[name])
    if missing[worst] and not drop_missing:
        raise ProblemError(
            f"Column '{worst}' has {missing[worst]:,} missing values: fill them, remove the column, or have such rows left out."
        )
    whole: np.ndarray = (used.notna().all(axis=1) & y.notna()).to_numpy()
    if not whole.any():
        raise ProblemError(f"No row is without missing values, column '{worst}' has {missing[worst]:,}: leave that column out.")
    return whole


def _encoded(used: pd.DataFrame) -> pd.DataFrame:
    """Numbers as they are, text as 0 and 1; of two values the second alone, as the first follows from it."""
    columns = {}
    for name, column in used.items():
        if types.is_numeric_dtype(column):
            columns[str(name)] = column
            continue
        text = column.astype(str)
        values = sorted(text.unique())
        shown = values[1:] if len(values) <= 2 else values
        columns |= {f"{name} = {value}": (text == value).astype("float64") for value in shown}
    return pd.DataFrame(columns, index=used.index)


def _target(y: pd.Series, name: str, task: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The target as numbers, and its classes where it has some."""
    numeric = types.is_numeric_dtype(y)
    values = y.nunique()
    if values < 2:
        raise ProblemError(f"The target '{name}' is the same in every row: choose another one.")
    if task == "regression" or (task == "auto" and numeric and values > 2):
        if not numeric:
            raise ProblemError(f"The target '{name}' is text: choose classification, or a column of numbers.")
        return y.to_numpy(np.float64), ()
    if values > MOST_CLASSES:
        raise ProblemError(
            f"The target '{name}' has {values:,} classes: choose one with {MOST_CLASSES} or fewer"
            + (", or regression." if numeric else ".")
        )
    classes, codes = np.unique(y.to_numpy() if numeric else y.astype(str).to_numpy(), return_inverse=True)
    return codes, tuple(f"{c:.12g}" if numeric else str(c) for c in classes)


def _drawn(n: int, most: int, seed: int) -> np.ndarray:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
