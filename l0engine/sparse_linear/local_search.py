"""Local search: the columns that lower ``mean((y - X w)^2) + price * columns``, by additions, drops and exchanges of one column.

The tableau of a support S holds the matrix of mean products of all columns and y, swept on S (Goodnight 1979). With ``T`` swept,
``T[i, y]^2 / -T[i, i]`` is what the mean squared error rises by when i of S goes, ``T[j, y]^2 / T[j, j]`` what it falls by when j
joins, and one step of the sweep tells the same of every pair: so each move is judged exactly, the other coefficients refitted.

Sources: Hazimeh & Mazumder (2020), L0Learn, for the moves; Zhu et al. (2020), abess, for exchanges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

#: A column of unit mean square of which others leave less than this unexplained depends on them: it cannot join.
DEPENDENT = 1e-9
#: A move has to lower the objective by this share of it, and of the mean square of y, to be more than rounding.
SHARE, ROUNDING = 1e-7, 1e-14


@dataclass(frozen=True, eq=False)
class Products:
    """Mean products of p columns of unit mean square (or 0), of each with y, and of y with itself."""

    columns: np.ndarray
    y: np.ndarray
    square: float


@dataclass(frozen=True, eq=False)
class Support:
    """Where a search ended: columns, ascending, and their coefficients; `settled` if no addition, drop or exchange lowers the objective."""

    columns: np.ndarray
    coefficients: np.ndarray
    objective: float
    settled: bool


def best_support(products: Products, price: float, starts: Iterable[np.ndarray]) -> Support:
    """The best of the searches from each of `starts`, positions of columns by importance."""
    return min((_settle(products, price, _independent(products, start)) for start in starts), key=lambda s: s.objective)


def _independent(products: Products, start: np.ndarray) -> np.ndarray:
    """As many columns of `start` as do not depend on each other."""
    if not len(start):
        return start
    _, pivots, rank, _ = lapack.dpstrf(products.columns[np.ix_(start, start)], tol=DEPENDENT)
    return np.asarray(start[pivots[:rank] - 1])


def _settle(products: Products, price: float, start: np.ndarray) -> Support:
    """Make the best move until none lowers the objective, in a tableau that is made anew before the end is believed."""
    p = len(products.y)
    inside = np.isin(np.arange(p), start)
    tableau, fresh = _tableau(products, inside), True
    for _ in range(10 * p + 100):
        objective = float(tableau[p, p]) + price * int(inside.sum())
        change, leaves, joins = _best_move(tableau, inside, price)
        if -change > SHARE * objective + ROUNDING * products.square:
            for j, sign in ((leaves, -1), (joins, 1)):
                if j is not None:
                    _sweep(tableau, j, sign)
                    inside[j] = sign > 0
            fresh = False
        elif fresh:
            break
        else:
            tableau, fresh = _tableau(products, inside), True
    objective = float(tableau[p, p]) + price * int(inside.sum())
    return Support(np.flatnonzero(inside), tableau[:p, p][inside], objective, fresh)


def _tableau(products: Products, inside: np.ndarray) -> np.ndarray:
    """The symmetric matrix of products swept on `inside`; y comes last."""
    p = len(products.y)
    full = np.empty((p + 1, p + 1))
    full[:p, :p], full[p, :p], full[:p, p], full[p, p] = products.columns, products.y, products.y, products.square
    s, o = np.flatnonzero(inside), np.flatnonzero(np.append(~inside, True))
    if not len(s):
        return full
    inverse = np.linalg.inv(full[np.ix_(s, s)])
    taken = inverse @ full[np.ix_(s, o)]
    out = np.empty_like(full)
    out[np.ix_(s, s)], out[np.ix_(s, o)], out[np.ix_(o, s)] = -inverse, taken, taken.T
    out[np.ix_(o, o)] = full[np.ix_(o, o)] - full[np.ix_(o, s)] @ taken
    return out


def _sweep(tableau: np.ndarray, j: int, sign: int) -> None:
    """Take j into the support (`sign` 1) or out of it (-1), in place."""
    pivot, row = tableau[j, j], tableau[j].copy()
    tableau -= np.outer(row, row / pivot)
    tableau[j] = tableau[:, j] = sign * row / pivot
    tableau[j, j] = -1 / pivot


def _best_move(tableau: np.ndarray, inside: np.ndarray, price: float) -> tuple[float, int | None, int | None]:
    """Change of the objective by the best move, the column that leaves and the one that joins."""
    p = len(inside)
    with_y, diagonal = tableau[:p, p], np.diag(tableau)[:p]
    s, o = np.flatnonzero(inside), np.flatnonzero(~inside & (diagonal > DEPENDENT))
    moves: list[tuple[float, int | None, int | None]] = [(0.0, None, None)]
    rise = with_y[s] ** 2 / -diagonal[s]
    if len(s):
        i = int(np.argmin(rise))
        moves.append((float(rise[i]) - price, int(s[i]), None))
    if len(o):
        gain = with_y[o] ** 2 / diagonal[o]
        j = int(np.argmax(gain))
        moves.append((price - float(gain[j]), None, int(o[j])))
    o = np.flatnonzero(~inside)  # a column that depends on the support can take the place of one of it
    if len(s) and len(o):
        ratio = tableau[np.ix_(o, s)] / diagonal[s]
        left = diagonal[o, None] - tableau[np.ix_(o, s)] * ratio
        pull = with_y[o, None] - ratio * with_y[s]
        change = rise - np.where(left > DEPENDENT, pull**2 / np.maximum(left, DEPENDENT), 0.0)
        j, i = divmod(int(np.argmin(change)), len(s))
        moves.append((float(change[j, i]), int(s[i]), int(o[j])))
    return min(moves, key=lambda move: move[0])
