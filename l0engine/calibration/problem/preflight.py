"""What is odd about a problem before any fit: each finding names its targets, what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.checks import CARRIED, CHECKS, FAR, THIN
from l0engine.calibration.problem.problem import Problem


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
        The name `Config.exclude` and `Config.soften` take; or 'unreachable' or 'wrong_sign', whose targets are always left out.
    severity : Severity
    title, meaning, action : str
        For a person: what it is, what it does to the fit, what to do about it.
    targets : ndarray of int
        Row numbers of the targets concerned.
    details : tuple of str
        What is to be said of each of them; empty where that is nothing.
    """

    kind: str
    severity: Severity
    title: str
    meaning: str
    action: str
    targets: np.ndarray
    details: tuple[str, ...] = ()


_TEXTS = {
    "unreachable": (Severity.ERROR, "Unreachable targets",
                    "No household contributes to them, so no weights can meet them.",
                    "They are left out of the fit and listed in the report; check the matrix rows, or add households of the missing kind."),
    "wrong_sign": (Severity.ERROR, "Targets of the wrong sign",
                   "Every household moves them away from their value, so no weights can meet them.",
                   "They are left out of the fit and listed in the report; check the sign of the value and of the matrix row."),
    "disagreeing": (Severity.WARNING, "Margins that disagree",
                    "They count the same as other targets, but their values add up to something else: no weights can meet both.",
                    "Leave these out, keep them for a compromise, or scale one margin to the other before the upload."),
    "far_off": (Severity.WARNING, f"Targets far from the survey (by more than {FAR:,.0f} times)",
                "At the base weights the survey says something of another size, as where a total is in thousands or a column in cents.",
                "Check the units; leave them out if the survey cannot know them."),
    "zero": (Severity.WARNING, "Targets of zero",
             "A relative error needs a scale; theirs is the largest contribution of one household at its base weight.",
             "Keep them if zero is a published figure; leave them out if it stands for 'missing'."),
    "below_floor": (Severity.WARNING, "Targets smaller than one household",
                    "One household at its base weight contributes more than the whole target; errors are relative to that contribution.",
                    "Keep them, or leave them out if the fit should not bend to them."),
    "thin": (Severity.WARNING, f"Thinly supported targets (fewer than {THIN} households)",
             "A handful of households must carry the whole total, which forces extreme weights.",
             "Leave them out for more even weights; keep them if they must be met."),
    "carried": (Severity.WARNING, "Targets that one household carries",
                f"More than {CARRIED:.0%} of them comes from one household at its base weight, though {THIN} or more count in them.",
                "Check that household; leave the targets out if its figures are doubtful."),
    "limits": (Severity.WARNING, "Targets that the limits of single households put out of reach",
               "Protected, frozen, smallest or largest weights add up to more, or to less, than the target, whatever the others get.",
               "Change the limits or the target; leave the targets out if the limits must stand."),
    "negative": (Severity.INFO, "Negative targets", "Usually totals of losses; they are met like any other.",
                 "Nothing to do, unless the sign is a mistake."),
    "duplicate": (Severity.WARNING, "Duplicate targets",
             "Their matrix rows equal an earlier target's, so they count double, or contradict it.",
                  "Leave the repeats out, or keep them if the double weight is meant."),
}  # fmt: skip


def preflight(problem: Problem) -> tuple[Finding, ...]:
    """Findings of a problem, most severe first; empty where all is well.

    A target may stand in several findings, but one that is unreachable or of the wrong sign stands in no other.
    """
    found = (finding(problem, kind) for kind in CHECKS)
    return tuple(sorted((f for f in found if len(f.targets)), key=lambda f: list(Severity).index(f.severity)))


def finding(problem: Problem, kind: str) -> Finding:
    """One kind of finding, with or without targets."""
    rows, details = CHECKS[kind](problem)
    return Finding(kind, *_TEXTS[kind], rows, tuple(details))


def targets_in_use(problem: Problem, config: Config) -> np.ndarray:
    """True for the targets a fit sees and its measures count, shape (n_targets,): reachable, wanted, of positive weight.

    Raises
    ------
    ConfigError
        A group to hold out is not there.
    """
    return in_use(problem, _of_kinds(problem, config.exclude), config)


def in_use(problem: Problem, findings: Iterable[Finding], config: Config) -> np.ndarray:
    """As `targets_in_use`, from findings at hand."""
    return np.asarray(_wanted(problem, findings, config) & ~problem.in_groups("hold_out", config.hold_out))


def held_out_targets(problem: Problem, config: Config) -> np.ndarray:
    """True for the targets that `hold_out` keeps from a fit which would else see them, shape (n_targets,)."""
    withheld = problem.in_groups("hold_out", config.hold_out)
    return np.asarray(_wanted(problem, _of_kinds(problem, config.exclude), config) & withheld) if withheld.any() else withheld


def softened(problem: Problem, config: Config, findings: Iterable[Finding] | None = None) -> np.ndarray:
    """True for the targets that `soften` relaxes, shape (n_targets,); from findings at hand, if any."""
    soft = np.zeros(problem.n_targets, bool)
    for found in _of_kinds(problem, config.soften) if findings is None else findings:
        if found.kind in config.soften:
            soft[found.targets] = True
    return soft


def _of_kinds(problem: Problem, kinds: Iterable[str]) -> Iterator[Finding]:
    """The only findings that matter to a fit."""
    return (finding(problem, kind) for kind in kinds)


def _wanted(problem: Problem, findings: Iterable[Finding], config: Config) -> np.ndarray:
    use: np.ndarray = problem.reachable & (problem.target_weights > 0)
    for found in findings:
        if found.kind in config.exclude:
            use[found.targets] = False
    return use
