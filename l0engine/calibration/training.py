"""iterate() and fit(): gates and weights by Adam, dropping dead households on the way, then the refit."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem import Problem
from l0engine.calibration.refit import refit
from l0engine.calibration.results import Result, Snapshot, Status
from l0engine.calibration.state import TrainingState
from l0engine.calibration.system import ScaledSystem
from l0engine.calibration.trainer import STRETCH, Ended, Trainer
from l0engine.errors import ConfigError


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
        About a hundred in a run, the last one at its last step.

    Returns
    -------
    Result
        As the generator's value. A fit that finds nothing usable returns with status 'diverged' and a sentence.

    Raises
    ------
    ProblemError, ConfigError
        Problem and config do not go together, before the first step.
    """
    started = time.perf_counter()
    system = ScaledSystem.build(problem, config)
    device, notes, history, last = resolve_device(config.device), [], [], resume

    def keep(state: TrainingState) -> None:
        nonlocal last
        last = state
        if save is not None:
            save(state)

    while True:
        training = None
        try:
            training = Trainer(system, config, device, last, stretch)
            while (reason := training.ended(should_stop)) is None:
                training.advance()
                if training.at_snapshot():
                    history.append(training.snapshot(time.perf_counter() - started))
                    keep(training.state())
                    yield history[-1]
            break
        except torch.OutOfMemoryError:
            if device.type == "cpu":
                raise
            step = int(last.step) if last is not None else 0
            notes.append(f"The {device.type} device ran out of memory; the run went on from step {step} on the CPU.")
            device = torch.device("cpu")
    if not history or history[-1].step != training.step:
        history.append(training.snapshot(time.perf_counter() - started))
        yield history[-1]
    fit_seconds = time.perf_counter() - started
    return _conclude(problem, config, system, training.weights(), reason, notes, tuple(history), device.type, fit_seconds)


def fit(problem: Problem, config: Config | None = None) -> Result:
    """Drain `iterate`: the result of a whole run, with a default `Config` where none is given."""
    run = iterate(problem, config or Config())
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _conclude(
    problem: Problem,
    config: Config,
    system: ScaledSystem,
    gated: np.ndarray,
    reason: Ended,
    notes: list[str],
    history: tuple[Snapshot, ...],
    device: str,
    fit_seconds: float,
) -> Result:
    """Refit the kept households, measure before and after, and say what happened."""
    started = time.perf_counter()
    if reason.status is not Status.DIVERGED and not (gated > 0).any():
        early = reason.status is Status.STOPPED
        why = f"{reason.message} No gate was open yet: let it run longer" if early else "No household was kept"
        reason = Ended(Status.DIVERGED, f"{why}{', or' if early else ':'} lower lambda_l0 (now {config.lambda_l0:g}).")
    if reason.status is Status.DIVERGED:
        gated = np.zeros_like(gated)
    weights, refitted = gated, None
    if config.refit and reason.status is not Status.DIVERGED:
        weights = refit(system, gated, config)
        refitted = measure(problem, weights, system.use)
    for a in (gated, weights):
        a.setflags(write=False)
    return Result(
        status=reason.status,
        message=" ".join(filter(None, [reason.message, *notes])),
        config=config,
        gated_weights=gated,
        weights=weights,
        gated=measure(problem, gated, system.use),
        refitted=refitted,
        history=history,
        device=device,
        fit_seconds=fit_seconds,
        refit_seconds=time.perf_counter() - started,
    )
