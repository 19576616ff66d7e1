"""Anchors: what weights are held to while the targets pull; one frozen class each, a new one is a class and an entry in `ANCHORS`.

An anchor is a convex cost ``sum_j D_j(w_j)``. All the dual problem needs of it is the weight that a pull e gives,
``argmax_w e w - D_j(w)`` between two bounds, and how fast that weight grows with the pull.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from scipy.special import wrightomega

from l0engine.calibration.problem.bounds import Bounds, Weights

#: The exponent stays below this; a weight never grows by more than a factor e^50.
LARGEST_EXPONENT = 50.0


class Anchor(Protocol):
    """What the dual problem needs of a cost."""

    def weights(self, pull: np.ndarray) -> Weights:
        """The weights that a pull gives, shape (n_kept,)."""


@dataclass(frozen=True, eq=False)
class StartAnchor(ABC):
    """An anchor that holds weights to those they start from.

    Parameters
    ----------
    start : ndarray of float64, shape (n_kept,)
        Positive weights g.
    price : ndarray of float64, shape (n_kept,), or None
        Price c of each squared weight, which costs ``c_j w_j^2 / 2``.
    bounds : Bounds
    """

    start: np.ndarray
    price: np.ndarray | None
    bounds: Bounds

    @abstractmethod
    def weights(self, pull: np.ndarray) -> Weights:
        """The weights that a pull gives, shape (n_kept,)."""

    @abstractmethod
    def pull_for(self, weights: np.ndarray) -> np.ndarray:
        """The pull that gives some positive weights, bounds aside; shape (n_kept,)."""


class Entropy(StartAnchor):
    """``w log(w / g) - w + g + c w^2 / 2``: raking. Without a price ``w = g exp(e)``; with one, through Lambert's W.

    Source: Deville & Sarndal (1992), Calibration Estimators in Survey Sampling.
    """

    def weights(self, pull: np.ndarray) -> Weights:
        if self.price is None:
            w = self.start * np.exp(np.minimum(pull, LARGEST_EXPONENT))
            return self.bounds.clip(w, np.where(pull > LARGEST_EXPONENT, 0.0, w))
        w = np.asarray(wrightomega(np.log(self.price * self.start) + pull)) / self.price
        return self.bounds.clip(w, w / (1 + self.price * w))

    def pull_for(self, weights: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(weights / self.start) + (0.0 if self.price is None else self.price * weights))


class ChiSquare(StartAnchor):
    """``(w - g)^2 / (2 g) + c w^2 / 2``: the generalised regression estimator, held at 0 from below.

    Source: Deville & Sarndal (1992), case 1.
    """

    def weights(self, pull: np.ndarray) -> Weights:
        each = self.start if self.price is None else self.start / (1 + self.price * self.start)
        return self.bounds.clip(each * (1 + pull), each)

    def pull_for(self, weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights / self.start - 1 + (0.0 if self.price is None else self.price * weights))


@dataclass(frozen=True, eq=False)
class Ridge:
    """``price w^2 / (2 share)`` with ``low share <= w <= high share``: the perspective of a squared weight, for households kept by a share
    of 0 to 1.
    """

    share: np.ndarray
    price: float
    bounds: Bounds

    def weights(self, pull: np.ndarray) -> Weights:
        w = self.bounds.clip(pull / self.price, np.full(len(pull), 1 / self.price))
        return Weights(self.share * w.value, self.share * w.slope)


ANCHORS: Mapping[str, type[StartAnchor]] = MappingProxyType({"entropy": Entropy, "chi-square": ChiSquare})
