"""Published totals of a definition: read from a table in long form, or from a cross-table, to a row a total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from l0engine.errors import AmbiguousRecipe, ProblemError
from l0engine.io.build.expressions import condition
from l0engine.io.build.labels import key, matched
from l0engine.io.build.recipe import DETAILS, HOUSEHOLDS, Recipe, Target
from l0engine.io.build.units import Units, as_numbers, labelled, table_of
from l0engine.io.limits import clipped, listed
from l0engine.io.tables.totals import is_total

#: What stands in a table for a number that is not given.
SUPPRESSED = {"", "-", "..", "...", ".", ":", "x", "c", "n/a", "na", "nan", "*", "–", "—"}


@dataclass(frozen=True, eq=False)
class Published:
    """Totals as they stand in the table.

    Attributes
    ----------
    labels : DataFrame of str, a column for each of `by`
        Empty texts where the table has none.
    values : ndarray of float64, shape (n_rows,)
        In the units of the problem; NaN where none is given.
    details : mapping of arrays, shape (n_rows,)
        Those of `DETAILS` that the table has.
    """

    labels: pd.DataFrame
    values: np.ndarray
    details: Mapping[str, np.ndarray]

    def only(self, rows: np.ndarray) -> Published:
        """Some of the rows, by a mask or by number."""
        return Published(self.labels.iloc[rows].reset_index(drop=True), self.values[rows], {k: v[rows] for k, v in self.details.items()})


def read_published(target: Target, recipe: Recipe, tables: Mapping[str, pd.DataFrame], own: Mapping[str, list[str]]) -> Published:
    """The published totals of a definition.

    Parameters
    ----------
    own : mapping of lists of str
        The labels of each category column in the households or persons.

    Raises
    ------
    ProblemError
        A table or a column is missing, or a value is not a number.
    """
    totals = target.totals
    if not totals.table:
        if target.by:
            raise ProblemError(f"The targets '{clipped(target.name)}' are by {listed(target.by)}: name the table of their totals.")
        return Published(pd.DataFrame(index=[0]), np.array([totals.value * totals.unit]), {})
    frame = table_of(totals.table, tables)
    rows = Units(HOUSEHOLDS, totals.table, frame, {})
    frame = rows.frame[condition(totals.where, rows)]
    if totals.add_up or totals.through:
        _refuse_sums(target, frame)
    details = {d: c for d in DETAILS if (c := _column(frame, totals.columns, d)) is not None}
    read = _cross_table if totals.across else _long_form
    labels, values, at = read(target, frame, set(details.values()), own)
    given = np.isfinite(values)
    _refuse_blanks(target, recipe, frame, labels[given], at[given])
    _ask_blank(target, recipe, frame, Published(labels[given], values[given], {}), at[given], own)
    found: dict[str, np.ndarray] = {}
    for detail, column in details.items():
        if detail in ("group", "source", "year"):
            found[detail] = _texts(frame[column])[at]
        else:
            found[detail] = as_numbers(frame[column], f"{totals.table}, column '{clipped(column)}'")[at]
    if "standard_error" in found:
        found["standard_error"] = found["standard_error"] * totals.unit
    out = Published(labels, values * totals.unit, found)
    if totals.through:
        out = _coarser(target, out, frame, at, table_of(totals.through, tables))
    return out


def _refuse_sums(target: Target, frame: pd.DataFrame) -> None:
    """Rows that are sums of others must not be added up with them."""
    categories = {_column(frame, target.totals.columns, c) for c in target.by}
    for column in (str(c) for c in frame.columns if c not in categories and not is_numeric(frame[c])):
        codes, labels = labelled(frame[column])
        rows = np.flatnonzero(np.array([*map(is_total, labels), False])[codes])
        if len(rows):
            label = labels[codes[rows[0]]]
            raise ProblemError(
                f"{target.totals.table}, row {frame.index[rows[0]] + 1:,}: '{clipped(label)}' of '{clipped(column)}' would be added to "
                f"its own parts in '{clipped(target.name)}': leave such rows out by a condition."
            )


def _refuse_blanks(target: Target, recipe: Recipe, frame: pd.DataFrame, labels: pd.DataFrame, at: np.ndarray) -> None:
    """A blank cell stands for all of a category only where the row has no label at all, or says 'Total' in another column."""
    sides = {c: n for c in target.by if c != target.totals.across and (n := _column(frame, target.totals.columns, c)) is not None}
    if len(sides) < 2 or not len(labels):
        return
    blank = np.array([(labels[c] == "").to_numpy() for c in sides])
    total = np.any([labels[c].isin([t for t in labels[c].unique() if is_total(str(t))]).to_numpy() for c in sides], axis=0)
    said = np.array([[any(not key(label) for label in recipe.same.get(c, {}))] for c in sides])
    bad = blank & ~said & (~blank.all(axis=0) | blank.all()) & ~total
    if bad.any():
        row = int(np.argmax(bad.any(axis=0)))
        column = list(sides.values())[int(np.argmax(bad[:, row]))]
        raise ProblemError(
            f"{target.totals.table}, row {frame.index[at[row]] + 1:,}, column '{clipped(column)}': the cell is empty: fill it in "
            "(merged cells keep their content in the first row only), or write 'Total' where the row is a sum."
        )


def _ask_blank(target: Target, recipe: Recipe, frame: pd.DataFrame, given: Published, at: np.ndarray, own: Mapping[str, list[str]]) -> None:
    """Where one column alone has categories, an empty cell of it may be a sum, unless it adds up to one, or any category."""
    sides = {c: n for c in target.by if c != target.totals.across and (n := _column(frame, target.totals.columns, c)) is not None}
    if len(sides) != 1:
        return
    ((category, column),) = sides.items()
    if any(not key(label) for label in recipe.same.get(category, {})):
        return
    labels = given.labels[category]
    blank = (labels == "").to_numpy()
    parts = ~blank & ~labels.isin([t for t in labels.unique() if is_total(str(t))]).to_numpy()
    groups = given.labels[target.totals.across].to_numpy() if target.totals.across else np.zeros(len(labels), int)
    for row in np.flatnonzero(blank).tolist():
        whole = given.values[parts & (groups == groups[row])].sum()
        if not np.isclose(given.values[row], whole, rtol=1e-6):
            rest = [label for label in own[category] if label not in set(labels)]
            ways = (("Total", "it is the sum of the others"), *((label, f"it is '{clipped(label)}'") for label in rest[:5]))
            place = f"{target.totals.table}, row {frame.index[at[row]] + 1:,}, column '{clipped(column)}'"
            raise AmbiguousRecipe(target.totals.table, category, ways, f"{place}: the cell is empty (beside {given.values[row]:,.10g})")


def _long_form(
    target: Target, frame: pd.DataFrame, taken: set[str], own: Mapping[str, list[str]]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    totals = target.totals
    value = _column(frame, totals.columns, "value")
    if value is None:
        raise ProblemError(f"{totals.table}: which column holds the totals? There is no 'value'; there are {listed(map(str, frame))}.")
    labels = pd.DataFrame(index=range(len(frame)))
    for category in target.by:
        column = _column(frame, totals.columns, category)
        if column is None and not totals.through:
            raise ProblemError(
                f"{totals.table}: no column has the categories of '{clipped(category)}'; there are {listed(map(str, frame))}."
            )
        labels[category] = "" if column is None else _texts(frame[column])
    return labels, read_values(frame[value], f"{totals.table}, column '{clipped(value)}'"), np.arange(len(frame))


def _cross_table(
    target: Target, frame: pd.DataFrame, taken: set[str], own: Mapping[str, list[str]]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    totals = target.totals
    if totals.across not in target.by:
        raise ProblemError(f"The targets '{clipped(target.name)}' are not by '{clipped(totals.across)}', as their columns are: add it.")
    sides = {c: _column(frame, totals.columns, c) for c in target.by if c != totals.across}
    missing = next((c for c, column in sides.items() if column is None), None)
    if missing is not None:
        raise ProblemError(f"{totals.table}: no column has the categories of '{clipped(missing)}'; there are {listed(map(str, frame))}.")
    heads = [str(c) for c in frame.columns if str(c) not in {*map(str, sides.values()), *taken}]
    known = matched(heads, own[totals.across], {}) >= 0
    heads = [h for h, ok in zip(heads, known, strict=True) if ok or is_total(h) or is_numeric(frame[h])]
    if not heads:
        raise ProblemError(f"{totals.table}: no head of a column is a category of '{clipped(totals.across)}': check the table's form.")
    at = np.tile(np.arange(len(frame)), len(heads))
    labels = pd.DataFrame({c: _texts(frame[column])[at] for c, column in sides.items()}, index=range(len(at)))
    labels[totals.across] = np.repeat(np.array(heads, dtype=object), len(frame))
    values = np.concatenate([read_values(frame[h], f"{totals.table}, column '{clipped(h)}'") for h in heads])
    return labels[list(target.by)], values, at


def _coarser(target: Target, fine: Published, frame: pd.DataFrame, at: np.ndarray, through: pd.DataFrame) -> Published:
    """Totals of places, given to the categories that another table puts the places in."""
    place = next((str(c) for c in through.columns if str(c) in frame.columns and str(c) not in target.by), None)
    if place is None:
        raise ProblemError(f"{target.totals.through}: it shares no column of places with {target.totals.table}: add one.")
    codes, own = labelled(through[place])
    row = np.full(len(own) + 1, -1)
    row[codes[::-1]] = np.arange(len(codes))[::-1]
    row[-1] = -1  # of no place, which rows without one do not stand for
    found = row[matched([str(t) for t in _texts(frame[place])], own, {})][at]
    labels, unknown = fine.labels.copy(), _texts(frame[place])[at]
    given = np.isfinite(fine.values)
    _refuse_empty(target.totals.table, place, frame, at, given & (unknown == ""))
    for category in target.by:
        if category in through.columns and _column(frame, target.totals.columns, category) is None:
            coarse = np.append(_texts(through[category]), "")[found]
            _refuse_empty(target.totals.through, category, through, found, given & (found >= 0) & (coarse == ""))
            labels[category] = np.where(found < 0, unknown, coarse)
    return Published(labels, fine.values, fine.details)


def _refuse_empty(table: str, column: str, frame: pd.DataFrame, at: np.ndarray, bad: np.ndarray) -> None:
    """Totals of no place would be lost without a word: rows `at` of a table where `bad`."""
    if bad.any():
        raise ProblemError(
            f"{table}, row {frame.index[at[bad]].min() + 1:,}, column '{clipped(column)}': the cell is empty, so its total would be added "
            "to nothing: fill it in, or leave the row out."
        )


def _column(frame: pd.DataFrame, named: Mapping[str, str], what: str) -> str | None:
    """The column that holds something: as the recipe names it, else the one of that name, or of the same key."""
    if what in named:
        if named[what] not in frame.columns:
            raise ProblemError(f"The totals have no column '{clipped(named[what])}'; there are {listed(map(str, frame))}.")
        return named[what]
    if what in frame.columns:
        return what
    alike = [str(c) for c in frame.columns if key(str(c)).replace(" ", "_") == key(what).replace(" ", "_")]
    return alike[0] if len(alike) == 1 else None


def _texts(column: pd.Series) -> np.ndarray:
    codes, labels = labelled(column)
    return np.asarray(np.array([*labels, ""], dtype=object)[codes])


def read_values(column: pd.Series, place: str) -> np.ndarray:
    """Numbers, NaN where none is given."""
    if column.dtype.kind in "iufb":
        return column.to_numpy(np.float64, na_value=np.nan)
    column = column.astype("string")
    given = ~column.fillna("").str.strip().str.lower().isin(SUPPRESSED).to_numpy(bool)
    return as_numbers(column.where(given), place)


def is_numeric(column: pd.Series) -> bool:
    try:
        return bool(np.isfinite(read_values(column, "")).any())
    except ProblemError:
        return False
