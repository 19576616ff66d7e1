"""Moments: what a sample is to reproduce, as columns whose means are the figures wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.errors import ConfigError, ProblemError
from l0engine.selection.standardised import Standardised, as_columns, numbers, same_in_every_row

#: More categories than this are rather values than categories.
MOST_CATEGORIES = 1000
DECILES = tuple(i / 10 for i in range(1, 10))


class Wanted(Protocol):
    """A figure, or several, of the full data."""

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        """Names, and columns of which they are the means, shape (N, number of names)."""


@dataclass(frozen=True)
class Mean:
    """The mean of a numeric column."""

    column: str

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        values = _finite(frame, self.column)
        return [f"mean of {self.column}"], as_columns(values[:, None], [self.column])


@dataclass(frozen=True)
class Share:
    """The share of every category of a column."""

    column: str

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        codes, labels = _categories(frame, self.column)
        return labels, _indicators(codes, len(labels))


@dataclass(frozen=True)
class Joint:
    """The share of every pair of categories of two columns, of those pairs that occur."""

    first: str
    second: str

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        (a, one), (b, two) = _categories(frame, self.first), _categories(frame, self.second)
        pairs, codes = np.unique(a * len(two) + b, return_inverse=True)
        return [f"{one[i // len(two)]}, {two[i % len(two)]}" for i in pairs], _indicators(codes, len(pairs))


@dataclass(frozen=True)
class Quantiles:
    """The shares of rows up to each of some quantiles of the full data; those that coincide count once."""

    column: str
    at: Sequence[float] = DECILES

    def __post_init__(self) -> None:
        if not self.at or not all(0 < q < 1 for q in self.at):
            raise ConfigError(f"The quantiles of '{self.column}' are not all between 0 and 1: give shares such as 0.1 or 0.5.")

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        values = _finite(frame, self.column)
        cuts = np.unique(np.quantile(values, list(self.at), method="inverted_cdf"))
        cuts = cuts[cuts < values.max()]
        if not len(cuts):
            raise ProblemError(f"Column '{self.column}' has too few different values for quantiles: ask for its shares.")
        below = values[:, None] <= cuts
        digits = next((d for d in range(6, 17) if len({f"{cut:.{d}g}" for cut in cuts}) == len(cuts)), 17)
        return [f"{self.column} up to {cut:,.{digits}g}" for cut in cuts], sp.csc_array(below.astype(np.float64))


def moments(frame: pd.DataFrame, *wanted: Wanted) -> Standardised:
    """The columns whose means a sample is to reproduce.

    Parameters
    ----------
    frame : DataFrame, shape (N, any)
    *wanted : Mean, Share, Joint or Quantiles
        What is asked for twice stands once. For any other moments give their columns to `Standardised.create`.

    Raises
    ------
    ProblemError
        A column is absent, constant, not numeric or has missing values; the message names it.

    Examples
    --------
    >>> features = moments(frame, Mean("income"), Joint("sex", "state"), Quantiles("age"))  # doctest: +SKIP
    """
    return together([figure.columns(frame) for figure in wanted])


def together(columns: Sequence[tuple[list[str], sp.csc_array]]) -> Standardised:
    """As `moments`, from what the figures' own `columns` gave."""
    if not columns:
        raise ConfigError("Nothing is asked of the sample: name at least one mean, share or quantile.")
    found: dict[str, sp.csc_array] = {}
    for labels, block in columns:
        for i, label in enumerate(labels):
            column = block[:, [i]]
            known: Any = found.setdefault(label, column)
            if known is not column and (known != column).nnz:
                raise ProblemError(f"Two different figures are called '{label}': rename a column or a category.")
    return Standardised.create(sp.hstack(list(found.values()), format="csc"), list(found))


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column without missing values."""
    if list(frame.columns).count(name) != 1:
        known = ", ".join(str(c) for c in frame.columns[:12])
        raise ProblemError(f"The table has not exactly one column '{name}': choose one of {known}.")
    column = frame[name]
    missing = int(column.isna().sum())
    if missing:
        raise ProblemError(f"Column '{name}' has {missing:,} missing values: fill them or leave the rows out.")
    if not len(column):
        raise ProblemError("The table is empty: it needs at least one row.")
    return column


def _finite(frame: pd.DataFrame, name: str) -> np.ndarray:
    values = numbers(column_of(frame, name), name)
    if not np.isfinite(values).all():
        raise ProblemError(f"Column '{name}' has infinite values: replace them or leave the rows out.")
    if values.min() == values.max():
        raise same_in_every_row(name)
    return values


def _categories(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    codes, labels = coded(column_of(frame, name))
    if len(labels) == 1:
        raise ProblemError(f"Column '{name}' has a single category: leave it out.")
    if len(labels) > MOST_CATEGORIES:
        raise ProblemError(f"Column '{name}' has {len(labels):,} different values: group them, or ask for its quantiles.")
    return codes, [f"{name} = {label}" for label in labels]


def coded(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Categories by their text, in its order: the number 1 and the text "1" are one category. Code of each row, and texts."""
    codes, values = pd.factorize(column.map(str) if column.dtype == object else column)
    texts = [str(value) for value in values]
    labels = sorted(set(texts))
    rank = {label: i for i, label in enumerate(labels)}
    return np.array([rank[text] for text in texts], np.int64)[codes], labels


def _indicators(codes: np.ndarray, count: int) -> sp.csc_array:
    n = len(codes)
    return sp.csc_array((np.ones(n), (np.arange(n, dtype=np.int32), codes)), shape=(n, count))
