"""Households drawn at random, all alike."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.frontier.references.method import Case, Choice


def choose(case: Case) -> Choice:
    base = case.system.base_weights
    kept = np.sort(np.random.default_rng(case.config.seed).choice(len(base), case.budget, replace=False))
    return Choice(kept, base[kept] * (base.sum() / base[kept].sum()))
