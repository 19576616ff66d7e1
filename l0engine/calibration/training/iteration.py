"""iterate() and fit(): gates and weights by Adam, dropping dead households on the way, then the refit."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.previous import Matched, Previous, placed
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import CPU, ScaledSystem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.support.goals import falls_short
from l0engine.calibration.support.relaxing import relaxes
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.conclusion import conclude, told_of_change
from l0engine.calibration.training.devices import choose_device, gave_out, solver_device
from l0engine.calibration.training.steering import Change, Changes
from l0engine.calibration.training.trained import Trained
from l0engine.calibration.training.trainer import STRETCH, Trainer
from l0engine.draining import drain
from l0engine.errors import ConfigError, ProblemError
from l0engine.machine import running_on

#: Where a fit keeps too few households for its goal, lambda_l0 falls by this factor, and so often; after that all are kept.
FALL, FALLS = 4.0, 6
#: A state that a lost device cannot take along is copied to the host this often.
COPY_SECONDS = 5.0


def iterate(
    problem: Problem,
    config: Config,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    save: Callable[[Callable[[], TrainingState]], None] | None = None,
    resume: TrainingState | None = None,
    changes: Changes = (),
    stretch: tuple[float, float] = STRETCH,
    previous: Previous | None = None,
) -> Generator[Snapshot, None, Result]:
    """Fit a problem, step by step.

    Parameters
    ----------
    problem : Problem
    config : Config
    should_stop : callable
        Polled every step; once True the training ends and the refit follows.
    save : callable, optional
        Called once each snapshot was taken in, and after the last step, with a function that copies the state from the device. The
        function may be called then, or whenever `should_stop` is polled or the run is over: it gives the state of that moment.
    resume : TrainingState, optional
        Go on from here; the steps that follow are those of an uninterrupted run.
    changes : sequence of Change, or callable
        Settings that change on the way, by step: all of them, or a function that is asked before every step for those known so far.
        The same changes lead to the same bits, whether they are known from the start, come on the way, or the run is resumed.
    stretch : tuple of float
        Gamma and zeta of the gates, see `HardConcreteDistribution`.
    previous : Previous, optional
        An earlier answer to go out from; `Config.price_change` is a price on leaving its set. A run that is resumed needs the same.

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
    known = changes if callable(changes) else _from_the_start(changes)
    watch = _Watch(should_stop, save, known, time.perf_counter(), [])
    before = checked(problem, config, previous)
    device, why = choose_device(problem, config)
    system = ScaledSystem.build(problem, config, solver_device(device), before)
    attempt, resume = _attempt(config, resume)
    while True:
        lower, first = falling(config, system, attempt), attempt * (config.epochs + 1)
        trained = yield from _train(system, lower, device, resume, stretch, watch, first)
        system = system.on(solver_device(trained.device))
        ended = attempt == FALLS or trained.reason.status in (Status.STOPPED, Status.DIVERGED)
        last = ended or not config.has_goal or relaxes(system, config)
        if last or np.count_nonzero(trained.gated > 0) >= (config.budget or 1):
            result = _concluded(problem, config, system, trained, watch)
            short = falls_short(config, result.final) if result.final is not None else ""
            if last or not short or result.status is Status.STOPPED:
                break
        attempt, resume, device = attempt + 1, None, trained.device
    missed = f"The goal is out of reach: {short}." if short else ""
    told = "" if system.before is None else told_of_change(system.before, config)
    return replace(result, message=" ".join(filter(None, [result.message, missed, told, why])))


def checked(problem: Problem, config: Config, previous: Previous | None = None) -> Matched | None:
    """The previous answer on the households of the problem, once all three go together.

    Raises
    ------
    ProblemError, ConfigError
        They do not: what, and what would.
    """
    values, held = problem.values[targets_in_use(problem, config)], problem.n_protected
    if len(values) and not values.any() and config.total == "free":
        raise ProblemError("All targets are 0, as means and shares are: keeping nobody meets them; add a total that fixes the size.")
    if config.budget is not None and config.budget > problem.n_households:
        raise ConfigError(f"budget is {config.budget:,} but there are {problem.n_households:,} households: ask for no more than that.")
    most = config.budget or problem.n_households
    if config.min_ess is not None and config.min_ess > most:
        words = f"min_ess is {config.min_ess:,g}, but the effective sample size of {most:,} households is {most:,} at most"
        raise ConfigError(f"{words}: ask for no more than that.")
    if config.budget is not None and config.budget < held:
        raise ConfigError(f"budget is {config.budget:,} but {held:,} households are protected: ask for as many at least.")
    if config.polish and problem.rules.given:
        raise ConfigError("polish knows no households with rules of their own: turn it off.")
    return placed(problem, config, previous)


def _from_the_start(changes: Sequence[Change]) -> Callable[[int], Sequence[Change]]:
    by_step = sorted(changes, key=lambda change: change.step)
    return lambda _: by_step


def fit(problem: Problem, config: Config | None = None, previous: Previous | None = None) -> Result:
    """Drain `iterate`: the result of a whole run, with a default `Config` where none is given; from a previous answer, where one is."""
    return drain(iterate(problem, config or Config(), previous=previous))


class _Watch(NamedTuple):
    """Who looks on: they may end it, and keep its states; snapshots and the clock go on over all attempts."""

    should_stop: Callable[[], bool]
    save: Callable[[Callable[[], TrainingState]], None] | None
    changes: Callable[[int], Sequence[Change]]
    started: float
    history: list[Snapshot]


def _train(
    system: ScaledSystem,
    config: Config,
    device: torch.device,
    resume: TrainingState | None,
    stretch: tuple[float, float],
    watch: _Watch,
    first: int,
) -> Generator[Snapshot, None, Trained]:
    """One training; its snapshots join the history, their steps counted from `first`."""
    notes: list[str] = []
    last, copied = resume, time.perf_counter()

    def look(training: Trainer) -> Snapshot:
        snapshot = training.snapshot(time.perf_counter() - watch.started)
        where = " ".join([running_on(device), *notes])
        watch.history.append(replace(snapshot, step=snapshot.step + first, epochs=snapshot.epochs + first, where=where))
        return watch.history[-1]

    def state(training: Trainer) -> TrainingState:
        found = training.state()
        return replace(found, step=found.step + first)

    while True:
        training = None
        try:
            training = Trainer(system, config, device, last, stretch, watch.changes(int(last.step) if last is not None else 0))
            while True:
                training.steer(watch.changes(training.step))
                if (reason := training.ended(watch.should_stop)) is not None:
                    break
                training.advance()
                if training.at_snapshot():
                    snapshot = look(training)
                    if device.type != "cpu" and time.perf_counter() - copied > COPY_SECONDS:
                        last, copied = training.state(), time.perf_counter()
                    yield snapshot
                    if watch.save is not None:
                        watch.save(partial(state, training))
            break
        except RuntimeError as error:
            if not (what := gave_out(error, device)):
                raise
            if training is not None and isinstance(error, torch.OutOfMemoryError):
                last = training.state()
            step = int(last.step) if last is not None else 0
            notes.append(f"The {device.type} device {what}; the run went on from step {step} on the CPU.")
            system, device = system.on(CPU), CPU
            del watch.history[sum(s.step - first <= step for s in watch.history) :]
    told = resume is not None and int(resume.step) == training.step and training.at_snapshot()
    if not told and (not watch.history or watch.history[-1].step != training.step + first):
        yield look(training)
        if watch.save is not None:
            watch.save(partial(state, training))
    return Trained(training.weights(), reason, notes, device, training.config)


def _concluded(problem: Problem, config: Config, system: ScaledSystem, trained: Trained, watch: _Watch) -> Result:
    """The end of a fit, on the CPU where the device gives out."""
    seconds, history = time.perf_counter() - watch.started, tuple(watch.history)
    try:
        return conclude(problem, config, system, trained, history, seconds)
    except RuntimeError as error:
        if not (what := gave_out(error, system.device)):
            raise
        note = f"The {system.device.type} device {what}; the weights were refitted on the CPU."
        trained = trained._replace(notes=[*trained.notes, note])
        return conclude(problem, config, system.on(CPU), trained, history, seconds)


def falling(config: Config, system: ScaledSystem, attempt: int) -> Config:
    """The config of an attempt at a goal: lambda_l0 falls, and in the end every household stays; so it does where that costs nothing."""
    if attempt == 0:
        free = system.lambda_l0(config) == 0 and config.price_change == 0 and not config.has_goal
        return replace(config, estimator="ungated") if free and config.estimator == "expected" else config
    if attempt == FALLS:
        return replace(config.without_goal(), estimator="ungated", price_change=0.0)
    return replace(config, share=None, lambda_l0=system.lambda_l0(config) / FALL**attempt)


def _attempt(config: Config, resume: TrainingState | None) -> tuple[int, TrainingState | None]:
    """Which attempt at a goal a state belongs to, and the state as that attempt knows it."""
    if resume is None or not config.has_goal:
        return 0, resume
    attempt, step = divmod(int(resume.step), config.epochs + 1)
    return attempt, replace(resume, step=np.asarray(step))
