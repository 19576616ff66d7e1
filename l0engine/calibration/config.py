"""Every hyper-parameter once: bounds, default, unit and help. Command line and form are built from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from l0engine.calibration.losses import LOSSES
from l0engine.calibration.setting import Setting, checked
from l0engine.calibration.setting import setting as _setting
from l0engine.errors import ConfigError
from l0engine.gates.estimators import ESTIMATORS

DEVICES = ("auto", "cpu", "cuda", "mps")
ANCHORS = ("entropy", "chi-square")
TOTALS = ("free", "soft", "exact")
#: The settings that ask for a number of households, or for a quality that the fewest should have.
GOALS = ("budget", "max_median_error", "max_error", "min_ess")
#: Preflight findings whose targets a user may leave out of the fit, or relax.
EXCLUDABLE = ("thin", "zero", "below_floor", "negative", "duplicate", "disagreeing", "far_off", "carried", "limits")
#: How much a target counts: all alike, or those that are published with a standard error by that.
PRECISIONS = ("equal", "standard error")
#: What a relaxed target counts, of what it would: its error may be ten times as large at the same squared loss.
SOFT = 0.01


@dataclass(frozen=True)
class Config:
    """Settings of one calibration run; checked on construction, so a `Config` that exists is valid.

    Raises
    ------
    ConfigError
        Names the field, its value, its bounds and the remedy.
    """

    price_l0: float = _setting(
        0.1, "λ L0: price of a household", "What keeping all households (a hundred a target, if that is more) would cost, in units "
        "of the loss of keeping none. Higher keeps fewer. It means the same on problems of every size and unit.",
        low=0.0, high=1e6, log=True, advanced=False,
    )  # fmt: skip
    price_l2: float = _setting(
        5e-5, "λ L2: price of uneven weights", "Multiplies households / effective sample size, in units of the loss of keeping none. "
        "Higher spreads weight over more households.", low=0.0, high=1e6, log=True, advanced=False,
    )  # fmt: skip
    lambda_l0: float | None = _setting(
        None, "λ L0, absolute", "What keeping one household must save in loss, in place of the relative price.",
        low=0.0, high=1e6, log=True, optional=True,
    )  # fmt: skip
    lambda_l2: float | None = _setting(
        None, "λ L2, absolute", "Multiplies the sum of squared gated weights, in place of the relative price.", low=0.0, high=1e6,
        unit="per squared weight", log=True, optional=True,
    )  # fmt: skip
    share: float | None = _setting(
        None, "Price of all households, absolute", "λ L0 times the number of households: what keeping everyone would cost.",
        low=0.0, high=1e12, log=True, optional=True,
    )  # fmt: skip
    price_change: float = _setting(
        0.0, "Price of change", "What it costs that a household enters or leaves the set of the previous answer, in units of λ L0: at the "
        "same number, a newcomer costs twice as much and one that was in costs nothing. Goals choose among candidates by it; the "
        "relaxation, and a bound that is proven, do not know it.", low=0.0, high=1e6, log=True,
    )  # fmt: skip
    lambda_ratio: float = _setting(
        0.0, "λ ratio: price of large ratios", "Multiplies the sum of squared ratios of gated weight to base weight, in the fit and in the "
        "refit. Higher keeps weights closer together.", low=0.0, high=1e6, unit="per squared ratio", log=True,
    )  # fmt: skip
    budget: int | None = _setting(
        None, "Goal: households", "Keep exactly so many. λ L0 only says where to begin: it falls by itself where too few are left.",
        low=1, high=2**53 - 1, optional=True, whole=True,
    )  # fmt: skip
    max_median_error: float | None = _setting(
        None, "Goal: median error at most", "Keep the fewest households whose median relative error is at most this (0.01 is 1 %).",
        low=0.0, high=1e6, log=True, optional=True,
    )  # fmt: skip
    max_error: float | None = _setting(
        None, "Goal: every error at most", "Keep the fewest households whose relative error is at most this on every target (0.01 is 1 %).",
        low=0.0, high=1e6, log=True, optional=True,
    )  # fmt: skip
    min_ess: float | None = _setting(
        None, "Goal: effective sample size at least", "Keep the fewest households with this effective sample size.",
        low=1.0, high=2.0**53, log=True, optional=True,
    )  # fmt: skip
    temperature: float = _setting(
        0.35, "Temperature", "Softness of the gates (beta). Lower is closer to on/off; higher learns more smoothly.",
        low=0.05, high=5.0, log=True, advanced=False,
    )  # fmt: skip
    final_temperature: float | None = _setting(
        None, "Final temperature", "Anneal the temperature geometrically to this value; empty keeps it constant.",
        low=0.05, high=5.0, log=True, optional=True,
    )  # fmt: skip
    estimator: str = _setting(
        "expected", "Estimator", " ".join(f"{name}: {estimator.sentence}" for name, estimator in ESTIMATORS.items()), choices=ESTIMATORS
    )
    loss: str = _setting("relative", "Loss", " ".join(f"{name}: {loss.sentence}" for name, loss in LOSSES.items()), choices=LOSSES)
    normalize_groups: bool = _setting(False, "Average within groups", "Give every target group the same say, however many targets it has.")
    precision: str = _setting(
        "equal", "Precision of targets", "equal: errors count relative to the totals. standard error: a target that has one counts by its "
        "square, so that an error of one standard error costs as much on each.", choices=PRECISIONS,
    )  # fmt: skip
    group_multipliers: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({}),
        metadata={"setting": Setting("Group multipliers", "Multiply the loss of a group, as name=factor.", low=0.0)},
    )
    exclude: tuple[str, ...] = _setting(
        (), "Leave out targets", "Findings of the preflight whose targets the fit leaves out.", choices=EXCLUDABLE
    )
    soften: tuple[str, ...] = _setting(
        (), "Relax targets", f"Findings of the preflight whose targets count for {SOFT:g} of what others do: they are met where that costs "
        "the others little.", choices=EXCLUDABLE
    )  # fmt: skip
    hold_out: tuple[str, ...] = _setting(
        (), "Hold out groups", "Target groups the fit never sees; their error is reported apart, as a test of what was not aimed at."
    )
    epochs: int = _setting(500, "Epochs", "Steps of the optimiser; each uses all targets.", low=1, high=1_000_000, unit="steps", whole=True)
    stop_when_settled: bool = _setting(
        True, "Stop when settled", "End before the last epoch once no household comes or goes and the loss stands still."
    )
    learning_rate: float = _setting(0.15, "Learning rate", "Step size of Adam on log weights and gates.", low=1e-6, high=10.0, log=True)
    init_keep_prob: float = _setting(
        0.5, "Initial keep probability", "Probability that a gate is open at the start.", low=1e-6, high=1.0 - 1e-6
    )
    jitter: float = _setting(
        0.05, "Jitter of the start", "Standard deviation of noise on the starting log weights and gates, drawn from the seed. It lets "
        "households that are alike part, and shows how much their choice hangs on chance.", low=0.0, high=1.0,
    )  # fmt: skip
    max_ratio: float | None = _setting(
        None, "Largest weight / base weight", "Hard cap on the ratio of the final weight to the base weight; empty for none.",
        low=1e-6, high=1e12, log=True, optional=True,
    )  # fmt: skip
    min_weight: float | None = _setting(
        None, "Smallest weight", "No kept household has less; empty for none.", low=0.0, high=1e15, log=True, optional=True,
    )  # fmt: skip
    max_weight: float | None = _setting(
        None, "Largest weight", "No kept household has more; empty for none.", low=1e-12, high=1e15, log=True, optional=True,
    )  # fmt: skip
    total: str = _setting(
        "free", "Sum of weights", "free: as the targets have it. soft: the sum of the base weights is one more target. exact: it holds, "
        "whatever the targets say.", choices=TOTALS,
    )  # fmt: skip
    anchor: str = _setting(
        "entropy", "Anchor of the refit", "entropy: weights change by factors (raking). chi-square: by differences (regression estimator).",
        choices=ANCHORS,
    )  # fmt: skip
    refit: bool = _setting(True, "Refit", "Recalibrate the kept households without gates (relaxed raking). Leave on.")
    relax: bool = _setting(
        True, "Relax", "On the way to a number of households, weigh all households together by a convex relaxation: lower error, more even "
        "weights and a proven bound, for a few seconds.",
    )  # fmt: skip
    polish: bool = _setting(
        False, "Polish", "On small problems, exchange households one by one for others before the refit: a lower loss, but no regard for "
        "even weights. Larger problems are left as they are.",
    )  # fmt: skip
    mu: float | None = _setting(
        None, "Refit softness (mu)", "Lower meets targets more closely; higher keeps weights more even. Empty: as low as pays, a "
        "tenfold lower error for at most a fifth of the effective sample size.", low=1e-12, high=1e3, log=True, optional=True,
    )  # fmt: skip
    device: str = _setting("auto", "Device", "auto takes CUDA where there is one and it will be faster, else the CPU.", choices=DEVICES)
    seed: int = _setting(
        0, "Seed", "Start of the random numbers of sampled gates and of the jitter; the same seed gives the same bits.",
        low=0, high=2**53 - 1, whole=True,  # what a float and a form can tell apart
    )  # fmt: skip

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, checked(f.name, f.metadata["setting"], f.default, getattr(self, f.name)))
        if both := [kind for kind in self.soften if kind in self.exclude]:
            raise ConfigError(f"'{both[0]}' is to be left out and to be relaxed: name it in exclude or in soften.")
        if len(self.goals) > 2:
            raise ConfigError(f"{len(self.goals)} goals are set ({', '.join(self.goals)}): ask for two at most.")
        if self.min_weight is not None and self.max_weight is not None and self.min_weight > self.max_weight:
            raise ConfigError(f"min_weight is {self.min_weight:g}, above max_weight of {self.max_weight:g}: set it no higher.")
        if self.has_goal and not self.refit:
            raise ConfigError("A goal is met by the refit: turn refit on, or take the goal out.")
        if self.has_goal and self.estimator == "ungated":
            raise ConfigError("estimator 'ungated' keeps every household: choose 'expected' or 'sampled', or take the goal out.")
        if self.polish and self.price_change > 0:
            raise ConfigError("polish knows no price of change: turn it off, or set price_change to 0.")
        if self.polish and (not LOSSES[self.loss].squared or self.bounded or self.lambda_ratio > 0 or self.total != "free"):
            raise ConfigError("polish knows squared losses without caps or prices of ratios only: turn it off, or take those out.")
        if ESTIMATORS[self.estimator].squared_only and not LOSSES[self.loss].squared:
            raise ConfigError(
                f"loss '{self.loss}' does not go with estimator '{self.estimator}', whose expectation is exact for squared losses only: "
                "choose estimator 'sampled', or loss 'relative'."
            )

    @property
    def goals(self) -> tuple[str, ...]:
        """The goals that are set."""
        return tuple(name for name in GOALS if getattr(self, name) is not None)

    @property
    def has_goal(self) -> bool:
        """True where the number of households is sought, not left to the price of a household."""
        return bool(self.goals)

    @property
    def bounded(self) -> bool:
        """True where weights have a smallest or largest value."""
        return not (self.max_ratio is None and self.min_weight is None and self.max_weight is None)

    def without_goal(self) -> Self:
        """The same settings, with the number of households left to the price of a household."""
        return replace(self, budget=None, max_median_error=None, max_error=None, min_ess=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        lists = {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
        return {**plain, **lists, "group_multipliers": dict(self.group_multipliers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; unknown names are refused."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"Unknown setting '{unknown[0]}': the settings are {', '.join(f.name for f in fields(cls))}.")
        return cls(**values)


def settings() -> dict[str, Setting]:
    """The `Setting` of every field of `Config`, by name, in order."""
    return {f.name: f.metadata["setting"] for f in fields(Config)}


class Preset(NamedTuple):
    """A named starting point of the form."""

    sentence: str
    changes: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "Fast look": Preset("A first impression in a third of the time; errors are a little higher.", {"epochs": 150}),
    "Balanced": Preset("Few households and low error; the place to start.", {}),
    "Publication": Preset(
        "More households with more even weights, for estimates beyond the targets.",
        {"epochs": 1000, "price_l0": 0.03, "price_l2": 5e-4},
    ),
    "Office": Preset(
        "At most 10 times the base weight, as statistical offices ask. It costs error and households: on the US problem the mean error "
        "rises, while the effective sample size more than doubles.",
        {"max_ratio": 10.0, "price_l0": 0.01},
    ),
})  # fmt: skip
