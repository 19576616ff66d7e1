"""Designs that a sample is shown against: simple random and stratified sampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from l0engine.errors import ConfigError, ProblemError
from l0engine.selection.figures import column_of


def checked_size(n: int, rows: int) -> None:
    """Raise ConfigError unless 1 <= n <= rows."""
    if not 1 <= n <= rows:
        raise ConfigError(f"A sample of {n:,} from {rows:,} rows is impossible: choose a size from 1 to {rows:,}.")


def random(rows: int, n: int, *, seed: int = 0) -> np.ndarray:
    """A simple random sample without replacement, ascending, shape (n,)."""
    checked_size(n, rows)
    return np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))


def stratified(frame: pd.DataFrame, columns: Sequence[str], n: int, *, seed: int = 0) -> np.ndarray:
    """A sample with proportional allocation to the cells of some columns, ascending, shape (n,).

    Cells get their share of `n` rounded down; what is left goes to the largest remainders, ties at random.

    Raises
    ------
    ConfigError, ProblemError
        `n` is out of bounds; no column is named, or one is absent or has missing values.
    """
    checked_size(n, len(frame))
    if not columns:
        raise ProblemError("No column to stratify by: name at least one.")
    rng = np.random.default_rng(seed)
    keys = pd.DataFrame({i: column_of(frame, c).to_numpy() for i, c in enumerate(columns)})
    cell = keys.groupby(list(keys.columns), sort=False, observed=True).ngroup().to_numpy()
    quota = np.bincount(cell) * (n / len(frame))
    taken = np.floor(quota + 1e-9).astype(np.int64)
    remainder = quota - taken
    taken[np.lexsort((rng.random(len(quota)), -np.round(remainder, 9)))[: n - taken.sum()]] += 1
    order = rng.permutation(len(frame))
    order = order[np.argsort(cell[order], kind="stable")]  # by cell, shuffled inside
    within = np.arange(len(frame)) - np.repeat(np.cumsum(np.bincount(cell)) - np.bincount(cell), np.bincount(cell))
    return np.sort(order[within < taken[cell[order]]])
