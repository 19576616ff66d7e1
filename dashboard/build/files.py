"""The tables a problem is made of: taken in, asked about, shown, left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import state
from dashboard.kit import layout, question, wording
from dashboard.state import building
from dashboard.state.building import Building
from dashboard.state.uploads import TABLES
from l0engine.errors import AmbiguousTable, L0Error
from l0engine.io.build import Recipe, controls_in, first_recipe, from_controls, guess, is_controls

_HELP = (
    "One table has a row for each household, another one the published totals. A table of persons and a recipe (.toml) may come along. "
    "Or a control file of PopulationSim (controls.csv) with its seed tables, totals and crosswalk."
)


def take() -> None:
    """Where files are dropped; new ones are read at once, and a first recipe is guessed from them."""
    files = st.file_uploader(
        "Tables", type=[*TABLES.endings, "toml"], accept_multiple_files=True, key="build_files", help=_HELP, label_visibility="collapsed"
    )
    if near := state.quota_warning():
        st.caption(near)
    seen: dict[str, L0Error | None] = state.hold_first("build_read", {})
    new = [f for f in files if f.file_id not in seen]
    recipes = [f.getvalue().decode("utf-8-sig", errors="replace") for f in new if f.name.endswith(".toml")]
    seen |= {f.file_id: None for f in new if f.name.endswith(".toml")}
    for file in new:
        if not file.name.endswith(".toml"):
            seen[file.file_id] = _read(file, {})
    if new:
        _recipe(next(iter(recipes), ""))
        if any(seen[f.file_id] is None for f in new):
            st.rerun()  # so that the address knows it
    for file in files:
        if (said := seen[file.file_id]) is not None:
            _unread(file, said, seen)
    state.hold("build_here", {f.name: f for f in files})
    for name in sorted(set(building.building().waiting) - {f.name for f in files}):
        st.warning(f"{name} was not read, as its question was not answered: add it again.", icon=":material/help:")


def example() -> None:
    """Published totals of New England, to try it with."""
    if st.button("Try it with New England", icon=":material/play_arrow:", key="build_example"):
        folder = state.SAMPLES / "new_england"
        for path in (folder / "households.csv", *sorted((folder / "tables").glob("*.csv"))):
            kept, reading = TABLES.read(path.name, path.read_bytes(), {})
            building.add_table(path.name, kept, reading, {})
        building.rewrite(Recipe.from_toml((folder / "tables" / "recipe.toml").read_text(encoding="utf-8")))
        st.rerun()


def show(now: Building) -> None:
    """A card a table: its size, how it was read, its first rows, and the way to leave it out."""
    roles, unused = _roles(now), set(now.tables) - set(now.recipe.tables if now.recipe is not None else now.tables)
    for place, (name, frame) in zip(layout.columns(len(now.tables), key="tables", narrowest=260), now.frames.items(), strict=True):
        with place, st.container(border=True, height="stretch"):
            st.markdown(f"**{name}**  \n{roles[name]} · {wording.plural(len(frame), 'row')}, {wording.plural(frame.shape[1], 'column')}")
            if said := now.readings.get(name):
                st.caption(f"{said[0].upper()}{said[1:]}.")
            if name in unused:
                st.caption(":material/warning: Not used yet: add targets below, or leave it out.")
            with st.container(horizontal=True):
                with st.popover("Rows and reading", icon=":material/table_rows:", type="tertiary"):
                    st.dataframe(frame.head(8), hide_index=True)
                    _again(now, name)
                if st.button("Leave out", key=f"leave_{name}", icon=":material/close:", type="tertiary"):
                    building.drop_table(name)
                    st.rerun()


def _read(file: UploadedFile, answers: Mapping[str, str]) -> L0Error | None:
    """Read a file and take it among the tables; what stands against it."""
    try:
        with st.spinner(f"Reading {file.name}, in a process of its own …"):
            path, reading = TABLES.read(file.name, file.getvalue(), answers)
    except L0Error as error:
        if isinstance(error, AmbiguousTable):
            building.wait_for(file.name)
        return error
    building.add_table(file.name, path, reading, answers)
    return None


def _unread(file: UploadedFile, said: L0Error, seen: dict[str, L0Error | None]) -> None:
    """A question to be answered, after which it is read again; or what is wrong with the file."""
    if not isinstance(said, AmbiguousTable):
        st.error(str(said), icon=":material/error:")
        return
    answers: dict[str, dict[str, str]] = state.hold_first("build_answers", {})
    so_far = answers.setdefault(file.file_id, {})
    if (answer := question.ask(said, f"build_{file.file_id}_{len(so_far)}")) is not None:
        so_far[said.setting] = answer
        seen[file.file_id] = _read(file, so_far)
        _recipe("")
        st.rerun()


def _again(now: Building, name: str) -> None:
    """The way to have a file read otherwise, while it is in the uploader."""
    file = (state.held("build_here") or {}).get(name)
    if file is None:
        st.caption("To have it read otherwise, add the file again.")
        return
    if (answers := question.change(now.answers.get(name, {}), f"build_again_{file.file_id}")) is not None:
        state.held("build_read")[file.file_id] = _read(file, answers)
        building.rewrite(now.recipe)
        st.rerun()


def _roles(now: Building) -> dict[str, str]:
    recipe = now.recipe
    known = {} if recipe is None else {recipe.households: "Households", recipe.persons: "Persons"}
    kinds = {name: "Controls of PopulationSim" for name, frame in now.frames.items() if is_controls(frame)}
    return {name: kinds.get(name) or known.get(name, "Totals" if recipe is not None else "Table") for name in now.tables}


def _recipe(text: str) -> None:
    """A recipe from a file, or guessed where the one there is does not know all tables; what is wrong with it is said."""
    now, refused = building.building(), ""
    try:
        if text:
            building.rewrite(Recipe.from_toml(text))
            state.hold("build_guess", "")
            return
    except L0Error as error:  # what is there stays, or is guessed
        refused = str(error)
    controls = controls_in(now.frames)
    try:
        if controls:
            recipe = from_controls(now.frames[controls], now.frames)
            building.drop_table(controls)
            building.rewrite(recipe)
            state.hold("build_controls", f"{controls} was read as a recipe of {wording.plural(len(recipe.targets), 'definition')}.")
        elif len(now.tables) > 1 and (now.recipe is None or set(now.tables) - set(now.recipe.tables)):
            building.rewrite(_guessed(now.recipe, now.frames))
        state.hold("build_guess", refused)
    except L0Error as error:
        state.hold("build_guess", refused or str(error))
        if now.recipe is None and now.tables and not controls:  # to be defined by hand
            building.rewrite(_bare(now.frames))


def _bare(frames: dict[str, pd.DataFrame]) -> Recipe:
    """Households with their ids and weights, without targets; the largest table alone where not even that is clear."""
    try:
        return first_recipe(frames)
    except L0Error:
        return Recipe(max(frames, key=lambda name: len(frames[name])))


def _guessed(recipe: Recipe | None, frames: dict[str, pd.DataFrame]) -> Recipe:
    """A recipe for all tables; definitions that are there already stay as they are."""
    if recipe is None or recipe.households not in frames:
        return guess(frames)
    found = guess(frames, recipe.households, recipe.persons if recipe.persons in frames else "")
    names = {t.name for t in recipe.targets}
    return replace(
        recipe, persons=found.persons or recipe.persons, targets=recipe.targets + tuple(t for t in found.targets if t.name not in names)
    )
