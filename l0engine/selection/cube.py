"""The cube method: a random sample whose plain means are those of all rows, as far as whole rows allow.

Every row has an inclusion probability, here n / N. The flight moves the vector of probabilities at random inside the cube
``[0, 1]^N``, along directions that change neither its sum nor that of any column, until all but a few entries are 0 or 1. Each step
goes forth or back with the chances that keep the expectation, so inclusion probabilities hold exactly. The landing drops one column
after the other, the size never, and flies on.

A few more rows than there are columns are at work at a time. A rank-revealing factorisation gives an orthonormal basis of the
directions open to them. A step takes one of its vectors; the others are reflected so that the row just decided stays as it is.

Sources: Deville & Tille (2004), Efficient balanced sampling: the cube method; Chauvet & Tille (2006) for the fast flight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy import linalg

from l0engine.heeding import heed
from l0engine.selection.designs import checked_size
from l0engine.selection.standardised import Standardised

#: Nearer than this to 0 or 1 a probability is decided; diagonal entries of the factorisation below this share of the largest are 0.
DECIDED, RANK = 1e-12, 1e-10
#: Rows at work beyond the number of columns.
SPARE = 100
#: The landing drops a column at a time, and this share of them besides where there are many.
DROPPED = 0.02


class Rows(Protocol):
    """What is balanced: a matrix of shape (N, p) that gives some of its rows and columns."""

    def dense(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """These rows and columns, in float64."""


def balanced(features: Standardised, n: int, *, seed: int = 0, should_stop: Callable[[], bool] = lambda: False) -> np.ndarray:
    """Exactly `n` rows, each with inclusion probability n / N, balanced on all columns; ascending, shape (n,).

    Parameters
    ----------
    features : Standardised, shape (N, p)
        Time grows with N, and with p or, where there are hundreds, its square.
    n : int
        From 1 to N.
    should_stop : callable
        Polled all along; once True, the rows still undecided are drawn without regard to the columns.

    Raises
    ------
    ConfigError
        `n` is out of bounds.
    """
    rows, count = features.shape
    checked_size(n, rows)
    rng = np.random.default_rng(seed)
    p, columns = np.full(rows, n / rows), np.arange(count)
    while not should_stop():
        p = flight(features, p, rng, columns=columns, should_stop=should_stop)
        open_ = np.flatnonzero(_is_open(p))
        if not len(open_) or not len(columns):
            break
        at_stake = (p[open_] * (1 - p[open_])) @ features.dense(open_, columns) ** 2  # what a column loses, if the rest is left to chance
        columns = columns[np.sort(np.argsort(at_stake, kind="stable")[1 + int(DROPPED * len(columns)) :])]
    return np.flatnonzero(_systematic(p, rng))


def flight(
    features: Rows,
    probabilities: np.ndarray,
    rng: np.random.Generator,
    *,
    columns: np.ndarray,
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Probabilities with the same expectation, the same sum and the same sum of every column, all but a few of them 0 or 1.

    Parameters
    ----------
    features : Rows, shape (N, p)
    probabilities : ndarray, shape (N,)
        From 0 to 1; those that are 0 or 1 stay.
    columns : ndarray of int
        Those that are balanced; at most one row more than these stays undecided.
    should_stop : callable
        Once True, the probabilities are left as they are by then.
    """
    p = probabilities.astype(np.float64)
    waiting = rng.permutation(np.flatnonzero(_is_open(p)))
    at_work, lines = waiting[:0], np.zeros((0, 1 + len(columns)))
    while not should_stop():
        heed()
        count = max(lines.shape[1] + SPARE - len(at_work), 1)
        new, waiting = waiting[:count], waiting[count:]
        at_work = np.concatenate([at_work, new])
        lines = np.vstack([lines, np.column_stack([features.dense(new, columns), np.ones(len(new))])])
        directions = _directions(lines)
        if not len(directions) and not len(waiting):
            break
        p[at_work] = _walk(p[at_work], directions, rng)
        left = _is_open(p[at_work])
        at_work, lines = at_work[left], lines[left]
    return p


def _is_open(p: np.ndarray) -> np.ndarray:
    return (p > 0) & (p < 1)


def _directions(lines: np.ndarray) -> np.ndarray:
    """Orthonormal vectors, one a row, that change no sum of a column of `lines`, which has a line for each row at work."""
    scaled = lines / np.maximum(np.abs(lines).max(axis=0, initial=0.0), 1e-300)
    q, r, _ = linalg.qr(scaled, pivoting=True, check_finite=False)
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > RANK * diagonal.max(initial=0.0)).sum())
    return np.ascontiguousarray(q[:, rank:].T)


def _walk(p: np.ndarray, directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From `p`, all open, a step along one direction after the other, each until a probability is 0 or 1."""
    p, decided = p.copy(), np.full(len(p), np.nan)
    with np.errstate(divide="ignore"):
        while len(directions):
            u = directions[0]
            to_one, to_zero = (1 - p) / u, p / u
            forth, back = np.maximum(to_one, -to_zero).min(), np.maximum(to_zero, -to_one).min()
            p += (forth if rng.random() * (forth + back) < back else -back) * u
            for row in (np.abs(p - 0.5) >= 0.5 - DECIDED).nonzero()[0].tolist():
                decided[row], p[row] = np.round(p[row]), 0.5  # no direction moves it any more, so it sets no bound
                directions = _without(directions, row)
    return np.where(np.isnan(decided), p, decided)


def _without(directions: np.ndarray, row: int) -> np.ndarray:
    """Orthonormal directions in the span of these that leave one row alone: one fewer, by a Householder reflection, in place."""
    v = directions[:, row].copy()
    length = np.sqrt(v @ v)
    if length > DECIDED:
        v[0] += np.copysign(length, v[0])
        along = v @ directions
        directions = directions[1:]
        directions -= (v[1:, None] * (2 / (v @ v))) * along
    directions[:, row] = 0.0
    return directions


def _systematic(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which rows are in: those of probability 1; of the open ones, in random order, one each time their sum passes a whole number."""
    inside = p >= 1
    order = rng.permutation(np.flatnonzero(_is_open(p)))
    if len(order):
        total = np.round(p[order].sum())
        passed = np.minimum(np.floor(np.concatenate([[0.0], np.cumsum(p[order])]) + rng.random()), total)
        passed[-1] = total
        inside[order] = np.diff(passed) > 0
    return inside
