"""Command line: `python -m l0engine check PROBLEM`, `fit`, `frontier`, `report`, `script`, `jobs`, ...: see `--help`."""

from __future__ import annotations

from l0engine.machine import at_most, calm_threads, suitable

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from l0engine.calibration.config import Config, settings
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.problem.previous import Previous, placed
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures, Result, Snapshot
from l0engine.commands import report
from l0engine.commands.checking import build_problem, check
from l0engine.commands.jobs import add_jobs
from l0engine.commands.previous import answer_named
from l0engine.draining import drain
from l0engine.errors import ConfigError, L0Error
from l0engine.io import load_problem, write_run
from l0engine.io.saving import recipe_in

if TYPE_CHECKING:
    from l0engine.commands.recording import Recorded

#: Settings that ask for one size, where a frontier asks for many.
_GOALS = ("budget", "max_median_error", "max_error", "min_ess")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 on success; 1 where the problem, the settings or the fit are unusable, with one sentence on standard error.
    """
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.command(parsed))
    except L0Error as error:
        print(f"l0engine: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m l0engine", description="Sparse survey calibration with L0 gates.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    checking = commands.add_parser("check", help="say how a problem is understood and what is odd about it")
    checking.set_defaults(command=check)

    fit = commands.add_parser("fit", help="keep few households, meet the targets, write the weights")
    fit.set_defaults(command=_fit)
    fit.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets weights.csv, targets.csv and run.json")
    fit.add_argument("--columns", nargs="+", default=[], metavar="NAME", help="columns of the households beside their weights")
    fit.add_argument("--no-record", action="store_true", help="leave the run out of the store that the dashboard and 'jobs' show")

    frontier = commands.add_parser("frontier", help="one fit, then the error at every number of households asked for")
    frontier.set_defaults(command=_frontier)
    frontier.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets frontier.csv and weights_K.csv for each budget K")
    frontier.add_argument("--budgets", type=_list(int), required=True, metavar="K,K,...", help="numbers of households")
    others = f"other methods at each budget: {', '.join(REFERENCES)}"
    frontier.add_argument("--references", type=_list(str), default=[], metavar="NAME,...", help=others)
    for command in (fit, frontier):
        command.add_argument(
            "--previous",
            metavar="RUN_OR_FILE",
            help="go out from the weights of a run of the store (RUN/l0engine-500: a point of its frontier), or of a file",
        )
        group = command.add_argument_group("settings")
        for field in fields(Config):
            if command is fit or field.name not in _GOALS:
                _add_setting(group, field.name, field.default)
    add_jobs(commands)
    build = commands.add_parser("build", help="make a problem of tables of households and totals, by a recipe")
    build.set_defaults(command=build_problem)
    build.add_argument("recipe", type=Path, help="recipe (.toml), control file of PopulationSim (.csv), or folder of tables")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the problem, and the recipe")
    build.add_argument("--tables", type=Path, metavar="DIR", help="where the tables are; beside the recipe by default")
    report.add(commands)
    for command in (checking, fit, frontier):
        command.add_argument(
            "problem", type=Path, help="folder with matrix, targets and, if any, households; or an ordered problem of microcosm (.npz)"
        )
    return parser


def _add_setting(group: Any, name: str, default: Any) -> None:
    """An option for a field of `Config`; what it takes is text, and `Config` checks it."""
    s = settings()[name]
    flag, unit = "--" + name.replace("_", "-"), f" ({s.unit})" if s.unit else ""
    text = (s.help + unit).replace("%", "%%")
    if isinstance(default, bool):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
    elif name == "group_multipliers":
        group.add_argument(flag, nargs="+", type=_pair, metavar="NAME=FACTOR", default=argparse.SUPPRESS, help=text)
    elif isinstance(default, tuple):
        name, choices = ("FINDING", f" One or more of {', '.join(s.choices)}.") if s.choices else ("GROUP", "")
        group.add_argument(flag, nargs="+", metavar=name, default=argparse.SUPPRESS, help=text + choices)
    else:
        shown = f"{text} Default: {'none' if default is None else default}."
        group.add_argument(flag, metavar="|".join(s.choices) or "X", default=argparse.SUPPRESS, help=shown)


def _list(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """A type for argparse: comma-separated values."""

    def parse(text: str) -> list[Any]:
        try:
            return [kind(part.strip().replace("_", "")) for part in text.split(",") if part.strip()]
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a list of {kind.__name__} with commas between") from None

    return parse


def _pair(text: str) -> tuple[str, str]:
    name, equals, factor = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=FACTOR")
    return name, factor


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


def _fit(parsed: argparse.Namespace) -> int:
    """Fit, write, and say what came out; 1 where it left no weights. Interrupt once to stop training and keep what is found."""
    from l0engine.calibration.training.iteration import iterate

    config, out = _config(parsed), parsed.out
    problem, before = load_problem(parsed.problem), answer_named(parsed.previous)
    columns = report.checked_columns(problem, parsed.columns)
    placed(problem, config, before)  # what does not match is said before the run is recorded
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


def _frontier(parsed: argparse.Namespace) -> int:
    """Fit once, then write point after point. Interrupt once to keep the points found so far."""
    from l0engine.calibration.frontier.path import frontier
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
            found = [frontier(problem, result, budgets, should_stop=stopping, previous=before)]
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
        f"{m.kept:,} kept, median error {m.median_abs_rel_error:.3%}, mean {m.mean_abs_rel_error:.2%}, "
        f"{m.share_within_10pct:.1%} within 10 %, effective sample size {m.ess:,.0f}, largest weight {m.max_weight:,.0f} "
        f"({m.max_weight_ratio:,.0f} x base)"
    )


if __name__ == "__main__":
    sys.exit(main())
