"""Command line: `python -m l0engine check PROBLEM`, `fit` or `frontier PROBLEM --out DIR`, `report` or `script RUN --out FILE`."""

from __future__ import annotations

from l0engine.machine import at_most, calm_threads, suitable

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import argparse
import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from tqdm import tqdm

from l0engine.calibration.config import EXCLUDABLE, Config, settings
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.problem.preflight import Finding, Severity, preflight, targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures, Result, Snapshot
from l0engine.commands import report
from l0engine.draining import drain
from l0engine.errors import ConfigError, L0Error, ProblemError
from l0engine.io import load_problem, write_run

#: Settings that ask for one size, where a frontier asks for many.
_GOALS = ("budget", "max_median_error", "min_ess")


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m l0engine", description="Sparse survey calibration with L0 gates.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="say how a problem is understood and what is odd about it")
    check.set_defaults(command=_check)

    fit = commands.add_parser("fit", help="keep few households, meet the targets, write the weights")
    fit.set_defaults(command=_fit)
    fit.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets weights.csv, targets.csv and run.json")

    frontier = commands.add_parser("frontier", help="one fit, then the error at every number of households asked for")
    frontier.set_defaults(command=_frontier)
    frontier.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets frontier.csv and weights_K.csv for each budget K")
    frontier.add_argument("--budgets", type=_list(int), required=True, metavar="K,K,...", help="numbers of households")
    others = "other methods at each budget: dense, random, pps, l1, lp, gated"
    frontier.add_argument("--references", type=_list(str), default=[], metavar="NAME,...", help=others)
    for command in (fit, frontier):
        group = command.add_argument_group("settings")
        for field in fields(Config):
            if command is fit or field.name not in _GOALS:
                _add_setting(group, field.name, field.default)
    build = commands.add_parser("build", help="make a problem of tables of households and totals, by a recipe")
    build.set_defaults(command=_build)
    build.add_argument("recipe", type=Path, help="recipe (.toml), control file of PopulationSim (.csv), or folder of tables")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the problem, and the recipe")
    build.add_argument("--tables", type=Path, metavar="DIR", help="where the tables are; beside the recipe by default")
    report.add(commands)
    for command in (check, fit, frontier):
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
    """The settings, once the folder to write to can be one."""
    if parsed.out.exists() and not parsed.out.is_dir():
        raise ConfigError(f"--out {parsed.out} is a file: name a folder.")
    given = {f.name: getattr(parsed, f.name) for f in fields(Config) if hasattr(parsed, f.name)}
    if "group_multipliers" in given:
        given["group_multipliers"] = dict(given["group_multipliers"])
    return Config.from_dict(given)


def _check(parsed: argparse.Namespace) -> int:
    """Print the preflight; 1 where no target can be used."""
    problem = load_problem(parsed.problem)
    print(f"{problem.n_targets:,} targets x {problem.n_households:,} households, {problem.matrix.nnz:,} non-zero entries.")
    for note in problem.notes:
        print(note)
    for finding in preflight(problem):
        _print_finding(problem, finding)
    usable = int(targets_in_use(problem, Config()).sum())
    if not usable:
        raise ProblemError("No target can be used: all are unreachable or of weight 0; check the matrix rows.")
    print(f"Usable: {usable:,} targets.")
    return 0


def _build(parsed: argparse.Namespace) -> int:
    """Make a problem, and say what met and what did not."""
    from l0engine.io.build import build, read_recipe, save_built

    recipe, tables = read_recipe(parsed.recipe, parsed.tables)
    for name in sorted(set(tables) - set(recipe.tables)):
        print(f"{name}: nothing in it was taken for totals.")
    built = build(recipe, tables)
    save_built(built, parsed.out)
    print("\n".join(built.notes))
    problem = built.problem
    print(f"Written to {parsed.out}: {problem.n_targets:,} targets x {problem.n_households:,} households, and recipe.toml.")
    return 0


def _print_finding(problem: Problem, finding: Finding) -> None:
    mark = {Severity.ERROR: "x", Severity.WARNING: "!", Severity.INFO: "-"}[finding.severity]
    exclude = f" [--exclude {finding.kind}]" if finding.kind in EXCLUDABLE else ""
    print(f"\n{mark} {len(finding.targets):,} {finding.title.lower()}{exclude}\n  {finding.meaning} {finding.action}")
    for i, said in zip_longest(finding.targets[:10], finding.details[:10], fillvalue=""):
        print(f"    {problem.names[i]}  {problem.values[i]:,.10g}  ({problem.support[i]:,} households)  {said}".rstrip())
    if len(finding.targets) > 10:
        print(f"    and {len(finding.targets) - 10:,} more")


def _fit(parsed: argparse.Namespace) -> int:
    """Fit, write, and say what came out; 1 where it left no weights. Interrupt once to stop training and keep what is found."""
    config, out = _config(parsed), parsed.out
    problem = load_problem(parsed.problem)
    with _threads(problem):
        result = _with_progress(problem, config)
    use = targets_in_use(problem, config)
    out.mkdir(parents=True, exist_ok=True)
    write_run(out, problem, result, use)
    print(f"{result.status.sentence} {result.message}".strip())
    for name, measures in (("gated", result.gated), ("refitted", result.refitted), ("held out", result.held_out)):
        if measures is not None:
            print(f"{name:>9}: {_words(measures)}")
    files = ", ".join(["weights.csv", "targets.csv", "run.json", *(["solution.npz"] if problem.artifact else [])])
    print(f"Written to {out}: {files} ({result.fit_seconds + result.refit_seconds:.1f} s on {result.device}).")
    return 0 if result.status.has_result else 1


def _frontier(parsed: argparse.Namespace) -> int:
    """Fit once, then write point after point. Interrupt once to keep the points found so far."""
    from l0engine.calibration.frontier.path import frontier
    from l0engine.calibration.frontier.point import checked_budgets
    from l0engine.calibration.frontier.references import checked_methods, compare
    from l0engine.io import write_frontier

    config, out = _config(parsed), parsed.out
    points: dict[tuple[str, int], FrontierPoint] = {}
    problem = load_problem(parsed.problem)
    budgets, others = checked_budgets(parsed.budgets, problem.n_households, problem.n_protected), checked_methods(parsed.references)
    with _threads(problem):
        result = _with_progress(problem, dataclasses.replace(config, refit=False))
        if not result.status.has_result:
            print(f"{result.status.sentence} {result.message}".strip())
            return 1
        with _interruptible() as stopping:
            found = [frontier(problem, result, budgets, should_stop=stopping)]
            for i, k in enumerate(budgets):  # two have a size of their own: once is enough
                found.append(compare(problem, result, k, [m for m in others if i == 0 or m not in ("dense", "lp")], should_stop=stopping))
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


def _with_progress(problem: Problem, config: Config) -> Result:
    """Drain `iterate` behind a progress bar, which shows on a terminal only."""
    from l0engine.calibration.training.iteration import iterate

    with _interruptible() as stopping, tqdm(total=config.epochs, unit="step", disable=None) as bar:

        def show(snapshot: Snapshot) -> None:
            bar.total = snapshot.epochs
            bar.set_postfix_str(f"kept {snapshot.kept:,}, median error {snapshot.median_error:.2%}", refresh=False)
            bar.update(snapshot.step - bar.n)

        return drain(iterate(problem, config, should_stop=stopping), show)


def _words(m: Measures) -> str:
    return (
        f"{m.kept:,} kept, median error {m.median_abs_rel_error:.3%}, mean {m.mean_abs_rel_error:.2%}, "
        f"{m.share_within_10pct:.1%} within 10 %, effective sample size {m.ess:,.0f}, largest weight {m.max_weight:,.0f} "
        f"({m.max_weight_ratio:,.0f} x base)"
    )


if __name__ == "__main__":
    sys.exit(main())
