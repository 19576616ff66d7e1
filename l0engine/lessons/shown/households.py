"""Choosing households: a toy survey as its gates close, and two households of which one would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l0engine.lessons.ask import Ask, choice, seeds

#: Each is twice the one before.
PRICES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
VIEWS = ("60 households", "2 households")


class SurveyPicture(NamedTuple):
    """A fit of a toy survey, step by step; the last two stages are its gates as they are at test time, and the refit.

    Attributes
    ----------
    names : tuple of str, length n_targets
    persons, income : ndarray, shape (n,)
        Of each household; income in thousands.
    base : float
        The base weight of all.
    steps : ndarray of int, shape (n_stages,)
    gates, weights : ndarray, shape (n_stages, n)
        Mean gates, and weights times gates.
    estimates : ndarray, shape (n_stages, n_targets)
        Weighted totals / published totals.
    kept : ndarray of int, errors, ess : ndarray, shape (n_stages,)
        Households kept, median absolute relative error, effective sample size.
    """

    names: tuple[str, ...]
    persons: np.ndarray
    income: np.ndarray
    base: float
    steps: np.ndarray
    gates: np.ndarray
    weights: np.ndarray
    estimates: np.ndarray
    kept: np.ndarray
    errors: np.ndarray
    ess: np.ndarray


class End(NamedTuple):
    """Where a penalty ends: its name, weights of both households, and the loss there."""

    name: str
    first: float
    second: float
    loss: float


class TwoPicture(NamedTuple):
    """Two households and two totals; weights are in units of the base weight.

    Attributes
    ----------
    side : ndarray, shape (n_side,)
        Weights at which the loss is known.
    loss : ndarray, shape (n_side, n_side)
        Sum of squared relative errors; a row for each weight of the second household.
    steps : ndarray of int, shape (n_stages,)
    path : ndarray, shape (n_stages, 2)
        Weights times mean gates of the fit; with test-time gates at the last stage.
    ends : tuple of End
        Where no penalty, L2, L1 and L0 of the same price end.
    """

    side: np.ndarray
    loss: np.ndarray
    steps: np.ndarray
    path: np.ndarray
    ends: tuple[End, ...]


class HouseholdsPicture(NamedTuple):
    """One of the two."""

    survey: SurveyPicture | None
    two: TwoPicture | None


@dataclass(frozen=True)
class HouseholdsAsk(Ask):
    """Which survey, and what a household costs."""

    made: ClassVar[str] = "l0engine.lessons.made.households:show"
    picture: ClassVar[type[HouseholdsPicture]] = HouseholdsPicture

    price: float = choice(0.4, "Price of a household, λ L0", "In units of the loss of keeping none, for all households together.", PRICES)
    view: str = choice("60 households", "Survey", "Sixty households as dots, or two whose weights span a plane.", VIEWS)
    seed: int = seeds()
