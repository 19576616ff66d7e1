"""Which table is which, and which columns hold ids and base weights: by common names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.labels import key, matched
from l0engine.io.build.published import is_numeric
from l0engine.io.build.recipe import Recipe
from l0engine.io.build.units import labelled
from l0engine.io.limits import clipped
from l0engine.io.tables.heads import WEIGHTS

#: Names that columns of household ids and of base weights go by, best first.
ID_NAMES = (
    *("household_id", "householdid", "hh_id", "hhid", "hhnum", "hid", "serialno", "serial", "case_id", "caseid"),
    *("haushalts_id", "haushaltsid", "haushalt_id", "haushaltsnummer", "haushaltsnr", "hh_nr", "hhnr", "haushalt"),
    *("id_menage", "idmenage", "menage_id", "identifiant_menage", "menage", "identifiant", "id"),
)
WEIGHT_NAMES = (
    *("base_weight", "weight", "wgt", "wt", "weights", "design_weight", "household_weight", "hh_weight", "hhwgt", "hhwt", "wgtp"),
    *("pweight", "pw", "dweight", "finalwgt", "w"),
)


#: Words for the number of persons in a household.
_SIZES = dict.fromkeys(("persons", "people", "members", "hhsize", "np"), "size")
#: A table in which a smaller part of the rows repeats an id is one of households, with mistakes.
_FEW = 0.1
#: An id of more digits than a number in a spreadsheet holds.
_ROUNDED = re.compile(r"\d{15,}0|\d\.\d+e\+\d+")


def first_recipe(tables: Mapping[str, pd.DataFrame], households: str = "", persons: str = "") -> Recipe:
    """A recipe without targets: which table is which, and its columns of ids and weights.

    Raises
    ------
    ProblemError
        There are no two tables, or ids are missing or stand twice.
    """
    households = households or _households(tables)
    if households not in tables or len(tables) < 2:
        raise ProblemError("A recipe needs a table of households and at least one of totals: add the other one.")
    frame = tables[households]
    household_id = named(frame, ID_NAMES)
    if household_id:
        _refuse_empty(households, frame, household_id, "household an id")
    if household_id and not persons and not frame[household_id].is_unique:
        _refuse_repeats(households, frame, household_id)
        persons = households
    persons = persons or _persons(tables, households, household_id)
    theirs = "" if not persons or household_id in tables[persons].columns else named(tables[persons], ID_NAMES)
    return Recipe(
        households=households,
        household_id=household_id,
        base_weight=_weight(frame),
        persons=persons,
        persons_household_id=theirs,
    )


def _refuse_totals(file: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Totals alone: the table has neither ids nor weights, and every category that another one has as well stands once."""
    frame = tables[file]
    if named(frame, ID_NAMES) or _weight(frame) or len(frame) < 2:
        return
    for other in (t for name, t in tables.items() if name != file):
        for column in (c for c in frame.columns if c in other.columns and not is_numeric(frame[c])):
            if frame[column].is_unique and set(frame[column]) == set(other[column]):
                raise ProblemError(
                    f"No table of households was found: in {file} every '{clipped(str(column))}' stands once, as in totals: "
                    "add the table that has a row for each household."
                )


def _refuse_empty(file: str, frame: pd.DataFrame, column: str, what: str) -> list[str]:
    """The ids there are; a column without any says nothing of who is who."""
    ids = labelled(frame[column])[1]
    if not ids and len(frame):
        raise ProblemError(f"{file}, column '{clipped(column)}': it is empty: give each {what}, or leave the column out.")
    return ids


def _refuse_repeats(file: str, frame: pd.DataFrame, column: str) -> None:
    """Ids that stand twice by mistake, or that a spreadsheet has made the same; persons repeat most of theirs."""
    codes, labels = labelled(frame[column])
    if all(_ROUNDED.fullmatch(label) for label in labels):
        raise ProblemError(f"{file}, column '{clipped(column)}': a spreadsheet has rounded the ids to 15 digits: export them as text.")
    again = pd.Series(codes).duplicated().to_numpy()
    if again.mean() < _FEW:
        row = int(np.argmax(again))
        raise ProblemError(
            f"{file}, row {row + 1:,}, column '{clipped(column)}': '{clipped(labels[codes[row]]) if codes[row] >= 0 else ''}' "
            "stands there a second time: keep one, or name the table as persons."
        )


def named(frame: pd.DataFrame, names: Iterable[str]) -> str:
    """The column that has the first of these names; empty where there is none."""
    keys = _keys(frame)
    return next((keys[n] for n in names if n in keys), "")


def alike(first: str, second: str) -> bool:
    """Whether two names of columns are the same, or one is a word of the other."""
    a, b = ([_SIZES.get(w, w) for w in key(t).replace("_", " ").split()] for t in (first, second))
    return bool(a and b) and (a == b or (len(a) == 1 and a[0] in b) or (len(b) == 1 and b[0] in a) or "".join(a) == "".join(b))


def _keys(frame: pd.DataFrame) -> dict[str, str]:
    """Columns by their names in small letters without accents; of two alike the first."""
    return {_bare(str(c)): str(c) for c in reversed(frame.columns)}


def _bare(name: str) -> str:
    return re.sub(r"[\s\-./]+", "_", "".join(c for c in unicodedata.normalize("NFD", key(name)) if not unicodedata.combining(c)))


def _weight(frame: pd.DataFrame) -> str:
    """The column of base weights: numbers, by the best of the names, else by any that surveys keep weights under."""
    others = [n for n in reversed(_keys(frame)) if WEIGHTS.fullmatch(n)]
    names = (named(frame, [n]) for n in (*WEIGHT_NAMES, *others))
    return next((c for c in names if c and is_numeric(frame[c])), "")


def _households(tables: Mapping[str, pd.DataFrame]) -> str:
    """The largest table with weights and ids that few rows repeat.

    Else without weights; else one that repeats its ids, as persons do; else one that has no column of values.
    """
    ids = {n: c for n, t in tables.items() if (c := named(t, ID_NAMES))}
    unique = [n for n, c in ids.items() if tables[n][c].duplicated().mean() < _FEW]
    plain = [n for n, t in tables.items() if not named(t, ("value",))]
    weighted = [n for n in unique if n in plain and _weight(tables[n])]
    for name in () if weighted else (n for n in ids if n in plain and _weight(tables[n])):
        _refuse_empty(name, tables[name], ids[name], "household an id")
    found = max(weighted or unique or ids or plain or tables, key=lambda n: len(tables[n]), default="")
    if len(tables) > 1:
        _refuse_totals(found, tables)
    return found


def _persons(tables: Mapping[str, pd.DataFrame], households: str, household_id: str) -> str:
    """The largest other table whose rows name households, leading zeros or not."""
    if not household_id:
        return ""
    ids = labelled(tables[households][household_id])[1]
    found = []
    for name, table in tables.items():
        column = household_id if household_id in table.columns else named(table, ID_NAMES)
        if name == households or not column or len(table) < 2:
            continue
        theirs = _refuse_empty(name, table, column, "person the id of its household")
        if (matched(theirs, ids, {}) >= 0).all():
            found.append(name)
    return max(found, key=lambda n: len(tables[n]), default="")
