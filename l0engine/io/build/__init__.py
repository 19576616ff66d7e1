"""From a table of households and tables of published totals to a problem: a recipe says how, and is kept."""

from l0engine.io.build.builder import Built, build
from l0engine.io.build.controls import controls_in, from_controls, is_controls
from l0engine.io.build.files import read_recipe, save_built
from l0engine.io.build.guessing.guess import guess
from l0engine.io.build.guessing.roles import first_recipe
from l0engine.io.build.margins import Disagreement
from l0engine.io.build.matching import Match, Unmatched
from l0engine.io.build.recipe import Band, Recipe, Statistic, Target, Totals

# The recipe
__all__ = ["Band", "Recipe", "Statistic", "Target", "Totals", "read_recipe"]
__all__ += ["controls_in", "first_recipe", "from_controls", "guess", "is_controls"]
# What comes of it
__all__ += ["Built", "Disagreement", "Match", "Unmatched", "build", "save_built"]
