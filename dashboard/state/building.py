"""The problem that is being made of tables: its tables and its recipe, kept in the store, so that a reload loses nothing."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.state import uploads
from l0engine.errors import L0Error
from l0engine.io.build import Built, Recipe, Target, build
from l0engine.io.whole import write_whole
from l0engine.jobs.shelves.problems import default_root
from l0engine.plain import Plain


@dataclass(frozen=True)
class Building(Plain):
    """What is being built.

    Attributes
    ----------
    tables : mapping of str
        Paths of the tables in the store, by the names they came with.
    readings : mapping of str
        How each was read, where that is not plain.
    answers : mapping of mappings of str
        What was said of how to read each.
    waiting : tuple of str
        Names of files with an open question.
    recipe : Recipe or None
        None before there are tables that fit together.
    removed : tuple of Target
        Definitions that were taken out with their table, and can come back.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    recipe: Recipe | None = None
    removed: tuple[Target, ...] = ()

    @property
    def missing(self) -> tuple[Target, ...]:
        """Definitions whose totals are in no table that is there."""
        targets = self.recipe.targets if self.recipe is not None else ()
        return tuple(t for t in targets if {t.totals.table, t.totals.through} - {""} - set(self.tables))

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables themselves; not to be changed."""
        return {name: uploads.table(path) for name, path in self.tables.items()}

    def built(self) -> Built:
        """The problem as it stands.

        Raises
        ------
        L0Error
            The recipe does not fit the tables, with the remedy.
        """
        if self.recipe is None:
            raise L0Error("There is no recipe yet: add a table of households and one of totals.")
        missing = [name for name in self.recipe.tables if name not in self.tables]
        if missing:
            raise L0Error(f"The recipe needs the table '{missing[0]}': add it, or remove the targets that are made of it.")
        return _built(self.recipe.to_toml(), tuple((name, self.tables[name]) for name in self.recipe.tables))


def building() -> Building:
    """What is being built now."""
    return st.session_state.get("building_held") or Building()


def set_recipe(recipe: Recipe | None) -> None:
    """Replace the recipe, by what the widgets of the page say."""
    _keep(replace(building(), recipe=recipe))


def rewrite(recipe: Recipe | None) -> None:
    """Replace the recipe, and have every widget of the page read it anew."""
    set_recipe(recipe)
    st.session_state.building_version = version() + 1


def remove_missing() -> None:
    """Take out the definitions whose table is not there; `bring_back` undoes it."""
    now = building()
    assert now.recipe is not None  # something is missing from it
    rewrite(replace(now.recipe, targets=tuple(t for t in now.recipe.targets if t not in now.missing)))
    _keep(replace(building(), removed=(*now.removed, *now.missing)))


def bring_back() -> None:
    """Put what `remove_missing` took out behind the others, but for names that are taken."""
    now = building()
    assert now.recipe is not None  # it is what they were removed from
    taken = {t.name for t in now.recipe.targets}
    rewrite(replace(now.recipe, targets=(*now.recipe.targets, *(t for t in now.removed if t.name not in taken))))
    _keep(replace(building(), removed=()))


def add_table(name: str, path: str, reading: str, answers: Mapping[str, str]) -> None:
    """Take a table; one that is there under the same name is replaced."""
    now = building()
    readings, said = {**now.readings, name: reading}, {**now.answers, name: dict(answers)}
    waiting = tuple(n for n in now.waiting if n != name)
    _keep(replace(now, tables={**now.tables, name: path}, readings=readings, answers=said, waiting=waiting))


def wait_for(name: str) -> None:
    """Remember a file that cannot be read before a question is answered."""
    now = building()
    _keep(replace(now, waiting=tuple(dict.fromkeys([*now.waiting, name]))))


def drop_table(name: str) -> None:
    """Leave out a table."""
    now = building()
    _keep(replace(now, tables={other: path for other, path in now.tables.items() if other != name}))


def version() -> int:
    """Part of the page's widget keys: a new one makes new widgets."""
    return int(st.session_state.get("building_version", 0))


def arrive(query: Mapping[str, str]) -> None:
    """Take up again what an address names."""
    if "build" not in query:
        return
    key = query["build"]
    path = _path(key)
    if not re.fullmatch(r"[0-9a-f]{16}", key) or not path.exists():
        raise L0Error("What was being built here is not in this store: add the tables again.")
    st.session_state.building_written = content = path.read_bytes()
    st.session_state.building, st.session_state.building_held = key, Building.from_dict(json.loads(content))


def _keep(changed: Building) -> None:
    """Write what changed; where another tab wrote since, go on in a copy, so that neither loses anything."""
    if changed == building():
        return
    key = st.session_state.setdefault("building", secrets.token_hex(8))
    st.session_state.building_held = changed
    if _path(key).exists() and _path(key).read_bytes() != st.session_state.get("building_written"):
        key = st.session_state.building = secrets.token_hex(8)
        st.session_state.notice = "Another tab changed this as well: this page goes on in a copy of its own, at an address of its own."
    path, content = _path(key), json.dumps(changed.to_dict(), ensure_ascii=False).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    st.session_state.building_written = content


def _path(key: str) -> Path:
    return default_root() / "buildings" / f"{key}.json"


@st.cache_resource(max_entries=3, show_spinner="Making the problem …")
def _built(recipe: str, tables: tuple[tuple[str, str], ...]) -> Built:
    return build(Recipe.from_toml(recipe), {name: uploads.table(path) for name, path in tables})
