"""Rules: what the weight of single households must obey, whatever the settings of a fit are."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from l0engine.calibration.problem.inputs import flags, optional_numbers
from l0engine.errors import ProblemError


class Rules(NamedTuple):
    """What households must obey; arrays of shape (n_households,).

    Attributes
    ----------
    protected : ndarray of bool
        Never dropped.
    smallest, largest : ndarray of float64
        Of a household that is kept; 0 and infinity where there is no limit. A weight is fixed where both are equal.
    """

    protected: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray

    @classmethod
    def checked(cls, protected: Any, smallest: Any, largest: Any, ids: np.ndarray) -> Self:
        """Rules for the households of these ids; None, and NaN among numbers, is no rule.

        Raises
        ------
        ProblemError
            A limit is negative, or 0 where it is the largest, or the two of a household contradict each other.
        """
        n, of = len(ids), "households"
        keep = np.broadcast_to(False, n) if protected is None else flags("marks of protected households", protected, n, of)
        low = np.broadcast_to(0.0, n) if smallest is None else optional_numbers("smallest weights", smallest, n, of, none=0.0)
        high = np.broadcast_to(np.inf, n) if largest is None else optional_numbers("largest weights", largest, n, of, none=np.inf)
        for bad, words in (
            (low < 0, "has a smallest weight below 0: set it to 0 or more"),
            (high <= 0, "has a largest weight that is not above 0: remove the household, or allow it a weight"),
            (low > high, "has a smallest weight above its largest one: change one of them"),
        ):
            if bad.any():
                i = int(np.argmax(bad))
                raise ProblemError(f"Household '{ids[i]}' {words} ({int(bad.sum()):,} such; smallest {low[i]:g}, largest {high[i]:g}).")
        for a in (keep, low, high):
            a.setflags(write=False)
        return cls(keep, low, high)

    def at(self, households: np.ndarray) -> Self:
        """The rules of some of them."""
        return type(self)(*(rule[households] for rule in self))

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return bool(self.protected.any() or self.smallest.any() or np.isfinite(self.largest).any())
