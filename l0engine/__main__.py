"""Command line: `python -m l0engine check PROBLEM`, `fit`, `frontier`, `report`, `script`, `jobs`, ...: see `--help`."""

from __future__ import annotations

from l0engine.machine import calm_threads

if __name__ == "__main__":
    calm_threads()  # before NumPy and torch are loaded

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from l0engine.calibration.config import GOALS, Config, settings
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.commands import fitting, report
from l0engine.commands.checking import build_problem, check
from l0engine.commands.jobs import add_jobs
from l0engine.errors import L0Error


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
    fit.set_defaults(command=fitting.fit)
    fit.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets weights.csv, targets.csv and run.json")
    fit.add_argument("--columns", nargs="+", default=[], metavar="NAME", help="columns of the households beside their weights")
    fit.add_argument("--no-record", action="store_true", help="leave the run out of the store that the dashboard and 'jobs' show")

    frontier = commands.add_parser("frontier", help="one fit, then the error at every number of households asked for")
    frontier.set_defaults(command=fitting.frontier)
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
            if command is fit or field.name not in GOALS:  # a frontier has many sizes
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


if __name__ == "__main__":
    sys.exit(main())
