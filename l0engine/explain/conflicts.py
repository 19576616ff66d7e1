"""Targets that cannot hold together, whatever the weights: who contradicts whom, and by how much.

Two ways lead there. *Margins* count the same over all households and are published with different sums. *Sets* have a certificate: weights
w >= 0 that miss each target by a share t at most exist only from some least t on, and

    minimise t  over w >= 0, t   subject to  -t <= (M w - y)_i / size_i <= t

finds it; the targets with a dual price there are a contradiction by themselves (Farkas' lemma). Taking out each that is not needed leaves a
set of which any one may go and the others can hold. Source: Gleeson & Ryan (1990), Identifying minimally infeasible subsystems of
inequalities; Chinneck & Dravnieks (1991), the deletion filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.limits import share
from l0engine.calibration.metrics import relative_errors
from l0engine.calibration.problem.margins import equal_margins, plain_number
from l0engine.calibration.problem.problem import Problem
from l0engine.explain.targets import path

#: Targets contradict each other where some must be missed by more than this.
APART = 1e-2
#: Targets that are looked at together: a linear programme is quick up to so many, and so many entries.
TOGETHER, ENTRIES = 120, 400_000
#: Sets that are looked for among targets that are looked at together.
MOST_SETS = 5
#: Targets that a sentence names.
_NAMED = 4


class Conflict(NamedTuple):
    """Targets that cannot hold together.

    Attributes
    ----------
    kind : str
        'margins', or 'set': without any one of them the others can hold.
    targets : ndarray of int
        Row numbers.
    apart : float
        Whatever the weights, some of them is missed by at least this share.
    sentence : str
        Who, by how much, and what to do.
    spare : ndarray of int
        Those of them without which the others can hold: the margin of fewer targets, or the last of a set.
    """

    kind: str
    targets: np.ndarray
    apart: float
    sentence: str
    spare: np.ndarray


def margin_conflicts(problem: Problem, use: np.ndarray) -> tuple[Conflict, ...]:
    """Margins, and single targets, that count the same but are published with other sums; the furthest apart first."""
    found = []
    for margins in equal_margins(problem, use):
        for one, other in pairwise(margins):
            rows = np.union1d(one.targets, other.targets)
            sizes = float(problem.magnitudes[one.targets].sum() + problem.magnitudes[other.targets].sum())
            apart = abs(one.published - other.published) / sizes
            if apart > APART / 2:
                words = f"{one.adds_up}; {other.adds_up}, yet they count the same households"
                remedy = f"at least one of them is missed by {share(apart)} or more. Scale one to the other, or leave one out."
                words = f"{words[0].upper()}{words[1:]}: {remedy}"
                spare = min(one.targets, other.targets, key=len)
                found.append(Conflict("margins", rows, apart, words, spare))
    return tuple(sorted(found, key=lambda c: -c.apart))


def set_conflicts(problem: Problem, use: np.ndarray, weights: np.ndarray) -> Iterator[Conflict]:
    """Smallest sets that contradict, among targets that weights miss and their neighbours; those around the worst target first.

    Targets are looked at together where their names begin alike, as far as these are `TOGETHER` at most; all of them, where they are so
    few. A set over several such families is not found, unless it is one of margins.

    Parameters
    ----------
    weights : ndarray, shape (n_households,)
    """
    errors = np.where(use, np.abs(relative_errors(problem, weights)), 0.0)
    rows = np.flatnonzero(errors > APART)
    families = _families(problem, use)
    seen: set[int] = set()
    for i in rows[np.argsort(-errors[rows], kind="stable")].tolist():
        family = families[i]
        if id(family) not in seen:
            seen.add(id(family))
            yield from _sets(problem, family)


def _families(problem: Problem, use: np.ndarray) -> dict[int, np.ndarray]:
    """For each target the largest group of targets in use whose names begin as its own does and that are few enough."""
    rows = np.flatnonzero(use)
    members: dict[tuple[str, ...], list[int]] = {}
    paths = {int(i): path(str(problem.names[i])) for i in rows}
    for i, parts in paths.items():
        for depth in range(len(parts) + 1):
            members.setdefault(parts[:depth], []).append(i)
    arrays = {parts: np.array(found) for parts, found in members.items()}
    small = {p for p, found in arrays.items() if len(found) <= TOGETHER and int(problem.support[found].sum()) <= ENTRIES}
    out = {}
    for i, parts in paths.items():
        fits = next((parts[:depth] for depth in range(len(parts) + 1) if parts[:depth] in small), None)
        out[i] = np.array([i]) if fits is None else arrays[fits]
    return out


def _sets(problem: Problem, rows: np.ndarray) -> Iterator[Conflict]:
    """The sets among some targets, the one that is furthest apart first; each is taken out before the next is looked for."""
    for _ in range(MOST_SETS):
        if len(rows) < 2:
            return
        apart, prices = _least_error(problem, rows)
        if not apart > APART:
            return
        mine = _irreducible(problem, rows[np.abs(prices) > 1e-9])
        apart, prices = _least_error(problem, mine)
        if len(mine) > 1:
            yield Conflict("set", mine, apart, _sentence(problem, mine, apart), mine[-1:])
        rows = np.setdiff1d(rows, mine)


def _irreducible(problem: Problem, rows: np.ndarray) -> np.ndarray:
    for i in rows.tolist():
        rest = rows[rows != i]
        if len(rest) and _least_error(problem, rest)[0] > APART:
            rows = rest
    return rows


def _least_error(problem: Problem, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """The least share by which the worst of some targets is missed, whatever the weights, and the dual price of each."""
    sizes = problem.magnitudes[rows]
    a = _rays(sp.csr_array(sp.diags_array(1 / sizes) @ problem.matrix[rows].astype(np.float64)))
    b, q = problem.values[rows] / sizes, len(rows)
    ones: Any = sp.csr_array(np.ones((q, 1)))
    within: Any = sp.csr_array(sp.vstack([sp.hstack([a, -ones]), sp.hstack([-a, -ones])]))
    cost: Any = np.append(np.zeros(a.shape[1]), 1.0)
    from scipy.optimize import linprog  # takes a third of a second to load, which a page that asks for no conflict need not wait for

    done: Any = linprog(cost, A_ub=within, b_ub=np.concatenate([b, -b]), method="highs-ds")
    if done.status != 0:  # numerically hard: say nothing rather than something wrong
        return 0.0, np.zeros(q)
    prices = np.asarray(done.ineqlin.marginals)
    return float(done.fun), prices[:q] - prices[q:]


def _rays(a: sp.csr_array) -> sp.csr_array:
    """Its columns that are not empty, each of length 1 and of parallel ones a single one: weights are free, so no more is needed."""
    columns = sp.csc_array(a)
    columns = columns[:, np.diff(columns.indptr) > 0]
    top = np.maximum.reduceat(np.abs(columns.data), columns.indptr[:-1]) if columns.shape[1] else np.zeros(0)
    columns = sp.csc_array(columns @ sp.diags_array(1 / top))
    keys = np.random.default_rng(0).uniform(0.5, 1.5, (3, columns.shape[0])) @ columns
    _, first = np.unique(keys.round(12), axis=1, return_index=True)
    return sp.csr_array(columns[:, np.sort(first)])


def _sentence(problem: Problem, rows: np.ndarray, apart: float) -> str:
    named = [f"'{problem.names[i]}' ({plain_number(problem.values[i])})" for i in rows[:_NAMED]]
    more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
    who = f"{', '.join(named)}{more}" if more or len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    missed = f"whatever the weights, at least one is missed by {share(apart)} or more"
    return f"{who} cannot hold together: {missed}. Leave out one of them, or relax them."
