"""Losses: one frozen class each, on residuals that are already scaled.

The residual of target i is ``r_i = (prediction_i - value_i) / scale_i``; a loss is ``sum_i a_i phi(r_i)`` with the importance
a_i of each target. To add a loss: one class with these methods and one entry in `LOSSES`; settings, form and command line follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor  # the settings name the losses, and are read without torch


class Targets(Protocol):
    """What a loss needs of a problem."""

    @property
    def n_targets(self) -> int: ...

    @property
    def scales(self) -> np.ndarray: ...


class Loss(Protocol):
    """What the estimators need of a loss."""

    @property
    def sentence(self) -> str:
        """What it is, for the help of the setting."""

    @property
    def squared(self) -> bool:
        """True where phi(r) = r^2, so that its expectation over gates is exact."""

    def scales(self, problem: Targets) -> np.ndarray:
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

    sentence: str = "squared relative error."

    def scales(self, problem: Targets) -> np.ndarray:
        return problem.scales


@dataclass(frozen=True)
class MeanSquared(Squared):
    """Squared error in the targets' own units (summed, as the established package does)."""

    sentence: str = "squared error in the targets' own units."

    def scales(self, problem: Targets) -> np.ndarray:
        return np.ones(problem.n_targets)


@dataclass(frozen=True)
class Capped:
    """``phi(r) = min(abs(r), cap)`` on relative errors: a target that is far off stops pulling."""

    cap: float = 1.0
    squared: bool = False
    sentence: str = "absolute relative error, at most 1 a target, robust to impossible targets (sampled or ungated only)."

    def scales(self, problem: Targets) -> np.ndarray:
        return problem.scales

    def value(self, residual: Tensor) -> Tensor:
        return residual.abs().clamp(max=self.cap)

    def derivative(self, residual: Tensor) -> Tensor:
        return residual.sign() * (residual.abs() < self.cap)


#: By name, in the order of the form.
LOSSES: dict[str, Loss] = {"relative": Relative(), "mse": MeanSquared(), "capped": Capped()}
