"""What is to be known of the rows of a matrix, without a copy of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse as sp

#: Entries that are worked on at a time, where a copy of all would be large.
BLOCK = 2**24


def largest_parts(m: sp.csr_array, weights: np.ndarray) -> np.ndarray:
    """The largest ``|m_ij| weights_j`` of each row, 0 where it is empty; shape (n_rows,)."""
    return _reduced(m, weights, np.maximum)


def summed_parts(m: sp.csr_array, weights: np.ndarray) -> np.ndarray:
    """The sum of ``|m_ij| weights_j`` of each row, shape (n_rows,)."""
    return _reduced(m, weights, np.add)


def _reduced(m: sp.csr_array, weights: np.ndarray, how: np.ufunc) -> np.ndarray:
    out = np.zeros(m.shape[0])
    for first, last in _blocks(m.indptr):
        a, b = m.indptr[first], m.indptr[last]
        part = np.abs(m.data[a:b]) * weights[m.indices[a:b]]
        filled, starts = _filled(m.indptr[first : last + 1])
        out[first:last][filled] = how.reduceat(part, starts) if len(starts) else 0.0
    return out


def signs(m: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have a positive entry, and which a negative one; both of shape (n_rows,)."""
    filled, starts = _filled(m.indptr)
    positive, negative = np.zeros((2, m.shape[0]), bool)
    if len(starts):
        positive[filled] = np.maximum.reduceat(m.data, starts) > 0
        negative[filled] = np.minimum.reduceat(m.data, starts) < 0
    return positive, negative


def repeated(m: sp.csr_array) -> np.ndarray:
    """True where the entries of a row are those of an earlier one, shape (n_rows,)."""
    seen, out = set(), np.zeros(m.shape[0], bool)
    filled, starts = _filled(m.indptr)
    ends = m.indptr[1:][filled] - 1
    glance = (ends - starts, m.indices[starts], m.data[starts], m.indices[ends], m.data[ends])
    alike = pd.DataFrame(dict(enumerate(glance))).duplicated(keep=False).to_numpy()
    for i in np.flatnonzero(filled)[alike]:  # only rows that look alike are compared
        a, b = m.indptr[i], m.indptr[i + 1]
        key = hashlib.sha256(m.indices[a:b].tobytes() + m.data[a:b].tobytes()).digest()
        out[i] = key in seen
        seen.add(key)
    return out


def _filled(pointers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have entries, shape (n_rows,), and where theirs begin, counted from the first of all."""
    filled = np.diff(pointers) > 0
    return filled, pointers[:-1][filled] - pointers[0]


def _blocks(pointers: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last rows, the last excluded, of blocks of about `BLOCK` entries."""
    first, n = 0, len(pointers) - 1
    while first < n:
        last = max(int(np.searchsorted(pointers, pointers[first] + BLOCK, side="right")) - 1, first + 1)
        yield first, last
        first = last
