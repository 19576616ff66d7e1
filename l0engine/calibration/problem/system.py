"""ScaledSystem: the targets in use, divided by their scales, as every solver wants them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse as sp

from l0engine.arrays.areas import Areas
from l0engine.arrays.linear_map import LinearMap, SparseMap, applied, linear_map
from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES, Loss
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.previous import Matched
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.rules import Rules
from l0engine.errors import ProblemError

CPU = torch.device("cpu")
#: Hardness of a sum of weights that must hold.
EXACT = 1e-8
#: The relative price counts at least so many households for each target, so that no target is given up for the price of one household.
FEW_HOUSEHOLDS = 100
#: A refitted weight at or below this share of its base weight is dropped: it moves no total, and would count as kept.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class ScaledSystem:
    """``matrix @ weights ~ target`` for the targets in use; residuals are in units of the loss.

    Attributes
    ----------
    loss : Loss
    device : torch.device
        Where solvers work, in double precision.
    use : ndarray of bool, shape (n_targets,)
        The targets of the problem that stand here as rows.
    source : csr_array, shape (n_targets, n_households)
        The problem's matrix.
    chosen : ndarray of int, shape (n_use,)
        Its rows in use.
    scales : ndarray of float64, shape (n_use,)
        What the loss divides each row by.
    target : ndarray of float64, shape (n_use,)
    importance : ndarray of float64, shape (n_use,)
        Factor of each residual's loss; see `importance.importance`.
    relative : ndarray of float64, shape (n_use,)
        ``residual * relative`` is the relative error of `metrics.relative_errors`.
    hardness : ndarray of float64, shape (n_use,)
        What a refit divides each squared residual by: 1, or far less for a sum of weights that must hold.
    base_weights : ndarray of float64, shape (n_households,)
        `Problem.start_weights`.
    rules : Rules
        What the weights of single households must obey.
    before : Matched or None
        The previous answer, where the fit goes out from one.

    A row for the sum of weights, where the config asks for one, stands last; `use` knows nothing of it.
    """

    loss: Loss
    device: torch.device
    use: np.ndarray
    source: sp.csr_array
    chosen: np.ndarray
    scales: np.ndarray
    target: np.ndarray
    importance: np.ndarray
    relative: np.ndarray
    hardness: np.ndarray
    base_weights: np.ndarray
    rules: Rules
    before: Matched | None = None

    @classmethod
    def build(cls, problem: Problem, config: Config, device: torch.device = CPU, before: Matched | None = None) -> Self:
        """Scale the problem for the loss of a config.

        Raises
        ------
        ProblemError
            No target can be used.
        """
        use = targets_in_use(problem, config)
        if not use.any():
            raise ProblemError("No target can be used: all are unreachable, left out or of weight 0; check the preflight.")
        loss = LOSSES[config.loss]
        scales, weight = loss.scales(problem)[use], importance(problem, config, use)[use]
        source, chosen = problem.matrix, np.flatnonzero(use)
        target, relative, hardness = problem.values[use] / scales, scales / problem.magnitudes[use], np.ones(len(weight))
        if config.total != "free":
            one: Any = sp.csr_array(np.ones((1, source.shape[1]), source.dtype))
            source, chosen = sp.csr_array(sp.vstack([source, one])), np.append(chosen, source.shape[0])
            scales = np.append(scales, problem.start_weights.sum())
            target, relative, weight = np.append(target, 1.0), np.append(relative, 1.0), np.append(weight, weight.mean())
            hardness = np.append(hardness, EXACT if config.total == "exact" else 1.0)
        start, rules = problem.start_weights, problem.rules
        return cls(loss, device, use, source, chosen, scales, target, weight, relative, hardness, start, rules, before)

    def on(self, device: torch.device) -> Self:
        """The same system for another device."""
        return self if device == self.device else replace(self, device=device)

    @property
    def shape(self) -> tuple[int, int]:
        """Targets in use, and households."""
        return len(self.chosen), self.source.shape[1]

    @cached_property
    def map(self) -> LinearMap:
        """The scaled matrix on the device, as precise as the problem's."""
        if self.device.type == "cpu":
            return linear_map(self.matrix, self.device, self._dtype, rows=self._rows)
        return linear_map(self.source, self.device, self._dtype, chosen=self.chosen).scaled(self._here(1 / self.scales, self._dtype))

    @cached_property
    def matrix(self) -> sp.csc_array:
        """The scaled matrix on the host, by columns, shape (n_use, n_households)."""
        return self._rows.tocsc()

    @cached_property
    def _rows(self) -> sp.csr_array:
        """The same by rows."""
        rows = self.source if len(self.chosen) == self.source.shape[0] else self.source[self.chosen]
        data = np.repeat(self.scales.astype(rows.dtype), np.diff(rows.indptr))
        np.divide(rows.data, data, out=data)
        return sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

    @property
    def _dtype(self) -> torch.dtype:
        return torch.float64 if self.source.dtype == np.float64 else torch.float32

    @cached_property
    def squares(self) -> np.ndarray:
        """``sum_i importance_i matrix_ij^2``, float32 or float64, shape (n_households,)."""
        return self.map.squared().rmatvec(self._here(self.importance, self._dtype)).cpu().numpy()

    @cached_property
    def nothing(self) -> float:
        """The loss of keeping no household, positive: what prices are in units of."""
        return float(self.importance @ self.loss.value(torch.from_numpy(self.target)).numpy()) or 1.0

    def lambda_l0(self, config: Config) -> float:
        """The price of one household, in loss."""
        if config.share is not None:
            return config.share / self.shape[1]
        if config.lambda_l0 is not None:
            return config.lambda_l0
        return self._in_loss(config.price_l0)

    def lambda_change(self, config: Config) -> float:
        """The price of a household that enters or leaves the previous set, in loss; 0 without one."""
        return 0.0 if self.before is None else self._in_loss(config.price_change)

    def cost_of_change(self, config: Config, weights: np.ndarray) -> float:
        """What an answer, weights of all households, costs by who enters and leaves, in loss."""
        price = self.lambda_change(config)
        return price * int(((weights > 0) != self.before.kept).sum()) if price and self.before is not None else 0.0

    def cost(self, config: Config, price: float, loss: float, weights: np.ndarray) -> float:
        """What an answer costs in all: its loss, a price for every household kept, and who enters and leaves."""
        return loss + price * int((weights > 0).sum()) + self.cost_of_change(config, weights)

    def _in_loss(self, price: float) -> float:
        """A relative price of a household, in loss."""
        n_targets, n = self.shape
        return price * self.nothing / max(n, FEW_HOUSEHOLDS * n_targets)

    def lambda_l2(self, config: Config) -> float:
        """The price of one squared weight, in loss."""
        if config.lambda_l2 is not None:
            return config.lambda_l2
        return config.price_l2 * self.nothing * self.shape[1] / float(self.base_weights.sum()) ** 2

    def bounds(self, households: np.ndarray, config: Config) -> Bounds:
        """Smallest and largest weights of some households."""
        return Bounds.of(config, self.base_weights[households], self.rules.at(households))

    def bounded(self, config: Config) -> bool:
        """Whether settings or rules limit weights, or keep households."""
        return config.bounded or self.ruled is not None

    @cached_property
    def ruled(self) -> Rules | None:
        """The rules, where any household has some."""
        return self.rules if self.rules.given else None

    @cached_property
    def protected(self) -> np.ndarray:
        """Columns of the households that are never dropped, ascending."""
        return np.flatnonzero(self.rules.protected)

    def least_squares(self, households: np.ndarray) -> tuple[sp.csc_array, np.ndarray]:
        """``A, b`` of the squared loss ``||A w - b||^2`` of some households' weights, in float64, whatever the loss is."""
        row = np.sqrt(self.importance)
        return sp.csc_array(sp.diags_array(row) @ self.columns(households), dtype=np.float64), row * self.target

    def value(self, weights: np.ndarray) -> float:
        """The loss of weights of all households, without prices."""
        return float(self.importance @ self.loss.value(torch.from_numpy(self.estimates(weights) - self.target)).numpy())

    def estimates(self, weights: np.ndarray) -> np.ndarray:
        """``matrix @ weights`` in double precision, shape (n_use,), for weights of all households, most of which are 0."""
        if self.device.type == "cpu":
            return np.asarray(self.matrix @ weights)
        kept = np.flatnonzero(weights)
        return applied(self.part(kept), weights[kept])

    def errors(self, residual: np.ndarray) -> np.ndarray:
        """Absolute relative errors of the rows for residuals in units of the loss, shape (n_use,)."""
        return np.asarray(np.abs(residual * self.relative))

    def columns(self, households: np.ndarray) -> sp.csc_array:
        """The columns of some households on the host, shape (n_use, len(households))."""
        if self.device.type == "cpu":
            return self.matrix if len(households) == self.shape[1] else self.matrix[:, households]
        return self.map.columns(self._here(households, torch.int64)).host()

    def part(self, households: np.ndarray, factors: np.ndarray | None = None) -> LinearMap:
        """The columns of some households on the device in double precision, their rows multiplied by factors, shape (n_use,)."""
        everyone = len(households) == self.shape[1]
        map_ = (self.map if everyone else self.map.columns(self._here(households, torch.int64))).to(torch.float64)
        return map_ if factors is None or (factors == 1).all() else map_.scaled(self._here(factors))

    def part_by_areas(self, households: np.ndarray, factors: np.ndarray | None = None) -> LinearMap:
        """The same with the areas of its rows, for solvers that factor."""
        map_ = self.part(households, factors)
        return replace(map_, areas=self.areas) if isinstance(map_, SparseMap) else map_

    @cached_property
    def areas(self) -> Areas | None:
        """Areas of the targets; on a GPU, which factors dense systems quickly, none."""
        return Areas.of(self._rows, self.matrix) if self.device.type == "cpu" else None

    def _here(self, array: np.ndarray, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.tensor(array, dtype=dtype, device=self.device)
