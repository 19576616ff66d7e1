"""Households drawn at random, all alike, and those that are protected."""

from __future__ import annotations

from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.support.support import Support


def choose(case: Case) -> Choice:
    drawn = Support.random(case.system.base_weights, case.system.rules.protected, case.budget, case.config.seed)
    return Choice(drawn.kept, drawn.start)
