"""FrontierPoint: weights for one number of households; and the numbers that may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from l0engine.calibration.results import Certificate, Measures
from l0engine.errors import ConfigError


@dataclass(frozen=True, eq=False)
class FrontierPoint:
    """Weights for one number of households.

    Attributes
    ----------
    method : str
        'l0engine', or the name of a reference method.
    budget : int
        Households asked for; `measures.kept` is how many there are.
    households : ndarray of int, shape (n_kept,)
        Columns of the problem's matrix, ascending.
    start, weights : ndarray of float64, shape (n_kept,)
        Where the refit started, and what it made; all positive.
    measures : Measures
        Over the targets in use.
    held_out : Measures or None
        Over the targets held out, where there are any.
    seconds : float
        What this point took, beyond the fit and the points before it.
    note : str
        What there is to know about it, in a sentence; may be empty.
    certificate : Certificate or None
        What is proven of it, where the relaxation was solved.
    mu : float or None
        Softness of its refit; None for a reference method.
    """

    method: str
    budget: int
    households: np.ndarray
    start: np.ndarray
    weights: np.ndarray
    measures: Measures
    held_out: Measures | None
    seconds: float = 0.0
    note: str = ""
    certificate: Certificate | None = None
    mu: float | None = None

    def full(self, n_households: int) -> np.ndarray:
        """The weights of all households, shape (n_households,); 0 where not kept."""
        out = np.zeros(n_households)
        out[self.households] = self.weights
        return out


def checked_budgets(budgets: Sequence[Any], n_households: int, n_protected: int = 0) -> tuple[int, ...]:
    """Budgets in falling order.

    Raises
    ------
    ConfigError
        None is given, or one is not a whole number from 1 to the number of households, or stands twice, or is smaller than the number
        of protected ones.
    """
    if not len(budgets):
        raise ConfigError("There is no budget: give one or more numbers of households.")
    for k in budgets:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= n_households:
            raise ConfigError(f"The budget {k!r} is not a whole number from 1 to {n_households:,}, the number of households.")
    falling = sorted(map(int, budgets), reverse=True)
    if falling[-1] < n_protected:
        raise ConfigError(f"The budget {falling[-1]:,} is below the {n_protected:,} protected households: ask for as many at least.")
    if again := [k for k, next_ in pairwise(falling) if k == next_]:
        raise ConfigError(f"The budget {again[0]:,} stands twice: give each number once.")
    return tuple(falling)
