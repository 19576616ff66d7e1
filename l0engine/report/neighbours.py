"""Files in the form that neighbours read: PolicyEngine's dashboards, and arrays.

Columns of `calibration_log.csv` and `unified_diagnostics.csv` are those of policyengine-us-data (`unified_calibration`): errors are
estimate - target, relative ones to its size, and the loss is that of the row, the squared relative error.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from l0engine.io import csv_bytes
from l0engine.report.facts import Facts

#: Their columns, in order.
COLUMNS = ("target_name", "estimate", "target", "epoch", "error", "rel_error", "abs_error", "rel_abs_error", "loss", "achievable")


def calibration_log(facts: Facts) -> pd.DataFrame:
    """Every target at three epochs: at base weights (0), as training left it (its last step), and refitted (one more)."""
    last = facts.history[-1].step if facts.history else 1
    gated = facts.result.gated_weights
    stages = {0: facts.problem.start_weights, last: gated, last + 1: facts.weights}
    return pd.concat([_rows(facts, weights, epoch) for epoch, weights in stages.items()], ignore_index=True)


def unified_diagnostics(facts: Facts) -> pd.DataFrame:
    """Every target in the end."""
    return _rows(facts, facts.weights, (facts.history[-1].step if facts.history else 1) + 1)


def _rows(facts: Facts, weights: np.ndarray, epoch: int) -> pd.DataFrame:
    p = facts.problem
    error = p.estimates(weights) - p.values
    relative = np.divide(error, np.abs(p.values), out=np.full(p.n_targets, np.nan), where=p.values != 0)
    columns = (p.names, error + p.values, p.values, epoch, error, relative, np.abs(error), np.abs(relative), relative**2, p.reachable)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def files(facts: Facts) -> dict[str, bytes]:
    """By name, the files neighbours read."""
    weights = io.BytesIO()
    np.save(weights, facts.weights, allow_pickle=False)
    tables = {"calibration_log.csv": calibration_log(facts), "unified_diagnostics.csv": unified_diagnostics(facts)}
    return {**{name: csv_bytes(table) for name, table in tables.items()}, "calibration_weights.npy": weights.getvalue()}
