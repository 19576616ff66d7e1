"""The scaled system of a refit in plain arrays, and how it is solved where it is not quite definite."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg
from scipy import sparse as sp

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import L0Error

#: Hardness of a sum of weights that must hold, as in the refit.
EXACT = 1e-8


def system(
    problem: Problem, config: Config, weights: np.ndarray, start: np.ndarray, mu: float
) -> tuple[np.ndarray, sp.csc_array, np.ndarray, np.ndarray]:
    """Rows in use, the scaled matrix of the kept households, scaled values, and tau; as `ScaledSystem` and `Raking` have them."""
    use, kept = targets_in_use(problem, config), np.flatnonzero(active(weights))
    rows, weight = np.flatnonzero(use), importance(problem, config, use)[use]
    scales, hardness = LOSSES[config.loss].scales(problem)[rows], np.ones(len(rows))
    a: sp.csc_array = sp.csc_array(problem.matrix[rows][:, kept], dtype=np.float64)
    values = problem.values[rows]
    if config.total != "free":
        one: Any = sp.csc_array(np.ones((1, len(kept))))
        a = sp.csc_array(sp.vstack([a, one]))
        total = float(problem.start_weights.sum())
        values, scales, weight = np.append(values, total), np.append(scales, total), np.append(weight, weight.mean())
        hardness = np.append(hardness, EXACT if config.total == "exact" else 1.0)
    factor = np.sqrt(weight) / scales
    a = sp.csc_array(sp.diags_array(factor) @ a)
    begun = np.flatnonzero(start > 0)
    whole: sp.csc_array = sp.csc_array(sp.diags_array(factor[: len(rows)] ** 2) @ sp.csc_array(problem.matrix[rows][:, begun]) ** 2)
    squares = whole @ start[begun]
    if config.total == "soft":
        squares = np.append(squares, factor[-1] ** 2 * start.sum())
    return rows, a, factor * values, mu * (float(squares.mean()) or 1.0) * hardness


def _scaled(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Its lower factor, with the diagonal scaled to 1, and the scale."""
    scale = 1 / np.sqrt(h.diagonal())
    for ridge in (0.0, 1e-12, 1e-9, 1e-6):  # rounding may leave it just short of definite
        try:
            return np.asarray(linalg.cholesky(h * scale[:, None] * scale + ridge * np.eye(len(h)), lower=True)), scale
        except linalg.LinAlgError:
            continue
    raise L0Error("What anything would cost is not known here: the system of the refit is not definite.")


def solved(h: np.ndarray, v: np.ndarray) -> np.ndarray:
    """``h^-1 v`` of a symmetric h that is definite, but for rounding."""
    lower, scale = _scaled(h)
    return np.asarray(scale * linalg.cho_solve((lower, True), scale * v))


def inverse_of(h: np.ndarray) -> np.ndarray:
    """``h^-1``, as `solved`."""
    lower, scale = _scaled(h)
    found, _ = linalg.lapack.dpotri(lower, lower=1)
    found = np.tril(found) + np.tril(found, -1).T
    return np.asarray(found * scale[:, None] * scale)
