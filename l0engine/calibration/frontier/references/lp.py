"""Least absolute errors at a corner, by linear programming."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy import sparse as sp
from scipy.optimize import linprog

from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.problem.bounds import LEAST
from l0engine.calibration.problem.system import NEGLIGIBLE

#: Of a matrix with more entries, only the households that the fit kept take part; it ends after so many seconds.
LP_ENTRIES, LP_SECONDS = 300_000, 60.0

logger = logging.getLogger(__name__)


def choose(case: Case) -> Choice | None:
    """The vertex of least absolute residuals; the columns are in units of the base weights."""
    system, note = case.system, "The size of an LP vertex is its own: at most one household a target."
    columns = np.arange(len(system.base_weights))
    if system.source.nnz > LP_ENTRIES:
        columns = np.flatnonzero((case.gated > 0) | system.rules.protected)
        note += f" The problem is large, so it was chosen among the {len(columns):,} households that the fit kept."
    base = system.base_weights[columns]
    a, b = system.least_squares(columns)
    slack = sp.eye_array(a.shape[0])
    cost = np.concatenate([np.zeros(len(columns)), np.ones(2 * a.shape[0])])
    rules, free = system.rules.at(columns), np.zeros(2 * a.shape[0])
    least = np.where(rules.protected, np.maximum(rules.smallest / base, LEAST), 0.0)
    most = np.maximum(np.minimum(case.config.max_ratio or np.inf, rules.largest / base), least)
    bounds: Any = np.column_stack([np.append(least, free), np.append(most, free + np.inf)])
    # interior point, then crossover to a vertex: the simplex method took more than a minute where this took 25 s
    options: Any = {"time_limit": LP_SECONDS}
    equal: Any = sp.csc_array(sp.hstack([a.multiply(base), slack, -slack]))
    found = linprog(cost, A_eq=equal, b_eq=b, bounds=bounds, method="highs-ipm", options=options)
    x = np.zeros(len(columns)) if found.x is None else found.x[: len(columns)]
    positive = np.flatnonzero((x > NEGLIGIBLE) | ((x > 0) & rules.protected))
    if not len(positive):
        logger.warning("Linear programming found no weights in %g s at most: %s", LP_SECONDS, found.message)
        return None
    if not found.success:
        note += " It was cut short, so this is not its best."
    _, low, high = rules.at(positive)
    return Choice(columns[positive], np.clip(x[positive] * base[positive], low, high), refit=False, note=note)
