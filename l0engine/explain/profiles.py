"""Targets that belong in a row: along bands of age or income, and over the states, as far as their names show it."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np

from l0engine.calibration.problem.problem import Problem
from l0engine.explain.targets import path

#: Postal codes of the states of the US and of its capital.
STATES = frozenset(
    re.findall(
        "..",
        "ALAKAZARCACOCTDEDCFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCNDOHOKORPARISCSDTNTXUTVTVAWAWVWIWY",
    )
)
_NUMBER = r"(-?inf|-?\d[\d.]*(?:e[+-]?\d+)?)"
_BAND = re.compile(rf"(.*?)[\[(]?\s*{_NUMBER}\s*(?:,|-|–|\bto\b)\s*{_NUMBER}\s*[\])]?", re.IGNORECASE)
_OPEN = re.compile(rf"(.*?)\s*{_NUMBER}\s*\+")


class Band(NamedTuple):
    """A class of numbers: what it is of, and its bounds."""

    of: str
    low: float
    high: float


def band(part: str) -> Band | None:
    """The band that a part of a name is; None where it is none.

    >>> band("agi[1,10000)"), band("age85+")
    (Band(of='agi', low=1.0, high=10000.0), Band(of='age', low=85.0, high=inf))
    """
    if found := _BAND.fullmatch(part.strip()):
        low, high = float(found[2]), float(found[3])
        return Band(found[1].strip(), low, high) if low < high else None
    found = _OPEN.fullmatch(part.strip())
    return None if found is None else Band(found[1].strip(), float(found[2]), math.inf)


def along(problem: Problem, target: int) -> tuple[np.ndarray, list[str]]:
    """Targets whose names differ from one (row number) in its band only, from the lowest band on, and the bands as the names have them.

    Bands that hold others, as a total from -inf to inf does, are left out. Empty where the name has no band.
    """
    parts = path(str(problem.names[target]))
    at = next((i for i, part in enumerate(parts) if band(part)), None)
    if at is None:
        return np.zeros(0, int), []
    own = band(parts[at])
    assert own is not None
    found = []
    for row, name in enumerate(problem.names):
        others = path(str(name))
        if len(others) == len(parts) and others[:at] == parts[:at] and others[at + 1 :] == parts[at + 1 :]:
            its = band(others[at])
            if its is not None and its.of == own.of:
                found.append((its, row, others[at]))
    inner = [f for f in found if not any(g is not f and f[0].low <= g[0].low and g[0].high <= f[0].high for g in found)]
    inner.sort(key=lambda f: (f[0].low, f[0].high))
    return np.array([row for _, row, _ in inner], int), [label for *_, label in inner]


def by_state(problem: Problem, target: int) -> dict[str, int]:
    """Targets whose names differ from one (row number) in the state only: row number by postal code; empty where it names no state."""
    parts = path(str(problem.names[target]))
    at = next((i for i, part in enumerate(parts) if part in STATES), None)
    if at is None:
        return {}
    out = {}
    for row, name in enumerate(problem.names):
        others = path(str(name))
        if len(others) == len(parts) and others[at] in STATES and others[:at] == parts[:at] and others[at + 1 :] == parts[at + 1 :]:
            out[others[at]] = row
    return out
