"""The verdict: a result in sentences, drawn from its numbers by rules; each says what, and what to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.limits import Limit, limits, share
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures, Snapshot
from l0engine.gates.estimators import ESTIMATORS

#: The effective sample size is low below this share of the households kept.
UNEVEN = 0.15
#: Households were still leaving where so large a share of them went in the last tenth of the steps.
LEAVING = 0.02
#: With less than this share of what the gates kept, households were chosen anew, and the gates say nothing of them.
CHOSEN_ANEW = 0.8
#: Totals that were held out are far off above this median error.
FAR = 0.10
#: Why targets cannot be reached, and what to do.
_NOBODY = "by any household: add households of the missing kind"
_AWAY = "as every household that counts moves the estimate away from the value: check the sign of the value and of the matrix row"
_NONE = np.zeros(0, int)


@dataclass(frozen=True, eq=False)
class Answer:
    """Weights and what a verdict needs to know of them.

    Attributes
    ----------
    problem : Problem
    config : Config
    weights : ndarray of float64, shape (n_households,)
    measures : Measures
    use : ndarray of bool, shape (n_targets,)
    history : sequence of Snapshot
        Of the training; empty where its size was asked for, or nothing is known of it.
    held_out : Measures or None
    """

    problem: Problem
    config: Config
    weights: np.ndarray
    measures: Measures
    use: np.ndarray
    history: Sequence[Snapshot] = ()
    held_out: Measures | None = None


def headline(measures: Measures, n_households: int) -> str:
    """The result in two sentences, for Markdown."""
    m = measures
    met = m.median_abs_rel_error
    half = f"within **{share(met).removeprefix('< ')}**" if met else "**met exactly**"
    return (
        f"Kept **{m.kept:,} of {n_households:,} ({share(m.kept / n_households)})** households. Half of the targets are {half}, "
        f"{share(m.share_within_10pct)} within 10 %; worth **{m.ess:,.0f}** equally weighted households."
    )


def verdict(answer: Answer) -> tuple[Limit, ...]:
    """What there is to say of an answer beyond its headline: what was not reached, what limits it, what to try; the most telling first."""
    rules = (_no_gate, _leaving, _unreachable, _held_out, _tolerances, _uneven)
    own = [limit for rule in rules for limit in rule(answer)]
    return (*own, *limits(answer.problem, answer.config, answer.weights))


def _no_gate(a: Answer) -> Iterator[Limit]:
    asked = a.config.budget is not None and a.config.budget >= a.problem.n_households
    if a.measures.kept == a.problem.n_households and ESTIMATORS[a.config.estimator].gated and not asked and a.history:
        yield Limit(
            "gates", "No gate can close yet, so every household is kept: raise the price of a household (λ L0) or the epochs.", _NONE
        )


def _leaving(a: Answer) -> Iterator[Limit]:
    if a.config.has_goal or len(a.history) < 2 or a.measures.kept == a.problem.n_households:
        return
    last = a.history[-1]
    if a.measures.kept < CHOSEN_ANEW * last.kept:
        return
    before = next(s for s in a.history if s.step >= 0.9 * last.step)
    gone = before.kept - last.kept
    if before.kept and gone > LEAVING * before.kept and last.step >= last.epochs:
        yield Limit(
            "gates", f"Households were still leaving when the epochs ended ({gone:,} in the last tenth): more epochs keep fewer.", _NONE
        )


def _unreachable(a: Answer) -> Iterator[Limit]:
    out, counted = ~a.problem.reachable, a.problem.support > 0
    for rows, why in ((np.flatnonzero(out & ~counted), _NOBODY), (np.flatnonzero(out & counted), _AWAY)):
        if len(rows):
            which = f"{len(rows):,} targets" if len(rows) > 1 else f"'{a.problem.names[rows[0]]}'"
            yield Limit("unreachable", f"{which} cannot be reached {why}.", rows)


def _held_out(a: Answer) -> Iterator[Limit]:
    if a.held_out is not None and a.held_out.median_abs_rel_error > FAR:
        far = share(a.held_out.median_abs_rel_error)
        yield Limit(
            "held out", f"Totals that were held out are missed by {far} in the middle: do not publish what was not a target.", _NONE
        )


def _tolerances(a: Answer) -> Iterator[Limit]:
    met = a.measures.share_within_tolerance
    if met is not None and met < 1:
        n = int((a.use & ~np.isnan(a.problem.tolerances)).sum())
        missed = round((1 - met) * n)
        yield Limit("tolerance", f"{missed:,} of {n:,} targets with a tolerance are not within it: keep more households.", _NONE)


def _uneven(a: Answer) -> Iterator[Limit]:
    worth = a.measures.ess / a.measures.kept
    if worth < UNEVEN and a.measures.kept > 1:
        remedy = "raise λ L2" if a.config.max_ratio is not None else "cap the ratio of weights, or raise λ L2"
        yield Limit("uneven", f"The effective sample size is {share(worth)} of the households kept: {remedy}.", _NONE)
