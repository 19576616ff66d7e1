"""What a problem is made of, checked once: numbers, labels and the matrix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.errors import ProblemError

#: Larger entries have no sum in double precision once they are weighted.
LARGEST = 1e300


def checked_matrix(matrix: Any) -> sp.csr_array:
    """A copy as sorted CSR of finite float32 or float64 without duplicates or stored zeros, or a ProblemError."""
    if not sp.issparse(matrix):
        try:
            matrix = np.asarray(matrix)
            ready = matrix.dtype.kind in "fiubc" and matrix.dtype != np.float16  # complex entries are refused below
            matrix = matrix.astype(matrix.dtype.newbyteorder("="), copy=False) if ready else matrix.astype(np.float64)
        except (TypeError, ValueError):
            raise ProblemError("The matrix holds something that is not a number: give real numbers only.") from None
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ProblemError(f"The matrix has shape {matrix.shape}: it needs at least one target (row) and one household (column).")
    if matrix.dtype.kind not in "fiub":
        raise ProblemError(f"The matrix holds {matrix.dtype} entries: give real numbers only.")
    m = sp.csr_array(matrix, copy=True)
    if m.indices.dtype != np.int32 and max(m.nnz, *m.shape) < 2**31:
        m.indices, m.indptr = m.indices.astype(np.int32), m.indptr.astype(np.int32)
    if m.data.dtype != np.float32:
        m.data = m.data.astype(np.float64)
    m.sum_duplicates()
    m.eliminate_zeros()
    bad = np.flatnonzero(~(np.abs(m.data) <= min(LARGEST, float(np.finfo(m.dtype).max))))
    if len(bad):
        row, found = int(np.searchsorted(m.indptr, bad[0], side="right")) - 1, m.data[bad[0]]
        remedy = "correct it, or take larger units" if np.isfinite(found) else "replace it by a finite number"
        raise ProblemError(
            f"The matrix entry of target {row + 1} and household {m.indices[bad[0]] + 1} is {found}: {remedy} ({len(bad):,} such)."
        )
    return m


def vector(what: str, values: Any, length: int, of: str) -> np.ndarray:
    """Finite float64 numbers, shape (length,), or a ProblemError."""
    try:
        if np.iscomplexobj(given := np.asarray(values)):
            raise TypeError
        v = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"The {what} hold something that is not a number: give real numbers only.") from None
    if v.shape != (length,):
        raise ProblemError(f"The {what} have shape {v.shape} but there are {length:,} {of}: give one number each.")
    if not np.isfinite(v).all():
        i = int(np.argmin(np.isfinite(v)))
        raise ProblemError(f"The {what} hold {v[i]} at position {i + 1}: replace it by a finite number, or remove the row.")
    return v


def labels(what: str, labels: Iterable[str] | None, length: int, default: str, *, unique: bool) -> np.ndarray:
    """Texts, shape (length,), the default ones where none are given, or a ProblemError."""
    if labels is None:
        texts = [default + str(i) for i in range(1, length + 1)] if unique else [default] * length
    else:
        texts = [str(t) for t in labels]
    out = np.array(texts, dtype=object)
    if out.shape != (length,):
        raise ProblemError(f"There are {len(out):,} {what}s for {length:,} places: give one each.")
    if unique and labels is not None:
        again = pd.Series(out).duplicated().to_numpy()
        if again.any():
            i = int(np.argmax(again))
            raise ProblemError(f"The {what} '{out[i]}' stands more than once (again at position {i + 1}): make it unique.")
    return out


def optional_numbers(what: str, values: Any, length: int, of: str, *, none: float = np.nan) -> np.ndarray:
    """Float64 numbers, shape (length,), with `none` where one is missing (NaN, None); or a ProblemError."""
    try:
        given = values.to_numpy(np.float64, na_value=np.nan) if isinstance(values, pd.Series) else np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"The {what} hold something that is not a number: give real numbers, or leave them empty.") from None
    missing = np.isnan(given) | (given == none)
    return np.asarray(np.where(missing, none, vector(what, np.where(missing, 0.0, given), length, of)))


def flags(what: str, values: Any, length: int, of: str) -> np.ndarray:
    """True or false, shape (length,), from booleans or 0 and 1; or a ProblemError."""
    v = vector(what, values, length, of)
    if not np.isin(v, (0, 1)).all():
        raise ProblemError(f"The {what} hold {v[~np.isin(v, (0, 1))][0]:g}: give true or false, or 1 or 0.")
    return np.asarray(v == 1)
