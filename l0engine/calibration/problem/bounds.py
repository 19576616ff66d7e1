"""Bounds of weights: what settings and the rules of single households allow."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.rules import Rules

#: No household that is to be kept gets a weight below this share of its base weight.
LEAST = 1e-9


class Bounds(NamedTuple):
    """Smallest and largest weights allowed, scalars or of shape (n_kept,)."""

    low: Any = 0.0
    high: Any = np.inf

    @classmethod
    def of(cls, config: Config, base: np.ndarray, rules: Rules) -> Self:
        """What is allowed households of some base weights, shape (n_kept,), and rules; none gets less than `LEAST` of its base weight.

        Where a config and the rules of a household contradict each other, the rules hold.
        """
        high = np.minimum(np.inf if config.max_ratio is None else config.max_ratio * base, config.max_weight or np.inf)
        high = np.maximum(np.minimum(high, rules.largest), rules.smallest)
        low = np.maximum(np.maximum(LEAST * base, config.min_weight or 0.0), rules.smallest)
        return cls(np.minimum(low, high), np.broadcast_to(high, base.shape))
