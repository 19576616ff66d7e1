"""What is odd about a problem before any fit: each finding names its targets, what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem

#: Fewer supporting households than this make a target thin.
THIN = 5


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of oddity and the targets it concerns.

    Attributes
    ----------
    kind : str
        The name `Config.exclude` takes, or 'unreachable'.
    severity : Severity
    title, meaning, action : str
        For a person: what it is, what it does to the fit, what to do about it.
    targets : ndarray of int
        Row numbers of the targets concerned.
    """

    kind: str
    severity: Severity
    title: str
    meaning: str
    action: str
    targets: np.ndarray


_TEXTS = {
    "unreachable": (Severity.ERROR, "Unreachable targets",
                    "No household contributes to them with the right sign, so no weights can meet them.",
                    "They are left out of the fit and listed in the report; check the matrix rows."),
    "zero": (Severity.WARNING, "Targets of zero",
             "A relative error needs a scale; theirs is the largest contribution of one household at its base weight.",
             "Keep them if zero is a published figure; leave them out if it stands for 'missing'."),
    "below_floor": (Severity.WARNING, "Targets smaller than one household",
                    "One household at its base weight contributes more than the whole target; errors are relative to that contribution.",
                    "Keep them, or leave them out if the fit should not bend to them."),
    "thin": (Severity.WARNING, f"Thinly supported targets (fewer than {THIN} households)",
             "A handful of households must carry the whole total, which forces extreme weights.",
             "Leave them out for more even weights; keep them if they must be met."),
    "negative": (Severity.INFO, "Negative targets", "Usually totals of losses; they are met like any other.",
                 "Nothing to do, unless the sign is a mistake."),
    "duplicate": (Severity.WARNING, "Duplicate targets",
             "Their matrix rows equal an earlier target's, so they count double, or contradict it.",
                  "Leave the repeats out, or keep them if the double weight is meant."),
}  # fmt: skip


def preflight(problem: Problem) -> tuple[Finding, ...]:
    """Findings of a problem, most severe first; empty where all is well.

    A target may stand in several findings, but unreachable ones stand in no other.
    """
    p, ok = problem, problem.reachable
    masks = {
        "unreachable": ~ok,
        "zero": ok & (p.values == 0) & (p.sizes == 0),
        "below_floor": ok & p.below_floor,
        "thin": ok & (p.support < THIN),
        "duplicate": ok & p.repeats,
        "negative": ok & (p.values < 0),
    }
    found = [Finding(k, *_TEXTS[k], np.flatnonzero(mask)) for k, mask in masks.items() if mask.any()]
    return tuple(sorted(found, key=lambda f: list(Severity).index(f.severity)))


def targets_in_use(problem: Problem, config: Config) -> np.ndarray:
    """True for the targets a fit sees and its measures count, shape (n_targets,): reachable, wanted, of positive weight.

    Raises
    ------
    ConfigError
        A group to hold out is not there.
    """
    return in_use(problem, preflight(problem), config)


def in_use(problem: Problem, findings: Iterable[Finding], config: Config) -> np.ndarray:
    """As `targets_in_use`, from findings at hand."""
    return np.asarray(_wanted(problem, findings, config) & ~problem.in_groups("hold_out", config.hold_out))


def held_out_targets(problem: Problem, config: Config) -> np.ndarray:
    """True for the targets that `hold_out` keeps from a fit which would else see them, shape (n_targets,)."""
    withheld = problem.in_groups("hold_out", config.hold_out)
    return np.asarray(_wanted(problem, preflight(problem), config) & withheld) if withheld.any() else withheld


def _wanted(problem: Problem, findings: Iterable[Finding], config: Config) -> np.ndarray:
    use: np.ndarray = problem.reachable & (problem.target_weights > 0)
    for finding in findings:
        if finding.kind in config.exclude:
            use[finding.targets] = False
    return use
