"""Each part of one training step at full width against the time to stream the matrix twice, which no step can beat.

python tests/benchmarks/hot_step.py us|readme|national
"""

from __future__ import annotations

from l0engine.machine import calm_threads

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from compare import PROBLEMS
from scaling import problem as national
from scipy import sparse as sp

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.training.objective import Objective
from l0engine.hard_concrete import HardConcreteDistribution

WHOLE = "whole step without Adam"


def best(act: Callable[[], object], repeat: int = 15) -> float:
    """Milliseconds, the least of some runs."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def measure(name: str) -> tuple[sp.csc_array, float, dict[str, float]]:
    """The matrix of a problem; milliseconds of streaming it twice; milliseconds of each part of a step."""
    m, values, base = national(1.0) if name == "national" else PROBLEMS[name]()[:3]
    system = ScaledSystem.build(Problem.create(m, values, base_weights=base), Config())
    n, dist, device = len(base), HardConcreteDistribution(0.35), torch.device("cpu")
    objective, sampled = (Objective(system, Config(estimator=e), np.arange(n), device) for e in ("expected", "sampled"))
    product = system.map.to(torch.float32)
    parameters = torch.stack([torch.log(torch.tensor(base)).float(), torch.zeros(n)])
    gradient, w, r = torch.zeros_like(parameters), torch.rand(n), torch.rand(len(system.target))
    dense = system.matrix.nnz > 0.5 * np.prod(system.matrix.shape)
    stored = torch.zeros(int(np.prod(system.matrix.shape)) if dense else 2 * system.matrix.nnz)  # values and column numbers
    parts = {
        "matrix @ weights": lambda: product.matvec(w),
        "matrix.T @ residual": lambda: product.rmatvec(r),
        "both, one after the other": lambda: (product.matvec(w), product.rmatvec(r)),  # neither finds its matrix in the cache
        "moments of the gates": lambda: dist.moments(parameters[1]),
        WHOLE: lambda: objective.gradient(parameters, dist, 0, gradient),
        "the same, sampled gates": lambda: sampled.gradient(parameters, dist, 0, gradient),
    }
    return system.matrix, 2 * best(lambda: stored.sum()), {label: best(act) for label, act in parts.items()}


def main() -> None:
    matrix, floor, parts = measure(name := sys.argv[1])
    print(f"{name}: {matrix.shape[0]:,} x {matrix.shape[1]:,}, {matrix.nnz:,} non-zeros; floor (streaming the matrix twice) {floor:.2f} ms")
    for label, took in parts.items():
        print(f"  {label:26}{took:8.2f} ms   {took / floor:5.1f} x floor")


if __name__ == "__main__":
    main()
