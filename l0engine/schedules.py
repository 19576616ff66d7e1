"""Schedules: pure functions of the step."""

from __future__ import annotations


def geometric(step: int, steps: int, start: float, end: float) -> float:
    """From `start` at step 0 to `end` at the last of `steps` steps, by a constant factor.

    Parameters
    ----------
    step : int
        From 0 to ``steps - 1``; later steps stay at `end`.
    steps : int
    start, end : float
        Positive.
    """
    share = 1.0 if steps <= 1 else min(step / (steps - 1), 1.0)
    return float(start ** (1 - share) * end**share)
