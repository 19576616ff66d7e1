"""Rows of the matrix that one definition of targets makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io.build.expressions import amount, condition
from l0engine.io.build.matching import Cells, match_cells
from l0engine.io.build.published import read_published
from l0engine.io.build.recipe import HOUSEHOLDS, PERSONS, Recipe, Statistic, Target
from l0engine.io.build.units import Units
from l0engine.io.limits import clipped


@dataclass(frozen=True, eq=False)
class Rows:
    """The targets of one definition.

    Attributes
    ----------
    target : Target
    cells : Cells
    above, below : csr_array, shape (n_targets, n_households)
        What is counted or summed, and, of means and shares, what it is divided by.
    """

    target: Target
    cells: Cells
    above: sp.csr_array
    below: sp.csr_array | None

    @property
    def published(self) -> np.ndarray:
        """The totals, means or shares as published, in the problem's units, shape (n_targets,)."""
        return self.cells.published.values

    @property
    def names(self) -> list[str]:
        """A name for each target: the definition's, and the categories."""
        name, labels = self.target.name, self.cells.published.labels
        if not self.target.by:
            return [name] * len(labels)
        texts = labels[self.target.by[0]].astype(str)
        for column in self.target.by[1:]:
            texts = texts + ", " + labels[column].astype(str)
        return [" ".join(f"{name}: {text}".split()) for text in texts]


def make_rows(target: Target, recipe: Recipe, units: Mapping[str, Units], tables: Mapping[str, pd.DataFrame]) -> Rows:
    """The matrix rows and totals of a definition.

    Raises
    ------
    ProblemError
        It names what is not there, its totals cannot be read, or none of them meets a category.
    """
    who = _units(target, units)
    _check(target, who)
    _refuse_empty(target, who)
    counted = np.flatnonzero(condition(target.where, who))
    published = read_published(target, recipe, tables, {c: who.codes(c)[1] for c in target.by})
    cells, cell = match_cells(target, published, who, counted, recipe.same, tables.get(target.totals.table, pd.DataFrame()))
    unit, cell = counted[cell >= 0], cell[cell >= 0]
    shape = len(cells.published.values), len(who.households)
    above = _added(cell, _measured(target, who, unit), who.position[unit], shape)
    if target.statistic is Statistic.TOTAL:
        return Rows(target, cells, above, None)
    if target.statistic is Statistic.MEAN:
        return Rows(target, cells, above, _added(cell, np.ones(len(unit)), who.position[unit], shape))
    whole = _wholes(target, who, cells)
    _refuse_percents(target, cells, above, whole)
    return Rows(target, cells, above, whole)


def _units(target: Target, units: Mapping[str, Units]) -> Units:
    if target.of not in (HOUSEHOLDS, PERSONS):
        raise ProblemError(f"The targets '{clipped(target.name)}' are of '{clipped(target.of)}': choose households or persons.")
    if target.of not in units:
        raise ProblemError(f"The targets '{clipped(target.name)}' are of persons, but there is no table of persons: name it.")
    return units[target.of]


def _check(target: Target, who: Units) -> None:
    """Refuse what means nothing."""
    for column in (*target.by, *target.within):
        who.codes(column)
    if target.statistic is Statistic.MEAN and not target.sum:
        raise ProblemError(f"The targets '{clipped(target.name)}' are means of nothing: name the column that is summed.")
    strange = [c for c in target.within if c not in target.by]
    if strange:
        raise ProblemError(f"The targets '{clipped(target.name)}' are shares within '{clipped(strange[0])}' but not by it: add it to by.")


def _refuse_empty(target: Target, who: Units) -> None:
    """Refuse totals by a column that has no category in any row."""
    for column in target.by if target.totals.table else ():
        codes, labels = who.codes(column)
        if len(codes) and (codes < 0).all():
            what = "no row is in a class of it" if labels else "it is empty"
            raise ProblemError(
                f"{who.file_of(column)}, column '{clipped(column)}': {what}, so none of the totals by it in {target.totals.table} can be "
                f"met: fill it in, or take it out of what '{clipped(target.name)}' are by."
            )


def _measured(target: Target, who: Units, unit: np.ndarray) -> np.ndarray:
    """What each of these households or persons adds, shape of unit."""
    if not target.sum:
        return np.ones(len(unit))
    amounts: np.ndarray = amount(target.sum, who)[unit]
    bad = ~np.isfinite(amounts)
    if bad.any():
        raise ProblemError(
            f"{who.file}: '{clipped(target.sum)}' has no number in row {who.frame.index[unit[bad]].min() + 1:,} ({int(bad.sum()):,} such): "
            f"fill it in, or leave such rows out of '{clipped(target.name)}' by a condition."
        )
    return amounts


def _wholes(target: Target, who: Units, cells: Cells) -> sp.csr_array:
    """What the shares are of: for each target the larger cell that it lies in, shape (n_targets, n_households)."""
    unit = np.flatnonzero(condition(target.among, who))
    keys = {c: who.codes(c)[0][unit] for c in target.within}
    known = np.all([codes >= 0 for codes in keys.values()], axis=0) if keys else np.ones(len(unit), bool)
    positions = ({label: i for i, label in enumerate(who.codes(c)[1])} for c in target.within)
    theirs = [cells.published.labels[c].map(p).to_numpy(np.int64) for c, p in zip(target.within, positions, strict=True)]
    q = len(cells.published.values)
    pairs = zip(keys.items(), theirs, strict=True)
    both = pd.DataFrame({c: np.concatenate([mine, t]) for (c, mine), t in pairs}, index=range(len(unit) + q))
    group = both.groupby(list(both.columns), sort=False).ngroup().to_numpy() if keys else np.zeros(len(both), np.int64)
    wanted = known & np.isin(group[: len(unit)], group[len(unit) :])
    unit, cell = unit[wanted], group[: len(group) - q][wanted]
    shape = int(group.max(initial=0)) + 1, len(who.households)
    return sp.csr_array(_added(cell, _measured(target, who, unit), who.position[unit], shape)[group[len(group) - q :]])


def _refuse_percents(target: Target, cells: Cells, above: sp.csr_array, whole: sp.csr_array) -> None:
    """A share above 1 is refused where no weights can reach it: no household adds more to the part than to the whole."""
    values = cells.published.values
    high = (values > 1 + 1e-6) & ((above - whole).max(axis=1).toarray().ravel() <= 0)
    if high.any():
        row = int(np.argmax(high))
        label = ", ".join(map(str, cells.published.labels.iloc[row]))
        raise ProblemError(
            f"{target.totals.table or 'The recipe'}: the share of '{clipped(target.name)}'{f' for {clipped(label)!r}' if label else ''} is "
            f"{values[row]:,.10g}, above 1: where the shares are percents, write `unit = 0.01` in the totals."
        )


def _added(cell: np.ndarray, amounts: np.ndarray, position: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    """A row a cell and a column a household, of what its units add."""
    return sp.csr_array(sp.coo_array((amounts, (cell, position)), shape=shape))
