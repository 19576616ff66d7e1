"""What the head of a column of published values says: a total, a mean or a share, of what, and in which unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from l0engine.io.build.guessing.roles import alike, named
from l0engine.io.build.labels import key
from l0engine.io.build.matching import NEAR
from l0engine.io.build.published import is_numeric
from l0engine.io.build.recipe import HOUSEHOLDS, PERSONS, Recipe, Statistic
from l0engine.io.build.units import Units
from l0engine.io.tables.heads import factor_of, plain

_MEAN = re.compile(r"\b(?:(?:mean|average|avg|mittelwert|moyenn\w*)\b|durchschnitt(?:lich\w*|s)?)")
_SHARE = re.compile(r"%|\b(?:(?:share|per ?cent|percentage|pct|proportion|prozent|pour ?cent)\b|anteil|part(?= d[eu]|$| *\())")
_MEDIAN = re.compile(r"\b(?:medians?|mediane?)\b")
#: Shares of a whole add up to 1 but for rounding.
_ROUNDED = 0.02
_OF_HOUSEHOLDS = ("household", "dwelling", "families", "haushalt", "ménage", "menage")
_OF_PERSONS = ("person", "people", "population", "inhabitants", "einwohner")


@dataclass(frozen=True)
class Value:
    """What a column of values is: fields of a `Target` and its `Totals`."""

    of: str
    sum: str = ""
    statistic: Statistic = Statistic.TOTAL
    within: tuple[str, ...] = ()
    unit: float = 1.0


def understood(
    head: str, amounts: np.ndarray, labels: pd.DataFrame, persons: bool, units: Mapping[str, Units], recipe: Recipe
) -> Value | None:
    """What a column holds; None where it is a mean, a share or a median of what cannot be told.

    Parameters
    ----------
    amounts : ndarray, shape (n_rows,)
        The values, without sums of others.
    labels : DataFrame of str, n_rows rows
        Their categories.
    persons : bool
        Some categories are of persons.
    """
    text = key(head).replace("_", " ")
    if _MEDIAN.search(text):
        return None
    if _MEAN.search(text):
        of, column = _measured(_MEAN.sub(" ", plain(head).replace("_", " ")), persons, units, recipe)
        return Value(of, column, Statistic.MEAN) if column else None
    if _SHARE.search(text):
        return _share(_SHARE.sub(" ", plain(head).replace("_", " ")), amounts, labels, persons, units, recipe)
    unit = _times(head, units)
    of, column = counted(head, unit * float(np.nansum(amounts)), persons, units, recipe)
    return Value(of, column, unit=unit)


def _times(head: str, units: Mapping[str, Units]) -> float:
    """What totals are to be multiplied by: 1000 for 'Households (in thousands)'; a head that is a column's very name says nothing."""
    factor = factor_of(head)
    own = {key(str(c)) for who in units.values() for c in who.frame.columns}
    return 1.0 if factor in ("", "0.01") or key(head) in own else float(factor)


def _share(
    words: str, amounts: np.ndarray, labels: pd.DataFrame, persons: bool, units: Mapping[str, Units], recipe: Recipe
) -> Value | None:
    """A share of all, or of a category that the shares add up to 1 in; of anything else it is not said what the whole is."""
    unit = 0.01 if np.nanmax(amounts, initial=0) > 1 else 1.0
    wholes: list[tuple[str, ...]] = [(), *((c,) for c in labels.columns if labels.shape[1] > 1)]
    series = pd.Series(amounts * unit)
    sums = {w: series.groupby(labels[w[0]].to_numpy()).sum() if w else pd.Series([series.sum()]) for w in wholes}
    within = next((w for w, s in sums.items() if len(s) and ((s - 1).abs() <= _ROUNDED).all()), None)
    if within is None or series.isna().any():
        return None
    of, column = _measured(words, persons, units, recipe)
    if not column:
        of_persons = persons or (_says(words, _OF_PERSONS) and not _says(words, _OF_HOUSEHOLDS))
        of = PERSONS if of_persons and PERSONS in units else HOUSEHOLDS
        column = _size_column(units[HOUSEHOLDS]) if of_persons and of == HOUSEHOLDS else ""
        if of_persons and of == HOUSEHOLDS and not column:
            return None
    return Value(of, column, Statistic.SHARE, within, unit)


def _measured(words: str, persons: bool, units: Mapping[str, Units], recipe: Recipe) -> tuple[str, str]:
    """The one column of numbers that some words name, of whom they or the categories say; empty where there is none or more."""
    if persons or (_says(words, _OF_PERSONS) and not _says(words, _OF_HOUSEHOLDS) and PERSONS in units):
        kinds = [PERSONS]
    else:
        kinds = [HOUSEHOLDS] if _says(words, _OF_HOUSEHOLDS) else [HOUSEHOLDS, PERSONS]
    for kind in (k for k in kinds if k in units):
        frame = units[kind].frame
        no_amounts = {recipe.household_id, recipe.persons_household_id, recipe.base_weight}
        columns = [c for c in map(str, frame.columns) if c not in no_amounts and is_numeric(frame[c])]
        same = [c for c in columns if plain(c) == plain(words)]
        found = same or [c for c in columns if alike(words, c)]
        if len(found) == 1:
            return kind, found[0]
    return HOUSEHOLDS, ""


def _says(words: str, these: tuple[str, ...]) -> bool:
    return any(w in words for w in these)


def counted(value: str, total: float, persons: bool, units: Mapping[str, Units], recipe: Recipe) -> tuple[str, str]:
    """What is counted or summed: told by the categories, by the name of the column, or by the size of the totals."""
    households = units[HOUSEHOLDS]
    size = _size_column(households)
    for of, who in units.items():
        column = next((str(c) for c in who.frame.columns if value and plain(str(c)) == plain(value) and is_numeric(who.frame[c])), None)
        if column is not None and not (PERSONS in units and (column == size or (persons and of == HOUSEHOLDS))):
            return of, column
    if persons:
        return PERSONS, ""
    words = key(value).replace("_", " ")
    if _says(words, _OF_HOUSEHOLDS) or (not size and PERSONS not in units):
        return HOUSEHOLDS, ""
    of_persons = (PERSONS, "") if PERSONS in units else (HOUSEHOLDS, size)
    if _says(words, _OF_PERSONS):
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
