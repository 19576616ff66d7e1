"""Margins: sets of targets that count the same over all households, and so should be published with the same sum.

The persons by age and those by sex are two such sets, their total is a third. They are found among single targets, whole groups, and the
targets of a group whose names differ in one part only ('CA/age 18-24', 'CA/age 25-34': 'CA/*').
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from l0engine.calibration.problem.problem import Problem

#: Sums over households are the same one within this share.
SAME = 1e-9
#: What separates the parts of a target's name; a comma between bounds, as in agi[1,10000), has no space behind it.
SEPARATORS = re.compile(r"\s*[/|;&×]\s*|,\s+")
#: Beyond so many targets names are not taken apart.
_MAX_NAMED = 100_000


class Margin(NamedTuple):
    """A set of targets.

    Attributes
    ----------
    title : str
        In words, to follow a verb.
    targets : ndarray of int
        Row numbers.
    published : float
        Sum of the values.
    """

    title: str
    targets: np.ndarray
    published: float

    @property
    def adds_up(self) -> str:
        """What its values add up to, in words."""
        return f"{self.title} {'is' if len(self.targets) == 1 else 'add up to'} {plain_number(self.published)}"


def equal_margins(problem: Problem, use: np.ndarray) -> list[list[Margin]]:
    """Margins that count the same, two or more in each list: single targets first, groups, then parts of groups.

    Two sums of rows are the same where they agree on two sets of weights drawn at random; this needs no sum of rows itself.

    Parameters
    ----------
    use : ndarray of bool, shape (n_targets,)
        The targets to look at.
    """
    seen = problem.matrix @ np.random.default_rng(0).uniform(0.5, 1.5, (problem.n_households, 2))
    margins = list(margins_in(problem, np.flatnonzero(use)))
    sums = np.array([seen[m.targets].sum(axis=0) for m in margins]).reshape(-1, 2)
    order = np.argsort(sums[:, 0], kind="stable")
    step = np.abs(np.diff(sums[order], axis=0)) > SAME * np.abs(sums[order][1:])
    cluster = np.concatenate([[0], np.cumsum(step.any(axis=1))]) if len(order) else order
    found = []
    for _, members in groupby(zip(cluster.tolist(), order.tolist(), strict=True), key=lambda pair: pair[0]):
        alike = {margins[i].targets.tobytes(): margins[i] for i in sorted((i for _, i in members), reverse=True)}
        if len(alike) > 1:  # the same targets under two titles are one margin, and the first title is the simplest
            found.append(list(alike.values())[::-1])
    return found


def plain_number(x: float, digits: int = 6) -> str:
    """So many digits, with thousands separators and without an exponent."""
    return f"{float(f'{x:.{digits}g}'):,.9f}".rstrip("0").rstrip(".")


def margins_in(problem: Problem, rows: np.ndarray) -> Iterator[Margin]:
    """Single targets among some rows, whole groups of them, and those whose names differ in one part only."""
    names, groups = problem.names, problem.groups
    for i in rows:
        yield Margin(f"'{names[i]}'", np.array([i]), float(problem.values[i]))
    sets: dict[tuple[str, str], list[int]] = {}
    for i in rows:
        sets.setdefault((groups[i], ""), []).append(int(i))
    for i in rows if len(rows) <= _MAX_NAMED else []:
        for pattern in _patterns(names[i]):
            sets.setdefault((groups[i], pattern), []).append(int(i))
    for (group, pattern), members in sets.items():
        if len(members) > 1:
            of = f"the {len(members):,} targets" + (f" '{pattern}'" if pattern else f" of group '{group}'")
            yield Margin(of, np.array(members), float(problem.values[members].sum()))


def _patterns(name: str) -> Iterator[str]:
    """The name with one of its parts left open, for each that there are."""
    ends = [(m.start(), m.end()) for m in SEPARATORS.finditer(name)]
    if ends:
        for (_, begin), (end, _) in zip([(0, 0), *ends], [*ends, (len(name), len(name))], strict=True):
            yield f"{name[:begin]}*{name[end:]}"
