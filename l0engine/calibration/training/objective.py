"""Objective: loss terms and gradients of the gated weights of the households still alive."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l0engine.arrays.linear_map import linear_map
from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.gates.estimators import ESTIMATORS
from l0engine.hard_concrete import HardConcreteDistribution, Moments

#: Targets above this, in units of the loss, are brought down to it inside the objective, so that squares stay in single precision.
LARGEST_TARGET = 1e6


class Forward(NamedTuple):
    """What a gradient went through: weights without gates, gates, residuals, keep probabilities."""

    weights: Tensor
    gates: Moments
    residual: Tensor
    p_active: Tensor


class Objective:
    """``sum_i a_i E phi(r_i) + lambda_l0 sum_j pi_j + sum_j l_j E (w_j z_j)^2`` over the households alive.

    With a price of change, ``lambda_change`` times the expected number that enter or leave the previous set S is added: the sum of
    ``pi_j`` outside S and of ``1 - pi_j`` in it. So newcomers cost more and members less, by `_change`, and S a constant.
    ``l_j = lambda_l2 + lambda_ratio / base_j^2``. With a squared loss ``E phi(r_i)`` is ``phi`` at the mean gates plus
    ``sum_j a_i A_ij^2 w_j^2 var(z_j)``. Parameters are the stacked log weights and log_alpha, a tensor of shape (2, n_alive);
    all tensors are float32 on one device. Values and gradients are divided by `unit`, which Adam does not see.
    """

    _change: Tensor | None

    def __init__(self, system: ScaledSystem, config: Config, alive: np.ndarray, device: torch.device) -> None:
        self.unit = max(1.0, float(np.abs(system.target).max()) / LARGEST_TARGET) ** 2
        self._config, self._loss, self._estimator = config, system.loss, ESTIMATORS[config.estimator]
        here = system.map if device.type == system.device.type else linear_map(system.matrix, device)
        here = here if len(alive) == system.shape[1] else here.columns(torch.tensor(alive, device=device))
        self._map = here.to(torch.float32)
        self._target = _float32(system.target, device)
        self._importance = _float32(system.importance / self.unit, device)
        self._relative = _float32(system.relative, device)
        self._square = _float32(system.squares[alive] / self.unit, device)
        self.price(system, config, alive)

    def price(self, system: ScaledSystem, config: Config, alive: np.ndarray) -> None:
        """Take the prices of these settings."""
        self._lambda_l0 = system.lambda_l0(config) / self.unit if self._estimator.gated else 0.0
        change, self._change, self._members = system.lambda_change(config) / self.unit, None, 0.0
        if change and system.before is not None:
            self._members = change * int(system.before.kept.sum())
            self._change = _float32(np.where(system.before.kept[alive], -change, change), self._square.device)
        lambda_l2 = system.lambda_l2(config) + config.lambda_ratio / system.base_weights[alive] ** 2
        lambda_l2 = np.where(system.squares[alive] > 0, lambda_l2, 0.0)  # a household in no target has no reason to change its weight
        self._lambda_l2 = _float32(lambda_l2 / self.unit, self._square.device)
        self._spread = self._square + self._lambda_l2  # what a unit of gate variance costs, for each squared weight

    def columns(self, chosen: Tensor) -> Objective:
        """That of some of the households, given by ascending indices, shape (n_chosen,)."""
        part = copy(self)
        part._map = self._map.columns(chosen)
        part._square, part._lambda_l2, part._spread = (t[chosen] for t in (self._square, self._lambda_l2, self._spread))
        part._change = None if self._change is None else self._change[chosen]
        return part

    def gradient(self, parameters: Tensor, dist: HardConcreteDistribution, step: int, out: Tensor) -> Forward:
        """Write the gradient with respect to `parameters` into `out`, both of shape (2, n_alive); what it went through."""
        log_weight, log_alpha = parameters
        by_weight, by_gate = out
        w = torch.exp(log_weight)
        gates = self._estimator.gates(log_alpha, dist, self._config.seed, step)
        gated, pi = w * gates.mean, dist.p_active(log_alpha) if self._priced else w.new_zeros(())
        residual = self._map.matvec(gated) - self._target
        pull = self._map.rmatvec(self._importance * self._loss.derivative(residual))
        pull.addcmul_(self._lambda_l2, gated, value=2).mul_(w)
        torch.mul(pull, gates.mean, out=by_weight)
        torch.mul(pull, gates.mean_slope, out=by_gate)
        if gates.variance.dim():  # gates that are drawn have none
            spread = (w * w).mul_(self._spread)
            by_weight.addcmul_(spread, gates.variance, value=2)
            by_gate.addcmul_(spread, gates.variance_slope)
        if pi.dim():
            by_gate.addcmul_(pi, 1 - pi, value=self._lambda_l0)
            if self._change is not None:
                by_gate.addcmul_(self._change, pi * (1 - pi))
        return Forward(w, gates, residual, pi)

    def terms(self, forward: Forward) -> Tensor:
        """Data, L0 and L2 term of the objective at a forward pass, divided by `unit`, shape (3,)."""
        w, gates, residual, pi = forward
        square = w * w
        data = (self._importance * self._loss.value(residual)).sum() + (self._square * square * gates.variance).sum()
        l2 = (self._lambda_l2 * square * (gates.mean * gates.mean + gates.variance)).sum()
        l0 = self._lambda_l0 * pi.sum()
        return torch.stack([data, l0 if self._change is None else l0 + self._change @ pi + self._members, l2])

    @property
    def _priced(self) -> bool:
        """Whether open gates have a price."""
        return self._lambda_l0 > 0 or self._change is not None

    def gate(self, parameters: Tensor, dist: HardConcreteDistribution) -> Tensor:
        """Test-time gates, shape (n_alive,)."""
        return dist.gate(parameters[1]) if self._estimator.gated else torch.ones_like(parameters[1])

    def relative_errors(self, weights: Tensor) -> Tensor:
        """Signed relative errors of the targets in use, shape (n_use,), for weights of the households alive."""
        return (self._map.matvec(weights) - self._target) * self._relative


def _float32(a: np.ndarray, device: torch.device) -> Tensor:
    return torch.tensor(a, dtype=torch.float32, device=device)
