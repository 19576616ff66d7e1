"""What a run hands out: weights, targets met, and a record from which it can be repeated."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l0engine.calibration import metrics
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.limits import Limit, kinds, limits
from l0engine.calibration.problem.preflight import softened
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Result
from l0engine.calibration.training.steering import Change
from l0engine.io.folder import RECIPE
from l0engine.io.matrices.ordered import solution_bytes
from l0engine.io.optional import details_table, rules_table
from l0engine.io.summaries import run_summary
from l0engine.io.whole import write_whole

#: First characters that make a spreadsheet read text as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def weights_table(problem: Problem, weights: np.ndarray, columns: Collection[str] = ()) -> pd.DataFrame:
    """The kept households (`metrics.active`), in the problem's order: household_id, weight, base_weight, their rules, attributes.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    columns : collection of str
        Attributes that go with them. They are microdata, so by default none does.
    """
    kept = metrics.active(weights)
    own = {"household_id": problem.household_ids[kept], "weight": weights[kept], "base_weight": problem.base_weights[kept]}
    frame = pd.concat([pd.DataFrame(own), rules_table(problem).loc[kept].reset_index(drop=True)], axis=1)
    attributes = problem.attributes.loc[kept, [c for c in problem.attributes.columns if c in columns]].reset_index(drop=True)
    clash = {c: f"{c}_attribute" for c in attributes.columns if c in frame}
    return pd.concat([frame, attributes.rename(columns=clash)], axis=1)


def targets_table(
    problem: Problem,
    weights: np.ndarray,
    use: np.ndarray,
    hold_out: Collection[str] = (),
    found: Sequence[Limit] = (),
    soft: np.ndarray | None = None,
) -> pd.DataFrame:
    """Every target with its estimate: target, value, estimate, relative_error, group, used, limits, and what it came with.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    use : ndarray of bool, shape (n_targets,)
        `preflight.targets_in_use`.
    hold_out : collection of str
        Groups the fit did not see.
    found : sequence of Limit
        `limits.limits` of the weights.
    soft : ndarray of bool, shape (n_targets,), optional
        `preflight.softened`.

    Notes
    -----
    relative_error is `metrics.relative_errors`; used is 'yes', 'relaxed', 'held out', 'left out' or 'unreachable'; limits holds the kinds
    of those limits that concern the target, joined by '; '. Where any target came with them: scale, tolerance, standard_error, source,
    year, and within_tolerance, `metrics.within_tolerance` as 'yes' or 'no'.
    """
    unused = np.where(problem.reachable, np.where(problem.in_groups("hold_out", hold_out), "held out", "left out"), "unreachable")
    used = "yes" if soft is None else np.where(soft, "relaxed", "yes")
    own = pd.DataFrame({
        "target": problem.names,
        "value": problem.values,
        "estimate": problem.estimates(weights),
        "relative_error": metrics.relative_errors(problem, weights),
        "group": problem.groups,
        "used": np.where(use, used, unused),
        "limits": kinds(found, problem.n_targets),
    })  # fmt: skip
    further = details_table(problem)
    if "tolerance" in further:
        met = metrics.within_tolerance(problem, weights)
        further["within_tolerance"] = np.select([met == 1, met == 0], ["yes", "no"], "")
    return pd.concat([own, further], axis=1)


def write_run(
    folder: str | Path,
    problem: Problem,
    result: Result,
    use: np.ndarray,
    recipe: str = "",
    changes: Sequence[Change] = (),
    columns: Collection[str] = (),
) -> None:
    """Write weights.csv, targets.csv and run.json into `folder`, each whole or not at all; solution.npz and recipe.toml if any.

    `columns` of the households go along in weights.csv; they are microdata.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    summary = json.dumps(run_summary(problem, result, use, recipe, changes), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "weights.csv", csv_bytes(weights_table(problem, result.weights, columns)))
    if problem.artifact is not None:
        write_whole(folder / "solution.npz", solution_bytes(problem, result.weights))
    if recipe:
        write_whole(folder / RECIPE, recipe.encode())
    found, soft = limits(problem, result.config, result.weights), softened(problem, result.config)
    write_whole(folder / "targets.csv", csv_bytes(targets_table(problem, result.weights, use, result.config.hold_out, found, soft)))
    write_whole(folder / "run.json", (summary + "\n").encode())


def frontier_table(points: Iterable[FrontierPoint]) -> pd.DataFrame:
    """A row for each point; of points with the same method and budget, the last.

    Its columns: kept, errors, ess, max_weight_ratio, held_out_median (empty without hold-outs), bound and gap of the certificate (empty
    without one), method.
    """
    names = ["kept", "mean_abs_rel_error", "median_abs_rel_error", "max_abs_rel_error", "share_within_10pct", "ess", "max_weight_ratio"]
    rows = []
    for p in {(p.method, p.budget): p for p in points}.values():
        proven = (math.nan, math.nan) if p.certificate is None else (p.certificate.bound, p.certificate.gap)
        held = math.nan if p.held_out is None else p.held_out.median_abs_rel_error
        rows.append([*(getattr(p.measures, n) for n in names), held, *proven, p.method])
    return pd.DataFrame(rows, columns=[*names, "held_out_median", "certificate_bound", "certificate_gap", "method"])


def write_frontier(folder: str | Path, problem: Problem, points: Sequence[FrontierPoint]) -> None:
    """Write frontier.csv with all points, and the weights of the last as weights_K.csv, K households; each whole or not at all.

    Called after every point, so that a frontier that is interrupted leaves what it has found. Reference methods get no weights file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    last = points[-1]
    if last.method == "l0engine":
        weights = last.full(problem.n_households)
        write_whole(folder / f"weights_{last.measures.kept}.csv", csv_bytes(weights_table(problem, weights)))
        if problem.artifact is not None:
            write_whole(folder / f"solution_{last.measures.kept}.npz", solution_bytes(problem, weights))
    write_whole(folder / "frontier.csv", csv_bytes(frontier_table(points)))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """CSV in UTF-8 with '\\n' line ends; numbers in full precision.

    Text cells and column names that a spreadsheet would run as a formula (first character = + - @, tab, carriage
    return) get a leading apostrophe.
    """
    safe = table.rename(columns=_harmless)
    for i, dtype in enumerate(table.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)):
            safe.isetitem(i, [_harmless(cell) for cell in table.iloc[:, i]])
    return safe.to_csv(index=False, lineterminator="\n").encode()


def _harmless(cell: Any) -> Any:
    return "'" + cell if isinstance(cell, str) and cell.startswith(FORMULA) else cell
