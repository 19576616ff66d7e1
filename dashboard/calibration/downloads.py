"""The files of a run, as its worker wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable

from dashboard import state
from dashboard.kit.download import download
from l0engine.calibration.limits import limits
from l0engine.io import csv_bytes, point_summary, solution_bytes, targets_table, weights_table
from l0engine.jobs.records import PointRecord, RunRecord
from l0engine.report.facts import Facts

_FILES = {
    "weights.csv": ("Weights", "text/csv", "Selected households only: household_id, weight and base_weight."),
    "targets.csv": ("Targets", "text/csv", "Each target with its value, estimate and relative error."),
    "solution.npz": ("Solution", "application/zip", "For microcosm: a weight for every household of the ordered problem."),
    "run.json": ("Run", "application/json", "Settings, status, versions, seed, input SHA-256 and all measures."),
    "recipe.toml": ("Recipe", "application/toml", "How the targets were made of tables: edit it, or use it on next year's files."),
}


def contents(record: RunRecord, name: str) -> bytes:
    """One file of a run that has ended with weights, or the recipe of its problem."""
    if name == "recipe.toml":
        return state.store().recipe(record.problem).encode()
    return (state.store().folder(record.id) / name).read_bytes()


def show(record: RunRecord, *names: str) -> None:
    """A button for each file; the first is the one people come for."""
    for i, name in enumerate(names):
        _button(name, name, lambda name=name: contents(record, name), first=i == 0)


def show_point(facts: Facts, point: PointRecord) -> None:
    """A button for each file of a frontier point, written when it is asked for."""
    record, problem, weights, p = facts.run, facts.problem, facts.weights, point

    def targets() -> bytes:
        found = limits(problem, record.config, weights)
        return csv_bytes(targets_table(problem, weights, facts.use, record.config.hold_out, found, facts.soft))

    def summary() -> bytes:
        run = json.loads(contents(record, "run.json"))
        own = point_summary(run, problem, record.config, weights, p.measures, p.held_out, p.certificate)
        return (json.dumps(own, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

    kept = p.measures.kept
    _button("weights.csv", f"weights_{kept}.csv", lambda: csv_bytes(weights_table(problem, weights)), first=True)
    _button("targets.csv", f"targets_{kept}.csv", targets)
    _button("run.json", f"run_{kept}.json", summary)
    if problem.artifact is not None:
        _button("solution.npz", f"solution_{kept}.npz", lambda: solution_bytes(problem, weights))
    if contents(record, "recipe.toml"):
        _button("recipe.toml", "recipe.toml", lambda: contents(record, "recipe.toml"))


def _button(kind: str, name: str, content: Callable[[], bytes], *, first: bool = False) -> None:
    label, mime, help_ = _FILES[kind]
    download(f"{label} ({name})", content, name, mime, help_, first=first)
