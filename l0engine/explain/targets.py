"""What became of the targets: one by one, and by the parts of their names."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.metrics import active, relative_errors
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.margins import SEPARATORS
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.rows import BLOCK

#: A published total that so few kept households or fewer make up may tell about them.
FEW = 4
#: Name of the part that holds all targets.
ALL = "All targets"


class Carriers(NamedTuple):
    """The kept households behind one estimate, those that carry most first.

    Attributes
    ----------
    households : ndarray of int
        Columns of the problem.
    parts : ndarray of float64
        What each adds to the estimate, in the target's units.
    shares : ndarray of float64
        ``abs(part)`` out of the sum of those.
    half : int
        How few of them carry half.
    """

    households: np.ndarray
    parts: np.ndarray
    shares: np.ndarray
    half: int


def carriers(problem: Problem, weights: np.ndarray, target: int) -> Carriers:
    """Who carries the estimate of one target (row number); weights of shape (n_households,)."""
    mine = slice(problem.matrix.indptr[target], problem.matrix.indptr[target + 1])
    households = problem.matrix.indices[mine]
    parts = problem.matrix.data[mine].astype(np.float64) * weights[households]
    order = np.argsort(-np.abs(parts), kind="stable")[: np.count_nonzero(parts)]
    parts = parts[order]
    whole = float(np.abs(parts).sum())
    shares = np.abs(parts) / whole if whole > 0 else parts
    half = int(np.searchsorted(np.cumsum(shares), 0.5 * (1 - 1e-12)) + 1) if len(parts) else 0
    return Carriers(households[order], parts, shares, half)


def hanging(problem: Problem, weights: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Targets in use whose estimate 1 to `FEW` kept households make up, fewest first: row numbers."""
    m, kept, out = problem.matrix, active(weights), np.zeros(problem.n_targets, int)
    for first in range(0, m.nnz, BLOCK):  # no copy of all entries
        counts = kept[m.indices[first : first + BLOCK]]
        rows = np.searchsorted(m.indptr, np.flatnonzero(counts) + first, side="right") - 1
        out += np.bincount(rows, minlength=problem.n_targets)
    rows = np.flatnonzero(use & (out >= 1) & (out <= FEW))
    return rows[np.argsort(out[rows], kind="stable")]


def losses(problem: Problem, config: Config, weights: np.ndarray, use: np.ndarray) -> np.ndarray:
    """The squared error of each target as the loss weighs it, shape (n_targets,); 0 where not in use."""
    residual = (problem.estimates(weights) - problem.values) / LOSSES[config.loss].scales(problem)
    return np.asarray(importance(problem, config, use) * residual**2)


def distances(problem: Problem, weights: np.ndarray) -> pd.DataFrame:
    """How far each estimate is from its target: `distance` in the target's units; where the problem has them, also `in_standard_errors`
    and `in_tolerances`, NaN for those without.
    """
    gap = problem.estimates(weights) - problem.values
    out = pd.DataFrame({"distance": gap})
    if np.isfinite(problem.standard_errors).any():
        out["in_standard_errors"] = gap / problem.standard_errors
    if np.isfinite(problem.tolerances).any():
        with np.errstate(divide="ignore", invalid="ignore"):
            out["in_tolerances"] = relative_errors(problem, weights) / problem.tolerances
    return out


def path(name: str) -> tuple[str, ...]:
    """The parts of a target's name, as 'CA', 'agi[1,10000)', 'count' of 'CA/agi[1,10000)/count'."""
    return tuple(part for part in SEPARATORS.split(name) if part) or (name,)


def after(name: str, parts: int) -> str:
    """A target's name behind so many of its parts, its separators as they are: 'b//c' of 'a/b//c' behind one."""
    found = list(SEPARATORS.finditer(name))
    starts, ends = [0, *(m.end() for m in found)], [*(m.start() for m in found), len(name)]
    return name[[start for start, end in zip(starts, ends, strict=True) if end > start][parts] :] if parts else name


def tree(problem: Problem, config: Config, weights: np.ndarray, use: np.ndarray) -> pd.DataFrame:
    """The targets in use, by the parts of their names.

    Returns
    -------
    DataFrame
        A row for each part, parents before their children: id and parent ('' for the root), label, targets (how many), loss (share of the
        loss of all), error (median absolute relative error), row (number of the target where the part is a single one, else -1) and name
        (that of this target, else ''). A target that is a part of its own, as 'b' beside 'b/x', is a single one within it; its id ends
        in two slashes and its row.
    """
    errors, loss = np.abs(relative_errors(problem, weights)), losses(problem, config, weights, use)
    parts = {ALL: ("", ALL, 0)}
    of, row = [], []
    for i in np.flatnonzero(use).tolist():
        here = ALL
        for depth, part in enumerate(("", *path(str(problem.names[i])))):
            above, here = here, f"{here}/{part}" if depth else ALL
            parts.setdefault(here, (above, part, depth))
            of.append(here)
            row.append(i)
    deepest = dict(zip(row, of, strict=True))
    held = Counter(of)
    for i, here in deepest.items():
        if held[here] > 1:  # another target's name begins with this one's, or is the same but for its separators
            parts[own := f"{here}//{i}"] = (here, str(problem.names[i]), parts[here][2] + 1)
            of.append(own)
            row.append(i)
    members = pd.DataFrame({"id": of, "loss": loss[row], "error": errors[row], "row": row}).groupby("id", sort=False)
    out = pd.DataFrame.from_dict(parts, orient="index", columns=["parent", "label", "depth"]).rename_axis("id")
    out["targets"] = members.size()
    out["loss"] = members["loss"].sum() / (float(loss.sum()) or 1.0)
    out["error"] = members["error"].median()
    out["row"] = members["row"].first().where(out["targets"] == 1, -1)
    out = out.fillna({"targets": 0, "loss": 0.0, "row": -1}).astype({"targets": int, "row": int})
    out["name"] = [str(problem.names[r]) if r >= 0 else "" for r in out["row"]]
    return out.sort_values("depth", kind="stable").drop(columns="depth").reset_index()


def stages(problem: Problem, target: int, gated: np.ndarray | None, weights: np.ndarray) -> dict[str, float]:
    """What one target was at base weights, behind gates and refitted, and what was published; by name, in this order."""

    def estimate(w: np.ndarray) -> float:
        return float((problem.matrix[[target]] @ w)[0])

    return {
        "base": estimate(problem.start_weights),
        **({} if gated is None else {"gated": estimate(gated)}),
        "refitted": estimate(weights),
        "published": float(problem.values[target]),
    }
