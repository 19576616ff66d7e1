"""Estimators: which gates stand in the objective. One frozen class each; a new one is a class and an entry in `ESTIMATORS`.

The prediction is linear in independent gates z, so the expected squared loss needs only their mean and variance; a sampled
gate is its own mean with no variance. Both go through one objective, `calibration.training.objective`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:  # the settings name the estimators, and are read without torch
    from torch import Generator, Tensor

    from l0engine.hard_concrete import HardConcreteDistribution, Moments


class Estimator(Protocol):
    """What the objective needs of an estimator."""

    @property
    def sentence(self) -> str:
        """What it is, for the help of the setting."""

    @property
    def squared_only(self) -> bool:
        """True where it is exact for squared losses only."""

    @property
    def gated(self) -> bool:
        """False where every household is kept and gates play no part."""

    def gates(self, log_alpha: Tensor, dist: HardConcreteDistribution, seed: int, step: int) -> Moments:
        """Mean and variance of the gates that the objective sees, with their slopes; shaped like log_alpha or scalars."""


@dataclass(frozen=True)
class Expected:
    """The exact expectation over gates: no noise, reproducible."""

    gated: bool = True
    squared_only: bool = True
    sentence: str = "exact expectation over gates, no noise."

    def gates(self, log_alpha: Tensor, dist: HardConcreteDistribution, seed: int, step: int) -> Moments:
        return dist.moments(log_alpha)


@dataclass(frozen=True)
class Sampled:
    """One random draw a step, as in Louizos, Welling & Kingma (2017).

    The noise of a step depends on the seed and the step alone, so a resumed run draws what an uninterrupted one does.
    """

    gated: bool = True
    squared_only: bool = False
    sentence: str = "random gates (Louizos et al. 2017)."

    def gates(self, log_alpha: Tensor, dist: HardConcreteDistribution, seed: int, step: int) -> Moments:
        import torch

        from l0engine.hard_concrete import Moments

        state = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)
        generator = torch.Generator(log_alpha.device).manual_seed(state)
        z = dist.sample(log_alpha, _uniform(log_alpha, generator))
        zero = log_alpha.new_zeros(())
        return Moments(z, dist.gate_slope(z), zero, zero)


def _uniform(like: Tensor, generator: Generator) -> Tensor:
    """Uniform numbers on [0, 1], shaped like another tensor.

    On the CPU, from 32 random bits each: a draw of 64 bits serves two, which takes half the time of `torch.rand`.
    """
    import torch

    if like.device.type != "cpu":
        return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    bits = torch.empty((like.numel() + 1) // 2, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return bits.view(torch.int32)[: like.numel()].float().mul_(2.0**-32).add_(0.5).to(like.dtype).view(like.shape)


@dataclass(frozen=True)
class Ungated:
    """All gates open: ordinary calibration of every household, the dense reference."""

    gated: bool = False
    squared_only: bool = False
    sentence: str = "all households, no selection."

    def gates(self, log_alpha: Tensor, dist: HardConcreteDistribution, seed: int, step: int) -> Moments:
        from l0engine.hard_concrete import Moments

        zero = log_alpha.new_zeros(())
        return Moments(zero + 1, zero, zero, zero)


#: By name, in the order of the form.
ESTIMATORS: dict[str, Estimator] = {"expected": Expected(), "sampled": Sampled(), "ungated": Ungated()}
