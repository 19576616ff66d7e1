"""Margins: totals that must add up to the same, and do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.io.build.recipe import Statistic
from l0engine.io.build.rows import Rows
from l0engine.io.limits import clipped

#: Sums that differ by less, relatively, differ by rounding; published figures are rounded to whole ones at best.
ROUNDING = 1e-6
#: Of many definitions of the same sum only so many are held against each other.
_MOST_COMPARED = 20


@dataclass(frozen=True)
class Disagreement:
    """Two definitions that count the same households or persons, or sum the same, to different totals.

    Attributes
    ----------
    first, second : str
        Names of the definitions. `first == second`: a total row of the table against the sum of its other rows.
    place : str
        Where they differ most: common categories, or 'all'.
    first_sum, second_sum : float
        There.
    places : int
        How many places differ.
    """

    first: str
    second: str
    place: str
    first_sum: float
    second_sum: float
    places: int = 1

    @property
    def sentence(self) -> str:
        off = self.second_sum / self.first_sum - 1 if self.first_sum else float("inf")
        more = f", and in {self.places - 1:,} more places" if self.places > 1 else ""
        where = "" if self.place == "all" else f" for {clipped(self.place)}"
        if self.first == self.second:
            what = f"{self.first}: the table's total{where} is {self.first_sum:,.10g}, but its rows sum to {self.second_sum:,.10g}"
        else:
            what = f"'{self.second}' sums to {self.second_sum:,.10g}{where}, '{self.first}' to {self.first_sum:,.10g}"
        return f"{what} ({off:+.3%}){more}."


def disagreements(parts: Sequence[Rows], values: Sequence[np.ndarray]) -> tuple[Disagreement, ...]:
    """Definitions whose targets add up to the same row of the matrix, but not to the same total; and total rows that are no sums.

    Parameters
    ----------
    values : sequence of ndarrays, shape (n_targets of the part,)
        The totals that are to be met.
    """
    totals = [i for i, p in enumerate(parts) if p.target.statistic is Statistic.TOTAL and len(values[i])]
    found = [d for i in totals for d in _sums(parts[i])]
    for alike in _alike([parts[i].above for i in totals]):
        for i, j in combinations([totals[k] for k in alike[:_MOST_COMPARED]], 2):
            found += _compared(parts[i], values[i], parts[j], values[j])
    return tuple(found)


def factors(part: Rows, values: np.ndarray, other: Rows, other_values: np.ndarray) -> np.ndarray:
    """What brings the totals of `part` to the sums of `other`, in each of their common categories, shape (n_targets,)."""
    common = [c for c in part.target.by if c in other.target.by]
    mine, theirs = _summed(part, values, common), _summed(other, other_values, common)
    ratio = (theirs / mine).reindex(mine.index)
    keys = _keys(part, common)
    out = ratio.reindex(pd.MultiIndex.from_frame(keys) if len(common) > 1 else pd.Index(keys.iloc[:, 0])).to_numpy(np.float64)
    return np.where(np.isfinite(out), out, 1.0)


def _alike(parts: Sequence[sp.csr_array]) -> list[list[int]]:
    """Matrices whose rows add up to the same row, which is not empty: told by its product with a random vector."""
    if not parts:
        return []
    probe = np.random.default_rng(0).uniform(1, 2, parts[0].shape[1])
    marks = np.array([(p @ probe).sum() for p in parts])
    groups: list[list[int]] = []
    for i in np.argsort(marks, kind="stable").tolist():
        if groups and abs(marks[i] - marks[groups[-1][0]]) <= 1e-10 * abs(marks[i]):
            groups[-1].append(i)
        elif marks[i] != 0:
            groups.append([i])
    return [sorted(g) for g in groups if len(g) > 1]


def _compared(a: Rows, a_values: np.ndarray, b: Rows, b_values: np.ndarray) -> list[Disagreement]:
    common = [c for c in a.target.by if c in b.target.by]
    if common:
        sums = pd.DataFrame({"a": _summed(a, a_values, common), "b": _summed(b, b_values, common)}).dropna()
    else:
        sums = pd.DataFrame({"a": [a_values.sum()], "b": [b_values.sum()]}, index=["all"])
    return _told(a.target.name, b.target.name, sums)


def _told(first: str, second: str, sums: pd.DataFrame) -> list[Disagreement]:
    size = sums.abs().max(axis=1)
    off = (sums["a"] - sums["b"]).abs()
    differ = off > np.maximum(ROUNDING * size, 1e-9)
    if not differ.any():
        return []
    worst = (off / size).where(differ, 0).to_numpy().argmax()
    place = sums.index[int(worst)]
    text = ", ".join(map(str, place)) if isinstance(place, tuple) else str(place)
    a, b = sums.iloc[worst]
    return [Disagreement(first, second, text, float(a), float(b), int(differ.sum()))]


def _keys(part: Rows, common: Sequence[str]) -> pd.DataFrame:
    labels = part.cells.published.labels
    return labels[list(common)] if common else pd.DataFrame({"all": ["all"] * len(labels)})


def _summed(part: Rows, values: np.ndarray, common: Sequence[str]) -> pd.Series:
    keys = _keys(part, common)
    return pd.Series(values, index=keys.index).groupby([keys[c] for c in keys], sort=False).sum()


def _sums(part: Rows) -> list[Disagreement]:
    """The table's own total rows against the rows that they are sums of."""
    published, sums, out = part.cells.published, part.cells.sums, []
    if not len(sums.values) or part.cells.match.unmatched or part.cells.match.suppressed:
        return []  # what is left of the rows is no whole
    named = sums.labels != ""
    for _, kept in named.drop_duplicates().iterrows():
        told = sums.only((named == kept).all(axis=1).to_numpy())
        common = [c for c in part.target.by if kept[c]]
        keys = told.labels[common] if common else pd.DataFrame({"all": ["all"] * len(told.values)})
        totals = pd.Series(told.values, index=keys.index).groupby([keys[c] for c in keys], sort=False).first()
        both = pd.DataFrame({"a": totals, "b": _summed(part, published.values, common)}).dropna()
        out += _told(part.target.name, part.target.name, both)
    return out


def stacked(parts: Sequence[sp.csr_array]) -> sp.csr_array:
    """All rows, one below the other, in single precision where that loses nothing."""
    matrix = sp.csr_array(sp.vstack(list(parts), format="csr"))
    with np.errstate(over="ignore"):
        single = matrix.data.astype(np.float32)
    if np.array_equal(single, matrix.data):
        matrix.data = single
    return matrix
