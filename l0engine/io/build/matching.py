"""Matching published totals to the categories there are, by name and value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.labels import matched, nearest
from l0engine.io.build.published import Published
from l0engine.io.build.recipe import Target
from l0engine.io.build.units import Units
from l0engine.io.limits import clipped
from l0engine.io.tables.totals import is_total

#: Totals are near what the survey has within this factor.
NEAR = 3.0
_MOST = 50


@dataclass(frozen=True)
class Unmatched:
    """A published label that no household or person has.

    Attributes
    ----------
    column, label : str
    totals : int
        Rows of the table that have it; they became no targets.
    candidates : tuple of str
        The nearest labels there are, best first, for the first 50; take one with `Recipe.taking({column: {label: candidate}})`.
    """

    column: str
    label: str
    totals: int
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """What became of the totals of one definition.

    Attributes
    ----------
    name : str
        Of the definition.
    targets : int
        Totals that became targets.
    totals : int
        Rows or cells read from the table, rows that are sums of others included.
    added : int
        Rows that were added to another row of the same category.
    unmatched : tuple of Unmatched
    sums : int
        Rows called total, all, ...: they repeat others and became no targets.
    suppressed : int
        Totals without a number.
    missing : tuple of (str, int)
        Categories without a total, and how many households or persons have them; the most frequent first, at most 50.
    n_missing : int
        How many such categories there are.
    outside : tuple of (str, int)
        Category columns, and how many households or persons have nothing there, or stand in no class of it: no total counts them.
    """

    name: str
    targets: int
    totals: int
    added: int = 0
    unmatched: tuple[Unmatched, ...] = ()
    sums: int = 0
    suppressed: int = 0
    missing: tuple[tuple[str, int], ...] = ()
    n_missing: int = 0
    outside: tuple[tuple[str, int], ...] = ()

    @property
    def sentence(self) -> str:
        """What was matched and what was not, in words."""
        if self.added:
            parts = [f"{self.targets + self.added:,} of {self.totals:,} totals were added up to {self.targets:,} targets"]
        else:
            parts = [f"{self.targets:,} of {self.totals:,} totals became targets"]
        if self.sums:
            parts.append(f"{self.sums:,} {'is a sum' if self.sums == 1 else 'are sums'} of others")
        if self.suppressed:
            parts.append(f"{self.suppressed:,} {'has' if self.suppressed == 1 else 'have'} no number")
        for u in self.unmatched[:3]:
            near = f" (nearest: {', '.join(u.candidates)})" if u.candidates else ""
            parts.append(f"'{clipped(u.label)}' is no {clipped(u.column)}{near}")
        if len(self.unmatched) > 3:
            parts.append(f"{len(self.unmatched) - 3:,} more labels are in no row")
        if self.n_missing:
            first, count = self.missing[0]
            more = f" and {self.n_missing - 1:,} more" if self.n_missing > 1 else ""
            parts.append(f"no total for {first} ({count:,} rows){more}")
        return f"{self.name}: {'; '.join([*parts, *self.uncounted])}."

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Who counts nowhere, in words."""
        return tuple(
            f"{n:,} {'row has' if n == 1 else 'rows have'} no {clipped(column)} and {'counts' if n == 1 else 'count'} nowhere"
            for column, n in self.outside
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """Totals that met a category.

    Attributes
    ----------
    published : Published
        One row a target, labels as the households or persons have them.
    sums : Published
        The rows that are sums over a category, whose label is empty.
    match : Match
    """

    published: Published
    sums: Published
    match: Match


def match_cells(
    target: Target,
    published: Published,
    units: Units,
    counted: np.ndarray,
    same: Mapping[str, Mapping[str, str]],
    table: pd.DataFrame,
) -> tuple[Cells, np.ndarray]:
    """Meet totals and categories.

    Parameters
    ----------
    counted : ndarray of int
        Row numbers of the households or persons that are counted.
    table : DataFrame
        Where the totals stand.

    Returns
    -------
    cells : Cells
    cell : ndarray of int, shape of counted
        Row number of the target that each belongs to; -1 for none.

    Raises
    ------
    ProblemError
        Two rows of the table are of one category.
    """
    n = len(published.values)
    key, is_sum, ok = np.zeros(n, np.int64), np.zeros(n, bool), np.ones(n, bool)
    own_key, own_ok = np.zeros(len(counted), np.int64), np.ones(len(counted), bool)
    unmatched: list[Unmatched] = []
    outside: list[tuple[str, int]] = []
    labels = published.labels.copy()
    for category in target.by:
        codes, own = units.codes(category)
        codes = codes[counted]
        given, texts = pd.factorize(published.labels[category])
        at = matched([str(t) for t in texts], own, same.get(category, {}))
        total = np.array([a < 0 and (not t or is_total(str(t))) for a, t in zip(at, texts, strict=True)], bool)
        counts = np.bincount(given, minlength=len(texts))
        for i in np.flatnonzero((at < 0) & ~total).tolist():
            near = nearest(str(texts[i]), own) if len(unmatched) < _MOST else ()
            unmatched.append(Unmatched(category, str(texts[i]), int(counts[i]), near))
        is_sum |= total[given]
        ok &= at[given] >= 0
        labels[category] = np.array([*own, ""], dtype=object)[at[given]]
        key, own_key = _joined(key, np.maximum(at[given], 0), own_key, np.maximum(codes, 0), len(own))
        own_ok &= codes >= 0
        outside += [(category, int((codes < 0).sum()))] if (codes < 0).any() else []
    known = Published(labels, published.values, published.details)
    has_value, is_sum = np.isfinite(published.values), is_sum & ~ok
    taken, key = _without_repeats(target, known.only(ok & has_value), key[ok & has_value], units, table)
    row = np.full(max(int(own_key.max(initial=0)), int(key.max(initial=0))) + 1, -1)
    row[key] = np.arange(len(key))
    cell = np.where(own_ok, row[own_key], -1)
    missing, n_missing = _missing(units, target.by, counted, own_key, own_ok & (cell < 0))
    match = Match(
        name=target.name, targets=len(key), totals=n, added=int((ok & has_value).sum()) - len(key), unmatched=tuple(unmatched),
        sums=int(is_sum.sum()), suppressed=int((ok & ~has_value).sum()), missing=missing, n_missing=n_missing, outside=tuple(outside),
    )  # fmt: skip
    return Cells(taken, known.only(is_sum & has_value), match), cell


def _joined(a: np.ndarray, a_code: np.ndarray, b: np.ndarray, b_code: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of keys with a further code each; renumbered where they grow large."""
    both = np.concatenate([a * (size + 1) + a_code, b * (size + 1) + b_code])
    codes, _ = pd.factorize(both) if both.max(initial=0) > 4 * len(both) + 1000 else (both, None)
    return codes[: len(a)], codes[len(a) :]


def _without_repeats(
    target: Target, published: Published, key: np.ndarray, units: Units, table: pd.DataFrame
) -> tuple[Published, np.ndarray]:
    """One row a key: added up where that is wanted."""
    codes, first = pd.factorize(key)
    if len(first) == len(key):
        return published, key
    if not (target.totals.add_up or target.totals.through):
        row = int(np.argmax(pd.Series(key).duplicated().to_numpy()))
        label = ", ".join(str(v) for v in published.labels.iloc[row]) or target.name
        empty = units.empty_in(table, target.by)
        remedy = f"{empty}, by which it tells them apart: fill that in, or choose" if empty else "choose"
        raise ProblemError(
            f"{target.totals.table}: it has two totals for '{clipped(label)}' of '{clipped(target.name)}' "
            f"({published.values[codes == codes[row]][0]:,.10g} and {published.values[row]:,.10g}): {remedy} rows by a condition, "
            "name a further category, or have them added up."
        )
    at = np.unique(codes, return_index=True)[1]
    out = published.only(at)
    details = {k: v for k, v in out.details.items() if k not in ("tolerance", "standard_error")}
    return Published(out.labels, np.bincount(codes, published.values), details), key[at]


def _missing(
    units: Units, by: Sequence[str], counted: np.ndarray, key: np.ndarray, without: np.ndarray
) -> tuple[tuple[tuple[str, int], ...], int]:
    """The cells that have units but no total, most frequent first, and how many they are."""
    if not without.any():
        return (), 0
    keys, first, counts = np.unique(key[without], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST]
    rows = counted[without][first[order]]
    columns = [(codes, labels) for codes, labels in (units.codes(c) for c in by)]
    names = [", ".join(labels[codes[r]] for codes, labels in columns) or "all" for r in rows]
    return tuple(zip(names, counts[order].tolist(), strict=True)), len(keys)
