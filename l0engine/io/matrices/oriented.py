"""Matrices whose rows and columns have no names: which way round they are, and in which precision they are kept."""

from __future__ import annotations

import numpy as np
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_IDLE


def orientation(file: str, shape: tuple[int, int], entries: int, q: int, n: int | None, targets_file: str) -> tuple[bool, str]:
    """Whether a matrix is to be turned to be targets x households, by the lengths of the other files, and how that was decided.

    Parameters
    ----------
    file, targets_file : str
        Names, for what is said.
    shape, entries : (int, int), int
        Of the matrix.
    q, n : int
        Targets and, where there is a file of them, households.

    Raises
    ------
    ProblemError
        Neither way fits, or most households would have no entry.
    """
    rows, columns = shape
    if (q not in shape) or (n is not None and {rows, columns} != {q, n}):
        households = "" if n is None else f" and there are {n:,} households"
        raise ProblemError(
            f"{file}: the matrix is {rows:,} x {columns:,} but {targets_file} has {q:,} targets{households}: "
            "give it a row a target and a column a household."
        )
    turn = rows != q or n not in (None, columns)
    if n is None and (many := rows if turn else columns) > entries + MAX_IDLE:
        raise ProblemError(
            f"{file}: it claims {many:,} households but no more entries than {entries:,}, so that most stand for nothing: "
            "correct the shape, or give a households file."
        )
    how = "matched by position" + ("; households numbered from 1" if n is None else "")
    if turn:
        return True, how + "; it was stored as households x targets and has been turned"
    return False, how + ("; it is square and taken as targets x households" if rows == columns else "")


def single(m: sp.csr_array) -> sp.csr_array:
    """Text knows no precision: keep single precision where it loses nothing."""
    with np.errstate(over="ignore"):
        data = m.data.astype(np.float32)
    if np.array_equal(data, m.data):
        m.data = data
    return m
