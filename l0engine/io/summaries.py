"""What is said of a run and of a point, as plain values: all that is needed to read, cite and repeat them."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.limits import limits, proof
from l0engine.calibration.problem.preflight import softened
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate, Measures, Result
from l0engine.calibration.taken import taken
from l0engine.calibration.training.steering import Change, after


def run_summary(problem: Problem, result: Result, use: np.ndarray, recipe: str = "", changes: Sequence[Change] = ()) -> dict[str, Any]:
    """All that is needed to read, cite and repeat a run, ready for strict JSON (None where a number is not finite).

    Notes
    -----
    input_sha256 is `Problem.fingerprint`; threads are those of torch on the CPU, None where an earlier version made the fit; seconds is
    fit_seconds + refit_seconds; gated, refitted and held_out hold the fields of `Measures`, or None; certificate those of `Certificate`,
    its gap and what it proves, or None; limits holds kind, sentence and target names of each `Limit`; taken says what was taken by rule
    at its end; relaxed names the targets that count for `SOFT` of what others do; recipe is the TOML by which the problem was made of
    tables, or None; previous holds the fields of `Overlap` and the share of those kept that were in the previous answer, or None; config
    holds the settings that the fit began with, changed those that became others on the way, after which step.
    """
    held, soft = problem.in_groups("hold_out", result.config.hold_out), softened(problem, result.config)
    return {
        "status": str(result.status),
        "sentence": result.status.sentence,
        "message": result.message,
        "input_sha256": problem.fingerprint,
        "seed": result.config.seed,
        "device": result.device,
        "threads": result.threads,
        "seconds": result.fit_seconds + result.refit_seconds,
        "fit_seconds": result.fit_seconds,
        "refit_seconds": result.refit_seconds,
        "n_targets": problem.n_targets,
        "n_households": problem.n_households,
        "gated": _measures(result.gated),
        "refitted": _measures(result.refitted),
        "held_out": _measures(result.held_out),
        **_judged(problem, result.config, result.weights, result.certificate),
        "taken": list(taken(problem, after(result.config, changes))),
        "unreachable": [str(n) for n in problem.names[~problem.reachable]],
        "left_out": [str(n) for n in problem.names[problem.reachable & ~use & ~held]],
        "previous": None if result.overlap is None else {**result.overlap.to_dict(), "share": result.overlap.share},
        "relaxed": [str(n) for n in problem.names[use & soft]],
        "config": _finite(result.config.to_dict()),
        "changed": [{"step": c.step, "setting": c.name, "value": c.value} for c in changes],
        "versions": _versions(),
        "notes": list(problem.notes),
        "recipe": recipe or None,
    }


def point_summary(
    run: dict[str, Any],
    problem: Problem,
    config: Config,
    weights: np.ndarray,
    measures: Measures,
    held_out: Measures | None,
    certificate: Certificate | None,
) -> dict[str, Any]:
    """The `run_summary` of a frontier's fit, with what is known of the weights of one point in place of the fit's own; previous is None."""
    own = {"gated": None, "previous": None, "refitted": _measures(measures), "held_out": _measures(held_out)}
    return {**run, **own, **_judged(problem, config, weights, certificate)}


def _judged(problem: Problem, config: Config, weights: np.ndarray, certificate: Certificate | None) -> dict[str, Any]:
    """What is proven of weights, and what limits them."""
    proven = None
    if certificate is not None:
        proven = {**certificate.to_dict(), "gap": certificate.gap, "useful": certificate.useful, "sentence": proof(certificate)}
    found = [
        {"kind": f.kind, "sentence": f.sentence, "targets": [str(problem.names[i]) for i in f.targets]}
        for f in limits(problem, config, weights)
    ]
    return {"certificate": _finite(proven), "limits": found}


def _measures(m: Measures | None) -> dict[str, Any] | None:
    return None if m is None else _finite(m.to_dict())


def _finite(value: Any) -> Any:
    """The same with None for every number that JSON does not know."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str]:
    out = {"python": platform.python_version()}
    for name in ("l0engine", "torch", "numpy", "scipy"):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            out[name] = "unknown"
    return out
