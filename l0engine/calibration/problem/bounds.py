"""Bounds of weights: what settings allow."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from l0engine.calibration.config import Config

#: No household that is to be kept gets a weight below this share of its base weight.
LEAST = 1e-9


class Bounds(NamedTuple):
    """Smallest and largest weights allowed, scalars or of shape (n_kept,)."""

    low: Any = 0.0
    high: Any = np.inf

    @classmethod
    def of(cls, config: Config, base: np.ndarray) -> Self:
        """What a config allows households of some base weights, shape (n_kept,); none gets less than `LEAST` of it."""
        high = np.minimum(np.inf if config.max_ratio is None else config.max_ratio * base, config.max_weight or np.inf)
        return cls(np.minimum(np.maximum(LEAST * base, config.min_weight or 0.0), high), np.broadcast_to(high, base.shape))
