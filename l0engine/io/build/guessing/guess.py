"""guess: a recipe from the tables alone, for a person to correct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.bands import band_of
from l0engine.io.build.guessing.roles import alike, first_recipe
from l0engine.io.build.guessing.values import counted, understood
from l0engine.io.build.labels import key, matched
from l0engine.io.build.published import is_numeric, read_values
from l0engine.io.build.recipe import DETAILS, PERSONS, Band, Recipe, Statistic, Target, Totals
from l0engine.io.build.units import Units, labelled, read_units
from l0engine.io.limits import clipped
from l0engine.io.tables.totals import is_total

#: More categories than this are rather ids or amounts.
_MOST_CATEGORIES = 5000
#: The part of a column's labels that must be categories there are.
_ENOUGH = 0.6
#: And where the columns have like names: the other labels are offered to be matched by hand.
_SOME = 0.25


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
        totals = {name: table for name, table in tables.items() if name not in (recipe.households, recipe.persons)}
        empty = [words for table in totals.values() for who in units.values() if (words := who.empty_in(table))]
        if empty:
            raise ProblemError(f"No total meets a category, as {empty[0]}: fill it in.")
        if unlike := [words for name, table in totals.items() if (words := _unlike(name, table, units))]:
            raise ProblemError(f"{unlike[0]}: write the labels alike, or define targets by hand.")
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
        of, what = counted("", float(cells), persons, units, recipe)
        return [Target(f"{_title(of, what)} by {', '.join(by)}", Totals(name, columns=named, across=across.category), of, what, by)]
    out = []
    for value in rest:
        for kept, where in _patterns(table, meanings):
            chosen = tuple(m.category for c, m in meanings.items() if c in kept)
            rows = _rows(table, meanings, kept)
            labels = table.loc[rows, [c for c in meanings if c in kept]].astype(str).set_axis(list(chosen), axis=1)
            told = understood(value, read_values(table[value], value)[rows], labels, persons, units, recipe)
            if told is None:
                continue
            columns_of = {**{c: n for c, n in named.items() if c in chosen}, **({} if value == "value" else {"value": value})}
            of, what, kind = told.of, told.sum, told.statistic
            title = f"{_title(of, what, kind)} by {', '.join(chosen)}" if chosen else _title(of, what, kind)
            totals = Totals(name, columns=columns_of, where=where, unit=told.unit)
            out.append(Target(title, totals, of, what, chosen, statistic=kind, within=told.within))
    return out


def _unlike(name: str, table: pd.DataFrame, units: Mapping[str, Units]) -> str:
    """A column that is named as one of the households or persons but has other labels, in words; empty where there is none."""
    for column in (c for c in map(str, table.columns) if not is_numeric(table[c])):
        for who in units.values():
            own = next((c for c in map(str, who.frame.columns) if alike(column, c) and not is_numeric(who.frame[c])), "")
            if own:
                both = (labelled(table[column])[1], who.codes(own)[1])
                theirs, ours = (", ".join(f"'{clipped(label)}'" for label in labels[:3]) for labels in both)
                where = f"column '{clipped(own)}' of {who.file_of(own)}"
                return f"{clipped(name)}, column '{clipped(column)}': hardly a label ({theirs}) stands in {where} ({ours})"
    return ""


def _meaning(column: str, labels: Sequence[str], units: Mapping[str, Units], numeric: bool) -> _Meaning | None:
    """The column of households or persons whose categories these labels are, the one with most of them first; or the band they make."""
    wanted = [label for label in labels if not is_total(label)]
    best: _Meaning | None = None
    for of, who in units.items():
        for own in who.frame.columns:
            named_so = alike(column, str(own))
            if numeric and not named_so:
                continue  # numbers meet numbers by chance
            if not 0 < len(wanted) <= _MOST_CATEGORIES or who.frame[own].nunique() > _MOST_CATEGORIES:
                continue
            share = float((matched(wanted, who.codes(str(own))[1], {}) >= 0).mean()) + (0.01 if named_so else 0)
            if share >= (_SOME if named_so else _ENOUGH) and (best is None or share > best.share):
                best = _Meaning(str(own), of, share)
    return best or (None if numeric else _banded(column, wanted, units))


def _banded(column: str, labels: Sequence[str], units: Mapping[str, Units]) -> _Meaning | None:
    """A band of a numeric column of a like name."""
    for of, who in units.items():
        for own in map(str, who.frame.columns):
            if (not column or alike(column, own)) and is_numeric(who.frame[own]):
                name = column if column and column not in who.frame.columns else f"{own}_band"
                band = band_of(name, own, labels)
                if band is not None and (column or alike(" ".join(labels), own)):
                    return _Meaning(name, of, 0.0, band)
    return None


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


def _title(of: str, what: str, kind: Statistic = Statistic.TOTAL) -> str:
    if kind is Statistic.TOTAL:
        return f"Sum of {what}" if what else of.capitalize()
    return f"{kind.capitalize()} of {what or of}"


def _unique(targets: Sequence[Target]) -> list[Target]:
    """Definitions with names of their own."""
    out: list[Target] = []
    for t in targets:
        names, name, i = {o.name for o in out}, t.name, 2
        while name in names:
            name, i = f"{t.name} ({i})", i + 1
        out.append(Target(**{**t.__dict__, "name": name}))
    return out
