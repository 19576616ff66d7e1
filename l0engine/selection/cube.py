"""The cube method: a random sample whose plain means are those of all rows, as far as whole rows allow.

Every row has an inclusion probability, here n / N. The flight moves the vector of probabilities at random inside the cube
``[0, 1]^N``, along directions that leave all balancing sums as they are, until as many entries are 0 or 1 as can be: all but one a
sum. Each step goes forth or back with the chances that keep the expectation, so inclusion probabilities are met exactly. The
landing drops one sum after the other, the size last, and flies on.

A few more rows than there are sums are at work at a time. A rank-revealing factorisation gives an orthonormal basis of all
directions open to them. Each step takes one basis vector; the rest is reflected so that the row just decided stays where it is.

Sources: Deville & Tille (2004), Efficient balanced sampling: the cube method; Chauvet & Tille (2006) for the fast flight.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import linalg

from l0engine.selection.designs import checked_size
from l0engine.selection.standardised import Standardised

#: Nearer than this to 0 or 1 a probability is decided; smaller diagonal entries of the factorisation, relative to the first, are 0.
DECIDED, RANK = 1e-12, 1e-10
#: Rows at work beyond the number of sums: at most so many, and at most as many as there are sums.
SPARE = 100
#: The landing drops one sum at a time, or this share of them where there are many.
DROPPED = 0.02


def cube(features: Standardised, n: int, *, seed: int = 0, should_stop: Callable[[], bool] = lambda: False) -> np.ndarray:
    """A sample of exactly `n` rows, each with inclusion probability n / N, balanced on all columns; ascending, shape (n,).

    Parameters
    ----------
    features : Standardised, shape (N, p)
        Time grows with ``N p^2``: about 10 s for 200,000 rows and 50 columns.
    n : int
        From 1 to N.
    should_stop : callable
        Polled all along; once True, the rows still undecided are drawn without regard to the columns.

    Raises
    ------
    ConfigError
        `n` is out of bounds.
    """
    rows, columns = features.shape
    checked_size(n, rows)
    rng = np.random.default_rng(seed)
    p = np.full(rows, n / rows)
    columns_left = np.arange(columns)
    while not should_stop():
        p = flight(features, p, rng, columns=columns_left, should_stop=should_stop)
        open_ = np.flatnonzero((p > 0) & (p < 1))
        if not len(open_) or not len(columns_left):
            break
        # dropped first: the sums that the open rows can change least
        at_stake = (p[open_] * (1 - p[open_])) @ features.dense(open_, columns_left) ** 2
        columns_left = columns_left[np.sort(np.argsort(at_stake, kind="stable")[1 + int(DROPPED * len(columns_left)) :])]
    return np.flatnonzero(_systematic(p, rng))


def flight(
    features: Standardised,
    probabilities: np.ndarray,
    rng: np.random.Generator,
    *,
    columns: np.ndarray | slice = slice(None),
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Probabilities of which all but a few are 0 or 1, with the same sum, and the same sums of ``x p / probabilities``.

    Parameters
    ----------
    probabilities : ndarray, shape (N,)
        From 0 to 1; those that are 0 or 1 stay.
    columns : ndarray of int or slice
        Columns that are balanced.
    should_stop : callable
        Once True, the probabilities are left as they are by then.
    """
    p = probabilities.astype(np.float64)
    waiting = rng.permutation(np.flatnonzero((p > 0) & (p < 1)))
    at_work, sums = waiting[:0], np.zeros((0, 1 + len(np.arange(features.shape[1])[columns])))
    while not should_stop():
        count = max(sums.shape[1] + SPARE - len(at_work), 1)
        new, waiting = waiting[:count], waiting[count:]
        lines = np.column_stack([features.dense(new, columns) / probabilities[new, None], np.ones(len(new))])
        at_work, sums = np.concatenate([at_work, new]), np.vstack([sums, lines])
        directions = _directions(sums)
        if not len(directions) and not len(waiting):
            break
        p[at_work] = _walk(p[at_work], directions, rng)
        open_ = (p[at_work] > 0) & (p[at_work] < 1)
        at_work, sums = at_work[open_], sums[open_]
    return p


def _directions(sums: np.ndarray) -> np.ndarray:
    """Orthonormal vectors, one a line, that change no sum; `sums` has a line for each row at work."""
    scaled = sums / np.maximum(np.abs(sums).max(axis=0, initial=0.0), 1e-300)
    q, r, _ = linalg.qr(scaled, pivoting=True, check_finite=False)
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > RANK * diagonal.max(initial=0.0)).sum())
    return np.ascontiguousarray(q[:, rank:].T)


def _walk(p: np.ndarray, directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From `p`, all open, a step along one direction after the other, each until a probability is 0 or 1."""
    decided, p = np.full(len(p), np.nan), p.copy()
    with np.errstate(divide="ignore"):
        while len(directions):
            u = directions[0]
            to_one, to_zero = (1 - p) / u, p / u
            forth, back = np.maximum(to_one, -to_zero).min(), np.maximum(to_zero, -to_one).min()
            p += (forth if rng.random() * (forth + back) < back else -back) * u
            for row in (np.abs(p - 0.5) > 0.5 - DECIDED).nonzero()[0].tolist():
                decided[row] = round(p[row])
                p[row] = 0.5  # with nothing in any direction left it sets no bound
                directions = _without(directions, row)
    return np.where(np.isnan(decided), p, decided)


def _without(directions: np.ndarray, row: int) -> np.ndarray:
    """Orthonormal directions in the span of these that leave one row alone: one fewer, by a Householder reflection."""
    v = directions[:, row].copy()
    length = np.sqrt(v @ v)
    if length > 1e-13:
        v[0] += np.copysign(length, v[0])
        along = v @ directions
        directions = directions[1:]
        directions -= (v[1:, None] * (2 / (v @ v))) * along
    directions[:, row] = 0.0
    return directions


def _systematic(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which rows are in: those of probability 1, and of the open ones, in random order, one for each whole passed by the sum."""
    inside = p >= 1
    order = rng.permutation(np.flatnonzero((p > 0) & (p < 1)))
    passed = np.floor(np.concatenate([[0.0], np.cumsum(p[order])]) + rng.random() * (1 - 2e-6) + 1e-6)
    passed[-1] = np.round(p[order].sum()) + passed[0]
    inside[order] = np.diff(passed) > 0
    return inside
