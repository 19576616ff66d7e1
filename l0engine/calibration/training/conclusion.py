"""The end of a fit: from gated weights to a result, by the refit, or by choosing households anew."""

from __future__ import annotations

import time
from typing import NamedTuple, Self

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets
from l0engine.calibration.problem.previous import Matched
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate, Measures, Result, Snapshot, Status
from l0engine.calibration.support.calibrated import Calibrated
from l0engine.calibration.support.capping import LEAST
from l0engine.calibration.support.goals import at_once, by_price, smallest
from l0engine.calibration.support.polish import polished
from l0engine.calibration.support.refit import refitted, without_negligible
from l0engine.calibration.training.trained import Ended, Trained
from l0engine.gates.estimators import ESTIMATORS
from l0engine.heeding import Abandoned, finishing

#: A fit is far off with more than this share of the loss of keeping none; another choice is taken where it costs less than this share.
FAR_OFF, ANEW = 1e-4, 0.99
#: Another choice is quick with up to so many entries.
QUICK = 3_000_000


class _Answer(NamedTuple):
    """Final weights, shape (n_households,); their measures after a refit; what is proven of them; what there is to say; what the refit
    held them to, and how softly.
    """

    weights: np.ndarray
    refitted: Measures | None = None
    certificate: Certificate | None = None
    note: str = ""
    start: np.ndarray | None = None
    mu: float | None = None

    @classmethod
    def of(cls, found: Calibrated, note: str) -> Self:
        """Of households that were chosen anew."""
        start = np.zeros(len(found.weights))
        start[found.support.kept] = found.support.start
        return cls(found.weights, found.measures, found.certificate, note, start, found.found.mu)


def conclude(
    problem: Problem,
    config: Config,
    system: ScaledSystem,
    trained: Trained,
    history: tuple[Snapshot, ...],
    fit_seconds: float,
) -> Result:
    """Refit the kept households, or as few of them as a goal asks for; measure before and after, and say what happened.

    Parameters
    ----------
    trained : Trained
        Its config is that of the training, with the price of a household lowered where a goal asked for it, and as steered at its end.
    """
    lower = trained.config
    started, gated, reason, price = time.perf_counter(), trained.gated, trained.reason, system.lambda_l0(lower)
    kept = gated > 0  # single precision may have left some just outside their bounds
    kept[system.protected] = True
    bounds, rules = system.bounds(np.flatnonzero(kept), config), system.rules.at(kept)
    gated[kept] = np.clip(gated[kept], np.where(rules.protected, bounds.low, rules.smallest), bounds.high)
    if reason.status is Status.STOPPED and not (gated > 0).any():
        words = f"{reason.message} No gate was open yet: let it run longer, or lower lambda_l0 (now {price:g})."
        reason = Ended(Status.DIVERGED, words)
    answer = _Answer(gated)
    if reason.status is not Status.DIVERGED:
        try:
            answer = _answer(problem, config, lower, system, gated, stopped=reason.status is Status.STOPPED)
        except Abandoned:
            reason = Ended(Status.STOPPED, reason.message)
            with finishing():
                answer = _answer(problem, config, lower, system, gated, stopped=True)
        if not (answer.weights > 0).any():
            reason = Ended(Status.DIVERGED, f"No household was kept: lower the price of a household (λ L0 is now {price:g}).")
    if reason.status is Status.DIVERGED:
        gated = np.zeros_like(gated)
        answer = _Answer(gated, note=answer.note)
    for a in (gated, answer.weights, *([] if answer.start is None else [answer.start])):
        a.setflags(write=False)
    return Result(
        status=reason.status,
        message=" ".join(filter(None, [reason.message, *trained.notes, answer.note])),
        config=config,
        gated_weights=gated,
        weights=answer.weights,
        gated=measure(problem, gated, system.use),
        refitted=answer.refitted,
        held_out=measure(problem, answer.weights, held_out_targets(problem, config)) if config.hold_out else None,
        history=history,
        device=trained.device.type,
        fit_seconds=fit_seconds,
        refit_seconds=time.perf_counter() - started,
        certificate=answer.certificate,
        threads=torch.get_num_threads(),
        start=answer.start,
        mu=answer.mu,
        overlap=system.before.overlap(answer.weights) if system.before is not None and (answer.weights > 0).any() else None,
    )


def told_of_change(before: Matched, config: Config) -> str:
    """What there is to say of a previous answer: what did not match, and where its price was not known."""
    said = [before.sentence] if before.gone or before.positions else []
    if config.price_change > 0 and config.has_goal:
        said.append("The price of change chose among the candidates; the relaxation did not know it.")
    return " ".join(said)


def _answer(problem: Problem, config: Config, lower: Config, system: ScaledSystem, gated: np.ndarray, *, stopped: bool) -> _Answer:
    price, gates = system.lambda_l0(lower), ESTIMATORS[lower.estimator].gated
    if config.has_goal and stopped:
        return _Answer.of(at_once(problem, system, config, gated), "Stopped before households were chosen: those that carry most are kept.")
    if config.has_goal:
        found, note = smallest(problem, system, config, gated), ""
        if lower is not config:
            note = f"To keep enough households λ L0 was lowered to {price:g}."
            note = note if gates else "No λ L0 kept enough households: all of them were the start."
        return _Answer.of(found, note)
    if not config.refit:
        return _Answer(gated)
    weights, start, mu = gated, None, None
    if (gated > 0).any():
        start = (polished(system, gated, price) if config.polish else gated) if gates else system.base_weights.copy()
        with finishing():
            weights, mu = refitted(system, start, config)
    if not stopped and gates and shut_too_early(system, weights):
        anew = by_price(problem, system, config, gated, price)
        before = system.cost(config, price, system.value(weights), weights)
        if anew is not None and system.cost(config, price, anew.loss, anew.weights) < ANEW * before:
            leave = not config.price_change  # or who leaves has a price
            weights = _worth_their_price(system, config, price, anew.weights) if leave else anew.weights
            note = f"What the gates kept is beaten at this price, so {np.count_nonzero(weights):,} households were chosen anew."
            return _Answer.of(anew, note)._replace(weights=weights, refitted=measure(problem, weights, system.use))
    gone = 0 if gates else np.count_nonzero(gated) - np.count_nonzero(weights)
    note = f"The targets pressed {gone:,} of all households to next to nothing: their weight is 0." if gone and mu is not None else ""
    return _Answer(weights, measure(problem, weights, system.use), note=note, start=start, mu=mu)


def _worth_their_price(system: ScaledSystem, config: Config, price: float, weights: np.ndarray) -> np.ndarray:
    """The weights without households that only fill up a number, where that pays: they have next to no weight, and a price each."""
    weights = without_negligible(system, weights)
    if config.total != "free":
        return weights  # each is part of the sum
    fewer = without_negligible(system, weights, 2 * LEAST)
    return min((weights, fewer), key=lambda w: system.cost(config, price, system.value(w), w))


def shut_too_early(system: ScaledSystem, weights: np.ndarray) -> bool:
    """Whether the gates shut before the weights could take over: nothing is left, or it is far off and choosing anew is quick."""
    return not (weights > 0).any() or (system.source.nnz <= QUICK and system.value(weights) > FAR_OFF * system.nothing)
