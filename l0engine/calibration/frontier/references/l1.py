"""Least squares with a price on weight / base weight."""

from __future__ import annotations

import logging
import time

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.frontier.references.l1_path import l1_path
from l0engine.calibration.frontier.references.method import Case, Choice

#: After so many seconds the path ends where it is.
L1_SECONDS = 30.0

logger = logging.getLogger(__name__)


def choose(case: Case) -> Choice | None:
    """The first solution of the L1 path that is large enough; of it, those that carry most."""
    base, norm = case.system.base_weights, np.sqrt(case.system.squares)
    a, b = case.system.least_squares(np.arange(len(base)))
    x, until = np.zeros(len(base)), time.perf_counter() + L1_SECONDS
    for _, x in l1_path(sp.csc_array(a.multiply(base)), b, lambda: case.should_stop() or time.perf_counter() > until):
        if np.count_nonzero(x) >= case.budget:
            break
    if case.should_stop():
        return None
    held = case.system.protected
    x[held] = np.maximum(x[held], case.system.bounds(held, case.config).low / base[held])
    positive = np.flatnonzero(x)
    if not len(positive):
        logger.info("The L1 path keeps no household: all targets are met best by none.")
        return None
    weights, note = x[positive] * base[positive], ""
    if len(positive) < case.budget:
        note = (
            f"The L1 path ends with {len(positive):,} households, not {case.budget:,}: "
            f"an L1 solution needs no more than there are targets ({a.shape[0]:,})."
        )
        note += f" It was cut short after {L1_SECONDS:g} s." if time.perf_counter() > until else ""
    part = np.where(case.system.rules.protected[positive], np.inf, norm[positive] * weights)
    order = np.argsort(-part, kind="stable")
    stay = np.sort(order[: case.budget])
    return Choice(positive[stay], weights[stay] * (weights.sum() / weights[stay].sum()), note=note)
