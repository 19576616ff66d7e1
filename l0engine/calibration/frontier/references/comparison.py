"""Points of reference methods at one number of households."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np

from l0engine.calibration.frontier.point import FrontierPoint, checked_budgets
from l0engine.calibration.frontier.references import REFERENCES, checked_methods
from l0engine.calibration.frontier.references.method import Case, Choice
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Result
from l0engine.calibration.support.calibrated import calibrated
from l0engine.calibration.support.support import Support
from l0engine.errors import ConfigError


def compare(
    problem: Problem,
    result: Result,
    budget: int,
    methods: Sequence[str] = tuple(REFERENCES),
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[FrontierPoint]:
    """Points of reference methods at one number of households, in the order asked for.

    Parameters
    ----------
    problem : Problem
    result : Result
        A fit of this problem with weights; its config holds for all methods. A goal of it is left aside.
    budget : int
    methods : sequence of str
        Names in `REFERENCES`. One that finds no weights gives no point, and a line in the log.
    should_stop : callable
        Polled between methods and in the L1 path; once True no more points come. HiGHS cannot be interrupted.

    Raises
    ------
    ConfigError
        A method is unknown; see `checked_budgets`; or the fit left no weights.
    """
    methods = checked_methods(methods)
    (budget,) = checked_budgets([budget], problem.n_households, problem.n_protected)
    if not result.status.has_result:
        raise ConfigError(f"The fit left no weights, so there is nothing to compare: {result.message}")
    config = result.config.without_goal()
    system, held = ScaledSystem.build(problem, config), held_out_targets(problem, config)
    case = Case(system, config, result.gated_weights, budget, should_stop)
    for name in methods:
        if should_stop():
            return
        started = time.perf_counter()
        choice = REFERENCES[name].choose(case)
        if choice is not None:
            point = _point(problem, case, held, name, choice)
            yield replace(point, seconds=time.perf_counter() - started)


def _point(problem: Problem, case: Case, held: np.ndarray, name: str, choice: Choice) -> FrontierPoint:
    kept, start, refit, note = choice
    weights = np.zeros(problem.n_households)
    weights[kept] = start
    if refit:
        weights = calibrated(problem, case.system, case.config, Support.at(kept, start), eliminated=False).weights
    measures = measure(problem, weights, case.system.use)
    assert measures is not None  # a choice is never empty
    held_out = measure(problem, weights, held) if held.any() else None
    size = problem.n_households if name == "dense" else case.budget
    return FrontierPoint(name, size, kept, start, weights[kept], measures, held_out, note=note)
