"""Recipe: which tables there are, which targets they define, and where the published totals stand; a small TOML file."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, Self

import msgspec

from l0engine.errors import ProblemError
from l0engine.plain import Plain

HOUSEHOLDS, PERSONS = "households", "persons"
#: What a row of the totals may say of its target besides the value.
DETAILS = ("weight", "group", "tolerance", "standard_error", "source", "year")
_HEAD = "# How targets are made of tables: rerun it with `python -m l0engine build THIS_FILE --out FOLDER`.\n"


class Statistic(StrEnum):
    """What is published of each cell."""

    TOTAL = "total"  #: a count or a sum
    MEAN = "mean"  #: the sum for each household or person of the cell
    SHARE = "share"  #: the count or sum of the cell, of that of a larger one


@dataclass(frozen=True)
class Band(Plain):
    """A column of categories, cut from a column of numbers.

    Attributes
    ----------
    name, column : str
        The new column, and the one that is cut.
    edges : tuple of float
        Lower edges, rising; a number belongs to the last class whose edge it reaches. Below the first edge it belongs to none.
    labels : tuple of str
        One for each edge, the last class being open; or one less: what reaches the last edge belongs to none.
        By default '0-17', '18-24', '65+'.
    """

    name: str
    column: str
    edges: tuple[float, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Totals(Plain):
    """Where the published totals of a target definition stand.

    Attributes
    ----------
    table : str
        File name; empty where `value` is the total itself.
    value : float
        The total, where it stands in no table.
    columns : mapping of str
        Columns of the table by what they hold: 'value', a category column of `by`, or one of `DETAILS`. What is not named is looked
        for under its own name.
    across : str
        The category column whose categories are the heads of columns: the table is a cross-table. Empty: a row a total.
    where : str
        Expression: only these rows of the table.
    add_up : bool
        Add rows of the same category; else a second row is refused.
    through : str
        Table that says which category the table's finer places belong to; their rows are added up.
    unit : float
        What one in the table stands for: 1000 where totals are in thousands, 0.01 where shares are in percent.
    """

    table: str = ""
    value: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)
    across: str = ""
    where: str = ""
    add_up: bool = False
    through: str = ""
    unit: float = 1.0


@dataclass(frozen=True)
class Target(Plain):
    """A definition of targets: one for each category, or combination of categories, that has a published total.

    Attributes
    ----------
    name : str
        Unique; the targets are named after it.
    totals : Totals
    of : str
        What is counted or summed over: 'households' or 'persons'.
    sum : str
        Column or expression to be summed; empty: they are counted.
    by : tuple of str
        Category columns; a person has those of its household too.
    where : str
        Expression: only these households or persons.
    statistic : Statistic
    within : tuple of str
        Of a share: the category columns of `by` that the whole is of, too; none: all there are.
    among : str
        Of a share: expression for what the whole is made of; by default everyone, also those that `where` leaves out.
    scale_to : str
        Name of the definition whose sums these totals are brought to.
    group, weight, tolerance, standard_error, source, year
        Of all these targets; a column of the totals goes before. The group is the name by default. A standard error is in the units of the
        totals; 0 and an empty text stand for none.
    """

    name: str
    totals: Totals
    of: str = HOUSEHOLDS
    sum: str = ""
    by: tuple[str, ...] = ()
    where: str = ""
    statistic: Statistic = Statistic.TOTAL
    within: tuple[str, ...] = ()
    among: str = ""
    scale_to: str = ""
    group: str = ""
    weight: float = 1.0
    tolerance: float = 0.0
    standard_error: float = 0.0
    source: str = ""
    year: str = ""


@dataclass(frozen=True)
class Recipe(Plain):
    """How a problem is made of tables.

    Attributes
    ----------
    households, persons : str
        File names; persons may be empty.
    household_id : str
        Column of unique ids; empty: the rows are numbered from 1.
    persons_household_id : str
        Column of the persons with the id of their household; empty: named as in the households.
    base_weight, min_weight, max_weight : str
        Columns or expressions of numbers, a household each; empty: none.
    protected, frozen : str
        Expressions, or columns of yes and no: never dropped; the weight stays the base weight.
    bands : tuple of Band
    same : mapping of mappings of str
        By category column: published label -> the label that the households or persons have for it.
    targets : tuple of Target
    """

    households: str
    household_id: str = ""
    base_weight: str = ""
    persons: str = ""
    persons_household_id: str = ""
    protected: str = ""
    frozen: str = ""
    min_weight: str = ""
    max_weight: str = ""
    bands: tuple[Band, ...] = ()
    same: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """File names of all tables it needs, the households first."""
        of_targets = (name for t in self.targets for name in (t.totals.table, t.totals.through))
        return tuple(dict.fromkeys(name for name in (self.households, self.persons, *of_targets) if name))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a recipe.

        Raises
        ------
        ProblemError
            It is no TOML, or a key is missing, unknown or of the wrong kind; says which.
        """
        try:
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ProblemError(f"The recipe is not TOML: {error}.") from None
        _refuse_unknown(cls, values, "")
        try:
            return cls.from_dict(values)
        except msgspec.ValidationError as error:
            raise ProblemError(f"The recipe cannot be used: {error}.") from None

    def to_toml(self) -> str:
        """Inverse of `from_toml`; what is left at its default is not written."""
        told = _told(self)
        targets = told.pop("targets", ())
        lines = [_HEAD, *(f"{key} = {_toml(value)}" for key, value in told.items())]
        for target in targets:
            lines += ["", "[[targets]]", *(f"{key} = {_toml(value)}" for key, value in _told(target).items())]
        return "\n".join(lines) + "\n"

    def changed(self, name: str, **changes: Any) -> Self:
        """This recipe with fields of one target definition changed."""
        return replace(self, targets=tuple(replace(t, **changes) if t.name == name else t for t in self.targets))

    def taking(self, matches: Mapping[str, Mapping[str, str]]) -> Self:
        """This recipe with further entries of `same`."""
        return replace(self, same={c: {**self.same.get(c, {}), **matches.get(c, {})} for c in dict.fromkeys([*self.same, *matches])})


def _told(part: Any) -> dict[str, Any]:
    """Fields that differ from their defaults."""
    defaults = ((f.name, f.default_factory() if f.default_factory is not MISSING else f.default) for f in fields(part))
    return {name: value for name, default in defaults if (value := getattr(part, name)) != default}


def _toml(value: Any) -> str:
    """A value on one line; TOML writes texts as JSON does."""
    if is_dataclass(value):
        value = _told(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


#: What the fields that hold further parts hold.
_PARTS: dict[tuple[type, str], type] = {(Recipe, "bands"): Band, (Recipe, "targets"): Target, (Target, "totals"): Totals}


def _refuse_unknown(kind: type, values: Any, place: str) -> None:
    if not isinstance(values, dict):
        return  # the conversion says what is wrong
    known = [f.name for f in fields(kind)]
    for key, value in values.items():
        if key not in known:
            raise ProblemError(f"The recipe has '{place}{key}', which means nothing: known are {', '.join(known)}.")
        inner = _PARTS.get((kind, key))
        parts: Iterable[Any] = () if inner is None else value if isinstance(value, list) else [value]
        for i, part in enumerate(parts, 1):
            _refuse_unknown(inner or kind, part, f"{place}{key}{f'[{i}]' if isinstance(value, list) else ''}.")
