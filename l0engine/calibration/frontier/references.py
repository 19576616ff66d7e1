"""References: what simpler methods make of as many households, so that a result is judged against something.

Each answers the same problem with the same loss; those that choose households have them refitted like any other support.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse as sp
from scipy.optimize import linprog

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.l1_path import l1_path
from l0engine.calibration.frontier.point import FrontierPoint, checked_budgets
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import NEGLIGIBLE, ScaledSystem
from l0engine.calibration.results import Result
from l0engine.calibration.support.choosing import calibrated
from l0engine.calibration.support.elimination import Elimination, Support
from l0engine.errors import ConfigError

#: After so many seconds the L1 path ends where it is.
L1_SECONDS = 30.0
#: Linear programming takes the households the fit kept, where the matrix has more entries than this; and ends after so many seconds.
LP_ENTRIES, LP_SECONDS = 300_000, 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Case:
    """What a reference method is given.

    Attributes
    ----------
    system : ScaledSystem
    config : Config
    gated : ndarray of float64, shape (n_households,)
        Gated weights of the fit.
    budget : int
    should_stop : callable
    """

    system: ScaledSystem
    config: Config
    gated: np.ndarray
    budget: int
    should_stop: Callable[[], bool]


class Choice(NamedTuple):
    """Households, ascending, with their positive weights, and whether these are only the start of a refit."""

    kept: np.ndarray
    weights: np.ndarray
    refit: bool = True
    note: str = ""


class Reference(NamedTuple):
    """A method to compare with; it returns None where it finds no weights."""

    title: str
    sentence: str
    choose: Callable[[Case], Choice | None]


def _dense(case: Case) -> Choice:
    base = case.system.base_weights
    return Choice(np.arange(len(base)), base)


def _random(case: Case) -> Choice:
    base = case.system.base_weights
    kept = np.sort(np.random.default_rng(case.config.seed).choice(len(base), case.budget, replace=False))
    return Choice(kept, base[kept] * (base.sum() / base[kept].sum()))


def _pps(case: Case) -> Choice:
    base = case.system.base_weights
    pi = inclusion_probabilities(base, case.budget)
    kept = systematic_sample(pi, np.random.default_rng(case.config.seed))
    return Choice(kept, base[kept] / pi[kept])


def inclusion_probabilities(size: np.ndarray, k: int) -> np.ndarray:
    """Probabilities proportional to positive sizes, at most 1, of sum k, shape (n,).

    Where one would be above 1 the unit is certain and the others share the rest. Source: Tille (2006), Sampling Algorithms,
    section 2.10.
    """
    certain = np.zeros(len(size), dtype=bool)
    pi = np.ones(len(size))
    while (left := k - int(certain.sum())) > 0:
        pi[~certain] = left * size[~certain] / size[~certain].sum()
        more = ~certain & (pi >= 1 - 1e-9)
        if not more.any():
            break
        pi[more], certain = 1.0, certain | more
    if left == 0:
        pi[~certain] = 0.0
    return pi


def systematic_sample(pi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Units drawn with probabilities of whole sum, in exactly that number, ascending.

    Systematic sampling in random order. Source: Madow (1949), On the theory of systematic sampling, II; Hartley & Rao (1962),
    Sampling with unequal probabilities and without replacement, for the order.
    """
    certain, order = np.flatnonzero(pi >= 1), rng.permutation(np.flatnonzero(pi < 1))
    k = round(pi.sum()) - len(certain)
    if k == 0:
        return certain
    edges = np.cumsum(pi[order])
    drawn = order[np.searchsorted(edges * (k / edges[-1]), rng.random() + np.arange(k), side="right")]
    return np.sort(np.concatenate([certain, drawn]))


def _l1(case: Case) -> Choice | None:
    """The first solution of the L1 path that is large enough; of it, those that carry most."""
    system, row = case.system, np.sqrt(case.system.importance)
    base, norm = system.base_weights, np.sqrt(system.squares)
    a = sp.csc_array(sp.diags_array(row) @ system.matrix.astype(np.float64) @ sp.diags_array(base))
    x, until = np.zeros(len(base)), time.perf_counter() + L1_SECONDS
    for _, x in l1_path(a, row * system.target, lambda: case.should_stop() or time.perf_counter() > until):
        if np.count_nonzero(x) >= case.budget:
            break
    if case.should_stop():
        return None
    positive = np.flatnonzero(x)
    if not len(positive):
        logger.info("The L1 path keeps no household: all targets are met best by none.")
        return None
    weights, note = x[positive] * base[positive], ""
    if len(positive) < case.budget:
        note = (
            f"The L1 path ends with {len(positive):,} households, not {case.budget:,}: "
            f"an L1 solution needs no more than there are targets ({a.shape[0]:,})."
        )
        note += f" It was cut short after {L1_SECONDS:g} s." if time.perf_counter() > until else ""
    order = np.argsort(-norm[positive] * weights, kind="stable")
    stay = np.sort(order[: case.budget])
    return Choice(positive[stay], weights[stay] * (weights.sum() / weights[stay].sum()), note=note)


def _lp(case: Case) -> Choice | None:
    """The vertex of least absolute residuals; the columns are in units of the base weights."""
    system, row, note = case.system, np.sqrt(case.system.importance), "The size of an LP vertex is its own: at most one household a target."
    columns = np.arange(len(system.base_weights))
    if system.matrix.nnz > LP_ENTRIES:
        columns = np.flatnonzero(case.gated > 0)
        note += f" The problem is large, so it was chosen among the {len(columns):,} households that the fit kept."
    base = system.base_weights[columns]
    a = sp.diags_array(row) @ system.columns(columns).astype(np.float64) @ sp.diags_array(base)
    slack = sp.eye_array(a.shape[0])
    cost = np.concatenate([np.zeros(len(columns)), np.ones(2 * a.shape[0])])
    upper = np.concatenate([np.full(len(columns), case.config.max_ratio or np.inf), np.full(2 * a.shape[0], np.inf)])
    bounds: Any = np.column_stack([np.zeros(len(upper)), upper])
    # interior point, then crossover to a vertex: the simplex method took more than a minute where this took 25 s
    options: Any = {"time_limit": LP_SECONDS}
    equal: Any = sp.csc_array(sp.hstack([a, slack, -slack]))
    found = linprog(cost, A_eq=equal, b_eq=row * system.target, bounds=bounds, method="highs-ipm", options=options)
    x = np.zeros(0) if found.x is None else found.x[: len(columns)]
    positive = np.flatnonzero(x > NEGLIGIBLE)
    if not len(positive):
        logger.warning("Linear programming found no weights in %g s at most: %s", LP_SECONDS, found.message)
        return None
    if not found.success:
        note += " It was cut short, so this is not its best."
    return Choice(columns[positive], x[positive] * base[positive], refit=False, note=note)


def _gated(case: Case) -> Choice:
    """What elimination keeps, before the refit."""
    elimination = Elimination(case.system, case.gated)
    kept = len(elimination.full.kept)
    support = elimination.down_to(min(case.budget, kept), elimination.full)
    note = f"The fit keeps {kept:,} households, fewer than {case.budget:,}: these are all of them." if kept < case.budget else ""
    return Choice(support.kept, np.clip(support.start, *case.system.bounds(support.kept, case.config)), refit=False, note=note)


#: The reference methods, by name, in the order in which they are shown.
REFERENCES: Mapping[str, Reference] = MappingProxyType({
    "dense": Reference("All households", "Every household, refitted from its base weight: what selection gives up.", _dense),
    "random": Reference("Random households", "As many households drawn at random, all alike, then refitted.", _random),
    "pps": Reference("Random by weight", "As many households drawn with probability proportional to base weight, then refitted.", _pps),
    "l1": Reference("L1 path", "Least squares with a price on weight / base weight, lowered until enough are kept; then refitted.", _l1),
    "lp": Reference("Linear programming", "Least absolute errors at a corner: it hits targets with at most one household each.", _lp),
    "gated": Reference("Gated weights", "The households that the fit keeps, with its own gated weights and no refit.", _gated),
})  # fmt: skip


def checked_methods(names: Sequence[str]) -> tuple[str, ...]:
    """The names, all of them in `REFERENCES`; or a ConfigError."""
    if unknown := [name for name in names if name not in REFERENCES]:
        raise ConfigError(f"There is no reference method {unknown[0]!r}: choose from {', '.join(REFERENCES)}.")
    return tuple(names)


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
    (budget,) = checked_budgets([budget], problem.n_households)
    if not result.status.has_weights:
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
    kept, start, _, note = choice
    if choice.refit:
        raked = calibrated(problem, case.system, case.config, Support(kept, start, np.log(start)), eliminated=False)
        weights, measures = raked.weights, raked.measures
    else:
        weights = np.zeros(problem.n_households)
        weights[kept] = start
        found = measure(problem, weights, case.system.use)
        assert found is not None  # a choice is never empty
        measures = found
    held_out = measure(problem, weights, held) if held.any() else None
    size = problem.n_households if name == "dense" else case.budget
    return FrontierPoint(name, size, kept, start, weights[kept], measures, held_out, note=note)
