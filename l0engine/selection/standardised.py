"""Standardised: a table of numbers, dense or sparse, each column with its mean, its standard deviation and its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.errors import ProblemError

#: Values that differ by less than this share of the largest one differ by rounding: the column is constant.
CONSTANT = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Standardised:
    """Columns in units of their standard deviation; sparse columns are centred by `offset` only, and so stay sparse.

    Attributes
    ----------
    names : tuple of str, length p
    matrix : csr_array of float32, shape (N, p)
        ``(x - mean) / sd`` where a column has an entry in every row, else ``x / sd``.
    offset : ndarray of float64, shape (p,)
        Means of `matrix`: ``matrix - offset`` has means 0 and standard deviations 1.
    mean, sd : ndarray of float64, shape (p,)
        In the units of the data; `sd` divides by N.
    """

    names: tuple[str, ...]
    matrix: sp.csr_array
    offset: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def create(cls, table: Any, names: Sequence[str] | None = None) -> Standardised:
        """Standardise a table.

        Parameters
        ----------
        table : DataFrame, ndarray or sparse matrix, shape (N, p)
        names : sequence of str, optional
            Of the columns; those of the frame, else "column 0", "column 1", ... by default.

        Raises
        ------
        ProblemError
            The table is empty, or a column is not numeric, constant or has missing values; the message names it.
        """
        if names is None:
            framed = isinstance(table, pd.DataFrame)
            names = [str(c) for c in table.columns] if framed else [f"column {j}" for j in range(np.shape(table)[-1])]
        columns = as_columns(table, names)
        n = columns.shape[0]
        mean, sd, offset = (np.zeros(len(names)) for _ in range(3))
        for j, name in enumerate(names):
            part = slice(columns.indptr[j], columns.indptr[j + 1])
            x = columns.data[part]
            if not np.isfinite(x).all():
                raise ProblemError(f"Column '{name}' has missing or infinite values: fill them or leave the rows out.")
            found = _standardised(x, n - len(x))
            if found is None:
                raise same_in_every_row(name)
            columns.data[part], offset[j], mean[j], sd[j] = found
        return cls(tuple(names), sp.csr_array(columns.astype(np.float32)), offset, mean, sd)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def dense(self, rows: np.ndarray | slice = slice(None), columns: np.ndarray | slice = slice(None)) -> np.ndarray:
        """These rows and columns, centred, in float64."""
        part: Any = self.matrix[rows]
        return np.asarray(part[:, columns].toarray() - self.offset[columns], np.float64)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest centred value of every column, each shape (p,)."""
        least, most = (np.asarray(e.toarray(), np.float64).ravel() for e in (self.matrix.min(axis=0), self.matrix.max(axis=0)))
        return least - self.offset, most - self.offset

    def differences(self, rows: np.ndarray) -> np.ndarray:
        """``(mean over rows - mean over all) / sd`` of every column, shape (p,): the plain sample against all rows."""
        picked = self.matrix[rows].astype(np.float64)
        return np.asarray(picked.sum(axis=0) / len(rows) - self.offset)


def same_in_every_row(name: str) -> ProblemError:
    """What to say of a constant column."""
    return ProblemError(f"Column '{name}' is the same in every row to 15 digits: leave it out, or subtract what all rows share.")


def _standardised(x: np.ndarray, zeros: int) -> tuple[np.ndarray, float, float, float] | None:
    """Entries of a column in units of its standard deviation, their mean over all rows, mean and standard deviation of the column.

    Entries are centred where there are no `zeros` besides. Scaled by a power of two and counted from the first of them, neither
    very large numbers nor small differences between large ones are lost. None where the column is constant.
    """
    _, exponent = np.frexp(np.abs(x).max(initial=0.0))
    y = np.ldexp(x, -exponent)
    origin = 0.0 if zeros or not len(y) else float(y[0])
    y -= origin
    if y.max(initial=0.0) - y.min(initial=0.0) <= CONSTANT:
        return None
    n = len(y) + zeros
    mean = y.sum() / n
    sd = np.sqrt((((y - mean) ** 2).sum() + zeros * mean**2) / n)
    moments = float(np.ldexp(origin + mean, exponent)), float(np.ldexp(sd, exponent))
    return (y / sd, mean / sd, *moments) if zeros else ((y - mean) / sd, 0.0, *moments)


def as_columns(table: Any, names: Sequence[str]) -> sp.csc_array:
    """A copy by columns in float64; an entry for every row of a dense column, be it 0."""
    if np.ndim(table) != 2:
        raise ProblemError(f"The table has {np.ndim(table)} axes: give it rows and columns.")
    if 0 in table.shape:
        raise ProblemError("The table is empty: it needs at least one row and one column.")
    if len(names) != table.shape[1]:
        raise ProblemError(f"There are {len(names)} names for {table.shape[1]} columns: give each column one name.")
    if sp.issparse(table):
        entries: Any = table
        out = sp.csc_array(entries, dtype=np.float64, copy=True)
        out.sum_duplicates()
        return out
    n, p = table.shape
    dense = np.empty((p, n))
    for j, name in enumerate(names):
        dense[j] = numbers(table.iloc[:, j] if isinstance(table, pd.DataFrame) else table[:, j], name)
    rows: Any = np.tile(np.arange(n, dtype=np.int32), p)
    return sp.csc_array((dense.ravel(), rows, np.arange(p + 1) * n), shape=(n, p), dtype=np.float64)


def numbers(column: Any, name: str) -> np.ndarray:
    """A column as float64, missing values as NaN."""
    series = pd.Series(column)
    if not (pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series)) or series.dtype.kind == "c":
        raise ProblemError(f"Column '{name}' is not numeric: turn it into numbers, ask for its shares, or leave it out.")
    return series.to_numpy(np.float64, na_value=np.nan)
