"""Every household, refitted from its base weight."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.frontier.references.method import Case, Choice


def choose(case: Case) -> Choice:
    base = case.system.base_weights
    return Choice(np.arange(len(base)), base)
