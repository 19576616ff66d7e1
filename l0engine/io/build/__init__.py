"""From a table of households and tables of published totals to a problem: a recipe says how, and is kept."""

from l0engine.io.build.builder import Built, build
from l0engine.io.build.guess import guess
from l0engine.io.build.margins import Disagreement
from l0engine.io.build.matching import Match, Unmatched
from l0engine.io.build.recipe import Band, Recipe, Statistic, Target, Totals

__all__ = ["Band", "Built", "Disagreement", "Match", "Recipe", "Statistic", "Target", "Totals", "Unmatched", "build", "guess"]
