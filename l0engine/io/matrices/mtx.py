"""MatrixMarket files, their header held against their size before anything is allocated.

SciPy's own reader is not used: it dies on some files that end within a number.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io.limits import check_shape, check_unpacked, clipped, readable, shown
from l0engine.io.matrices.npz import Fits
from l0engine.io.matrices.parts import from_coo

_LAYOUTS = {"coordinate": 3, "array": 2}
_FIELDS = ("real", "double", "integer", "unsigned-integer", "pattern")
_MAX_LINE = 4096


class _Header(NamedTuple):
    rows: int
    columns: int
    entries: int
    layout: str
    field: str
    lines: int


def read_mtx(path: Path, fits: Fits) -> tuple[sp.csr_array, str]:
    """The matrix in its stored orientation, and 'MatrixMarket'.

    Parameters
    ----------
    fits : callable
        Refuses rows, columns and entries that cannot be right, before they are read.

    Raises
    ------
    ProblemError
        Broken, complex, symmetric (targets x households never is), or a header that claims more than the file holds.
    """
    file, size = shown(path), path.stat().st_size
    with path.open("rb") as f:
        h = _header(f, file)
        check_shape(file, h.rows, h.columns)
        least = h.entries * (2 if h.layout == "array" else 4)
        if least > size + 1:  # the last line may lack its end
            raise ProblemError(
                f"{file}, line {h.lines:,}: it claims {h.rows:,} x {h.columns:,} with {h.entries:,} entries, "
                f"more than the file's {size:,} bytes can hold: export it again."
            )
        check_unpacked(file, h.entries * 32, size)
        fits(h.rows, h.columns, h.entries)
        width = 1 if h.layout == "array" else 2 if h.field == "pattern" else 3
        body = np.empty((0, width))
        if h.entries:
            with readable(file, "MatrixMarket"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # blank lines and an empty body are judged below
                body = np.loadtxt(f, comments="%", ndmin=2, max_rows=h.entries + 1, encoding="latin-1")
    if body.shape != (h.entries, width):
        there = f"{'more' if len(body) > h.entries else f'{len(body):,}'} of {body.shape[1]} are there"
        raise ProblemError(f"{file}, line {h.lines:,}: it claims {h.entries:,} entries of {width} numbers but {there}: export it again.")
    row, column, data = _triples(body, h, file)
    return from_coo(file, data, row, column, (h.rows, h.columns)), "MatrixMarket"


def _header(f: BinaryIO, file: str) -> _Header:
    banner = f.readline(_MAX_LINE).decode("latin-1").lower().split()
    if len(banner) != 5 or banner[:2] != ["%%matrixmarket", "matrix"] or banner[2] not in _LAYOUTS:
        raise ProblemError(
            f"{file}, line 1: it does not begin with '%%MatrixMarket matrix coordinate real general': export it again, or rename it."
        )
    _, _, layout, field, symmetry = banner
    if field not in _FIELDS or (layout, field) == ("array", "pattern"):
        raise ProblemError(f"{file}, line 1: it holds {clipped(field)} entries: give real numbers only.")
    if symmetry != "general":
        raise ProblemError(f"{file}, line 1: it is {clipped(symmetry)}, which targets x households cannot be: save it as 'general'.")
    line, lines = b"%", 1
    while line[:1] == b"%" or (line and not line.strip()):
        line = f.readline(_MAX_LINE)
        lines += 1
    words = line.decode("latin-1").split()
    if len(words) != _LAYOUTS[layout] or not all(w.isascii() and w.isdigit() and len(w) < 19 for w in words):
        raise ProblemError(f"{file}, line {lines:,}: it must give the size in {_LAYOUTS[layout]} whole numbers: export it again.")
    rows, columns, *rest = map(int, words)
    return _Header(rows, columns, rest[0] if rest else rows * columns, layout, field, lines)


def _triples(body: np.ndarray, h: _Header, file: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if h.layout == "array":  # column by column
        flat = np.flatnonzero(body[:, 0])
        return flat % h.rows, flat // h.rows, body[flat, 0]
    for axis, (name, size) in enumerate((("row", h.rows), ("column", h.columns))):
        index = body[:, axis]
        bad = ~((index >= 1) & (index <= size) & (index == np.floor(index)))
        if bad.any():
            k = int(np.argmax(bad))
            raise ProblemError(
                f"{file}, entry {k + 1:,}: {name} {index[k]:.15g} is not one of 1 to {size:,}: correct the index or the size."
            )
    data = np.ones(len(body)) if h.field == "pattern" else body[:, 2]
    return body[:, 0].astype(np.int64) - 1, body[:, 1].astype(np.int64) - 1, data
