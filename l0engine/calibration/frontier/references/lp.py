"""Least absolute errors at a corner, by linear programming."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy import sparse as sp
from scipy.optimize import linprog

from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.problem.system import NEGLIGIBLE

#: Of a matrix with more entries, only the households that the fit kept take part; it ends after so many seconds.
LP_ENTRIES, LP_SECONDS = 300_000, 60.0

logger = logging.getLogger(__name__)


def choose(case: Case) -> Choice | None:
    """The vertex of least absolute residuals; the columns are in units of the base weights."""
    system, note = case.system, "The size of an LP vertex is its own: at most one household a target."
    columns = np.arange(len(system.base_weights))
    if system.source.nnz > LP_ENTRIES:
        columns = np.flatnonzero(case.gated > 0)
        note += f" The problem is large, so it was chosen among the {len(columns):,} households that the fit kept."
    base = system.base_weights[columns]
    a, b = system.least_squares(columns)
    slack = sp.eye_array(a.shape[0])
    cost = np.concatenate([np.zeros(len(columns)), np.ones(2 * a.shape[0])])
    upper = np.concatenate([np.full(len(columns), case.config.max_ratio or np.inf), np.full(2 * a.shape[0], np.inf)])
    bounds: Any = np.column_stack([np.zeros(len(upper)), upper])
    # interior point, then crossover to a vertex: the simplex method took more than a minute where this took 25 s
    options: Any = {"time_limit": LP_SECONDS}
    equal: Any = sp.csc_array(sp.hstack([a.multiply(base), slack, -slack]))
    found = linprog(cost, A_eq=equal, b_eq=b, bounds=bounds, method="highs-ipm", options=options)
    x = np.zeros(0) if found.x is None else found.x[: len(columns)]
    positive = np.flatnonzero(x > NEGLIGIBLE)
    if not len(positive):
        logger.warning("Linear programming found no weights in %g s at most: %s", LP_SECONDS, found.message)
        return None
    if not found.success:
        note += " It was cut short, so this is not its best."
    return Choice(columns[positive], x[positive] * base[positive], refit=False, note=note)
