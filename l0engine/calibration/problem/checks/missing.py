"""What kind of household a target lacks to which none contributes, as far as the names of the other targets tell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from l0engine.calibration.problem.margins import SEPARATORS
from l0engine.calibration.problem.problem import Problem

#: Targets that are explained; each needs a look at all households.
EXPLAINED = 200


def missing(problem: Problem, targets: np.ndarray) -> Iterator[str]:
    """A sentence for each of some targets without households; empty beyond `EXPLAINED`.

    A household has a part of a name ('AK' of 'AK/age 18-24') where it contributes to any target whose name has it.
    """
    with_part: dict[str, list[int]] = {}
    for i, name in enumerate(problem.names):
        for part in SEPARATORS.split(name):
            with_part.setdefault(part, []).append(i)
    known: dict[str, np.ndarray] = {}
    for i in targets[:EXPLAINED]:
        parts = [p for p in dict.fromkeys(SEPARATORS.split(problem.names[i])) if p]
        for part in parts:
            if part not in known:
                known[part] = _households(problem, with_part[part])
        yield _sentence(parts, known)
    yield from [""] * max(len(targets) - EXPLAINED, 0)


def _households(problem: Problem, targets: list[int]) -> np.ndarray:
    """True for the households that contribute to any of some targets, shape (n_households,)."""
    m, found = problem.matrix, np.zeros(problem.n_households, bool)
    for i in targets:
        found[m.indices[m.indptr[i] : m.indptr[i + 1]]] = True
    return found


def _sentence(parts: list[str], known: dict[str, np.ndarray]) -> str:
    none = [p for p in parts if not known[p].any()]
    if none:
        return f"No household contributes to any target of '{none[0]}'."
    apart = [pair for pair in combinations(parts, 2) if not (known[pair[0]] & known[pair[1]]).any()]
    if apart:
        a, b = min(apart, key=lambda pair: -min(known[p].sum() for p in pair))
        return f"Households with '{a}': {known[a].sum():,}; with '{b}': {known[b].sum():,}; with both: none."
    together = np.logical_and.reduce([known[p] for p in parts])
    listed = ", ".join(f"'{p}'" for p in parts)
    if together.any():
        return f"Households with each of {listed} in other targets: {together.sum():,}; with all at once: none."
    return f"No household has all of {listed}, though some have any two."
