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
        return [f"{name}: {text}" for text in texts]


def make_rows(target: Target, recipe: Recipe, units: Mapping[str, Units], tables: Mapping[str, pd.DataFrame]) -> Rows:
    """The matrix rows and totals of a definition.

    Raises
    ------
    ProblemError
        It names what is not there, its totals cannot be read, or none of them meets a category.
    """
    who = _units(target, units)
    _check(target, who)
    use = condition(target.where, who)
    own = {c: who.codes(c)[1] for c in target.by}
    cells = match_cells(target, read_published(target, recipe, tables, own), who, use, recipe.same)
    q, n = len(cells.published.values), len(who.households)
    above = _added(cells.of_unit, _measured(target, who, cells.of_unit), who.position, (q, n))
    if target.statistic is Statistic.TOTAL:
        return Rows(target, cells, above, None)
    return Rows(target, cells, above, _whole(target, who, cells, n))


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


def _measured(target: Target, who: Units, cell: np.ndarray) -> np.ndarray:
    """What each household or person adds, shape (n_units,)."""
    if not target.sum:
        return np.ones(len(who))
    amounts = amount(target.sum, who)
    bad = (cell >= 0) & ~np.isfinite(amounts)
    if bad.any():
        raise ProblemError(
            f"{who.file}: '{clipped(target.sum)}' has no number in row {int(np.argmax(bad)) + 1:,} ({int(bad.sum()):,} such): fill it in, "
            f"or leave such rows out of '{clipped(target.name)}' by a condition."
        )
    return amounts


def _whole(target: Target, who: Units, cells: Cells, n: int) -> sp.csr_array:
    """What means and shares are divided by: those that a mean is of; the larger cell that a share is of."""
    q = len(cells.published.values)
    if target.statistic is Statistic.MEAN:
        return _added(cells.of_unit, np.ones(len(who)), who.position, (q, n))
    use = condition(target.among, who)
    of_unit, of_target = np.zeros(len(who), np.int64), np.zeros(q, np.int64)
    for column in target.within:
        codes, own = who.codes(column)
        position = {label: i for i, label in enumerate(own)}
        theirs = np.array([position[label] for label in cells.published.labels[column]], np.int64)
        both, _ = pd.factorize(np.concatenate([of_unit * (len(own) + 1) + np.maximum(codes, 0), of_target * (len(own) + 1) + theirs]))
        of_unit, of_target = both[: len(who)], both[len(who) :]
        use = use & (codes >= 0)
    group = np.where(use, of_unit, -1)
    n_groups = int(max(of_unit.max(initial=0), of_target.max(initial=0))) + 1
    wanted = np.isin(group, of_target)
    whole = _added(np.where(wanted, group, -1), _measured(target, who, np.where(wanted, group, -1)), who.position, (n_groups, n))
    return sp.csr_array(whole[of_target])


def _added(cell: np.ndarray, amounts: np.ndarray, position: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    """A row a cell and a column a household, of what its units add."""
    unit = np.flatnonzero((cell >= 0) & (amounts != 0))
    # Keys in the order of the rows, as SciPy's conversion sorts columns within rows slowly.
    return sp.csr_array(sp.coo_array((amounts[unit], (cell[unit], position[unit])), shape=shape))
