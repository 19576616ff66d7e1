"""The households that the fit keeps, with its own weights and no refit."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.support.elimination import Elimination


def choose(case: Case) -> Choice:
    """What elimination keeps, before the refit."""
    elimination = Elimination(case.system, case.gated)
    kept = len(elimination.full.kept)
    support = elimination.down_to(min(case.budget, kept))
    note = f"The fit keeps {kept:,} households, fewer than {case.budget:,}: these are all of them." if kept < case.budget else ""
    return Choice(support.kept, np.clip(support.start, *case.system.bounds(support.kept, case.config)), refit=False, note=note)
