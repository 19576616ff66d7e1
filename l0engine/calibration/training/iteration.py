"""iterate() and fit(): gates and weights by Adam, dropping dead households on the way, then the refit."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.support.choosing import relaxes
from l0engine.calibration.support.goals import by_price, falls_short, smallest
from l0engine.calibration.support.polish import polished
from l0engine.calibration.support.refit import refit
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.trainer import STRETCH, Ended, Trainer
from l0engine.draining import drain
from l0engine.errors import ConfigError
from l0engine.gates.estimators import ESTIMATORS

#: Where a fit keeps too few households for its goal, lambda_l0 falls by this factor, and so often; after that all are kept.
FALL, FALLS = 4.0, 6
#: A fit is far off with more than this share of the loss of keeping none; another choice is taken where it costs less than this share.
FAR_OFF, ANEW = 1e-4, 0.99
#: Another choice is quick with up to so many entries.
QUICK = 3_000_000


def resolve_device(name: str) -> torch.device:
    """The torch device for a `Config.device`.

    Raises
    ------
    ConfigError
        This machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise ConfigError(f"device is '{name}', which this machine or this build of torch does not have: choose 'auto' or 'cpu'.")
    return torch.device(name)


def iterate(
    problem: Problem,
    config: Config,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    save: Callable[[TrainingState], None] | None = None,
    resume: TrainingState | None = None,
    stretch: tuple[float, float] = STRETCH,
) -> Generator[Snapshot, None, Result]:
    """Fit a problem, step by step.

    Parameters
    ----------
    problem : Problem
    config : Config
    should_stop : callable
        Polled every step; once True the training ends and the refit follows.
    save : callable, optional
        Gets the state just before each snapshot is yielded.
    resume : TrainingState, optional
        Go on from here; the steps that follow are those of an uninterrupted run.
    stretch : tuple of float
        Gamma and zeta of the gates, see `HardConcreteDistribution`.

    Yields
    ------
    Snapshot
        A hundred at most in a run, the last one at its last step.

    Returns
    -------
    Result
        As the generator's value. A fit that finds nothing usable returns with status 'diverged' and a sentence.

    Raises
    ------
    ProblemError, ConfigError
        Problem and config do not go together, before the first step.
    """
    watch = _Watch(should_stop, save, time.perf_counter(), [])
    system, device = ScaledSystem.build(problem, config), resolve_device(config.device)
    if config.budget is not None and config.budget > problem.n_households:
        raise ConfigError(f"budget is {config.budget:,} but there are {problem.n_households:,} households: ask for no more than that.")
    attempt, resume = _attempt(config, resume)
    while True:
        lower, first = falling(config, system, attempt), attempt * (config.epochs + 1)
        trained = yield from _train(system, lower, device, resume, stretch, watch, first)
        last = (
            not config.has_goal or relaxes(system, config) or attempt == FALLS or trained.reason.status in (Status.STOPPED, Status.DIVERGED)
        )
        if last or np.count_nonzero(trained.gated > 0) >= (config.budget or 1):
            seconds = time.perf_counter() - watch.started
            result = _conclude(problem, config, lower, system, trained, tuple(watch.history), seconds)
            short = falls_short(config, result.final) if result.final is not None else ""
            if last or not short:
                break
        attempt, resume, device = attempt + 1, None, trained.device
    missed = f"The goal is out of reach: {short}." if short else ""
    return replace(result, message=" ".join(filter(None, [result.message, missed])))


def fit(problem: Problem, config: Config | None = None) -> Result:
    """Drain `iterate`: the result of a whole run, with a default `Config` where none is given."""
    return drain(iterate(problem, config or Config()))


class _Watch(NamedTuple):
    """Who looks on: they may end it, and keep its states; snapshots and the clock go on over all attempts."""

    should_stop: Callable[[], bool]
    save: Callable[[TrainingState], None] | None
    started: float
    history: list[Snapshot]


class _Trained(NamedTuple):
    gated: np.ndarray
    reason: Ended
    notes: list[str]
    device: torch.device


def _train(
    system: ScaledSystem,
    config: Config,
    device: torch.device,
    resume: TrainingState | None,
    stretch: tuple[float, float],
    watch: _Watch,
    first: int,
) -> Generator[Snapshot, None, _Trained]:
    """One training; its snapshots join the history, their steps counted from `first`."""
    notes: list[str] = []
    last = resume

    def look(training: Trainer) -> Snapshot:
        snapshot = training.snapshot(time.perf_counter() - watch.started)
        watch.history.append(replace(snapshot, step=snapshot.step + first, epochs=snapshot.epochs + first))
        return watch.history[-1]

    while True:
        training = None
        try:
            training = Trainer(system, config, device, last, stretch)
            while (reason := training.ended(watch.should_stop)) is None:
                training.advance()
                if training.at_snapshot():
                    snapshot = look(training)
                    last = training.state()
                    if watch.save is not None:
                        watch.save(replace(last, step=last.step + first))
                    yield snapshot
            break
        except torch.OutOfMemoryError:
            if device.type == "cpu":
                raise
            step = int(last.step) if last is not None else 0
            notes.append(f"The {device.type} device ran out of memory; the run went on from step {step} on the CPU.")
            device = torch.device("cpu")
    if not watch.history or watch.history[-1].step != training.step + first:
        yield look(training)
    return _Trained(training.weights(), reason, notes, device)


def falling(config: Config, system: ScaledSystem, attempt: int) -> Config:
    """The config of an attempt at a goal: lambda_l0 falls, and in the end every household stays; so it does where that costs nothing."""
    if attempt == 0:
        free = system.lambda_l0(config) == 0 and not config.has_goal
        return replace(config, estimator="ungated") if free and config.estimator == "expected" else config
    if attempt == FALLS:
        return replace(config.without_goal(), estimator="ungated")
    return replace(config, share=None, lambda_l0=system.lambda_l0(config) / FALL**attempt)


def _attempt(config: Config, resume: TrainingState | None) -> tuple[int, TrainingState | None]:
    """Which attempt at a goal a state belongs to, and the state as that attempt knows it."""
    if resume is None:
        return 0, None
    attempt, step = divmod(int(resume.step), config.epochs + 1)
    return attempt, replace(resume, step=np.asarray(step))


def _conclude(
    problem: Problem,
    config: Config,
    lower: Config,
    system: ScaledSystem,
    trained: _Trained,
    history: tuple[Snapshot, ...],
    fit_seconds: float,
) -> Result:
    """Refit the kept households, or as few of them as a goal asks for; measure before and after, and say what happened."""
    started, gated, reason = time.perf_counter(), trained.gated, trained.reason
    price, stopped, note = system.lambda_l0(lower), reason.status is Status.STOPPED, ""
    kept = gated > 0  # single precision may have left some just outside their bounds
    gated[kept] = np.clip(gated[kept], 0.0, system.bounds(np.flatnonzero(kept), config).high)
    usable, found, weights, refitted = reason.status is not Status.DIVERGED, None, gated, None
    if usable and stopped and not (gated > 0).any():
        usable, reason = (
            False,
            Ended(Status.DIVERGED, f"{reason.message} No gate was open yet: let it run longer, or lower lambda_l0 (now {price:g})."),
        )
    if usable and config.has_goal:
        found = smallest(problem, system, config, gated)
        if lower is not config:
            note = f"To keep enough households λ L0 was lowered to {price:g}."
            note = "No λ L0 kept enough households: all of them were the start." if lower.estimator == "ungated" else note
    elif usable and config.refit:
        if (gated > 0).any():
            chosen = polished(system, gated, price) if config.polish else gated
            weights = refit(system, chosen if ESTIMATORS[lower.estimator].gated else system.base_weights, config)
        if not stopped and ESTIMATORS[lower.estimator].gated and shut_too_early(system, weights):
            anew = by_price(problem, system, config, gated, price)
            before = system.value(weights) + price * int((weights > 0).sum())
            if anew is not None and anew.loss + price * len(anew.support.kept) < ANEW * before:
                found, note = anew, f"The gates shut too early at this price, so {len(anew.support.kept):,} households were chosen anew."
    if found is not None:
        weights, refitted = found.weights, found.measures
    elif usable and config.refit:
        refitted = measure(problem, weights, system.use)
    if usable and not (weights > 0).any():
        usable, reason = False, Ended(Status.DIVERGED, f"No household was kept: lower the price of a household (λ L0 is now {price:g}).")
    if not usable:
        gated = weights = np.zeros_like(gated)
    for a in (gated, weights):
        a.setflags(write=False)
    return Result(
        status=reason.status,
        message=" ".join(filter(None, [reason.message, *trained.notes, note])),
        config=config,
        gated_weights=gated,
        weights=weights,
        gated=measure(problem, gated, system.use),
        refitted=refitted,
        held_out=measure(problem, weights, held_out_targets(problem, config)) if config.hold_out else None,
        history=history,
        device=trained.device.type,
        fit_seconds=fit_seconds,
        refit_seconds=time.perf_counter() - started,
        certificate=None if found is None else found.certificate,
    )


def shut_too_early(system: ScaledSystem, weights: np.ndarray) -> bool:
    """Whether the gates shut before the weights could take over: nothing is left, or it is far off and choosing anew is quick."""
    return not (weights > 0).any() or (system.matrix.nnz <= QUICK and system.value(weights) > FAR_OFF * system.nothing)
