"""Few households under caps: the relaxation of `relaxation` where many weights are at their largest.

There it is solved for one vector of shares after the other. A share at its cap does not tell how it should change, so that way ends too
early. Here shares are eliminated: for a price c of a whole household its weight costs

    slope_j w   up to knee_j = min(u_j, sqrt(2 c / price)),   slope_j = c / knee_j + price knee_j / 2,   then price w^2 / 2 + c,

and its share is ``min(1, w / knee_j)``. What is left is minimised by proximal steps: each adds ``(w - near)^2 / (2 step)``, whose dual is
smooth in as many variables as there are targets, and steps grow. Then the households that carry least leave, a part at a time, with a
step after each; the same steps without c even the weights of those who stay.

Source: Li, Sun & Toh (2018), A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso problems; the cost is the
reverse Huber penalty of Pilanci, Wainwright & El Ghaoui (2015), Sparse learning via Boolean relaxations.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from l0engine.arrays.linear_map import LinearMap
from l0engine.calibration.support.solvers.anchors import Limits, Proximal
from l0engine.calibration.support.solvers.dual import Dual, DualProblem
from l0engine.calibration.support.support import Support

#: Proximal steps relative to 1 / price, from the first to the last; the last one is repeated while households leave.
STEPS = (1e-5, 4e-5, 1.6e-4, 6.4e-4, 3e-3, 3e-3)
#: Steps that even the weights of a set.
EVENING = (1e-2, 1e-1, 1.0, 10.0)
#: So many stay of those that have a weight.
LEAVE = 0.8
#: The price of a household changes from step to step by this factor at most, where it follows the one before.
DEARER = 4.0
#: Newton steps for each proximal step, and the decrease, as a share of the loss of no household, at which they end; for evening.
NEWTON, ENOUGH = 8, 1e-8
NEWTON_EVEN, ENOUGH_EVEN = 25, 1e-9
#: Evening ends before a step that makes the squared residual larger by more than this share.
WORSE = 0.02
#: No weight starts below these shares of its base weight and of the mean weight.
LEAST, LEAST_EVEN = 1e-3, 1e-4


class Capping:
    """The problem at the head of this file on one system, for one number of households after the other, the largest first.

    Parameters
    ----------
    a : LinearMap of float64, shape (n_targets, n_households)
        It is solved where this is.
    b, hardness : ndarray of float64, shape (n_targets,)
        See `Relaxation`.
    base, upper : ndarray of float64, shape (n_households,)
        Base weights, and largest weights u; all finite.
    gated : ndarray of float64, shape (n_households,)
        Weights to begin with.
    """

    def __init__(self, a: LinearMap, b: np.ndarray, hardness: np.ndarray, base: np.ndarray, upper: np.ndarray, gated: np.ndarray) -> None:
        here = partial(torch.tensor, dtype=torch.float64, device=a.device)
        self._a, self._b, self._hardness, self._base, self._upper = a, here(b), here(hardness), here(base), here(upper)
        self._weights = torch.minimum(here(gated), self._upper)
        self._norm = a.squared().rmatvec(torch.ones_like(self._b)).sqrt()
        self._nothing = float(b @ b) / 2
        self._dual: Dual | None = None
        self._c = 0.0

    def down_to(self, k: int, price: float) -> tuple[Support, Tensor]:
        """k households with weights to start from, and a dual solution for all households, shape (n_targets,), which proves a bound.

        `price` is that of a squared weight, twice.
        """
        problem, steps = DualProblem(self._a, self._b, self._dual), STEPS if self._dual is None else STEPS[-2:]
        pool, weights, upper = torch.arange(len(self._weights), device=self._a.device), self._weights, self._upper
        for step in steps:
            weights = self._nearer(problem, weights, upper, k, price, step)
        self._weights, self._dual = weights, problem.dual
        while len(pool) > k:
            part = self._norm[pool] * weights * (weights / self._knee(upper, price)).clamp(max=1.0).sqrt()
            size = max(k, int(LEAVE * min(len(pool), int((weights > 0).sum()))))
            stay = part.topk(size).indices.sort().values
            pool, weights, upper = pool[stay], weights[stay], upper[stay]
            problem = DualProblem(self._a.columns(pool), self._b, problem.dual)
            weights = self._nearer(problem, weights, upper, k, price, STEPS[-1])
        weights = self._evened(problem, torch.minimum(torch.maximum(weights, LEAST * self._base[pool]), upper), upper, price)
        return Support.at(pool.cpu().numpy(), weights.cpu().numpy()), self._dual.theta

    def _nearer(self, problem: DualProblem, weights: Tensor, upper: Tensor, k: int, price: float, step: float) -> Tensor:
        """A proximal step from weights, for the c that gives them k shares."""
        self._c = self._dearness(weights, upper, k, price)
        knee = self._knee(upper, price)
        slope = self._c / knee + price * knee / 2
        anchor = Proximal(weights, step / price, price, slope, knee, Limits(torch.zeros_like(upper), upper))
        return problem.solve(anchor, self._hardness, ENOUGH * self._nothing, NEWTON)

    def _evened(self, problem: DualProblem, weights: Tensor, upper: Tensor, price: float) -> Tensor:
        """Weights of a set as even as the price asks, as far as the way there does not make the fit worse."""
        none, low = torch.zeros_like(upper), upper.clamp(max=LEAST_EVEN * float(weights.mean()))
        most = (1 + WORSE) * self._missed(problem, weights)
        for step in EVENING:
            anchor = Proximal(weights, step / price, price, none, none, Limits(low, upper))
            even = problem.solve(anchor, self._hardness, ENOUGH_EVEN * self._nothing, NEWTON_EVEN)
            if self._missed(problem, even) > most:
                break
            weights = even
        return weights

    def _missed(self, problem: DualProblem, weights: Tensor) -> float:
        return float(((problem.a.matvec(weights) - self._b) ** 2 / self._hardness).sum())

    def _knee(self, upper: Tensor, price: float) -> Tensor:
        return upper.clamp(max=(2 * self._c / price) ** 0.5)

    def _dearness(self, weights: Tensor, upper: Tensor, k: int, price: float) -> float:
        """The price c of a household for the next step.

        The one at which the shares of the weights sum to k; but no less than the last one times how far they were from that, squared, as
        shares that are all at their caps follow no price.
        """
        some = weights > 0
        weights, upper = weights[some], upper[some]

        def excess(log_knee: float) -> float:
            return float((weights / upper.clamp(max=math.exp(log_knee))).clamp(max=1.0).sum()) / k - 1

        if self._c == 0 and len(weights) <= k:
            return price * (float(self._base.sum()) / k) ** 2 / 2
        low, knee = math.log(float(weights.min()) / 2), math.log(float(upper.max()))
        if len(weights) <= k:
            knee = low
        elif excess(knee) < 0:
            knee = brentq(excess, low, knee, xtol=1e-6)
        fair, before = price * math.exp(2 * knee) / 2, 0.0
        if self._c > 0:
            change = (1 + excess(math.log(2 * self._c / price) / 2)) ** 2
            before = self._c * min(max(change, 1 / DEARER), DEARER)
        return max(fair, before)
