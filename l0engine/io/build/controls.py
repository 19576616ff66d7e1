"""Control files of PopulationSim, read as recipes.

A row of `controls.csv` is a definition: target, geography, seed_table, importance, control_field, expression [1].

[1] Paul, B. M., Doyle, J., Stabler, B., Freedman, J., & Bettinardi, A. (2018). Multi-level population synthesis using entropy
maximization-based simultaneous list balancing. TRB 97th Annual Meeting. https://activitysim.github.io/populationsim
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.expressions import is_condition
from l0engine.io.build.guessing.roles import first_recipe
from l0engine.io.build.recipe import HOUSEHOLDS, PERSONS, Recipe, Target, Totals
from l0engine.io.build.units import as_numbers
from l0engine.io.limits import clipped, listed

_NEEDED = ("target", "geography", "seed_table", "expression")


def is_controls(table: pd.DataFrame) -> bool:
    """Whether a table is a control file."""
    return set(_NEEDED) <= {str(c) for c in table.columns}


def controls_in(tables: Mapping[str, pd.DataFrame]) -> str:
    """The file name of the control file among some tables; empty where there is none."""
    return next((name for name, table in tables.items() if is_controls(table)), "")


def from_controls(controls: pd.DataFrame, tables: Mapping[str, pd.DataFrame], households: str = "", persons: str = "") -> Recipe:
    """The recipe that a control file tells of.

    Parameters
    ----------
    controls : DataFrame
        Columns target, geography, seed_table, expression, and, if any, importance and control_field.
    tables : mapping of DataFrames
        By file name: the seed tables, the totals of each geography, and a crosswalk where households know no such geography. The control
        file itself may be among them.
    households, persons : str
        File names of the seed tables; looked for where empty.

    Returns
    -------
    Recipe
        A definition's weight is its importance, relative to the median. Totals of places finer than those of the households are added up.

    Raises
    ------
    ProblemError
        A column, a table of totals, or the place of the households is missing.
    """
    if not is_controls(controls):
        raise ProblemError(f"A control file has the columns {listed(_NEEDED)}; this one has {listed(map(str, controls.columns))}.")
    tables = {name: table for name, table in tables.items() if not is_controls(table)}
    recipe = first_recipe(tables, households or _seed(tables, "household"), persons or _seed(tables, "person"))
    importance = np.ones(len(controls))
    if "importance" in controls.columns:
        importance = as_numbers(controls["importance"], "The control file, column 'importance'")
        if np.isnan(importance).any():
            empty = int(np.argmax(np.isnan(importance))) + 1
            raise ProblemError(f"The control file, row {empty:,}, column 'importance': it is empty: give each control a number.")
        importance = importance / np.median(importance)
    targets = []
    for row, weight in zip(controls.to_dict("records"), importance, strict=True):
        name, expression = str(row["target"]), " ".join(str(row["expression"]).split())
        of = PERSONS if "person" in str(row["seed_table"]) else HOUSEHOLDS
        totals, by = _totals(name, str(row["geography"]), str(row.get("control_field", name)), tables, recipe)
        where, summed = (expression, "") if is_condition(expression) else ("", expression)
        targets.append(Target(name, totals, of=of, by=by, where=where, sum=summed, weight=float(weight)))
    return Recipe(**{**recipe.__dict__, "targets": tuple(targets)})


def _seed(tables: Mapping[str, pd.DataFrame], what: str) -> str:
    """The file that is named after what is in it."""
    named = [name for name in tables if what in name.lower()]
    return min(named, key=lambda name: ("seed" not in name.lower(), len(name)), default="")


def _totals(name: str, geography: str, field: str, tables: Mapping[str, pd.DataFrame], recipe: Recipe) -> tuple[Totals, tuple[str, ...]]:
    """Where the totals of a control stand, and the category column of its geography."""
    places = tables[recipe.households].columns
    seeds = (recipe.households, recipe.persons)
    file = next((n for n, t in tables.items() if n not in seeds and {geography, field} <= {str(c) for c in t.columns}), None)
    if file is None:
        raise ProblemError(f"The control '{clipped(name)}' needs a table with '{clipped(geography)}' and '{clipped(field)}': add it.")
    columns = {"value": field}
    if geography in places:
        return Totals(file, columns=columns), (geography,)
    for crosswalk, table in tables.items():
        if crosswalk not in (*seeds, file) and geography in table.columns:
            coarser = next((str(c) for c in table.columns if c in places and table.groupby(geography)[c].nunique().max() == 1), None)
            if coarser is not None:
                return Totals(file, columns=columns, through=crosswalk), (coarser,)
    if len(tables[file][geography].unique()) == 1:
        return Totals(file, columns=columns, add_up=True), ()
    raise ProblemError(
        f"The control '{clipped(name)}' is by '{clipped(geography)}', which {recipe.households} has not, nor leads a crosswalk to: add it."
    )
