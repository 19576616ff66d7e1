"""Steering: settings that change while a fit runs. It is read without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from l0engine.calibration.config import Config
from l0engine.errors import ConfigError
from l0engine.gates.estimators import ESTIMATORS

#: Settings a person may change in a running fit, and what each takes the place of.
STEERED: dict[str, dict[str, Any]] = {
    "price_l0": {"lambda_l0": None, "share": None},
    "lambda_l0": {"share": None},
    "price_l2": {"lambda_l2": None},
    "lambda_l2": {},
    "temperature": {"final_temperature": None},
    "learning_rate": {},
}
#: Settings that a run which goes on for more epochs changes.
CONTINUED = ("epochs", "stop_when_settled")


class Change(NamedTuple):
    """A setting that has a new value from the step after `step` on."""

    step: int
    name: str
    value: Any


#: All changes, or a function that gives those known at a step.
Changes = Sequence[Change] | Callable[[int], Sequence[Change]]


def steered(config: Config, name: str, value: Any) -> Config:
    """The settings after one change.

    Raises
    ------
    ConfigError
        The setting cannot change while a fit runs, plays no part in this one, or its value is out of bounds.
    """
    if name not in STEERED and name not in CONTINUED:
        raise ConfigError(f"{name} cannot change while a fit runs: what can is {', '.join(STEERED)}.")
    if config.has_goal:
        raise ConfigError(f"The run seeks {' and '.join(config.goals)} by itself: start one without a goal to change {name}.")
    if name in ("price_l0", "lambda_l0", "temperature") and not _gated(config):
        raise ConfigError(f"The run keeps every household, so {name} plays no part in it: start one with a price of a household.")
    if value is None:
        raise ConfigError(f"{name} has no value: give a number.")
    return replace(config, **{name: value}, **STEERED.get(name, {}))


def all_steered(config: Config, changes: Iterable[tuple[str, Any]]) -> Config:
    """The settings after changes, in their order."""
    for name, value in changes:
        config = steered(config, name, value)
    return config


def after(config: Config, changes: Iterable[Change]) -> Config:
    """The settings after changes that took effect."""
    return all_steered(config, [(change.name, change.value) for change in changes])


def _gated(config: Config) -> bool:
    """Whether gates play a part; where households cost nothing, they never did."""
    price = config.lambda_l0 if config.lambda_l0 is not None else config.price_l0
    priced = config.price_change > 0 or (price if config.share is None else config.share) > 0
    return ESTIMATORS[config.estimator].gated and (config.estimator != "expected" or priced)
