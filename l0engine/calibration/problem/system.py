"""ScaledSystem: the targets in use, divided by their scales, as every solver wants them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse as sp

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES, Loss
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError

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
    use : ndarray of bool, shape (n_targets,)
        The targets of the problem that stand here as rows.
    matrix : csc_array, shape (n_use, n_households)
        Rows of the problem's matrix divided by the loss's scales.
    rows : csr_array, shape (n_use, n_households)
        The same matrix by rows.
    squares : ndarray of float32 or float64, shape (n_households,)
        ``sum_i importance_i matrix_ij^2``.
    target : ndarray of float64, shape (n_use,)
    importance : ndarray of float64, shape (n_use,)
        Factor of each residual's loss; see `importance.importance`.
    relative : ndarray of float64, shape (n_use,)
        ``residual * relative`` is the relative error of `metrics.relative_errors`.
    hardness : ndarray of float64, shape (n_use,)
        What a refit divides each squared residual by: 1, or far less for a sum of weights that must hold.
    base_weights : ndarray of float64, shape (n_households,)
        `Problem.start_weights`.

    A row for the sum of weights, where the config asks for one, stands last; `use` knows nothing of it.
    """

    loss: Loss
    use: np.ndarray
    matrix: sp.csc_array
    rows: sp.csr_array
    squares: np.ndarray
    target: np.ndarray
    importance: np.ndarray
    relative: np.ndarray
    hardness: np.ndarray
    base_weights: np.ndarray

    @classmethod
    def build(cls, problem: Problem, config: Config) -> Self:
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
        rows = problem.matrix if use.all() else problem.matrix[use]
        data = np.repeat(scales.astype(rows.dtype), np.diff(rows.indptr))
        np.divide(rows.data, data, out=data)
        rows = sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)
        target, relative, hardness = problem.values[use] / scales, scales / problem.magnitudes[use], np.ones(len(weight))
        if config.total != "free":
            total = problem.start_weights.sum()
            one: Any = sp.csr_array(np.full((1, rows.shape[1]), 1 / total, rows.dtype))
            rows = sp.csr_array(sp.vstack([rows, one]))
            target, relative, weight = np.append(target, 1.0), np.append(relative, 1.0), np.append(weight, weight.mean())
            hardness = np.append(hardness, EXACT if config.total == "exact" else 1.0)
        matrix = rows.tocsc()
        squares = sp.csc_array((matrix.data * matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        return cls(
            loss=loss,
            use=use,
            matrix=matrix,
            rows=rows,
            squares=squares.T @ weight.astype(rows.dtype),
            target=target,
            importance=weight,
            relative=relative,
            hardness=hardness,
            base_weights=problem.start_weights,
        )

    @cached_property
    def nothing(self) -> float:
        """The loss of keeping no household, positive: what prices are in units of."""
        return float(self.importance @ self.loss.value(torch.from_numpy(self.target)).numpy()) or 1.0

    def lambda_l0(self, config: Config) -> float:
        """The price of one household, in loss."""
        n_targets, n = self.matrix.shape
        if config.share is not None:
            return config.share / n
        if config.lambda_l0 is not None:
            return config.lambda_l0
        return config.price_l0 * self.nothing / max(n, FEW_HOUSEHOLDS * n_targets)

    def lambda_l2(self, config: Config) -> float:
        """The price of one squared weight, in loss."""
        if config.lambda_l2 is not None:
            return config.lambda_l2
        return config.price_l2 * self.nothing * self.matrix.shape[1] / float(self.base_weights.sum()) ** 2

    def bounds(self, households: np.ndarray, config: Config) -> Bounds:
        """Smallest and largest weights of some households."""
        return Bounds.of(config, self.base_weights[households])

    def least_squares(self, households: np.ndarray) -> tuple[sp.csc_array, np.ndarray]:
        """``A, b`` of the squared loss ``||A w - b||^2`` of some households' weights, in float64, whatever the loss is."""
        row = np.sqrt(self.importance)
        return sp.csc_array(sp.diags_array(row) @ self.columns(households), dtype=np.float64), row * self.target

    def value(self, weights: np.ndarray) -> float:
        """The loss of weights of all households, without prices."""
        residual = torch.from_numpy(self.matrix @ weights - self.target)
        return float(self.importance @ self.loss.value(residual).numpy())

    def errors(self, residual: np.ndarray) -> np.ndarray:
        """Absolute relative errors of the rows for residuals in units of the loss, shape (n_use,)."""
        return np.asarray(np.abs(residual * self.relative))

    def columns(self, households: np.ndarray) -> sp.csc_array:
        """The columns of some households, shape (n_use, len(households))."""
        return self.matrix if len(households) == self.matrix.shape[1] else self.matrix[:, households]
