"""Elimination: the kept households of a fit, ever fewer, so that one fit answers every size.

The households that carry least are left out, a fifth at a time, protected ones never, and the rest takes over their part by a
brief least-squares refit in log weights, which decides who goes next. Final weights are raked from the gated weights of those who
stay, scaled to the full total: that keeps the effective sample size.
"""

from __future__ import annotations

import numpy as np

from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support.solvers.least_squares import least_squares
from l0engine.calibration.support.support import Support, foremost

#: Share of the households that one round leaves; with fewer than `FEW` households for each target every one counts.
LEAVE, LEAVE_FEW, FEW = 0.8, 0.95, 2.0
#: Steps of the refit before the first round and after each.
FIRST, BRIEF = 100, 60


class Elimination:
    """Backward elimination from the households that a fit kept.

    Parameters
    ----------
    system : ScaledSystem
    gated : ndarray of float64, shape (n_households,)
        Gated weights; some are positive.
    favour : ndarray of float64, shape (n_households,), optional
        Factors on what a household carries, where who leaves is decided.
    """

    def __init__(self, system: ScaledSystem, gated: np.ndarray, favour: np.ndarray | None = None) -> None:
        self._system, self._norm = system, np.sqrt(system.squares)
        if favour is not None:
            self._norm = self._norm * favour
        kept = np.flatnonzero(gated > 0)
        self.full = Support(kept, gated[kept], self._refit(kept, np.log(gated[kept]), FIRST))

    def down_to(self, budget: int, support: Support | None = None) -> Support:
        """The `budget` households to keep of a support that has at least as many, all of them by default; no fewer than are protected."""
        support = support or self.full
        total = support.start.sum()
        while len(support.kept) > budget:
            n = len(support.kept)
            size = max(budget, int(n * (LEAVE if n > FEW * len(self._system.target) else LEAVE_FEW)))
            part = self._norm[support.kept] * np.exp(support.log_weights)
            stay = foremost(part, size, self._system.rules.protected[support.kept])
            kept, start = support.kept[stay], support.start[stay]
            support = Support(kept, start * (total / start.sum()), self._refit(kept, support.log_weights[stay], BRIEF))
        return support

    def _refit(self, kept: np.ndarray, log_weights: np.ndarray, steps: int) -> np.ndarray:
        """Least squares in log weights, briefly."""
        s, row = self._system, np.sqrt(self._system.importance)
        rules = s.ruled and s.ruled.at(kept)
        return np.asarray(np.log(least_squares(s.part(kept, row), row * s.target, np.exp(log_weights), steps, rules)))
