"""ScaledSystem: the targets in use, divided by their scales, as every solver wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES, Loss, importance
from l0engine.calibration.preflight import targets_in_use
from l0engine.calibration.problem import Problem
from l0engine.errors import ProblemError


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
        Factor of each residual's loss; see `losses.importance`.
    relative : ndarray of float64, shape (n_use,)
        ``residual * relative`` is the relative error of `metrics.relative_errors`.
    base_weights : ndarray of float64, shape (n_households,)
    """

    loss: Loss
    use: np.ndarray
    matrix: sp.csc_array
    rows: sp.csr_array
    squares: np.ndarray
    target: np.ndarray
    importance: np.ndarray
    relative: np.ndarray
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
        matrix = rows.tocsc()
        squares = sp.csc_array((matrix.data * matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
        return cls(
            loss=loss,
            use=use,
            matrix=matrix,
            rows=rows,
            squares=squares.T @ weight.astype(rows.dtype),
            target=problem.values[use] / scales,
            importance=weight,
            relative=scales / problem.scales[use],
            base_weights=problem.base_weights,
        )

    def columns(self, households: np.ndarray) -> sp.csc_array:
        """The columns of some households, shape (n_use, len(households))."""
        return self.matrix if len(households) == self.matrix.shape[1] else self.matrix[:, households]
