"""What a run says of itself: Status, Snapshot while it runs, Measures and Result when it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.seen import Seen
from l0engine.plain import Plain

#: Quantiles of the absolute relative error over targets that a snapshot records.
ERROR_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Status(StrEnum):
    """Where a job stands; `sentence` says what it means and what to do."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CONVERGED = "converged"
    STEP_LIMIT = "step_limit"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """One sentence for a person: what this status means and what to do next."""
        return _SENTENCES[self]

    @property
    def ended(self) -> bool:
        """True where nothing will change any more without a new request."""
        return self not in (Status.QUEUED, Status.RUNNING, Status.PAUSED)

    @property
    def has_result(self) -> bool:
        """True where it ended with a result that can be used: weights, for a fit."""
        return self in (Status.CONVERGED, Status.STEP_LIMIT, Status.FINISHED, Status.STOPPED)


_SENTENCES = {
    Status.QUEUED: "Waiting for a free place; it starts by itself.",
    Status.RUNNING: "At work; stop it at any time and what was found so far is kept.",
    Status.PAUSED: "It waits; resume to go on from the same step, or stop to keep what was found.",
    Status.CONVERGED: "The kept households and the loss have settled; the weights are ready.",
    Status.STEP_LIMIT: "All epochs are done; the weights are ready.",
    Status.FINISHED: "All is done; the results are ready.",
    Status.STOPPED: "Stopped on request; this is what there was by then. More steps may do better.",
    Status.DIVERGED: "The fit left no usable weights; the message says why and what to change.",
    Status.INTERRUPTED: "The process ended before the work did; resume to go on from its last checkpoint.",
    Status.FAILED: "It could not be carried out; the message says why.",
}


@dataclass(frozen=True, slots=True)
class Snapshot(Plain):
    """The state of a fit after `step` steps; small, immutable, JSON-ready.

    Attributes
    ----------
    step, epochs : int
        Steps done, and to be done.
    seconds : float
        Time spent training, in seconds.
    data_loss, l0_loss, l2_loss : float
        The three terms of the objective, lambdas included; their sum is what is minimised.
    temperature : float
        Hard Concrete temperature (beta) of this step.
    kept : int
        Households whose test-time gate is above 0 (`metrics.active`).
    gate_zero, gate_one : float
        Shares of all households whose test-time gate is exactly 0 and exactly 1.
    gate_counts : tuple of int, length 20
        Households with a gate strictly between 0 and 1, by `GATE_BINS`.
    error_quantiles : tuple of float
        Absolute relative error over the targets in use, at `ERROR_QUANTILES`, with test-time gates.
    ess : float
        Kish's effective sample size of the gated weights.
    where : str
        Where it runs, with what memory, and why that is another place than it began at.
    seen : Seen or None
        What was seen of each target and household; kept beside it, so that it is None in what comes from a store.
    """

    step: int
    epochs: int
    seconds: float
    data_loss: float
    l0_loss: float
    l2_loss: float
    temperature: float
    kept: int
    gate_zero: float
    gate_one: float
    gate_counts: tuple[int, ...]
    error_quantiles: tuple[float, ...]
    ess: float
    where: str = ""
    seen: Seen | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As `Plain`, without `seen`."""
        return {f: value for f in self.__dataclass_fields__ if f != "seen" for value in [getattr(self, f)]}

    @property
    def loss(self) -> float:
        """Sum of the three loss terms."""
        return self.data_loss + self.l0_loss + self.l2_loss

    @property
    def median_error(self) -> float:
        """Median absolute relative error over the targets in use."""
        return self.error_quantiles[ERROR_QUANTILES.index(0.5)]


@dataclass(frozen=True, slots=True)
class Measures(Plain):
    """Quality of one set of weights; computed only by `metrics.measure`, where each formula stands.

    Errors are shares (0.01 is 1 %) over the reachable targets in use.
    """

    kept: int
    mean_abs_rel_error: float
    median_abs_rel_error: float
    share_within_10pct: float
    ess: float
    design_effect: float
    max_weight: float
    max_weight_ratio: float
    max_abs_rel_error: float = math.nan
    share_within_tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class Certificate(Plain):
    """What is proven of an answer with k households: no other can have a smaller value than `bound`.

    Attributes
    ----------
    k : int
    price : float
        Price of a squared weight in the value.
    value : float
        ``loss / 2 + price / 2 sum_j w_j^2`` of the answer, with the squared loss of its settings.
    bound : float
        No k households have less; 0 where nothing is known.
    """

    k: int
    price: float
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the answer is above the bound, as a share of the bound; infinite where the bound says nothing."""
        return self.value / self.bound - 1 if self.bound > 0 else float("inf")

    @property
    def useful(self) -> bool:
        """Whether the bound is near enough to say something: within a factor of two."""
        return self.gap <= 1.0


@dataclass(frozen=True, slots=True)
class Overlap(Plain):
    """How much of an answer was in the previous one.

    Attributes
    ----------
    source : str
        Where the previous answer is from, in words.
    sha256 : str
        Of its ids and weights, see `Previous.fingerprint`.
    before : int
        Households of the previous answer that the problem has.
    gone : int
        Those that it has not; they count neither as kept nor as left.
    stayed, entered, left : int
        Households in both, in the new answer alone, and in the previous one alone.
    """

    source: str
    sha256: str
    before: int
    gone: int
    stayed: int
    entered: int
    left: int

    @property
    def share(self) -> float:
        """Share of the households kept that were in the previous answer; 0 where none is kept."""
        return self.stayed / max(self.stayed + self.entered, 1)

    @property
    def sentence(self) -> str:
        """The numbers in words."""
        gone = f" {self.gone:,} of the previous set are not in this problem." if self.gone else ""
        return (
            f"Of {self.stayed + self.entered:,} households {self.stayed:,} were in the previous set ({self.source}); "
            f"{self.entered:,} entered, {self.left:,} left.{gone}"
        )


@dataclass(frozen=True, eq=False)
class Result:
    """How a fit ended.

    Attributes
    ----------
    status : Status
    message : str
        What happened, in a sentence, beyond what the status says.
    config : Config
    gated_weights : ndarray of float64, shape (n_households,)
        Weights times test-time gates as training left them; 0 where dropped.
    weights : ndarray of float64, shape (n_households,)
        The final weights: refitted on the kept households, or the gated ones where no refit was asked for.
    gated : Measures or None
        Measures of `gated_weights`; None where nothing was kept.
    refitted : Measures or None
        Measures of `weights` after the refit; None without one.
    history : tuple of Snapshot
    device : str
        Where the training ended ('cpu', 'cuda', ...).
    fit_seconds, refit_seconds : float
    held_out : Measures or None
        Measures of `weights` over the targets held out; None where there are none.
    certificate : Certificate or None
        What is proven of `weights`, where a goal asked for a number of households.
    threads : int or None
        Threads that torch used on the CPU; the same number gives the same bits. None in what an earlier version wrote.
    start : ndarray of float64, shape (n_households,), or None
        What the refit held the weights to, 0 where not kept; None without a refit, or in what an earlier version wrote.
    mu : float or None
        Softness of the refit that was taken; None as for `start`.
    overlap : Overlap or None
        How much of `weights` was in the previous answer; None without one.
    """

    status: Status
    message: str
    config: Config
    gated_weights: np.ndarray
    weights: np.ndarray
    gated: Measures | None
    refitted: Measures | None
    history: tuple[Snapshot, ...]
    device: str
    fit_seconds: float
    refit_seconds: float
    held_out: Measures | None = None
    certificate: Certificate | None = None
    threads: int | None = None
    start: np.ndarray | None = None
    mu: float | None = None
    overlap: Overlap | None = None

    @property
    def final(self) -> Measures | None:
        """Measures of `weights`."""
        return self.refitted or self.gated
