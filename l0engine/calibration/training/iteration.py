"""iterate() and fit(): gates and weights by Adam, dropping dead households on the way, then the refit."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.support.choosing import relaxes
from l0engine.calibration.support.goals import falls_short
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.conclusion import conclude
from l0engine.calibration.training.trainer import STRETCH, Trained, Trainer
from l0engine.draining import drain
from l0engine.errors import ConfigError
from l0engine.machine import running_on

#: Where a fit keeps too few households for its goal, lambda_l0 falls by this factor, and so often; after that all are kept.
FALL, FALLS = 4.0, 6


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
        ended = attempt == FALLS or trained.reason.status in (Status.STOPPED, Status.DIVERGED)
        last = ended or not config.has_goal or relaxes(system, config)
        if last or np.count_nonzero(trained.gated > 0) >= (config.budget or 1):
            seconds = time.perf_counter() - watch.started
            result = conclude(problem, config, lower, system, trained, tuple(watch.history), seconds)
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
    last = resume

    def look(training: Trainer) -> Snapshot:
        snapshot = training.snapshot(time.perf_counter() - watch.started)
        where = " ".join([running_on(device), *notes])
        watch.history.append(replace(snapshot, step=snapshot.step + first, epochs=snapshot.epochs + first, where=where))
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
    return Trained(training.weights(), reason, notes, device)


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
