"""How much each target counts in the loss."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem


def importance(problem: Problem, config: Config, use: np.ndarray) -> np.ndarray:
    """The importance a_i of each target in the loss, shape (n_targets,); 0 where not in `use`.

    The target's own weight, divided by the number of targets in use of its group where `normalize_groups` asks for
    averages within groups, times the multiplier of the group.

    Raises
    ------
    ConfigError
        A multiplier names no group.
    """
    a: np.ndarray = problem.target_weights * use
    _, group, counts = np.unique(problem.groups[use].astype(str), return_inverse=True, return_counts=True)
    if config.normalize_groups:
        a[use] /= counts[group]
    for name, factor in config.group_multipliers.items():
        a[problem.in_groups("group_multipliers", [name])] *= factor
    return a
