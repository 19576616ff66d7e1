"""Anchors: what weights are held to while the targets pull; one frozen class each, a new one is a class and an entry in `ANCHORS`.

An anchor is a convex cost ``sum_j D_j(w_j)``. All the dual problem needs of it is the weight that a pull e gives,
``argmax_w e w - D_j(w)`` between two bounds, and how fast that weight grows with the pull.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch
from scipy.special import wrightomega
from torch import Tensor

from l0engine.calibration.problem.bounds import Bounds

#: The exponent stays below this; a weight never grows by more than a factor e^50.
LARGEST_EXPONENT = 50.0


class Weights(NamedTuple):
    """Weights, and their slope with respect to the pull (0 where a weight is at a bound); both of shape (n_kept,)."""

    value: Tensor
    slope: Tensor


class Limits(NamedTuple):
    """Smallest and largest weights allowed, of shape () or (n_kept,), on the device of the weights."""

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, bounds: Bounds, device: torch.device) -> Self:
        """Bounds on a device, in double precision."""
        return cls(*(torch.tensor(b, dtype=torch.float64, device=device) for b in bounds))

    def clip(self, value: Tensor, slope: Tensor) -> Weights:
        """Weights within the limits; a weight at one does not move."""
        clipped = torch.minimum(torch.maximum(value, self.low), self.high)
        return Weights(clipped, slope * (clipped == value))


class Anchor(Protocol):
    """What the dual problem needs of a cost."""

    def weights(self, pull: Tensor) -> Weights:
        """The weights that a pull gives, shape (n_kept,)."""


@dataclass(frozen=True, eq=False)
class StartAnchor(ABC):
    """An anchor that holds weights to those they start from.

    Parameters
    ----------
    start : Tensor of float64, shape (n_kept,)
        Positive weights g.
    price : Tensor of float64, shape (n_kept,), or None
        Price c of each squared weight, which costs ``c_j w_j^2 / 2``.
    limits : Limits
    """

    start: Tensor
    price: Tensor | None
    limits: Limits

    @abstractmethod
    def weights(self, pull: Tensor) -> Weights:
        """The weights that a pull gives, shape (n_kept,)."""

    @abstractmethod
    def pull_for(self, weights: Tensor) -> Tensor:
        """The pull that gives some positive weights, limits aside; shape (n_kept,)."""


class Entropy(StartAnchor):
    """``w log(w / g) - w + g + c w^2 / 2``: raking. Without a price ``w = g exp(e)``; with one, through Lambert's W.

    Source: Deville & Sarndal (1992), Calibration Estimators in Survey Sampling.
    """

    def weights(self, pull: Tensor) -> Weights:
        if self.price is None:
            w = self.start * torch.exp(pull.clamp(max=LARGEST_EXPONENT))
            return self.limits.clip(w, w * (pull <= LARGEST_EXPONENT))
        w = _wright_omega(torch.log(self.price * self.start) + pull) / self.price
        return self.limits.clip(w, w / (1 + self.price * w))

    def pull_for(self, weights: Tensor) -> Tensor:
        return torch.log(weights / self.start) + (0.0 if self.price is None else self.price * weights)


class ChiSquare(StartAnchor):
    """``(w - g)^2 / (2 g) + c w^2 / 2``: the generalised regression estimator, held at 0 from below.

    Source: Deville & Sarndal (1992), case 1.
    """

    def weights(self, pull: Tensor) -> Weights:
        each = self.start if self.price is None else self.start / (1 + self.price * self.start)
        return self.limits.clip(each * (1 + pull), each)

    def pull_for(self, weights: Tensor) -> Tensor:
        return weights / self.start - 1 + (0.0 if self.price is None else self.price * weights)


@dataclass(frozen=True, eq=False)
class Ridge:
    """``price w^2 / (2 share)`` with ``low share <= w <= high share``: the perspective of a squared weight, for households kept by a share
    of 0 to 1.
    """

    share: Tensor
    price: float
    limits: Limits

    def weights(self, pull: Tensor) -> Weights:
        w = self.limits.clip(pull / self.price, torch.full_like(pull, 1 / self.price))
        return Weights(self.share * w.value, self.share * w.slope)


@dataclass(frozen=True, eq=False)
class Proximal:
    """A cost near some weights: ``slope w`` up to a knee and ``price w^2 / 2`` beyond, and ``(w - near)^2 / (2 step)`` to that.

    Parameters
    ----------
    near, slope, knee : Tensor of float64, shape (n_kept,)
        A slope is no less than ``price knee``, so that the cost is convex up to the knee; beyond it the larger of the two counts.
    step, price : float
    limits : Limits
    """

    near: Tensor
    step: float
    price: float
    slope: Tensor
    knee: Tensor
    limits: Limits

    def weights(self, pull: Tensor) -> Weights:
        moved, shrink = self.near + self.step * pull, 1 + self.step * self.price
        straight = moved - self.step * self.slope
        curved = straight > self.knee
        value = torch.where(curved, torch.maximum(moved / shrink, self.knee), straight)
        growth = torch.full_like(value, self.step)
        return self.limits.clip(value, torch.where(curved, (value > self.knee) * growth / shrink, growth))


def _wright_omega(z: Tensor) -> Tensor:
    """Of SciPy, which has it on the host alone."""
    return torch.from_numpy(np.asarray(wrightomega(z.cpu().numpy()))).to(z.device)


ANCHORS: Mapping[str, type[StartAnchor]] = MappingProxyType({"entropy": Entropy, "chi-square": ChiSquare})
