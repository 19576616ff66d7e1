"""Who was kept, why, and how unevenly the weights are spread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.problem import Problem

#: A group of a smaller effective sample size is too small to publish anything of: it is named.
THIN = 30.0


class Reasons(NamedTuple):
    """What speaks for a household, or against it.

    Attributes
    ----------
    kept : bool
    base, gated, weight : float
        Its weight at the start, behind its gate (0: the gate closed), and in the end.
    targets : ndarray of int
        Targets it counts in, those of which it carries the largest share first.
    shares : ndarray of float64
        Its part of each of them, out of the sum of all absolute parts; 0 where it is not kept.
    gain : float
        What the loss would fall by if its weight alone could rise, as a share of the loss; 0 where more of it would do harm.
    """

    kept: bool
    base: float
    gated: float
    weight: float
    targets: np.ndarray
    shares: np.ndarray
    gain: float


def reasons(problem: Problem, config: Config, gated: np.ndarray, weights: np.ndarray, use: np.ndarray, household: int) -> Reasons:
    """Why one household (column) is kept or not; weights of shape (n_households,)."""
    column = np.asarray(problem.matrix[:, [household]].toarray()).ravel().astype(np.float64)
    counted = np.flatnonzero(use & (column != 0))
    whole = np.asarray(abs(problem.matrix[counted]) @ np.asarray(weights, np.float64))
    shares = np.divide(np.abs(column[counted]) * weights[household], whole, out=np.zeros(len(counted)), where=whole > 0)
    order = np.argsort(-shares, kind="stable")
    factor = np.sqrt(importance(problem, config, use)) / LOSSES[config.loss].scales(problem)
    a, residual = factor * column, factor * (problem.values - problem.estimates(weights))
    square, loss = float(a @ a), float(residual @ residual)
    gain = max(float(a @ residual), 0.0) ** 2 / square / loss if square > 0 and loss > 0 else 0.0
    base, behind, weight = (float(x[household]) for x in (problem.start_weights, gated, weights))
    return Reasons(weight > 0, base, behind, weight, counted[order], shares[order], gain)


def lorenz(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the kept households, lightest first, and of the weight they hold: both from 0 to 1, of shape (n_kept + 1,)."""
    kept = np.sort(weights[active(weights)])
    held = np.concatenate([[0.0], np.cumsum(kept)])
    return np.linspace(0, 1, len(kept) + 1), held / held[-1] if len(kept) else held


def gini(weights: np.ndarray) -> float:
    """Gini coefficient of the kept weights: 0 where all are equal, towards 1 where one holds all. Source: Gini (1912)."""
    share, held = lorenz(weights)
    return float(1 - 2 * np.trapezoid(held, share)) if len(share) > 1 else 0.0


def by_group(problem: Problem, weights: np.ndarray, column: str) -> pd.DataFrame:
    """How well each value of an attribute is represented.

    Returns
    -------
    DataFrame
        A row a value, smallest effective sample size first: group, households (all), kept, weight (share), ess (Kish's), thin (True where
        some are kept but ess is below `THIN`, or none is).
    """
    codes, labels = labelled(problem.attributes[column])
    w, n = np.asarray(weights, np.float64), len(labels)
    held, squares = np.bincount(codes, w, n), np.bincount(codes, w * w, n)
    out = pd.DataFrame({
        "group": labels,
        "households": np.bincount(codes, minlength=n),
        "kept": np.bincount(codes, active(w), n).astype(int),
        "weight": held / (held.sum() or 1.0),
        "ess": np.divide(held**2, squares, out=np.zeros(n), where=squares > 0),
    })  # fmt: skip
    out["thin"] = out["ess"] < THIN
    return out.sort_values("ess", kind="stable", ignore_index=True)


def labelled(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The value of each row as a code, shape (n_households,), and what the codes mean, as text in order; 'missing' where there is none."""
    codes, values = pd.factorize(column, sort=True)
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    if (codes < 0).any():
        codes, labels = np.where(codes < 0, len(labels), codes), [*labels, "missing"]
    return np.asarray(codes), np.array(labels, object)
