"""guess: a recipe from the tables alone, for a person to correct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.bands import band_of
from l0engine.io.build.labels import is_total, key, matched
from l0engine.io.build.published import is_numeric, read_values
from l0engine.io.build.recipe import DETAILS, HOUSEHOLDS, PERSONS, Band, Recipe, Target, Totals
from l0engine.io.build.roles import first_recipe, named
from l0engine.io.build.units import Units, labelled, read_units
from l0engine.io.limits import clipped

#: More categories than this are rather ids or amounts.
_MOST_CATEGORIES = 5000
#: Words for the number of persons in a household.
_SIZES = dict.fromkeys(("persons", "people", "members", "hhsize", "np"), "size")
#: Totals are near what the survey has within this factor.
NEAR = 3.0
#: The part of a column's labels that must be categories there are.
_ENOUGH = 0.6


@dataclass(frozen=True, eq=False)
class _Meaning:
    """A totals column, or the heads of several, that has the categories of a column of the households or persons."""

    category: str
    of: str
    share: float
    band: Band | None = None


def guess(tables: Mapping[str, pd.DataFrame], households: str = "", persons: str = "") -> Recipe:
    """Propose a recipe.

    Parameters
    ----------
    tables : mapping of DataFrames
        By file name: households, if there are any persons, and totals.
    households, persons : str
        File names of these; looked for where empty: households are the largest table with unique ids, persons one that repeats those ids.

    Raises
    ------
    ProblemError
        There are no two tables, or no totals that fit the categories of the households.
    """
    recipe = first_recipe(tables, households, persons)
    units = read_units(recipe, tables)
    bands: dict[str, Band] = {}
    targets: list[Target] = []
    for name, table in tables.items():
        if name not in (recipe.households, recipe.persons):
            targets += _targets(name, table, units, recipe, bands)
    if not targets:
        raise ProblemError(
            f"No column of the totals has the categories of a column of {clipped(recipe.households)}: "
            "name the columns alike, or define targets by hand."
        )
    return Recipe(**{**recipe.__dict__, "targets": tuple(_unique(targets)), "bands": tuple(bands.values())})


def _targets(name: str, table: pd.DataFrame, units: Mapping[str, Units], recipe: Recipe, bands: dict[str, Band]) -> list[Target]:
    """The definitions that a table of totals tells of."""
    details = {str(c) for c in table.columns if key(str(c)).replace(" ", "_") in DETAILS}
    columns = [str(c) for c in table.columns if str(c) not in details]
    meanings = {c: m for c in columns if (m := _meaning(c, labelled(table[c])[1], units, is_numeric(table[c]))) is not None}
    meanings = _each_once(meanings)
    rest = [c for c in columns if c not in meanings and is_numeric(table[c])]
    across = _meaning("", [c for c in rest if not is_total(c)], units, False) if len(rest) > 1 else None
    if across is not None and across.category in [m.category for m in meanings.values()]:
        across = None
    for m in [*meanings.values(), *([across] if across else [])]:
        if m.band is not None:
            bands.setdefault(m.category, m.band)
    named = {m.category: c for c, m in meanings.items() if m.category != c}
    by = tuple(m.category for m in meanings.values()) + ((across.category,) if across else ())
    persons = any(m.of == PERSONS for m in [*meanings.values(), *([across] if across else [])])
    if not by:
        return []
    if across is not None:
        cells = np.nansum([read_values(table[c], c).sum() for c in rest if not is_total(c)])
        of, what = _unit("", float(cells), persons, units, recipe)
        return [Target(f"{_title(of, what)} by {', '.join(by)}", Totals(name, columns=named, across=across.category), of, what, by)]
    out = []
    for value in rest:
        for kept, where in _patterns(table, meanings):
            chosen = tuple(m.category for c, m in meanings.items() if c in kept)
            rows = _rows(table, meanings, kept)
            of, what = _unit(value, float(np.nansum(read_values(table[value], value)[rows])), persons, units, recipe)
            columns_of = {**{c: n for c, n in named.items() if c in chosen}, **({} if value == "value" else {"value": value})}
            title = f"{_title(of, what)} by {', '.join(chosen)}" if chosen else _title(of, what)
            out.append(Target(title, Totals(name, columns=columns_of, where=where), of, what, chosen))
    return out


def _meaning(column: str, labels: Sequence[str], units: Mapping[str, Units], numeric: bool) -> _Meaning | None:
    """The column of households or persons whose categories these labels are, the one with most of them first; or the band they make."""
    wanted = [label for label in labels if not is_total(label)]
    best: _Meaning | None = None
    for of, who in units.items():
        for own in who.frame.columns:
            alike = _alike(column, str(own))
            if numeric and not alike:
                continue  # numbers meet numbers by chance
            if not 0 < len(wanted) <= _MOST_CATEGORIES or who.frame[own].nunique() > _MOST_CATEGORIES:
                continue
            share = float((matched(wanted, who.codes(str(own))[1], {}) >= 0).mean()) + (0.01 if alike else 0)
            if share >= _ENOUGH and (best is None or share > best.share):
                best = _Meaning(str(own), of, share)
    return best or (None if numeric else _banded(column, wanted, units))


def _banded(column: str, labels: Sequence[str], units: Mapping[str, Units]) -> _Meaning | None:
    """A band of a numeric column of a like name."""
    for of, who in units.items():
        for own in map(str, who.frame.columns):
            if (not column or _alike(column, own)) and is_numeric(who.frame[own]):
                name = column if column and column not in who.frame.columns else f"{own}_band"
                band = band_of(name, own, labels)
                if band is not None and (column or _alike(" ".join(labels), own)):
                    return _Meaning(name, of, 0.0, band)
    return None


def _alike(first: str, second: str) -> bool:
    """Whether two names of columns are the same, or one is a word of the other."""
    a, b = ([_SIZES.get(w, w) for w in key(t).replace("_", " ").split()] for t in (first, second))
    return bool(a and b) and (a == b or (len(a) == 1 and a[0] in b) or (len(b) == 1 and b[0] in a) or "".join(a) == "".join(b))


def _each_once(meanings: Mapping[str, _Meaning]) -> dict[str, _Meaning]:
    """A category is of one column: the one that fits best."""
    best: dict[str, str] = {}
    for column, m in meanings.items():
        if m.category not in best or m.share > meanings[best[m.category]].share:
            best[m.category] = column
    return {c: m for c, m in meanings.items() if best[m.category] == c}


def _blank(table: pd.DataFrame, column: str) -> np.ndarray:
    codes, labels = labelled(table[column])
    return np.asarray(np.array([*(is_total(label) for label in labels), True])[codes])


def _patterns(table: pd.DataFrame, meanings: Mapping[str, _Meaning]) -> Iterable[tuple[tuple[str, ...], str]]:
    """Which category columns are filled together, and the condition for such rows: margins that stand one below the other."""
    blank = pd.DataFrame({c: _blank(table, c) for c in meanings})
    patterns = blank.drop_duplicates()
    full = tuple(meanings)
    if len(patterns) == 1 or any(not row.any() for _, row in patterns.iterrows()):
        return [(full, "")]  # further rows are sums of these
    out = []
    for _, row in patterns.iterrows():
        kept = tuple(c for c in meanings if not row[c])
        if kept:
            out.append((kept, " and ".join(_filled(table, c, c in kept) for c in meanings)))
    return out


def _filled(table: pd.DataFrame, column: str, filled: bool) -> str:
    """The condition that a column names a category, or none."""
    name = column if column.isidentifier() else f"`{column}`"
    blanks = ["", *(label for label in labelled(table[column])[1] if is_total(label))]
    if len(blanks) == 1:
        return f"{name} {'!=' if filled else '=='} ''"
    return f"{name} {'not in' if filled else 'in'} ({', '.join(map(repr, blanks))})"


def _rows(table: pd.DataFrame, meanings: Mapping[str, _Meaning], kept: Sequence[str]) -> np.ndarray:
    rows = np.ones(len(table), bool)
    for c in meanings:
        rows &= _blank(table, c) != (c in kept)
    return rows


def _unit(value: str, total: float, persons: bool, units: Mapping[str, Units], recipe: Recipe) -> tuple[str, str]:
    """What is counted or summed: told by the categories, by the name of the column, or by the size of the totals."""
    households = units[HOUSEHOLDS]
    size = _size_column(households)
    for of, who in units.items():
        column = next((str(c) for c in who.frame.columns if value and key(str(c)) == key(value) and is_numeric(who.frame[c])), None)
        if column is not None and not (PERSONS in units and (column == size or (persons and of == HOUSEHOLDS))):
            return of, column
    if persons:
        return PERSONS, ""
    words = key(value).replace("_", " ")
    if any(w in words for w in ("household", "dwelling", "families")) or (not size and PERSONS not in units):
        return HOUSEHOLDS, ""
    of_persons = (PERSONS, "") if PERSONS in units else (HOUSEHOLDS, size)
    if any(w in words for w in ("person", "people", "population", "inhabitants")):
        return of_persons
    if not recipe.base_weight:
        return HOUSEHOLDS, ""
    base = households.numbers(recipe.base_weight)
    heads = np.bincount(units[PERSONS].position, minlength=len(base)) if PERSONS in units else households.numbers(size)
    sums = np.log(np.clip([total, np.nansum(base), np.nansum(base * heads)], 1e-9, 1e300))
    off = np.abs(sums[0] - sums[1:])
    if off.min() > np.log(NEAR) and (near := _near(words, sums[0], households, base)):
        return HOUSEHOLDS, near
    return (HOUSEHOLDS, "") if off[0] <= off[1] else of_persons


def _near(words: str, total: float, households: Units, base: np.ndarray) -> str:
    """The column of numbers with a word of the name whose weighted sum is nearest to the logarithm of the total; empty: none is near."""
    columns = [str(c) for c in households.frame.columns if is_numeric(households.frame[c])]
    like = [c for c in columns if {*words.split()} & {*key(c).replace("_", " ").split()}]
    sums = [float(np.log(max(np.nansum(base * households.numbers(c)), 1e-9))) for c in like]
    off = {c: abs(s - total) for c, s in zip(like, sums, strict=True) if abs(s - total) <= np.log(NEAR)}
    return min(off, key=off.__getitem__) if off else ""


def _size_column(households: Units) -> str:
    """The column with the number of persons in each household."""
    name = named(households.frame, ("persons", "n_persons", "household_size", "hh_size", "hhsize", "size", "np"))
    return name if name and is_numeric(households.frame[name]) else ""


def _title(of: str, what: str) -> str:
    return f"Sum of {what}" if what else of.capitalize()


def _unique(targets: Sequence[Target]) -> list[Target]:
    """Definitions with names of their own."""
    out: list[Target] = []
    for t in targets:
        names, name, i = {o.name for o in out}, t.name, 2
        while name in names:
            name, i = f"{t.name} ({i})", i + 1
        out.append(Target(**{**t.__dict__, "name": name}))
    return out
