"""Columns of targets and households that only some problems have, and whose cells may be empty: read, and written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.calibration.problem.details import COLUMNS, NUMBERS
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io.limits import clipped
from l0engine.io.tables import Table, attributes
from l0engine.io.tables.table import flat

#: Columns of households that rule their weights: never dropped; fixed at the base weight; smallest and largest while kept.
RULES = ("protected", "frozen", "min_weight", "max_weight")
#: What stands for true and false, in small letters.
_MARKS = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def details_of(table: Table, ours: bool) -> pd.DataFrame:
    """What `Problem.create` wants of the columns that say how targets were published; those that we wrote are as they should be."""
    details = attributes(table, [c for c in COLUMNS if c in table.columns and c not in NUMBERS])
    for name in NUMBERS:
        if (numbers := optional_numbers(table, name)) is not None:
            details[name] = refuse_percents(table.file, numbers) if name == "tolerance" and not ours else numbers
    return details


def refuse_percents(place: str, tolerances: np.ndarray) -> np.ndarray:
    """Tolerances as they are, or a ProblemError where one is above 1: a percentage that was written as such."""
    high = np.flatnonzero(np.nan_to_num(tolerances) > 1)
    if len(high):
        number = tolerances[high[0]]
        raise ProblemError(
            f"{place}: a tolerance of {number:g} lets a total miss by {100 * number:g} %: write {number / 100:g} for {number:g} %; "
            "1 is the most."
        )
    return tolerances


def rules_of(table: Table, base: np.ndarray | None) -> dict[str, np.ndarray | None]:
    """What `Problem.create` wants of the columns that rule weights; a frozen household is protected and keeps its base weight."""
    protected, frozen = marks(table, "protected"), marks(table, "frozen")
    smallest, largest = optional_numbers(table, "min_weight"), optional_numbers(table, "max_weight")
    if frozen is not None:
        if base is None:
            raise ProblemError(f"{table.file}: a frozen household keeps its base weight: add the column 'base_weight'.")
        protected = frozen if protected is None else protected | frozen
        smallest, largest = (np.where(frozen, base, np.nan if limit is None else limit) for limit in (smallest, largest))
    return {"protected": protected, "smallest": smallest, "largest": largest}


def rules_note(rules: dict[str, np.ndarray | None]) -> list[str]:
    """How many households have rules, in a sentence."""
    counts = {name: 0 if rule is None else int(np.count_nonzero(np.nan_to_num(rule))) for name, rule in rules.items()}
    words = {"protected": "are never dropped", "smallest": "have a smallest weight", "largest": "have a largest weight"}
    found = [f"{counts[name]:,} {word}" for name, word in words.items() if counts.get(name)]
    return [f"Households: {', '.join(found)}."] if found else []


def details_table(problem: Problem) -> pd.DataFrame:
    """What only some targets have: their scale, and the details of the problem; only columns that hold something."""
    given = problem.sizes != np.abs(problem.values)
    scale = {"scale": np.where(given, problem.sizes, np.nan)} if given.any() else {}
    return pd.concat([pd.DataFrame(scale, index=problem.details.index), problem.details], axis=1)


def rules_table(problem: Problem) -> pd.DataFrame:
    """The rules of households as columns; only those that hold something."""
    protected, low, high = problem.rules
    columns = {
        "protected": (protected, protected),
        "min_weight": (np.where(low > 0, low, np.nan), low > 0),
        "max_weight": (np.where(np.isfinite(high), high, np.nan), np.isfinite(high)),
    }
    return pd.DataFrame({name: values for name, (values, some) in columns.items() if some.any()}, index=problem.attributes.index)


def optional_numbers(table: Table, column: str) -> np.ndarray | None:
    """Numbers, NaN where a cell is empty, shape (n_rows,); None where there is no such column, or nothing in it."""
    if column not in table.columns:
        return None
    a, empty = _cells(table, column)
    if empty.all():
        return None
    zero = pa.scalar("0", a.type) if pa.types.is_string(a.type) or pa.types.is_large_string(a.type) else pa.scalar(0).cast(a.type)
    filled = table.data.set_column(table.columns.index(column), column, pc.if_else(pa.array(empty), zero, a))
    return np.where(empty, np.nan, replace(table, data=filled).numbers(column))


def marks(table: Table, column: str) -> np.ndarray | None:
    """True or false, false where a cell is empty, shape (n_rows,); None where there is no such column, or none is true."""
    if column not in table.columns:
        return None
    a, empty = _cells(table, column)
    if pa.types.is_boolean(a.type):
        marked = np.asarray(pc.fill_null(a, False))
        return marked if marked.any() else None
    words = [("" if none else str(cell).strip().lower().removesuffix(".0")) for cell, none in zip(a.to_pylist(), empty, strict=True)]
    unknown = [i for i, word in enumerate(words) if word not in _MARKS]
    if unknown:
        place = table.place(unknown[0], column)
        raise ProblemError(f"{place}: '{clipped(words[unknown[0]])}' is neither true nor false: write true, false, or leave it empty.")
    marked = np.array([_MARKS[word] for word in words])
    return marked if marked.any() else None


def _cells(table: Table, column: str) -> tuple[pa.ChunkedArray, np.ndarray]:
    """The cells of a column, and which are empty."""
    a = flat(table.data[column])
    a = a.cast(pa.string()) if pa.types.is_null(a.type) or pa.types.is_string_view(a.type) else a
    empty = np.asarray(pc.is_null(a, nan_is_null=True))
    if pa.types.is_string(a.type) or pa.types.is_large_string(a.type):
        empty |= np.asarray(pc.equal(pc.utf8_trim_whitespace(pc.fill_null(a, "")), ""))
    return a, empty
