"""What the store hands out: runs, problems, outcomes; frozen, and free of the database."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.results import Certificate, Measures, Result, Status


class Request(StrEnum):
    """What a person has asked a run to do; the worker looks for it a few times a second."""

    NONE = "none"
    PAUSE = "pause"
    STOP = "stop"


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
class Outcome:
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

    @property
    def final(self) -> Measures | None:
        """Measures of the final weights."""
        return self.refitted or self.gated

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        measures = {k: None if values.get(k) is None else Measures(**values[k]) for k in ("gated", "refitted", "held_out")}
        proven = None if values.get("certificate") is None else Certificate(**values["certificate"])
        return cls(**{**values, **measures, "status": Status(values["status"]), "certificate": proven})

    @classmethod
    def of(cls, result: Result) -> Self:
        """The outcome of a fit."""
        r = result
        return cls(r.status, r.message, r.gated, r.refitted, r.device, r.fit_seconds, r.refit_seconds, r.held_out, r.certificate)


@dataclass(frozen=True)
class Plan:
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(tuple(values["budgets"]), tuple(values["compare"]), tuple(values["references"]), values["source"])


@dataclass(frozen=True)
class PointRecord:
    """A `FrontierPoint` of a run without its weights.

    Attributes
    ----------
    method, budget, measures, held_out, seconds, note, certificate
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

    @property
    def key(self) -> str:
        """Names the point among those of its run, as 'l0engine-5000'."""
        return f"{self.method}-{self.budget}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        held_out = None if values["held_out"] is None else Measures(**values["held_out"])
        curve = tuple((mu, Measures(**m)) for mu, m in values["curve"])
        proven = None if values.get("certificate") is None else Certificate(**values["certificate"])
        return cls(**{**values, "measures": Measures(**values["measures"]), "held_out": held_out, "curve": curve, "certificate": proven})


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run with its weights: read-only float64 arrays of shape (n_households,), as in `Result`."""

    outcome: Outcome
    weights: np.ndarray
    gated_weights: np.ndarray

    @property
    def status(self) -> Status:
        return self.outcome.status

    @property
    def gated(self) -> Measures | None:
        return self.outcome.gated

    @property
    def refitted(self) -> Measures | None:
        return self.outcome.refitted

    @property
    def final(self) -> Measures | None:
        return self.outcome.final

    def to_result(self, config: Config) -> Result:
        """The result of the fit, without its history."""
        fields = {f.name: getattr(self.outcome, f.name) for f in dataclasses.fields(Outcome)}
        return Result(**fields, config=config, weights=self.weights, gated_weights=self.gated_weights, history=())


@dataclass(frozen=True)
class RunRecord:
    """One run as the store knows it.

    Attributes
    ----------
    id : str
        Sortable by time of creation, as '20261122-164000-ab12' (UTC).
    problem : str
        `ProblemRecord.sha`.
    config : Config
    status : Status
    message : str
        What happened, beyond what the status says; may be empty.
    created, started, ended : float or None
        Seconds since the epoch; `started` is the latest start of a run that was resumed.
    pid : int or None
        Process that carries it out, or did last.
    request : Request
    checkpoint : int or None
        Step a resumed run goes on from; None without a checkpoint.
    outcome : Outcome or None
        None until the run has ended with weights.
    plan : Plan or None
        The frontier it computes after its fit.
    sweep : str or None
        Id that the runs of one sweep share.
    """

    id: str
    problem: str
    config: Config
    status: Status
    message: str
    created: float
    started: float | None
    ended: float | None
    pid: int | None
    request: Request
    checkpoint: int | None = None
    outcome: Outcome | None = None
    plan: Plan | None = None
    sweep: str | None = None

    @property
    def title(self) -> str:
        """For menus, in local time: '22 Nov 16:40 · λ 1e-3', or what was sought in place of λ."""
        when, c = datetime.fromtimestamp(self.created), self.config
        what = f"price {_short(c.price_l0)}" if c.lambda_l0 is None else f"λ {_short(c.lambda_l0)}"
        what = what if c.share is None else f"share {_short(c.share)}"
        what = f"{c.budget:,} households" if c.budget is not None else "smallest set" if c.has_goal else what
        return f"{when.day} {when:%b %H:%M} · {what}{' · frontier' if self.plan is not None else ''}"

    @property
    def sentence(self) -> str:
        """The message, or what the status means where there is none."""
        return self.message or self.status.sentence

    @property
    def can_pause(self) -> bool:
        """True where `Store.request(id, Request.PAUSE)` has something to pause."""
        return self.status is Status.RUNNING and self.request is Request.NONE

    @property
    def can_continue(self) -> bool:
        """True where `Store.request(id, Request.NONE)` lets a paused run go on."""
        return not self.status.ended and self.request is Request.PAUSE

    @property
    def can_stop(self) -> bool:
        """True where `Store.request(id, Request.STOP)` has something to end."""
        return not self.status.ended and self.request is not Request.STOP

    @property
    def can_requeue(self) -> bool:
        """True where `Store.requeue(id)` takes it up again."""
        return self.status is Status.INTERRUPTED


def _short(x: float) -> str:
    if x == 0 or 0.01 <= abs(x) < 1000:
        return f"{x:g}"
    digits, exponent = f"{x:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"
