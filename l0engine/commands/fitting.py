"""`fit` and `frontier`: a fit of a problem, or of its sizes, and the files it leaves."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING

from tqdm import tqdm

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.calibration.limits import share
from l0engine.calibration.problem.margins import plain_number
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.previous import Previous
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures, Result, Snapshot
from l0engine.commands.previous import answer_named
from l0engine.commands.report import checked_columns
from l0engine.draining import drain
from l0engine.errors import ConfigError, L0Error
from l0engine.io import load_problem, write_run
from l0engine.io.saving import recipe_in
from l0engine.machine import at_most, suitable

if TYPE_CHECKING:
    from l0engine.commands.recording import Recorded


def _config(parsed: argparse.Namespace) -> Config:
    """The settings, once the folder to write to is there."""
    if parsed.out.exists() and not parsed.out.is_dir():
        raise ConfigError(f"--out {parsed.out} is a file: name a folder.")
    try:
        parsed.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {parsed.out} cannot be made ({error.strerror}): name another folder.") from error
    if not os.access(parsed.out, os.W_OK):
        raise ConfigError(f"--out {parsed.out} cannot be written: name another folder.")
    given = {f.name: getattr(parsed, f.name) for f in fields(Config) if hasattr(parsed, f.name)}
    if "group_multipliers" in given:
        given["group_multipliers"] = dict(given["group_multipliers"])
    return Config.from_dict(given)


def fit(parsed: argparse.Namespace) -> int:
    """Fit, write, and say what came out; 1 where it left no weights. Interrupt once to stop training and keep what is found."""
    from l0engine.calibration.training.iteration import checked, iterate

    config, out = _config(parsed), parsed.out
    problem, before = load_problem(parsed.problem), answer_named(parsed.previous)
    columns = checked_columns(problem, parsed.columns)
    checked(problem, config, before)  # what does not go together is said before the run is recorded
    with _interruptible() as stopping, _threads(problem), _recorded(parsed, problem, config, stopping, before) as job:
        steps = job.steps() if job is not None else iterate(problem, config, should_stop=stopping, previous=before)
        result = _with_progress(steps, config)
        if job is not None:
            job.finished(result)
    recipe = recipe_in(parsed.problem)
    try:
        write_run(out, problem, result, targets_in_use(problem, config), recipe, columns=columns)
    except OSError as error:
        kept = "" if job is None else f"; run {job.job.id} of the store has the weights"
        raise L0Error(f"The files could not be written to {out} ({error.strerror}){kept}: make room, or name another folder.") from error
    print(f"{result.status.sentence} {result.message}".strip())
    for name, measures in (("gated", result.gated), ("refitted", result.refitted), ("held out", result.held_out)):
        if measures is not None:
            print(f"{name:>9}: {_words(measures)}")
    if result.overlap is not None:
        print(result.overlap.sentence)
    more = [*(["solution.npz"] if problem.artifact else []), *(["recipe.toml"] if recipe else [])]
    files = ", ".join(["weights.csv", "targets.csv", "run.json", *more])
    print(f"Written to {out}: {files} ({result.fit_seconds + result.refit_seconds:.1f} s on {result.device}).")
    return 0 if result.status.has_result else 1


def frontier(parsed: argparse.Namespace) -> int:
    """Fit once, then write point after point. Interrupt once to keep the points found so far."""
    from l0engine.calibration.frontier import path
    from l0engine.calibration.frontier.point import checked_budgets
    from l0engine.calibration.frontier.references import checked_methods, compare
    from l0engine.calibration.training.iteration import iterate
    from l0engine.io import write_frontier

    config, out = _config(parsed), parsed.out
    points: dict[tuple[str, int], FrontierPoint] = {}
    problem, before = load_problem(parsed.problem), answer_named(parsed.previous)
    budgets, others = checked_budgets(parsed.budgets, problem.n_households, problem.n_protected), checked_methods(parsed.references)
    with _threads(problem):
        with _interruptible() as stopping:
            steps = iterate(problem, dataclasses.replace(config, refit=False), should_stop=stopping, previous=before)
            result = _with_progress(steps, config)
        if not result.status.has_result:
            print(f"{result.status.sentence} {result.message}".strip())
            return 1
        with _interruptible() as stopping:
            found = [path.frontier(problem, result, budgets, should_stop=stopping, previous=before)]
            for i, k in enumerate(budgets):  # some have a size of their own: once is enough
                wanted = [m for m in others if i == 0 or not REFERENCES[m].own_size]
                found.append(compare(problem, result, k, wanted, should_stop=stopping))
            for point in chain(*found):
                points.pop((point.method, point.budget), None)  # an improved point takes the place of an earlier one
                points[point.method, point.budget] = point
                write_frontier(out, problem, list(points.values()))
                print(f"{point.method:>9}: {_words(point.measures)}", flush=True)
    solutions = ", with solution_K.npz" if problem.artifact else ""
    print(f"Written to {out}: frontier.csv, and weights_K.csv for each budget{solutions}.")
    return 0 if points else 1


def _threads(problem: Problem) -> AbstractContextManager[None]:
    """Inside, as many threads as the problem is worth."""
    return at_most(suitable(problem.matrix.nnz, problem.n_households))


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Inside, the first interrupt does not raise: what this yields turns True. The second one does."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: stopping
    finally:
        signal.signal(signal.SIGINT, previous)


def _recorded(
    parsed: argparse.Namespace, problem: Problem, config: Config, stopping: Callable[[], bool], before: Previous | None
) -> AbstractContextManager[Recorded | None]:
    """The run of the store that a fit is; None where there is to be none."""
    from l0engine.commands.recording import recorded

    return nullcontext() if parsed.no_record else recorded(problem, config, parsed.problem, stopping, before)


def _with_progress(steps: Generator[Snapshot, None, Result], config: Config) -> Result:
    """Drain a fit behind a progress bar, which shows on a terminal only."""
    with tqdm(total=config.epochs, unit="step", disable=None) as bar:

        def show(snapshot: Snapshot) -> None:
            bar.total = snapshot.epochs
            bar.set_postfix_str(f"kept {snapshot.kept:,}, median error {snapshot.median_error:.2%}", refresh=False)
            bar.update(snapshot.step - bar.n)

        return drain(steps, show)


def _words(m: Measures) -> str:
    return (
        f"{m.kept:,} kept, median error {share(m.median_abs_rel_error)}, mean {share(m.mean_abs_rel_error)}, {share(m.share_within_10pct)} "
        f"within 10 %, effective sample size {m.ess:,.0f}, largest weight {m.max_weight:,.0f} "
        f"({plain_number(m.max_weight_ratio, 3)} x base)"
    )
