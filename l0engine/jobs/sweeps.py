"""Sweeps: many runs of one problem, over any settings, carried out by any `concurrent.futures` executor."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from l0engine.calibration.config import Config, settings
from l0engine.calibration.problem.previous import Previous, check_price
from l0engine.errors import ConfigError, L0Error
from l0engine.jobs.records import RunRecord
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import worker_environment
from l0engine.machine import cores, on_gpu

#: Runs of one sweep, at most.
LARGEST = 1000


def grid(config: Config, axes: Mapping[str, Sequence[Any]]) -> list[Config]:
    """A config for every combination of values, the last axis changing fastest.

    Raises
    ------
    ConfigError
        An axis is no setting or has no values, a value is out of bounds or stands twice, or there are too many combinations.
    """
    for name, values in axes.items():
        if name not in settings():
            raise ConfigError(f"There is no setting '{name}' to sweep: the settings are {', '.join(settings())}.")
        if not len(values):
            raise ConfigError(f"The sweep over {name} has no values: give one or more.")
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > LARGEST:
        raise ConfigError(f"The sweep has {count:,} combinations: ask for at most {LARGEST:,}.")
    configs = [replace(config, **dict(zip(axes, combination, strict=True))) for combination in itertools.product(*axes.values())]
    plain = [repr(c.to_dict()) for c in configs]
    if len(set(plain)) < len(plain):
        raise ConfigError("The sweep has the same combination twice: give each value of a setting once.")
    return configs


def queue_sweep(store: Store, sha: str, configs: Sequence[Config], previous: Previous | None = None) -> list[RunRecord]:
    """Queue a run for each config; they share an id, `RunRecord.sweep`, and the previous answer they go out from, if any."""
    for config in configs:  # all or none
        check_price(config, previous)
    name = secrets.token_hex(6)
    return [store.create_run(sha, config, sweep=name, previous=previous) for config in configs]


def sweep(
    store: Store, sha: str, configs: Sequence[Config], executor: Executor | None = None, previous: Previous | None = None
) -> list[Future[str]]:
    """Start a run for each config; they are runs of the store like all others.

    Parameters
    ----------
    store : Store
    sha : str
        Fingerprint of a problem in the store.
    configs : sequence of Config
    executor : Executor, optional
        Anything with the `submit` of `concurrent.futures`; by default processes of this machine, which end with the last run:
        one for each core, or a single one where a run goes to the GPU.
    previous : Previous, optional
        What all of them go out from.

    Returns
    -------
    list of Future
        The id of each run, done when the run has ended, in the order of `configs`. A run that fails is one like others: see
        its status in the store.
    """
    runs = queue_sweep(store, sha, configs, previous)
    own = _local(1 if any(on_gpu(c.device) for c in configs) else len(runs)) if executor is None else None
    try:
        return [(executor or own).submit(_carry_out, str(store.root), run.id) for run in runs]  # type: ignore[union-attr]
    finally:
        if own is not None:
            own.shutdown(wait=False)


def _local(most: int) -> ProcessPoolExecutor:
    workers = max(1, min(most, cores()))
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _calm, (worker_environment(workers),))


def _calm(environment: Mapping[str, str]) -> None:
    """In a new process, before torch is imported."""
    os.environ.update(environment)


def _carry_out(root: str, run_id: str) -> str:
    """One run to its end in this process; where a supervisor was quicker, wait for it."""
    from l0engine.jobs.execution import Execution

    store = Store(Path(root))
    try:
        run = store.begin(run_id, os.getpid())
    except L0Error:
        while not store.run(run_id).status.ended:
            time.sleep(0.2)
        return run_id
    Execution(store, run).carry_out()
    return run_id
