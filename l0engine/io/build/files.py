"""Recipes and their tables from files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from l0engine.errors import ProblemError
from l0engine.io.build.builder import Built
from l0engine.io.build.controls import controls_in, from_controls
from l0engine.io.build.guessing.guess import guess
from l0engine.io.build.recipe import Recipe
from l0engine.io.folder import RECIPE, answers_in
from l0engine.io.limits import shown, writable
from l0engine.io.saving import recipe_text, save_problem
from l0engine.io.tables import TABLES, ending, frame, read_table
from l0engine.io.whole import write_whole


def read_recipe(path: Path, folder: Path | None = None) -> tuple[Recipe, dict[str, pd.DataFrame]]:
    """A recipe and the tables it needs.

    Parameters
    ----------
    path : Path
        A recipe (.toml), a control file of PopulationSim (.csv), or a folder of tables, for which a recipe is guessed, unless there is a
        control file among them.
    folder : Path, optional
        Where the tables are, and `reading.toml` if a file has to be told how it is to be read; by default beside the recipe.

    Raises
    ------
    ProblemError
        A file is missing or cannot be read.
    """
    if path.is_dir():
        tables = _all(path)
        return _of_controls(controls_in(tables), tables) if controls_in(tables) else (guess(tables), tables)
    folder = path.parent if folder is None else folder
    if not path.is_file():
        raise ProblemError(f"'{shown(path)}' is no file: give a recipe (.toml), a control file (.csv) or a folder of tables.")
    if path.suffix == ".toml":
        recipe = Recipe.from_toml(recipe_text(path))
        return recipe, {name: _frame(folder, name) for name in recipe.tables}
    return _of_controls(path.name, {**_all(folder), path.name: _frame(path.parent, path.name)})


def _of_controls(name: str, tables: dict[str, pd.DataFrame]) -> tuple[Recipe, dict[str, pd.DataFrame]]:
    recipe = from_controls(tables[name], tables)
    return recipe, {name: tables[name] for name in recipe.tables}


def save_built(built: Built, folder: Path) -> None:
    """Write the problem folder that `load_problem` reads, with the recipe in it as recipe.toml.

    Raises
    ------
    ProblemError
        As `save_problem` does.
    """
    save_problem(built.problem, folder)
    with writable("recipe", folder):
        write_whole(folder / RECIPE, built.recipe.to_toml().encode())


def _all(folder: Path) -> dict[str, pd.DataFrame]:
    return {f.name: _frame(folder, f.name) for f in sorted(folder.iterdir()) if ending(f.name) in TABLES}


def _frame(folder: Path, name: str) -> pd.DataFrame:
    if Path(name).name != name:
        raise ProblemError(f"The recipe names the table '{shown(name)}' by a path: name it alone, and give its folder by --tables.")
    if not (folder / name).is_file():
        raise ProblemError(f"The recipe needs '{shown(name)}', which is not in '{shown(folder)}': add it, or give its folder by --tables.")
    return frame(read_table(folder / name, answers_in(folder).get(name)))
