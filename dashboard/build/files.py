"""The tables a problem is made of: taken in, shown, left out."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.state import building
from dashboard.state.building import Building
from dashboard.state.uploads import TABLES
from l0engine.errors import L0Error
from l0engine.io.build import Recipe, guess

_HELP = "One table has a row for each household, another one the published totals. A table of persons and a recipe (.toml) may come along."


def take() -> None:
    """Where files are dropped; new ones are read at once, and a first recipe is guessed from them."""
    files = st.file_uploader(
        "Tables", type=[*TABLES.types, "toml"], accept_multiple_files=True, key="build_files", help=_HELP, label_visibility="collapsed"
    )
    seen: dict[str, str] = state.hold_first("build_read", {})
    new = [f for f in files if f.file_id not in seen]
    recipe, tables = "", {}
    for file in new:
        seen[file.file_id] = ""
        try:
            if file.name.endswith(".toml"):
                recipe = file.getvalue().decode("utf-8-sig", errors="replace")
            else:
                with st.spinner(f"Reading {file.name}, in a process of its own …"):
                    tables[file.name] = TABLES.keep(file.name, file.getvalue())
        except L0Error as error:
            seen[file.file_id] = str(error)
    if tables:
        building.add_tables(tables)
    if recipe or tables:
        _recipe(recipe)
        st.rerun()  # so that the address knows it
    for said in [seen[f.file_id] for f in files if seen[f.file_id]]:
        st.error(said, icon=":material/error:")


def show(now: Building) -> None:
    """A card a table: its size, its first rows, and the way to leave it out."""
    roles, unused = _roles(now), set(now.tables) - set(now.recipe.tables if now.recipe is not None else now.tables)
    for place, (name, frame) in zip(layout.columns(len(now.tables), key="tables", narrowest=260), now.frames.items(), strict=True):
        with place, st.container(border=True, height="stretch"):
            st.markdown(f"**{name}**  \n{roles[name]} · {wording.plural(len(frame), 'row')}, {wording.plural(frame.shape[1], 'column')}")
            if name in unused:
                st.caption(":material/warning: Not used yet: add targets below, or leave it out.")
            with st.container(horizontal=True):
                with st.popover("First rows", icon=":material/table_rows:", type="tertiary"):
                    st.dataframe(frame.head(8), hide_index=True)
                if st.button("Leave out", key=f"leave_{name}", icon=":material/close:", type="tertiary"):
                    building.drop_table(name)
                    st.rerun()


def _roles(now: Building) -> dict[str, str]:
    recipe = now.recipe
    known = {} if recipe is None else {recipe.households: "Households", recipe.persons: "Persons"}
    return {name: known.get(name, "Totals") for name in now.tables}


def _recipe(text: str) -> None:
    """A recipe from a file, or guessed where the one there is does not know all tables; what is wrong with it is said."""
    now = building.building()
    try:
        if text:
            building.rewrite(Recipe.from_toml(text))
        elif len(now.tables) > 1 and (now.recipe is None or set(now.tables) - set(now.recipe.tables)):
            building.rewrite(_guessed(now.recipe, now.frames))
        state.hold("build_guess", "")
    except L0Error as error:
        state.hold("build_guess", str(error))
        if now.recipe is None:  # to be defined by hand
            building.rewrite(Recipe(max(now.tables, key=lambda name: len(now.frames[name]))))


def _guessed(recipe: Recipe | None, frames: dict[str, pd.DataFrame]) -> Recipe:
    """A recipe for all tables; definitions that are there already stay as they are."""
    if recipe is None or recipe.households not in frames:
        return guess(frames)
    found, names = guess(frames, recipe.households, recipe.persons), {t.name for t in recipe.targets}
    return replace(recipe, persons=found.persons, targets=recipe.targets + tuple(t for t in found.targets if t.name not in names))
