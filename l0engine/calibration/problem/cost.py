"""What a run will cost, roughly, before it starts."""

from __future__ import annotations

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem

#: Seconds a step for each stored entry and each household, and for each step, measured on two cores without compaction.
_PER_ENTRY, _PER_HOUSEHOLD, _PER_STEP = 1.2e-9, 2.0e-8, 4e-4
#: With gates most households are dropped early: the mean share of the columns that a step still works on.
_ALIVE = 0.3
#: Newton steps of a refit, and seconds a step for each cubed target (a Cholesky factor).
_NEWTON, _PER_CUBE = 30, 8e-12


def estimated_seconds(problem: Problem, config: Config) -> float:
    """Training and refit on two CPU cores, in seconds; right to within a factor of about three."""
    alive = 1.0 if config.estimator == "ungated" else _ALIVE
    step = _PER_STEP + alive * (_PER_ENTRY * problem.matrix.nnz + _PER_HOUSEHOLD * problem.n_households)
    refit = _NEWTON * _PER_CUBE * min(problem.n_targets, 4000) ** 3 if config.refit else 0.0
    return config.epochs * step + refit


def estimated_memory(problem: Problem) -> float:
    """Bytes a run needs at its largest: the matrix as read, scaled, and by rows and columns on the device; the torch library."""
    entry = problem.matrix.data.itemsize + problem.matrix.indices.itemsize
    return 350e6 + 5.0 * entry * problem.matrix.nnz + 200.0 * problem.n_households + 24.0 * min(problem.n_targets, 4000) ** 2
