"""What the households are: their ids, weights and limits, and classes cut from numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import streamlit as st

from dashboard.kit import layout
from dashboard.kit.figures import shares
from dashboard.state import building
from l0engine.io.build import Band, Recipe

_NUMBERED = "none: number the rows"
_EQUAL = "none: all start alike"


def show(recipe: Recipe, frames: dict[str, pd.DataFrame]) -> Recipe:
    """The recipe with what the widgets say of the survey."""
    recipe = _tables(recipe, list(frames))
    columns, numeric = list(frames[recipe.households].columns), numbers(frames[recipe.households])
    ids, weights = layout.columns(2, key="survey", narrowest=220)
    household_id = _choice(
        ids, "Household id", columns, recipe.household_id, _NUMBERED, "Unique for each household; kept in the weights file."
    )
    base = _choice(weights, "Base weight", numeric, recipe.base_weight, _EQUAL, "Survey weights that the fit starts from.")
    changed = replace(recipe, household_id=household_id, base_weight=base)
    if recipe.persons in frames:
        own = list(frames[recipe.persons].columns)
        of = _choice(st, "Household id of a person", own, recipe.persons_household_id, "", "Says to which household a person belongs.")
        changed = replace(changed, persons_household_id=of)
    with st.expander("Limits of weights, and classes of numbers"):
        changed = _limits(changed, columns, numeric)
        changed = _classes(changed, frames)
    return changed


def _tables(recipe: Recipe, names: list[str]) -> Recipe:
    """Which table is that of the households, and of the persons; another one has other columns, so that all is drawn anew."""
    whom, each = layout.columns(2, key="survey_tables", narrowest=220)
    households = _choice(whom, "Table of households", names, recipe.households, "", "A row for each household.")
    none, about = "none", "A row for each person, with the id of its household: what is counted of persons is summed up."
    persons = _choice(each, "Table of persons", [n for n in names if n != households], recipe.persons, none, about)
    if (households, persons) != (recipe.households, recipe.persons):
        of = "" if households != recipe.households else recipe.household_id
        weight = "" if households != recipe.households else recipe.base_weight
        changed = replace(
            recipe, households=households, persons="" if persons == households else persons, household_id=of, base_weight=weight
        )
        building.rewrite(replace(changed, persons_household_id=""))
        st.rerun()
    return recipe


def numbers(frame: pd.DataFrame) -> list[str]:
    """Columns of numbers."""
    return [str(c) for c in frame.columns if shares.is_number(frame[c])]


def _limits(recipe: Recipe, columns: list[str], numeric: list[str]) -> Recipe:
    never, fixed, low, high = layout.columns(4, key="limits", narrowest=170)
    nobody, no = "nobody", "no limit"
    return replace(
        recipe,
        protected=_choice(
            never, "Never dropped", columns, recipe.protected, nobody, "A column of yes and no: these households always stay."
        ),
        frozen=_choice(fixed, "Weight stays", columns, recipe.frozen, nobody, "A column of yes and no: these keep their base weight."),
        min_weight=_choice(low, "Smallest weight", numeric, recipe.min_weight, no, "A column of the least weight of each household."),
        max_weight=_choice(high, "Largest weight", numeric, recipe.max_weight, no, "A column of the largest weight of each household."),
    )


def _classes(recipe: Recipe, frames: dict[str, pd.DataFrame]) -> Recipe:
    """Bands that are there, and a new one."""
    for band in recipe.bands:
        words, gone = st.columns([5, 1], vertical_alignment="center")
        words.markdown(f"**{band.name}**: {band.column} from {', '.join(f'{edge:g}' for edge in band.edges)}")
        if gone.button("Remove", key=_key(f"no_band_{band.name}"), type="tertiary"):
            building.rewrite(replace(recipe, bands=tuple(b for b in recipe.bands if b != band)))
            st.rerun()
    units = [name for name in (recipe.households, recipe.persons) if name in frames]
    options = list(dict.fromkeys(column for name in units for column in numbers(frames[name])))
    of, at, add = layout.columns([2, 3, 1], key="new_band", narrowest=120, align="bottom")
    column = of.selectbox("Cut a column of numbers", options, index=None, placeholder="Column", key=_key("band_column"))
    text = at.text_input("at these lower edges", placeholder="0, 18, 65", key=_key("band_edges"))
    edges = _edges(text)
    why = "Choose a column and rising edges, such as 0, 18, 65." if not column or edges is None else None
    if add.button("Add", key=_key("band_add"), disabled=why is not None, help=why, width="stretch") and edges is not None:
        taken = {b.name for b in recipe.bands} | {str(c) for name in units for c in frames[name].columns}
        name = next(n for n in (f"{column} class", *(f"{column} class {i}" for i in range(2, 1000))) if n not in taken)
        building.rewrite(replace(recipe, bands=(*recipe.bands, Band(name, str(column), edges))))
        st.rerun()
    return recipe


def _edges(text: str) -> tuple[float, ...] | None:
    """Rising numbers from a text with commas; None where it holds something else."""
    try:
        edges = tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        return None
    return edges if edges and all(a < b for a, b in pairwise(edges)) else None


def _choice(place: st.delta_generator.DeltaGenerator | object, label: str, options: list[str], chosen: str, none: str, help: str) -> str:
    """A menu of columns, or none of them; what stands in the recipe, a column or an expression, is among them."""
    known = list(dict.fromkeys([*([""] if none else []), *options, *([chosen] if chosen else [])]))
    at = known.index(chosen) if chosen in known else 0
    show = {"format_func": lambda name: name or none, "key": _key(label), "help": help}
    return str(place.selectbox(label, known, index=at, **show) or "")  # type: ignore[attr-defined]


def _key(name: str) -> str:
    return f"build_{name}_{building.version()}"
