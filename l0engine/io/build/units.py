"""Units: the households, or the persons within them, as columns of labels and columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.bands import labels_of
from l0engine.io.build.labels import key, matched
from l0engine.io.build.recipe import HOUSEHOLDS, PERSONS, Band, Recipe
from l0engine.io.limits import clipped, listed


class Units:
    """A row a household, or a row a person.

    Attributes
    ----------
    kind : str
        'households' or 'persons'.
    file : str
    frame : DataFrame, n_rows rows
        Persons in the order of their households, so that what they make needs no sorting. The index is the row of the file, from 0.
    households : Units
        Of persons, the households; of households, themselves.
    position : ndarray of int, shape (n_rows,)
        Row number of the household of each.
    remark : str
        How persons met their households, where that is not plain.
    """

    def __init__(self, kind: str, file: str, frame: pd.DataFrame, bands: Mapping[str, Band], households: Units | None = None) -> None:
        self.kind, self.file, self.frame, self.bands = kind, file, frame.reset_index(drop=True), bands
        self.households = households or self
        self.position = np.arange(len(frame))
        self.remark = ""
        self._codes: dict[str, tuple[np.ndarray, list[str]]] = {}
        self._numbers: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns there are, bands and those of the household included."""
        own = [str(c) for c in self.frame.columns]
        bands = [b.name for b in self.bands.values() if b.column in own]
        return tuple(dict.fromkeys([*own, *bands, *(() if self.households is self else self.households.columns)]))

    def move_to(self, position: np.ndarray) -> None:
        """Give each row its household."""
        order = np.argsort(position, kind="stable")
        self.frame, self.position = self.frame.iloc[order], position[order]
        self._codes.clear()

    def has(self, column: str) -> bool:
        where, name = self._home(column)
        return name in where.frame.columns or (name in where.bands and where.has(where.bands[name].column))

    def file_of(self, column: str) -> str:
        """The file that a column is in."""
        return self._home(column)[0].file

    def codes(self, column: str) -> tuple[np.ndarray, list[str]]:
        """Label number of each row, -1 where empty or in no band, shape (n_rows,), and the labels."""
        where, name = self._home(column)
        if where is not self:
            if column not in self._codes:
                codes, labels = where.codes(name)
                self._codes[column] = codes[self.position], labels
            return self._codes[column]
        if name not in self._codes:
            self._require(name)
            self._codes[name] = (
                labelled(self.frame[name]) if name in self.frame.columns else _cut(self.bands[name], self.numbers(self.bands[name].column))
            )
        return self._codes[name]

    def empty_in(self, table: pd.DataFrame, but: Sequence[str] = ()) -> str:
        """The column that is empty here, but by which a table has several labels, in words; '' where there is none."""
        own = {key(c): c for c in self.columns if c not in but}
        for column in map(str, table.columns):
            mine = own.get(key(column), "")
            if mine and not self.codes(mine)[1] and len(labelled(table[column])[1]) > 1:
                return f"column '{clipped(mine)}' of {self.file_of(mine)} is empty"
        return ""

    def numbers(self, column: str) -> np.ndarray:
        """Float64, NaN where empty, shape (n_rows,).

        Raises
        ------
        ProblemError
            There is no such column, or it holds something else.
        """
        where, name = self._home(column)
        if where is not self:
            if column not in self._numbers:
                self._numbers[column] = where.numbers(name)[self.position]
            return self._numbers[column]
        if name not in self._numbers:
            self._require(name)
            if name not in self.frame.columns:
                raise ProblemError(f"'{clipped(name)}' is a band, which holds labels: compare it with a text.")
            self._numbers[name] = as_numbers(self.frame[name], f"{self.file}, column '{clipped(name)}'")
        return self._numbers[name]

    def _home(self, column: str) -> tuple[Units, str]:
        """Whose column it is, and its plain name: 'persons.age' is the age of the persons; a person has the columns of its household."""
        whose, dot, rest = column.partition(".")
        if column not in self.frame.columns and dot and whose in (HOUSEHOLDS, PERSONS):
            return (self if whose == self.kind else self.households if whose == HOUSEHOLDS else self), rest
        band = self.bands.get(column)
        needed = column if band is None or column in self.frame.columns else band.column
        return (self if needed in self.frame.columns else self.households), column

    def _require(self, column: str) -> None:
        if column not in self.frame.columns and column not in self.bands:
            raise ProblemError(f"{self.file}: there is no column '{clipped(column)}'; there are {listed(map(str, self.frame))}.")


def read_units(recipe: Recipe, tables: Mapping[str, pd.DataFrame]) -> dict[str, Units]:
    """The units of a recipe by kind; persons are matched to their households by id.

    Where one table is both, a household has the columns that do not differ between its persons. A household has a column of how many
    'persons' it has, unless it has one of that name.

    Raises
    ------
    ProblemError
        A table or a column is missing, an id stands twice, or a person's household is not there.
    """
    bands = {b.name: b for b in recipe.bands}
    frame, alone = table_of(recipe.households, tables), recipe.persons == recipe.households
    if not len(frame):
        raise ProblemError(f"{recipe.households}: it has no rows: give a row a household.")
    households = Units(HOUSEHOLDS, recipe.households, _by_household(recipe, frame) if alone else frame, bands)
    if recipe.household_id:
        codes, labels = households.codes(recipe.household_id)
        _refuse_ids(households, recipe.household_id, codes, labels)
    out = {HOUSEHOLDS: households}
    if recipe.persons:
        persons = Units(PERSONS, recipe.persons, table_of(recipe.persons, tables), bands, households)
        persons.move_to(_positions(recipe, households, persons))
        if PERSONS not in households.frame.columns:
            households.frame = households.frame.assign(**{PERSONS: np.bincount(persons.position, minlength=len(households))})
        out[PERSONS] = persons
    for band in recipe.bands:
        if not any(u.has(band.column) for u in out.values()):
            raise ProblemError(f"The band '{clipped(band.name)}' cuts the column '{clipped(band.column)}', which is not there: correct it.")
    return out


def table_of(name: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of a file name."""
    if name not in tables:
        raise ProblemError(f"The recipe needs the table '{clipped(name)}', which is not there: add it; there are {listed(tables)}.")
    return tables[name]


def labelled(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Label number of each row, -1 where empty, and the labels in order of appearance; 1.0 is labelled '1'."""
    codes, values = pd.factorize(column)
    texts = _written(pd.Series(values))
    second, labels = pd.factorize(np.array([*texts, ""], dtype=object))
    blank = second[-1]
    merged = np.append(np.where(second[:-1] == blank, -1, second[:-1] - (second[:-1] > blank)), -1)
    return merged[codes], [str(label) for label in labels if label]


def as_numbers(column: pd.Series, place: str) -> np.ndarray:
    """Float64, NaN where empty, or a ProblemError that names the place."""
    if column.dtype.kind in "iufb":
        return column.to_numpy(np.float64, na_value=np.nan)
    column = column.astype("string")
    out = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    unread = np.flatnonzero(np.isnan(out))
    if len(unread):
        texts = column.iloc[unread].fillna("").str.strip()
        bad = np.flatnonzero((texts != "").to_numpy() & (texts.str.lower() != "nan").to_numpy())
        if len(bad):
            row = column.index[unread[bad]].min()
            raise ProblemError(f"{place}, row {row + 1:,}: '{clipped(str(column[row]))}' is not a number: correct it.")
    return out


def _written(values: pd.Series) -> list[str]:
    """The values as text, without spaces around them."""
    if values.dtype.kind in "iu":
        return values.astype(str).tolist()
    if isinstance(values.dtype, pd.StringDtype):
        return values.str.strip().tolist()
    return [_text(v) for v in values]


def _text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 1e15:
        return str(int(value))
    return str(value).strip()


def _cut(band: Band, numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    labels = list(labels_of(band))
    codes = np.searchsorted(np.asarray(band.edges, np.float64), numbers, side="right") - 1
    return np.where(np.isnan(numbers) | (codes >= len(labels)), -1, codes), labels


def _refuse_ids(units: Units, column: str, codes: np.ndarray, labels: list[str]) -> None:
    """Refuse empty and repeated ids."""
    refuse_empty_ids(units.file, column, codes)
    if len(labels) < len(codes):
        again = int(np.argmax(pd.Series(codes).duplicated().to_numpy()))
        raise ProblemError(
            f"{units.file}, row {again + 1:,}: the household '{clipped(labels[codes[again]])}' stands there a second time: "
            "keep one row a household, or name the table as persons."
        )


def refuse_empty_ids(file: str, column: str, codes: np.ndarray, whose: str = "each household an id") -> None:
    """Refuse ids that are empty, whose label numbers are below 0."""
    if (codes < 0).any():
        raise ProblemError(f"{file}, row {int(np.argmax(codes < 0)) + 1:,}, column '{clipped(column)}': it is empty: give {whose}.")


def _by_household(recipe: Recipe, persons: pd.DataFrame) -> pd.DataFrame:
    """A row a household, of what all its persons have in common."""
    if recipe.household_id not in persons.columns:
        raise ProblemError(f"{recipe.persons}: there is no column '{clipped(recipe.household_id)}' with the id of the household: name it.")
    home, _ = labelled(persons[recipe.household_id])
    refuse_empty_ids(recipe.households, recipe.household_id, home)
    first = np.unique(home, return_index=True)[1]
    row = first[np.searchsorted(home[first], home)]
    common = []
    for column in persons.columns:
        codes, _ = pd.factorize(persons[column])
        if (codes == codes[row]).all():
            common.append(column)
    return persons.loc[:, common].iloc[np.sort(first)]


def _positions(recipe: Recipe, households: Units, persons: Units) -> np.ndarray:
    if not recipe.household_id:
        raise ProblemError(f"{recipe.persons}: persons are matched to households by id: name the column of the households that holds it.")
    column = recipe.persons_household_id or recipe.household_id
    if column not in persons.frame.columns:
        raise ProblemError(f"{recipe.persons}: there is no column '{clipped(column)}' with the id of the household: name it.")
    codes, labels = persons.codes(column)
    refuse_empty_ids(recipe.persons, column, codes, "each person the id of its household")
    own_codes, own = households.codes(recipe.household_id)
    row_of = np.empty(len(own), np.int64)
    row_of[own_codes] = np.arange(len(own_codes))
    meant = matched(labels, own, {})
    found = np.append(meant, -1)[codes]
    other = next((i for i, at in enumerate(meant.tolist()) if at >= 0 and labels[i] != own[at]), None)
    if other is not None:
        home, theirs = clipped(own[meant[other]]), clipped(labels[other])
        persons.remark = f"{recipe.persons}: its '{theirs}' was taken as the household '{home}' of {recipe.households}, and so on."
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise ProblemError(
            f"{recipe.persons}, row {row + 1:,}: the household '{clipped(labels[codes[row]])}' is not in {recipe.households} "
            f"({int((found < 0).sum()):,} such persons): add the household or remove the person."
        )
    return np.asarray(row_of[found])
