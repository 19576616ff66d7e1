"""The parameters that training starts from, the bounds they keep to, and below which a household is dead."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import NEGLIGIBLE, ScaledSystem
from l0engine.hard_concrete import LOG_ALPHA_BOUND, HardConcreteDistribution

#: A household whose gate is open with less than this probability is dead; see `dead_below`.
DEAD = 0.2
#: Where a fit goes out from a previous answer: the probability that a gate of its households is open, and the share of their base weights
#: at which the others start, so that the totals are nearly those of the answer.
INSIDE, OUTSIDE = 0.99, 0.1


def start_parameters(system: ScaledSystem, config: Config, dist: HardConcreteDistribution) -> np.ndarray:
    """Log weights and log_alpha to start from, without jitter, shape (2, n_households).

    Members of a previous set start from their weights, nearly open; the others at `OUTSIDE` of their base weights.
    """
    log_alpha = float(dist.log_alpha_for(config.init_keep_prob))
    start = np.stack([np.log(system.base_weights), np.full(system.shape[1], log_alpha)])
    if system.before is not None:
        kept = system.before.kept
        least = NEGLIGIBLE * system.base_weights[kept]
        start[0] += np.log(OUTSIDE)
        start[:, kept] = np.stack([np.log(np.maximum(system.before.weights[kept], least)), np.full(len(least), dist.log_alpha_for(INSIDE))])
    return start


def dead_below(init_keep_prob: float) -> float:
    """The keep probability below which a household is dropped for good: `DEAD`, or two fifths of where it started, if that is less."""
    return min(DEAD, 0.4 * init_keep_prob)


def parameter_bounds(system: ScaledSystem, config: Config, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest parameters of the households alive, both of shape (2, n_alive): gates of those that must stay are open."""
    low, high = np.log(system.bounds(alive, config))
    anyhow = np.full(len(alive), np.inf)
    opened = np.where(system.rules.protected[alive], LOG_ALPHA_BOUND, -anyhow)
    return np.stack([low, opened]), np.stack([high, anyhow])
