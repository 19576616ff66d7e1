"""Which table is which, and which columns hold ids and base weights: by common names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.labels import key
from l0engine.io.build.published import is_numeric
from l0engine.io.build.recipe import Recipe
from l0engine.io.build.units import labelled

#: Names that columns of ids and of base weights go by, best first.
ID_NAMES = ("household_id", "householdid", "hh_id", "hhid", "hhnum", "household", "serialno", "serial", "hid", "case_id", "caseid", "id")
WEIGHT_NAMES = (
    *(
        "base_weight",
        "weight",
        "wgt",
        "wt",
        "weights",
        "design_weight",
        "household_weight",
        "hh_weight",
        "hhwgt",
        "hhwt",
        "wgtp",
        "pweight",
    ),
    *("pw", "dweight", "finalwgt", "w"),
)


def first_recipe(tables: Mapping[str, pd.DataFrame], households: str = "", persons: str = "") -> Recipe:
    """A recipe without targets: which table is which, and its columns of ids and weights."""
    households = households or _households(tables)
    if households not in tables or len(tables) < 2:
        raise ProblemError("A recipe needs a table of households and at least one of totals: add the other one.")
    frame = tables[households]
    household_id = _id(frame)
    persons = persons or _persons(tables, households, household_id)
    return Recipe(
        households=households,
        household_id=household_id,
        base_weight=named(frame, WEIGHT_NAMES, numeric=True),
        persons=persons,
        persons_household_id=_persons_id(tables[persons], household_id) if persons else "",
    )


def _households(tables: Mapping[str, pd.DataFrame]) -> str:
    """The largest table with unique ids, or the largest that has no value column."""
    if not tables:
        return ""
    with_ids = {n: t for n, t in tables.items() if _id(t)} or {n: t for n, t in tables.items() if not named(t, ("value",), numeric=True)}
    return max(with_ids or tables, key=lambda n: len(tables[n]))


def _persons(tables: Mapping[str, pd.DataFrame], households: str, household_id: str) -> str:
    """The largest other table whose rows name households."""
    if not household_id:
        return ""
    ids = set(labelled(tables[households][household_id])[1])
    found = {}
    for name, table in tables.items():
        column = _persons_id(table, household_id) or household_id
        if name != households and column in table.columns and len(table) > 1 and set(labelled(table[column])[1]) <= ids:
            found[name] = len(table)
    return max(found, key=lambda n: found[n]) if found else ""


def _id(frame: pd.DataFrame) -> str:
    """The first column of unique values with the name of an id."""
    for name in ID_NAMES:
        for column in map(str, frame.columns):
            if key(column).replace(" ", "_") == name and frame[column].notna().all() and frame[column].is_unique:
                return column
    return ""


def _persons_id(persons: pd.DataFrame, household_id: str) -> str:
    """The column of persons that names their household, where it is called otherwise."""
    return "" if household_id in persons.columns else named(persons, ID_NAMES, numeric=False)


def named(frame: pd.DataFrame, names: Sequence[str], *, numeric: bool) -> str:
    keys = {key(str(c)).replace(" ", "_"): str(c) for c in reversed(frame.columns)}
    return next((keys[n] for n in names if n in keys and (not numeric or is_numeric(frame[keys[n]]))), "")
