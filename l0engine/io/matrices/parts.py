"""Sparse matrices from parts that came from outside: checked first, built only then.

SciPy trusts these parts: an index out of range makes it crash or answer wrongly.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse as sp

from l0engine.errors import ProblemError


def _in_range(file: str, name: str, indices: np.ndarray, size: int, axis: str) -> None:
    bad = (indices < 0) | (indices >= size)
    if bad.any():
        k = int(np.argmax(bad))
        raise ProblemError(
            f"{file}, member '{name}', entry {k + 1:,}: index {indices[k]:,} is outside the {size:,} {axis} (0 to {size - 1:,}): "
            "correct the index or the shape."
        )


def from_compressed(
    file: str, kind: str, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
) -> sp.csr_array:
    """CSR from checked CSR or CSC parts; duplicates are kept."""
    major, minor, axis = (shape[0], shape[1], "columns") if kind == "csr" else (shape[1], shape[0], "rows")
    if len(indptr) != major + 1:
        raise ProblemError(f"{file}, member 'indptr': it has {len(indptr):,} entries where {major + 1:,} are needed: save it again.")
    if len(data) != len(indices):
        raise ProblemError(f"{file}: 'data' has {len(data):,} entries but 'indices' {len(indices):,}: save it again.")
    if indptr[0] != 0 or indptr[-1] != len(data):
        k, value, want = (1, indptr[0], 0) if indptr[0] != 0 else (len(indptr), indptr[-1], len(data))
        raise ProblemError(f"{file}, member 'indptr', entry {k:,}: it is {value:,} where {want:,} is needed: save it again.")
    falls = indptr[1:] < indptr[:-1]
    if falls.any():
        k = int(np.argmax(falls)) + 1
        raise ProblemError(f"{file}, member 'indptr', entry {k + 1:,}: it falls from {indptr[k - 1]:,} to {indptr[k]:,}: save it again.")
    _in_range(file, "indices", indices, minor, axis)
    owner = np.repeat(np.arange(major), np.diff(indptr)) if not np.isfinite(data).all() else None
    if owner is not None:
        refuse_non_finite(file, data, *((owner, indices) if kind == "csr" else (indices, owner)))
    build = sp.csr_array if kind == "csr" else sp.csc_array
    return sp.csr_array(build((data, indices, indptr), shape=shape))


def from_coo(file: str, data: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    """CSR, sorted, from checked triples; duplicates are kept, so that they can be counted."""
    if not len(data) == len(row) == len(column):
        raise ProblemError(f"{file}: 'data', 'row', 'col' have {len(data):,}, {len(row):,}, {len(column):,} entries: save it again.")
    _in_range(file, "row", row, shape[0], "rows")
    _in_range(file, "col", column, shape[1], "columns")
    refuse_non_finite(file, data, row, column)
    # Built by hand, as SciPy's conversion would sum the duplicates.
    place = np.asarray(row, np.int64) * shape[1] + column  # one key: 8 times as fast as two
    order = slice(None) if (place[1:] >= place[:-1]).all() else np.argsort(place, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    return sp.csr_array((data[order], column[order], indptr), shape=shape)


def refuse_non_finite(file: str, data: np.ndarray, row: np.ndarray, column: np.ndarray) -> None:
    """Name the first entry that is NaN or infinite."""
    bad = ~np.isfinite(data)
    if bad.any():
        k = int(np.argmax(bad))
        raise ProblemError(
            f"{file}, row {row[k] + 1:,}, column {column[k] + 1:,}: the entry is {data[k]}: "
            f"replace it by a finite number ({int(bad.sum()):,} such)."
        )
