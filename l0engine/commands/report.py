"""`report RUN` and `script RUN`: what a run of the store found, to hand over, and what repeats it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import L0Error
from l0engine.io.whole import write_whole


def add(commands: Any) -> None:
    """Add both to the subparsers of the command line."""
    report = commands.add_parser("report", help="write what a run of the store found: .html with pictures, .md, or .zip with everything")
    report.add_argument("--out", type=Path, required=True, metavar="FILE", help="report.html, report.md or bundle.zip")
    report.add_argument("--households", action="store_true", help="with ids and weights of the kept households (.html)")
    report.add_argument("--columns", nargs="+", default=[], metavar="NAME", help="columns of the households beside their weights (.zip)")
    report.add_argument("--with-problem", action="store_true", help="with the problem, so that the script needs nothing else (.zip)")
    report.set_defaults(command=_report)
    script = commands.add_parser("script", help="write what repeats a run of the store bit for bit: .py or .ipynb")
    script.add_argument("--out", type=Path, required=True, metavar="FILE", help="reproduce.py or reproduce.ipynb")
    script.set_defaults(command=_script)
    for command in (report, script):
        command.add_argument("run", metavar="RUN", help="id of a run, as in the dashboard's address")
        command.add_argument("--point", metavar="KEY", help="a point of its frontier, as l0engine-5000")


def _report(parsed: argparse.Namespace) -> int:
    from l0engine.report.bundle import bundle
    from l0engine.report.markdown import markdown
    from l0engine.report.sections import sections

    kind, facts = _kind(parsed.out, ".html", ".md", ".zip"), _facts(parsed)
    if parsed.columns and kind != ".zip":
        raise L0Error(f"--columns go into a bundle: name a file that ends with .zip, not {parsed.out}.")
    checked_columns(facts.problem, parsed.columns)
    if kind == ".md":
        content = markdown(facts.title, sections(facts)).encode()
    else:
        from dashboard.report.html import html  # its pictures

        page = html(facts, households=parsed.households and kind == ".html")
        content = page.encode() if kind == ".html" else bundle(facts, page, columns=parsed.columns, with_problem=parsed.with_problem)
    return _write(parsed.out, content)


def checked_columns(problem: Problem, names: Sequence[str]) -> Sequence[str]:
    """The names, all of them columns of the households; or an L0Error."""
    known = list(problem.attributes.columns)
    if unknown := [name for name in names if name not in known]:
        raise L0Error(f"--columns {unknown[0]} is no column of the households: they have {', '.join(known) or 'none'}.")
    return names


def _script(parsed: argparse.Namespace) -> int:
    from l0engine.report.script import notebook, script

    write = script if _kind(parsed.out, ".py", ".ipynb") == ".py" else notebook
    return _write(parsed.out, write(_facts(parsed)).encode())


def _kind(out: Path, *kinds: str) -> str:
    if out.suffix not in kinds:
        raise L0Error(f"--out {out} has no known ending: name a file that ends with {' or '.join(kinds)}.")
    return out.suffix


def _facts(parsed: argparse.Namespace) -> Any:
    from l0engine.jobs.store import Store
    from l0engine.report.facts import Facts

    return Facts.of(Store(), parsed.run, parsed.point)


def _write(out: Path, content: bytes) -> int:
    try:
        write_whole(out, content)
    except OSError as error:
        raise L0Error(f"{out} cannot be written ({error.strerror}): choose another place.") from error
    print(f"Written to {out}: {len(content):,} bytes.")
    return 0
