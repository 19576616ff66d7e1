"""The challenge: meet twelve totals with the fewest households, and evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds

#: What counts: a median error of at most this, and an effective sample size of at least this share of the households kept.
MOST_ERROR, LEAST_ESS = 0.05, 0.5


class Attempt(NamedTuple):
    """What settings achieve.

    Attributes
    ----------
    weights : ndarray, shape (n,)
    errors : ndarray, shape (n_targets,)
        Relative, signed.
    kept : int
    median, worst : float
        Of the absolute errors.
    ess : float
        Effective sample size.
    """

    weights: np.ndarray
    errors: np.ndarray
    kept: int
    median: float
    worst: float
    ess: float

    @property
    def even(self) -> bool:
        """Whether the effective sample size is large enough."""
        return self.ess >= LEAST_ESS * self.kept

    @property
    def counts(self) -> bool:
        """Whether it is an answer to the challenge."""
        return self.kept > 0 and self.median <= MOST_ERROR and self.even


class FrontierPicture(NamedTuple):
    """What the engine's frontier reaches: an attempt for each number of households, falling."""

    attempts: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt | None:
        """The fewest households that count."""
        return min((a for a in self.attempts if a.counts), key=lambda a: a.kept, default=None)


@dataclass(frozen=True)
class ChallengeAsk(Ask):
    """One attempt at a problem, which is the seed's."""

    made: ClassVar[str] = "l0engine.lessons.made.challenge:attempt"
    picture: ClassVar[type[Attempt]] = Attempt

    price: float = choice(
        0.4, "Price of a household, λ L0", "Higher keeps fewer.",
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0, 3.5, 4.0, 5.0, 6.0),
    )  # fmt: skip
    uneven: float = choice(
        5e-5, "Unevenness, λ L2", "Higher spreads weight over more households.",
        (0.0, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2),
    )  # fmt: skip
    temperature: float = choice(0.35, "Temperature", "Softness of the gates.", (0.1, 0.2, 0.35, 0.5, 0.7))
    soft: float = choice(
        0.01, "Refit softness, μ", "Higher keeps weights more even and meets totals less closely.", (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
    )  # fmt: skip
    seed: int = seeds()


@dataclass(frozen=True)
class FrontierAsk(Ask):
    """The frontier of a problem."""

    made: ClassVar[str] = "l0engine.lessons.made.challenge:frontier_of"
    picture: ClassVar[type[FrontierPicture]] = FrontierPicture

    seed: int = seeds()
