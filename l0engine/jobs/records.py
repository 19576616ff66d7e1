"""What the store hands out of calibrations: problems, runs, outcomes; frozen, and free of the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.results import Certificate, Measures, Overlap, Result, Snapshot, Status
from l0engine.jobs.job import JobRecord
from l0engine.plain import Plain


@dataclass(frozen=True)
class ProblemRecord:
    """A problem in the store; `sha` is `Problem.fingerprint`, `nnz` the matrix entries that are not 0."""

    sha: str
    title: str
    n_targets: int
    n_households: int
    nnz: int
    created: float
    source: str


@dataclass(frozen=True)
class Outcome(Plain):
    """What a finished run says of itself, without its weights; the fields are those of `Result`."""

    status: Status
    message: str
    gated: Measures | None
    refitted: Measures | None
    device: str
    fit_seconds: float
    refit_seconds: float
    held_out: Measures | None = None
    certificate: Certificate | None = None
    threads: int | None = None
    mu: float | None = None
    overlap: Overlap | None = None

    @property
    def final(self) -> Measures | None:
        """Measures of the final weights."""
        return self.refitted or self.gated

    @classmethod
    def of(cls, result: Result) -> Self:
        """The outcome of a fit."""
        return cls(**{f.name: getattr(result, f.name) for f in dataclasses.fields(cls)})

    def with_weights(self, config: Config, weights: np.ndarray, gated_weights: np.ndarray, start: np.ndarray | None = None) -> Result:
        """The result of the fit, without its history."""
        return Result(**vars(self), config=config, weights=weights, gated_weights=gated_weights, history=(), start=start)


@dataclass(frozen=True)
class Plan(Plain):
    """A frontier to compute after the fit of a run.

    Attributes
    ----------
    budgets : tuple of int
        Numbers of households, for `frontier`.
    compare : tuple of int
        Numbers of households at which the reference methods are tried too.
    references : tuple of str
        Names of reference methods.
    source : str or None
        Run whose fit is taken, in place of a new one.
    """

    budgets: tuple[int, ...]
    compare: tuple[int, ...] = ()
    references: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True)
class PointRecord(Plain):
    """A `FrontierPoint` of a run without its weights.

    Attributes
    ----------
    method, budget, measures, held_out, seconds, note, certificate, mu
        As in `FrontierPoint`.
    curve : tuple of (float, Measures)
        Softness mu of the refit and measures at this size, softest first; empty until it is computed.
    """

    method: str
    budget: int
    measures: Measures
    held_out: Measures | None
    seconds: float
    note: str
    curve: tuple[tuple[float, Measures], ...] = ()
    certificate: Certificate | None = None
    mu: float | None = None

    @property
    def key(self) -> str:
        """Names the point among those of its run, as 'l0engine-5000'."""
        return f"{self.method}-{self.budget}"


@dataclass(frozen=True)
class Origin(Plain):
    """The previous answer that a run goes out from; its households and weights stand in the run's folder, see `jobs.previous`.

    Attributes
    ----------
    source : str
        Where it is from, in words.
    sha256 : str
        `Previous.fingerprint`.
    kept : int
        Households it kept.
    """

    source: str
    sha256: str
    kept: int


@dataclass(frozen=True)
class Calibration:
    """The task of a run: fit a problem of the store (by `ProblemRecord.sha`), from a previous answer where there is one, and compute a
    frontier after it where one is planned.
    """

    kind: ClassVar[str] = "calibration"
    snapshot: ClassVar[type[Any]] = Snapshot
    result: ClassVar[type[Any]] = Outcome
    problem: str
    config: Config
    plan: Plan | None = None
    previous: Origin | None = None

    @property
    def label(self) -> str:
        """For menus: 'λ 1e-3', or what was sought in place of λ."""
        c = self.config
        what = f"price {_short(c.price_l0)}" if c.lambda_l0 is None else f"λ {_short(c.lambda_l0)}"
        what = what if c.share is None else f"share {_short(c.share)}"
        what = f"{c.budget:,} households" if c.budget is not None else "smallest set" if c.has_goal else what
        return f"{what}{' · frontier' if self.plan is not None else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {"problem": self.problem, "config": self.config.to_dict(), "plan": self.plan and self.plan.to_dict()}
        return plain if self.previous is None else {**plain, "previous": self.previous.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; settings of earlier versions keep their meaning."""
        plan, previous = values["plan"], values.get("previous")
        config = Config.from_dict(values["config"])
        return cls(values["problem"], config, plan and Plan.from_dict(plan), previous and Origin.from_dict(previous))


class RunRecord(JobRecord[Calibration, Outcome]):
    """The job of a calibration."""

    @property
    def problem(self) -> str:
        return self.task.problem

    @property
    def config(self) -> Config:
        return self.task.config

    @property
    def plan(self) -> Plan | None:
        """The frontier it computes after its fit."""
        return self.task.plan

    @property
    def outcome(self) -> Outcome | None:
        """None until the run has ended with weights."""
        return self.result


def _short(x: float) -> str:
    if x == 0 or 0.01 <= abs(x) < 1000:
        return f"{x:g}"
    digits, exponent = f"{x:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"
