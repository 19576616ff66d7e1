"""Gates held to a count: in place of a price on open gates, one common shift of log_alpha, its Lagrange multiplier."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from l0engine.gates.bins import GATE_BINS
from l0engine.hard_concrete import LOG_ALPHA_BOUND, HardConcreteDistribution

#: Newton's steps are at most this long, for at most so many steps, until the count is met to this share.
_STEP, _STEPS, _TOLERANCE = 2.0, 60, 1e-4


def held(log_alpha: Tensor, count: float, dist: HardConcreteDistribution) -> Tensor:
    """`log_alpha` shifted by one number so that the expected L0 norm, the sum of `p_active`, is `count`, clipped to its bounds."""
    count = min(max(count, 1e-3), len(log_alpha) - 1e-3)
    x = log_alpha.double()
    for _ in range(_STEPS):
        p = torch.sigmoid(x + dist.shift)
        excess = float(p.sum()) - count
        if abs(excess) <= _TOLERANCE * min(count, len(x) - count):
            break
        x = x - float(np.clip(excess / max(float((p * (1 - p)).sum()), 1e-9), -_STEP, _STEP))
    return x.clamp_(-LOG_ALPHA_BOUND, LOG_ALPHA_BOUND).to(log_alpha.dtype)


def gate_counts(gate: Tensor) -> Tensor:
    """Test-time gates by value, int64, shape (n_bins + 2,): exactly 0, those in between by `GATE_BINS`, exactly 1."""
    zero, one = (gate <= 0).sum(), (gate >= 1).sum()
    counts = torch.histc(gate, len(GATE_BINS) - 1, 0.0, 1.0).long()
    counts[0] -= zero
    counts[-1] -= one
    return torch.cat([zero[None], counts, one[None]])
