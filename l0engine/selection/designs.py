"""Designs that a sample is shown against, simple random and stratified sampling; and the random part of a hybrid one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from l0engine.errors import ConfigError, ProblemError
from l0engine.selection.standardised import Standardised
from l0engine.selection.wanted import coded, column_of

#: What the random part of a sample may leave to no one, as a share of the largest difference of a random sample.
REACH = 1 / 3
#: Rows whose values are looked up at a time.
_BLOCK = 500


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
    keys = pd.DataFrame({i: coded(column_of(frame, c))[0] for i, c in enumerate(columns)})
    cell = keys.groupby(list(keys.columns), sort=False, observed=True).ngroup().to_numpy()
    quota = np.bincount(cell) * (n / len(frame))
    taken = np.floor(quota + 1e-9).astype(np.int64)
    remainder = quota - taken
    taken[np.lexsort((rng.random(len(quota)), -np.round(remainder, 9)))[: n - taken.sum()]] += 1
    order = rng.permutation(len(frame))
    order = order[np.argsort(cell[order], kind="stable")]  # by cell, shuffled inside
    within = np.arange(len(frame)) - np.repeat(np.cumsum(np.bincount(cell)) - np.bincount(cell), np.bincount(cell))
    return np.sort(order[within < taken[cell[order]]])


def random_part(features: Standardised, n: int, part: int, *, seed: int = 0) -> np.ndarray:
    """`part` rows drawn at random that the other rows of a sample of `n` can make up for, ascending, shape (part,).

    A simple random draw, but for rows passed over because some figure would be off, whatever the others bring, by more than a
    share `REACH` of the largest difference of a random sample of `n`: one household too many of a category that has its share
    already, or a single extreme income. Of those first passed over the missing ones are taken after all, once there are `n` of them.

    Raises
    ------
    ConfigError
        `n` is out of bounds, or `part` is not from 0 to `n`.

    Notes
    -----
    A form of rejective sampling (Fuller, 2009), row by row, column by column. The ``n - part`` rows that are not drawn here bring at
    least their number times the column's least value to its sum; m rows still to be drawn bring 0 in the mean, so no less than one
    standard deviation of their sum, ``sqrt(m)``, is counted on, nor less than m times the least value; and likewise at most. The
    largest difference of a random sample is taken to be the median of the largest of p independent normal ones, each ``1 / sqrt(n)``.
    """
    rows = features.shape[0]
    checked_size(n, rows)
    if not 0 <= part <= n:
        raise ConfigError(f"A part of {part:,} rows does not fit a sample of {n:,}: choose from 0 to {n:,}.")
    rng = np.random.default_rng(seed)
    first = rng.choice(rows, part, replace=False)
    if part in (0, n):
        return np.sort(first)  # nothing drawn, or nobody to make up for it
    least, most = features.extremes()
    columns = features.shape[1]
    total, reach = np.zeros(columns), REACH * np.sqrt(n) * ndtri((1 + 0.5 ** (1 / columns)) / 2)
    taken: list[int] = []
    passed: list[int] = []
    for row, x in _in_blocks(features, first, rng):
        after, left, chance = total + x, part - len(taken) - 1, np.sqrt(part - len(taken) - 1)
        low = (n - part) * least + np.maximum(left * least, -chance)
        high = (n - part) * most + np.minimum(left * most, chance)
        if (after + low > reach).any() or (after + high < -reach).any():
            passed.append(row)
        else:
            taken.append(row)
            total = after
        if len(taken) == part or len(passed) == n:
            break
    return np.sort(np.array([*taken, *passed[: part - len(taken)]], np.int64))


def _in_blocks(features: Standardised, first: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[int, np.ndarray]]:
    """Rows and their centred values: the `first` ones, then all others in random order."""
    rest = np.ones(features.shape[0], bool)
    rest[first] = False
    for some in (first, rng.permutation(np.flatnonzero(rest))):
        for start in range(0, len(some), _BLOCK):
            block = some[start : start + _BLOCK]
            yield from zip(block.tolist(), features.dense(block), strict=True)
