"""The sparsity frontier: error against the number of households, every point from one fit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.elimination import Elimination, Support
from l0engine.calibration.goals import TOLERANCE, Calibrated, calibrated, starts_warm
from l0engine.calibration.metrics import measure
from l0engine.calibration.point import FrontierPoint, checked_budgets
from l0engine.calibration.preflight import held_out_targets
from l0engine.calibration.problem import Problem
from l0engine.calibration.refit import recalibrate
from l0engine.calibration.results import Measures, Result, Snapshot
from l0engine.calibration.system import ScaledSystem
from l0engine.calibration.training import FALLS, falling, iterate
from l0engine.draining import drain
from l0engine.errors import ConfigError

#: Softnesses of the refit on the curve of error against effective sample size, softest first.
CURVE = (10.0, 3.0, 1.0, 0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)


def frontier(
    problem: Problem,
    result: Result,
    budgets: Sequence[int],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Snapshot], None] = lambda _: None,
) -> Generator[FrontierPoint]:
    """Weights at every budget, largest first, by elimination from the households a fit kept.

    Budgets above that number are answered from a fit with a smaller lambda_l0, which is made here.

    Parameters
    ----------
    problem : Problem
    result : Result
        A fit of this problem with weights; its config holds for all points. A goal of it is left aside.
    budgets : sequence of int
    should_stop : callable
        Polled between points and in a further fit; once True no more points come. Those yielded stay good.
    watch : callable
        Gets the snapshots of a further fit.

    Raises
    ------
    ConfigError
        See `checked_budgets`; or the fit left no weights.
    """
    wanted = checked_budgets(budgets, problem.n_households)
    if not result.status.has_weights:
        raise ConfigError(f"The fit left no weights, so there is no frontier of it: {result.message}")
    config = result.config.without_goal()
    system, held = ScaledSystem.build(problem, config), held_out_targets(problem, config)
    kept = int((result.gated_weights > 0).sum())
    above = [k for k in wanted if k > kept]
    if above:
        gated = _keeping(above[0], problem, config, should_stop, watch)
        yield from _points(problem, system, config, held, gated, above, should_stop)
    below = [k for k in wanted if k <= kept]
    if below:
        yield from _points(problem, system, config, held, result.gated_weights, below, should_stop)


def curve(problem: Problem, config: Config, point: FrontierPoint) -> Generator[tuple[float, Measures]]:
    """Error against effective sample size at one number of households: softness mu of the refit and measures, softest first."""
    system = ScaledSystem.build(problem, config)
    dual, weights = None, np.zeros(problem.n_households)
    for mu in CURVE:
        soft = replace(config, mu=mu)
        weights[point.households], dual = recalibrate(system, point.households, point.start, soft, after=dual, tolerance=TOLERANCE)
        measures = measure(problem, weights, system.use)
        assert measures is not None
        yield mu, measures


def _points(
    problem: Problem,
    system: ScaledSystem,
    config: Config,
    held: np.ndarray,
    gated: np.ndarray,
    budgets: Sequence[int],
    should_stop: Callable[[], bool],
) -> Generator[FrontierPoint]:
    if should_stop():
        return
    elimination = Elimination(system, gated)
    support, dual = elimination.full, None

    def choose(budget: int) -> Support | Calibrated:
        nonlocal support
        support = elimination.down_to(budget, support)
        return support if starts_warm(support, system) else calibrated(problem, system, config, support)

    ahead = ThreadPoolExecutor(1)  # sizes are chosen, and the smallest raked, while the large ones are raked here one from the other
    try:
        for budget, job in [(k, ahead.submit(choose, k)) for k in budgets]:
            found = job.result()
            if isinstance(found, Support):
                found = calibrated(problem, system, config, found, dual)
                dual = found.dual
            yield FrontierPoint(
                method="l0engine",
                budget=budget,
                households=found.support.kept,
                start=found.support.start,
                weights=found.weights[found.support.kept],
                measures=found.measures,
                held_out=measure(problem, found.weights, held) if held.any() else None,
                seconds=found.seconds,
            )
            if should_stop():
                return
    finally:
        ahead.shutdown(cancel_futures=True)


def _keeping(
    at_least: int, problem: Problem, config: Config, should_stop: Callable[[], bool], watch: Callable[[Snapshot], None]
) -> np.ndarray:
    """Gated weights of a fit that keeps so many households, with a smaller lambda_l0."""
    for attempt in range(1, FALLS + 1):
        run = iterate(problem, replace(falling(config, ScaledSystem.build(problem, config), attempt), refit=False), should_stop=should_stop)
        gated = drain(run, watch).gated_weights
        if should_stop() or np.count_nonzero(gated) >= at_least:
            break
    return gated
