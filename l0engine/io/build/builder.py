"""build: from a recipe and its tables to a problem, and what is to be said of how they met."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io.build.expressions import amount, condition
from l0engine.io.build.margins import Disagreement, disagreements, factors, stacked
from l0engine.io.build.matching import Match
from l0engine.io.build.recipe import HOUSEHOLDS, Recipe
from l0engine.io.build.rows import Rows, make_rows
from l0engine.io.build.units import Units, read_units
from l0engine.io.limits import clipped


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
    notes : tuple of str
        How the tables were understood, a sentence each.
    """

    recipe: Recipe
    problem: Problem
    definition: np.ndarray
    published: np.ndarray
    matches: tuple[Match, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.problem.notes


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
    problem = _problem(recipe, units[HOUSEHOLDS], parts, values, [p.cells.match.sentence for p in parts] + notes + [d.sentence for d in differ])
    definition = np.repeat(np.arange(len(parts)), [len(v) for v in values])
    return Built(recipe, problem, definition, np.concatenate(values), tuple(p.cells.match for p in parts), differ)


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
    base = amount(recipe.base_weight, households) if recipe.base_weight else None
    if base is not None and np.isnan(base).any():
        raise ProblemError(f"{households.file}, row {int(np.argmax(np.isnan(base))) + 1:,}: the base weight is empty: give each household one.")
    ids = None
    if recipe.household_id:
        codes, labels = households.codes(recipe.household_id)
        ids = np.array(labels, dtype=object)[codes]
    ratio = np.concatenate([np.full(len(v), p.below is not None) for p, v in zip(parts, values, strict=True)])
    matrix = stacked([_row(p, v) for p, v in zip(parts, values, strict=True)])
    goals = np.where(ratio, 0.0, np.concatenate(values))
    more: dict[str, Any] = {
        "names": [n for p in parts for n in p.names],
        "groups": np.concatenate([_text(p, "group", p.target.group or p.target.name) for p in parts]),
        "target_weights": np.concatenate([_number(p, "weight", p.target.weight) for p in parts]),
        "base_weights": base,
        "household_ids": ids,
        "attributes": _attributes(recipe, households),
        "notes": notes,
    }
    if ratio.any():
        more["scales"] = _ratio_scales(matrix, goals, ratio, parts, values, base)
    more |= _bounds(recipe, households) | _details(parts)
    known = inspect.signature(Problem.create).parameters
    return Problem.create(matrix, goals, **{k: v for k, v in more.items() if k in known})


def _row(part: Rows, values: np.ndarray) -> sp.csr_array:
    """Total: as counted. Mean or share r of a/b: a - r b, which is to be 0."""
    return part.above if part.below is None else sp.csr_array(part.above - sp.diags_array(values) @ part.below)


def _ratio_scales(
    matrix: sp.csr_array, goals: np.ndarray, ratio: np.ndarray, parts: Sequence[Rows], values: Sequence[np.ndarray], base: np.ndarray | None
) -> np.ndarray:
    """What errors of means and shares are relative to, r times their denominator at the weights a fit starts from; NaN for totals."""
    kept = np.flatnonzero(~ratio)
    n = matrix.shape[1]
    start = base if base is not None else np.ones(n)
    if len(kept):
        start = Problem.create(matrix[kept], goals[kept], base_weights=base).start_weights
    per_part = [np.full(len(v), np.nan) if p.below is None else np.abs(v * (p.below @ start)) for p, v in zip(parts, values, strict=True)]
    scales = np.concatenate(per_part)
    return np.where(scales > 0, scales, np.nan)


def _bounds(recipe: Recipe, households: Units) -> dict[str, Any]:
    """Households that stay, and the least and largest weights, NaN where there is none."""
    out: dict[str, Any] = {}
    for name, text in (("protected", recipe.protected), ("frozen", recipe.frozen)):
        if text:
            out[name] = condition(text, households)
    for name, text in (("smallest", recipe.min_weight), ("largest", recipe.max_weight)):
        if text:
            out[name] = amount(text, households)
    return out


def _details(parts: Sequence[Rows]) -> dict[str, Any]:
    """What the totals say of themselves, for the targets."""
    frame = pd.DataFrame(
        {
            "source": np.concatenate([_text(p, "source", p.target.source) for p in parts]),
            "year": np.concatenate([_text(p, "year", p.target.year) for p in parts]),
            "tolerance": np.concatenate([_number(p, "tolerance", p.target.tolerance or np.nan) for p in parts]),
            "standard_error": np.concatenate([_number(p, "standard_error", p.target.standard_error or np.nan) for p in parts]),
        }
    )
    used = [c for c in frame if not (frame[c].isna() | (frame[c] == "")).all()]
    return {"target_details": frame[used]} if used else {}


def _text(part: Rows, detail: str, default: str) -> np.ndarray:
    column = part.cells.published.details.get(detail)
    return np.full(len(part.published), default, dtype=object) if column is None else np.where(column == "", default, column)


def _number(part: Rows, detail: str, default: float) -> np.ndarray:
    column = part.cells.published.details.get(detail)
    return np.full(len(part.published), default) if column is None else np.where(np.isnan(column), default, column)


def _attributes(recipe: Recipe, households: Units) -> pd.DataFrame:
    taken = {recipe.household_id, recipe.base_weight, "household_id", "base_weight"}
    return households.frame[[c for c in households.frame.columns if str(c) not in taken]]
