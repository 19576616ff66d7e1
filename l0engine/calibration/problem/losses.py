"""Losses: one frozen class each, on residuals that are already scaled.

The residual of target i is ``r_i = (prediction_i - value_i) / scale_i``; a loss is ``sum_i a_i phi(r_i)`` with the importance
a_i of each target. To add a loss: one class with these methods and one entry in `LOSSES` (its name also in `config.LOSSES`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError


class Loss(Protocol):
    """What the estimators need of a loss."""

    @property
    def squared(self) -> bool:
        """True where phi(r) = r^2, so that its expectation over gates is exact."""

    def scales(self, problem: Problem) -> np.ndarray:
        """What residuals are divided by, shape (n_targets,), positive."""

    def value(self, residual: Tensor) -> Tensor:
        """phi, elementwise."""

    def derivative(self, residual: Tensor) -> Tensor:
        """phi', elementwise."""


@dataclass(frozen=True)
class Squared:
    """``phi(r) = r^2``."""

    squared: bool = True

    def value(self, residual: Tensor) -> Tensor:
        return residual * residual

    def derivative(self, residual: Tensor) -> Tensor:
        return 2 * residual


@dataclass(frozen=True)
class Relative(Squared):
    """Squared relative error; the scale is max(abs(value), floor), see `Problem.scales`."""

    def scales(self, problem: Problem) -> np.ndarray:
        return problem.scales


@dataclass(frozen=True)
class MeanSquared(Squared):
    """Squared error in the targets' own units (summed, as the established package does)."""

    def scales(self, problem: Problem) -> np.ndarray:
        return np.ones(problem.n_targets)


@dataclass(frozen=True)
class Capped:
    """``phi(r) = min(abs(r), cap)`` on relative errors: a target that is far off stops pulling."""

    cap: float = 1.0
    squared: bool = False

    def scales(self, problem: Problem) -> np.ndarray:
        return problem.scales

    def value(self, residual: Tensor) -> Tensor:
        return residual.abs().clamp(max=self.cap)

    def derivative(self, residual: Tensor) -> Tensor:
        return torch.sign(residual) * (residual.abs() < self.cap)


LOSSES: Mapping[str, Loss] = MappingProxyType({"relative": Relative(), "mse": MeanSquared(), "capped": Capped()})


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
        members = problem.groups == name
        if not members.any():
            raise ConfigError(
                f"group_multipliers names the group '{name}', which no target has: the groups are {', '.join(sorted(set(problem.groups)))}."
            )
        a[members] *= factor
    return a
