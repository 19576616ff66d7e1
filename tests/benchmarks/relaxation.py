"""The US problem at several numbers of households: gates, elimination and raking alone, and all that the engine does; in the same run.

    python tests/benchmarks/relaxation.py [sizes] [alone] [cap] [held]

sizes: errors, effective sample size, seconds a size, and the gap to what is proven, on targets with at least 5 households.
alone: each of several numbers of households without those before it, as for a budget.
cap: 12,000 and 3,763 households of which none has more than 10 or 50 times its base weight; both ways, and with a given softness.
held: 15 % of the targets held out, eight seeds, at 3,763 households: median error on those, both ways; after five seeds and after all.
Errors are plain abs(estimate / value - 1), recomputed here from the weights.
"""

from __future__ import annotations

from l0engine.machine import calm_threads

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from compare import us_problem

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support.choosing import Calibrated, Chooser, calibrated
from l0engine.calibration.support.elimination import Elimination
from l0engine.calibration.training.iteration import fit

SIZES = (12_000, 3_763, 2_400, 1_000)
#: The path without relaxation and exchange, with the settings that were its defaults; its fit keeps enough for the largest size.
WITHOUT = Config(lambda_l0=3.1e-4, lambda_l2=1e-12, jitter=0.0, mu=8e-5, relax=False, refit=False)
WITH = Config(refit=False)


def words(m, y, weights: np.ndarray) -> str:
    error, kept = np.abs(m @ weights / y - 1), weights[weights > 0]
    return f"{len(kept):7,} kept   median {np.median(error):.5f}   mean {error.mean():.4f}   ESS {kept.sum() ** 2 / (kept @ kept):6,.0f}"


def way(problem: Problem, config: Config) -> Callable[[int], Calibrated]:
    """From a number of households to the answer, largest number first."""
    system, gated = ScaledSystem.build(problem, config), fit(problem, config).gated_weights
    if config.relax:
        return Chooser(problem, system, config, gated).at
    elimination = Elimination(system, gated)
    supports = [elimination.full]

    def at(k: int) -> Calibrated:
        supports.append(elimination.down_to(k, supports[-1]))
        return calibrated(problem, system, config, supports[-1])

    return at


def run_sizes() -> None:
    m, y, base, _, _ = us_problem()
    problem = Problem.create(m, y, base_weights=base)
    for name, config in (("without", WITHOUT), ("with", WITH)):
        started = begun = time.perf_counter()
        at = way(problem, config)
        print(f"{name} relaxation: fit {time.perf_counter() - started:.1f} s")
        for k in SIZES:
            started = time.perf_counter()
            best = at(k)
            seconds, proven = time.perf_counter() - started, best.certificate
            gap = "" if proven is None else f"   gap {proven.gap:.2%}"
            print(f"{words(m, y, best.weights)}   mu {best.found.mu:.0e}   {seconds:.1f} s{gap}", flush=True)
        print(f"{name} relaxation: {time.perf_counter() - begun:.1f} s for all, the fit with them", flush=True)


def run_alone() -> None:
    m, y, base, _, _ = us_problem()
    problem = Problem.create(m, y, base_weights=base)
    system, gated = ScaledSystem.build(problem, WITH), fit(problem, WITH).gated_weights
    for k in (*SIZES, 6_000, 1_100, 500):
        best = Chooser(problem, system, WITH, gated).at(k)
        print(f"alone: {words(m, y, best.weights)}   {best.seconds:.1f} s", flush=True)


def run_cap() -> None:
    m, y, base, _, _ = us_problem()
    problem = Problem.create(m, y, base_weights=base)
    for cap, sizes in ((10.0, SIZES[:1]), (50.0, SIZES[:2])):
        for name, config in (("without", WITHOUT), ("with", WITH), ("with, mu 3e-5", replace(WITH, mu=3e-5))):
            at = way(problem, replace(config, max_ratio=cap))
            for k in sizes:
                started = time.perf_counter()
                best = at(k)
                seconds, ratio = time.perf_counter() - started, (best.weights / base).max()
                print(
                    f"cap {cap:.0f}, {name}: {words(m, y, best.weights)}   largest {ratio:.1f}   loss {best.loss:.2f}   {seconds:.1f} s",
                    flush=True,
                )


def run_held(k: int = 3_763) -> None:
    m, y, base, _, _ = us_problem()
    errors = []
    for seed in range(8):
        out = np.random.default_rng(seed).random(len(y)) < 0.15
        problem = Problem.create(m[~out], y[~out], base_weights=base)
        both = [way(problem, config)(k).weights for config in (replace(WITHOUT, lambda_l0=1e-3), WITH)]
        errors.append([np.median(np.abs(m[out] @ w / y[out] - 1)) for w in both])
        print(f"seed {seed}: median error held out {errors[-1][0]:.3f} without, {errors[-1][1]:.3f} with relaxation", flush=True)
        if seed in (4, 7):
            without, relaxed = np.mean(errors, axis=0)
            difference = np.diff(errors)[:, 0]
            error = difference.std(ddof=1) / np.sqrt(len(errors))
            print(
                f"mean {without:.3f} without, {relaxed:.3f} with; difference {relaxed - without:+.4f}, standard error {error:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    for part in sys.argv[1:] or ("sizes", "alone", "cap", "held"):
        {"sizes": run_sizes, "alone": run_alone, "cap": run_cap, "held": run_held}[part]()
