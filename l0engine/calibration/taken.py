"""What a fit took by rule or setting, in words."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.config import SOFT, Config
from l0engine.calibration.limits import NAMED
from l0engine.calibration.problem.margins import plain_number
from l0engine.calibration.problem.preflight import softened
from l0engine.calibration.problem.problem import Problem


def taken(problem: Problem, config: Config) -> tuple[str, ...]:
    """What was taken by rule or setting: the price of a household, the size of the base weights, targets without a standard error where
    those count, targets that are relaxed; a sentence each.
    """
    from l0engine.calibration.problem.system import ScaledSystem  # needs torch, which a server that only shows answers does without

    system = ScaledSystem.build(problem, config)
    each = system.lambda_l0(config)
    if config.share is not None:
        price = f"Price of a household: {config.share:g} for all of them, that is λ L0 = {each:.2g} each, as set"
    elif config.lambda_l0 is not None:
        price = f"Price of a household: λ L0 = {each:.2g} each, as set"
    else:
        why = "the default for every size of problem" if config.price_l0 == Config().price_l0 else "as set"
        price = f"Price of a household: {config.price_l0:g} of the loss of keeping none, that is λ L0 = {each:.2g} each; {why}"
    goal = "; the goal decides how many are kept" if config.has_goal else ""
    factor = problem.base_factor
    scaled = f"The base weights were brought to the size of the totals by a factor of {plain_number(factor, 4)}." if factor != 1 else ""
    if scaled and problem.rules.given:
        scaled = f"{scaled} The limits and fixed weights of single households were taken as they stand."
    unknown = np.flatnonzero(system.use & np.isnan(problem.standard_errors) & (config.precision == "standard error"))
    alike = f"{len(unknown):,} without a standard error keep their weight: {_names(problem, unknown)}." if len(unknown) else ""
    soft = np.flatnonzero(system.use & softened(problem, config))
    relaxed = f"{len(soft):,} relaxed, counting for {SOFT:g} of what others do: {_names(problem, soft)}." if len(soft) else ""
    return tuple(sentence for sentence in (f"{price}{goal}.", scaled, alike, relaxed) if sentence)


def _names(problem: Problem, rows: np.ndarray) -> str:
    return ", ".join(f"'{problem.names[i]}'" for i in rows[:NAMED]) + (", ..." if len(rows) > NAMED else "")
