"""The sparsity frontier: error against the number of households, every point from one fit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint, checked_budgets
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets
from l0engine.calibration.problem.previous import Previous, placed
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Measures, Result, Snapshot
from l0engine.calibration.support.calibrated import Calibrated, along
from l0engine.calibration.support.choosing import SAME, Chooser
from l0engine.calibration.support.relaxing import relaxes
from l0engine.calibration.support.support import Support
from l0engine.calibration.training.devices import choose_device, solver_device
from l0engine.calibration.training.iteration import FALLS, falling, iterate
from l0engine.draining import drain
from l0engine.errors import ConfigError


def frontier(
    problem: Problem,
    result: Result,
    budgets: Sequence[int],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Snapshot], None] = lambda _: None,
    previous: Previous | None = None,
) -> Generator[FrontierPoint]:
    """Weights at every budget, largest first, from one fit; see `choosing`.

    More households never mean a larger loss, but for a thousandth: where a smaller budget ends with less, the larger one is made anew
    from it, and yielded once more. Where there is no relaxation, budgets above the number that the fit kept are answered from a fit with a
    smaller lambda_l0, which is made here.

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
    previous : Previous, optional
        What the fit went out from. With a price of change, sizes are chosen by it as well, and a larger loss with more households stands
        where it keeps more of the previous set.

    Raises
    ------
    ConfigError
        See `checked_budgets`; or the fit left no weights.
    """
    wanted = checked_budgets(budgets, problem.n_households, problem.n_protected)
    if not result.status.has_result:
        raise ConfigError(f"The fit left no weights, so there is no frontier of it: {result.message}")
    config = result.config.without_goal()
    system, held = _system(problem, config, previous), held_out_targets(problem, config)
    gated, found = result.gated_weights, []
    if wanted[0] > np.count_nonzero(gated) and not relaxes(system, config):
        gated = _keeping(wanted[0], problem, system, config, should_stop, watch, previous)
    chooser = Chooser(problem, system, config, gated)
    for budget in wanted:
        if should_stop():
            return
        found.append(chooser.at(budget))
        yield _point(problem, budget, found[-1], held)
    if system.lambda_change(config):
        return
    for larger, smaller in reversed(list(pairwise(range(len(found))))):
        if should_stop():
            return
        if found[smaller].loss < found[larger].loss * (1 - SAME):
            raised = chooser.as_good(found[larger], found[smaller])
            if raised is not found[larger]:
                found[larger] = raised
                yield _point(problem, wanted[larger], raised, held)


def curve(problem: Problem, config: Config, point: FrontierPoint) -> Generator[tuple[float, Measures]]:
    """Error against effective sample size at one number of households: softness mu and measures, softest first, see `along`.

    Where the relaxation chose the households weights are held to their mean.
    """
    system, support = _system(problem, replace(config, price_change=0.0)), Support.at(point.households, point.start)
    level = None if point.certificate is None else float(point.start.mean())
    for found in along(problem, system, config, support, level=level):
        yield found.found.mu, found.measures


def _system(problem: Problem, config: Config, previous: Previous | None = None) -> ScaledSystem:
    """Where the fit ran, the sizes are worked out too."""
    return ScaledSystem.build(problem, config, solver_device(choose_device(problem, config).device), placed(problem, config, previous))


def _point(problem: Problem, budget: int, found: Calibrated, held: np.ndarray) -> FrontierPoint:
    return FrontierPoint(
        method="l0engine",
        budget=budget,
        households=found.support.kept,
        start=found.support.start,
        weights=found.weights[found.support.kept],
        measures=found.measures,
        held_out=measure(problem, found.weights, held) if held.any() else None,
        seconds=found.seconds,
        certificate=found.certificate,
        mu=found.found.mu,
    )


def _keeping(
    at_least: int,
    problem: Problem,
    system: ScaledSystem,
    config: Config,
    should_stop: Callable[[], bool],
    watch: Callable[[Snapshot], None],
    previous: Previous | None,
) -> np.ndarray:
    """Gated weights of a fit that keeps so many households, with a smaller lambda_l0."""
    for attempt in range(1, FALLS + 1):
        run = iterate(problem, replace(falling(config, system, attempt), refit=False), should_stop=should_stop, previous=previous)
        gated = drain(run, watch).gated_weights
        if should_stop() or np.count_nonzero(gated) >= at_least:
            break
    return gated
