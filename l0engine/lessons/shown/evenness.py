"""Why refit, why evenness: the same totals met by four sets of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds
from l0engine.lessons.shown.households import PRICES

SOFT = ("as low as pays", "0.0001", "0.01", "0.1", "1", "10")


class EvennessPicture(NamedTuple):
    """Weights at the stages, and what is said of each; errors are shares.

    Attributes
    ----------
    weights : ndarray, shape (4, n)
        The survey's own, weights times gates, these refitted, and the corner of the linear programme.
    errors : ndarray, shape (4, n_targets)
        Relative, signed.
    kept : ndarray of int, medians, worst, ess, largest : ndarray, shape (4,)
        Households kept, median and largest absolute error, effective sample size, largest weight / base weight.
    """

    weights: np.ndarray
    errors: np.ndarray
    kept: np.ndarray
    medians: np.ndarray
    worst: np.ndarray
    ess: np.ndarray
    largest: np.ndarray


@dataclass(frozen=True)
class EvennessAsk(Ask):
    """Which survey, what a household costs, and how the refit trades error for evenness."""

    made: ClassVar[str] = "l0engine.lessons.made.evenness:show"
    picture: ClassVar[type[EvennessPicture]] = EvennessPicture

    price: float = choice(0.8, "Price of a household, λ L0", "In units of the loss of keeping none, for all households together.", PRICES)
    soft: str = choice("as low as pays", "Refit softness, μ", "Higher keeps weights more even and meets totals less closely.", SOFT)
    seed: int = seeds()
