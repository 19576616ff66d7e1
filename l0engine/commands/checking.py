"""`check` says how a problem is understood; `build` makes one of tables."""

from __future__ import annotations

import argparse
from itertools import zip_longest

from l0engine.calibration.config import EXCLUDABLE, Config
from l0engine.calibration.problem.preflight import Finding, Severity, preflight, targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io import load_problem


def check(parsed: argparse.Namespace) -> int:
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


def build_problem(parsed: argparse.Namespace) -> int:
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
