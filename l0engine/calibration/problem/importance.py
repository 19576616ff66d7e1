"""How much each target counts in the loss."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.config import SOFT, Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.problem.preflight import softened
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError


def importance(problem: Problem, config: Config, use: np.ndarray) -> np.ndarray:
    """The importance a_i of each target in the loss, shape (n_targets,); 0 where not in `use`.

    The target's own weight, divided by the number of targets in use of its group where `normalize_groups` asks for
    averages within groups, times the multiplier of the group, and times `SOFT` where it is relaxed.
    Where `precision` asks for it, also times ``(scale / standard error)^2``: the squared error is then one in standard
    errors. A target without one keeps its weight.

    Raises
    ------
    ConfigError
        A multiplier names no group, or no target in use has a standard error where they are to count.
    """
    a: np.ndarray = problem.target_weights * use
    if config.precision == "standard error":
        known = use & np.isfinite(problem.standard_errors)
        if not known.any():
            raise ConfigError("precision is 'standard error', but no target in use has one: set it to 'equal', or add the column.")
        a[known] *= (LOSSES[config.loss].scales(problem)[known] / problem.standard_errors[known]) ** 2
    _, group, counts = np.unique(problem.groups[use].astype(str), return_inverse=True, return_counts=True)
    if config.normalize_groups:
        a[use] /= counts[group]
    for name, factor in config.group_multipliers.items():
        a[problem.in_groups("group_multipliers", [name])] *= factor
    a[softened(problem, config)] *= SOFT
    return a
