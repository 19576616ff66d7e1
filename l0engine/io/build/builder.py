"""build: from a recipe and its tables to a problem, and what is to be said of how they met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io.build.expressions import amount, condition
from l0engine.io.build.margins import Disagreement, disagreements, factors, stacked
from l0engine.io.build.matching import NEAR, Match
from l0engine.io.build.recipe import HOUSEHOLDS, Recipe, Statistic
from l0engine.io.build.rows import Rows, make_rows
from l0engine.io.build.units import Units, read_units
from l0engine.io.limits import clipped
from l0engine.io.optional import RULES, refuse_percents


@dataclass(frozen=True, eq=False)
class Built:
    """A problem made of tables.

    Attributes
    ----------
    recipe : Recipe
    problem : Problem
    definition : ndarray of int, shape (n_targets,)
        Row number in `recipe.targets` of the definition that each target is of.
    published : ndarray of float64, shape (n_targets,)
        What the tables say, in the problem's units; of a mean or share, whose row is its numerator less it times its denominator and whose
        value is 0, the mean or share.
    matches : tuple of Match
        One a definition.
    disagreements : tuple of Disagreement
    remarks : tuple of str
        How persons met their households, where that is not plain.
    notes : tuple of str
        How the tables were understood, a sentence each.
    """

    recipe: Recipe
    problem: Problem
    definition: np.ndarray
    published: np.ndarray
    matches: tuple[Match, ...]
    disagreements: tuple[Disagreement, ...]
    remarks: tuple[str, ...] = ()

    @cached_property
    def ratios(self) -> dict[str, float]:
        """By definition, how many times the survey's own sum, at base weights, its totals are; none for means and shares."""
        own, out = self.problem.estimates(self.problem.base_weights), {}
        for i, target in enumerate(self.recipe.targets):
            rows = self.definition == i
            if target.statistic is Statistic.TOTAL and own[rows].sum() > 0:
                out[target.name] = float(self.problem.values[rows].sum() / own[rows].sum())
        return out

    @property
    def far(self) -> dict[str, float]:
        """Those of `ratios` that are far from 1, where there are base weights to tell: something else is counted, or in another unit."""
        return {name: ratio for name, ratio in self.ratios.items() if self.recipe.base_weight and not 1 / NEAR <= ratio <= NEAR}

    @property
    def notes(self) -> tuple[str, ...]:
        words = "times what the survey's base weights give: check what is counted, and the `unit`."
        return (*self.problem.notes, *(f"{name}: its totals are {ratio:.3g} {words}" for name, ratio in self.far.items()))


def build(recipe: Recipe, tables: Mapping[str, pd.DataFrame]) -> Built:
    """Make the problem that a recipe tells of.

    Parameters
    ----------
    tables : mapping of DataFrames
        By the file names of `recipe.tables`; numbers may be text.

    Raises
    ------
    ProblemError
        A table, column or category is missing or contradicts another; says which, where, and the remedy.
    """
    names = [t.name for t in recipe.targets]
    if not names:
        raise ProblemError("The recipe defines no targets: add at least one.")
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise ProblemError(f"Two definitions of targets are called '{clipped(twice)}': rename one.")
    units = read_units(recipe, tables)
    parts = [make_rows(t, recipe, units, tables) for t in recipe.targets]
    if not sum(len(p.published) for p in parts):
        raise ProblemError(f"No total meets a category: {parts[0].cells.match.sentence}")
    values, notes = _scaled(recipe, parts)
    differ = disagreements(parts, values)
    remarks = tuple(u.remark for u in units.values() if u.remark)
    told = [*remarks, *(p.cells.match.sentence for p in parts), *notes, *(d.sentence for d in differ)]
    problem = _problem(recipe, units[HOUSEHOLDS], parts, values, told)
    definition = np.repeat(np.arange(len(parts)), [len(v) for v in values])
    return Built(recipe, problem, definition, np.concatenate(values), tuple(p.cells.match for p in parts), differ, remarks)


def _scaled(recipe: Recipe, parts: Sequence[Rows]) -> tuple[list[np.ndarray], list[str]]:
    """Totals of each part, brought to the sums of another where the recipe says so."""
    values, notes = [p.published for p in parts], []
    names = [t.name for t in recipe.targets]
    for i, target in enumerate(recipe.targets):
        if not target.scale_to:
            continue
        if target.scale_to not in names or target.scale_to == target.name:
            raise ProblemError(f"'{clipped(target.name)}' is to be scaled to '{clipped(target.scale_to)}', which is no other definition.")
        j = names.index(target.scale_to)
        factor = factors(parts[i], parts[i].published, parts[j], parts[j].published)
        values[i] = parts[i].published * factor
        notes.append(f"{target.name}: scaled to the sums of '{target.scale_to}', by {factor.min():.6g} to {factor.max():.6g}.")
    return values, notes


def _problem(recipe: Recipe, households: Units, parts: Sequence[Rows], values: Sequence[np.ndarray], notes: Sequence[str]) -> Problem:
    base = None
    if recipe.base_weight:
        base = amount(recipe.base_weight, households)
        if np.isnan(base).any():
            row = int(np.argmax(np.isnan(base))) + 1
            raise ProblemError(f"{households.file}, row {row:,}: the base weight is empty: give each household one.")
    ids = None
    if recipe.household_id:
        codes, labels = households.codes(recipe.household_id)
        ids = np.array(labels, dtype=object)[codes]
    ratio = np.concatenate([np.full(len(v), p.below is not None) for p, v in zip(parts, values, strict=True)])
    matrix = stacked([_row(p, v) for p, v in zip(parts, values, strict=True)])
    goals = np.where(ratio, 0.0, np.concatenate(values))
    sizes = _sizes(matrix, goals, ratio, parts, base)
    scales = np.abs(sizes * np.concatenate(values))
    protected, smallest, largest = _rules(recipe, households, base)
    return Problem.create(
        matrix,
        goals,
        names=[n for p in parts for n in p.names],
        groups=np.concatenate([_text(p, "group", p.target.group or p.target.name) for p in parts]),
        target_weights=np.concatenate([_number(p, "weight", p.target.weight) for p in parts]),
        base_weights=base,
        household_ids=ids,
        attributes=_attributes(recipe, households),
        scales=np.where(ratio & (scales > 0), scales, np.nan) if ratio.any() else None,
        target_details=_details(parts, np.where(ratio, sizes, 1.0)),
        notes=notes,
        protected=protected,
        smallest=smallest,
        largest=largest,
    )


def _row(part: Rows, values: np.ndarray) -> sp.csr_array:
    """Total: as counted. Mean or share r of a/b: a - r b, which is to be 0."""
    return part.above if part.below is None else sp.csr_array(part.above - sp.diags_array(values) @ part.below)


def _sizes(matrix: sp.csr_array, goals: np.ndarray, ratio: np.ndarray, parts: Sequence[Rows], base: np.ndarray | None) -> np.ndarray:
    """The denominator of each mean and share at the weights a fit starts from, shape (n_targets,); 1 for totals.

    The row of a mean r of a / b is a - r b: its error relative to r b is the relative error of the mean itself.
    """
    if not ratio.any():
        return np.ones(len(goals))
    totals = np.flatnonzero(~ratio)
    if len(totals):
        start = Problem.create(matrix[totals], goals[totals], base_weights=base).start_weights
    else:
        start = np.ones(matrix.shape[1]) if base is None else base
    return np.concatenate([np.ones(len(p.published)) if p.below is None else np.asarray(p.below @ start) for p in parts])


def _rules(recipe: Recipe, households: Units, base: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Households that stay, and the smallest and largest weights; a frozen one stays, and both are its base weight."""
    protected = condition(recipe.protected, households) if recipe.protected else None
    smallest, largest = (amount(t, households) if t else None for t in (recipe.min_weight, recipe.max_weight))
    if recipe.frozen:
        frozen = condition(recipe.frozen, households)
        if base is None:
            raise ProblemError("The recipe freezes weights, but has no base weights: name their column.")
        protected = frozen if protected is None else protected | frozen
        smallest, largest = (np.where(frozen, base, np.nan if limit is None else limit) for limit in (smallest, largest))
    return protected, smallest, largest


def _details(parts: Sequence[Rows], sizes: np.ndarray) -> pd.DataFrame:
    """What the totals say of themselves, for the targets; a standard error in the units of the row."""
    return pd.DataFrame(
        {
            "tolerance": np.concatenate([_tolerance(p) for p in parts]),
            "standard_error": sizes * np.concatenate([_number(p, "standard_error", p.target.standard_error or np.nan) for p in parts]),
            "source": np.concatenate([_text(p, "source", p.target.source) for p in parts]),
            "year": np.concatenate([_text(p, "year", p.target.year) for p in parts]),
        }
    )


def _tolerance(part: Rows) -> np.ndarray:
    place = part.target.totals.table if "tolerance" in part.cells.published.details else f"The recipe, '{clipped(part.target.name)}'"
    return refuse_percents(place, _number(part, "tolerance", part.target.tolerance or np.nan))


def _text(part: Rows, detail: str, default: str) -> np.ndarray:
    column = part.cells.published.details.get(detail)
    return np.full(len(part.published), default, dtype=object) if column is None else np.where(column == "", default, column)


def _number(part: Rows, detail: str, default: float) -> np.ndarray:
    column = part.cells.published.details.get(detail)
    return np.full(len(part.published), default) if column is None else np.where(np.isnan(column), default, column)


def _attributes(recipe: Recipe, households: Units) -> pd.DataFrame:
    """Further columns; those of our own names are in the problem already."""
    taken = {recipe.household_id, recipe.base_weight, "household_id", "base_weight", *RULES}
    return households.frame[[c for c in households.frame.columns if str(c) not in taken]]
