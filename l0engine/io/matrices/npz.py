"""NPZ matrices, checked member by member before a sparse matrix is built; nothing is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io.limits import check_shape, check_unpacked, clipped, listed, readable, shown
from l0engine.io.matrices.parts import from_compressed, from_coo, refuse_non_finite

#: Refuses a shape and a number of entries that cannot be right.
Fits = Callable[[int, int, int], None]
_MAX_MEMBERS = 32
#: Of a dense array, read at a time.
_BLOCK_BYTES = 16 * 2**20
_PARTS = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}


class Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


def read_npz(path: Path, fits: Fits) -> tuple[sp.csr_array, str]:
    """The matrix in its stored orientation, duplicates kept, and what it was ('CSR', 'dense', ...).

    Parameters
    ----------
    fits : callable
        Refuses rows, columns and entries that cannot be right, before they are read.

    Raises
    ------
    ProblemError
        Anything SciPy would trust blindly: indices out of range, broken row pointers, headers that lie, objects.
    """
    file = shown(path)
    with readable(file, "NPZ"), zipfile.ZipFile(path) as archive:
        return _read(archive, file, path.stat().st_size, fits)


def members_of(archive: zipfile.ZipFile, file: str, packed: int) -> dict[str, zipfile.ZipInfo]:
    """Arrays of an archive of so many bytes by name; refuses repeated names and what unpacks to too much."""
    members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
    if len(members) != len(archive.infolist()) or len(members) > _MAX_MEMBERS:
        raise ProblemError(f"{file}: it holds {len(archive.infolist()):,} members, some twice or too many: save one matrix.")
    check_unpacked(file, sum(i.file_size for i in members.values()), packed)
    return members


def _read(archive: zipfile.ZipFile, file: str, packed: int, fits: Fits) -> tuple[sp.csr_array, str]:
    members = members_of(archive, file, packed)
    if "format" not in members:
        if len(members) != 1:
            raise ProblemError(f"{file}: it holds {listed(members)}: save one sparse matrix with scipy.sparse.save_npz.")
        name, info = next(iter(members.items()))
        with opened(archive, info, file, name) as (header, f):
            return _dense(header, f, file, name, fits), "dense"
    kind = _format(read_array(archive, members["format"], file, "format", most=1), file)
    needed = ("shape", "data", *_PARTS[kind])
    missing = [n for n in needed if n not in members]
    if missing:
        raise ProblemError(f"{file}: its member '{missing[0]}' is missing: save it with scipy.sparse.save_npz.")
    shape = _shape(read_array(archive, members["shape"], file, "shape", most=2), file)
    with opened(archive, members["data"], file, "data") as (header, _):
        entries = math.prod(header.shape)
    fits(*shape, entries)
    longest = max(entries, *shape) + 1
    parts = {n: read_array(archive, members[n], file, n, most=longest) for n in needed[1:]}
    data = numbers(parts["data"], file, "data", ndim=1)
    first, second = (integers(parts[n], file, n) for n in _PARTS[kind])
    if kind == "coo":
        return from_coo(file, data, first, second, shape), "COO"
    return from_compressed(file, kind, data, first, second, shape), kind.upper()


@contextmanager
def opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str, name: str) -> Iterator[tuple[Header, IO[bytes]]]:
    """One member, its header read and compared with its real size, at the first of its entries; what goes wrong names the member."""
    where = f"{file}, member '{clipped(name)}'"
    if info.flag_bits & 1:
        raise ProblemError(f"{where}: it is encrypted: save it without a password.")
    with readable(where, "an array"), archive.open(info) as f:
        version = np.lib.format.read_magic(f)
        if version not in ((1, 0), (2, 0)):
            raise ProblemError(f"{where}: unknown NPY version {version}: save it again.")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        h = Header(*reader(f))
        if h.dtype.hasobject or h.dtype.kind not in "fiubcSU":
            raise ProblemError(f"{where}: it holds {h.dtype} (objects are never unpickled): save real numbers.")
        declared, real = math.prod(h.shape) * h.dtype.itemsize, info.file_size - f.tell()
        if declared != real or min(h.shape, default=0) < 0:
            raise ProblemError(f"{where}: its header declares {declared:,} bytes but {real:,} are there: save it again.")
        yield h, f


def read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str, name: str, most: int | None = None) -> np.ndarray:
    """One member as an array; refused unread where it has more than `most` entries."""
    with opened(archive, info, file, name) as (h, f):
        if most is not None and math.prod(h.shape) > most:
            raise ProblemError(
                f"{file}, member '{clipped(name)}': it has {math.prod(h.shape):,} entries where {most:,} would be many: save it again."
            )
        raw = f.read(math.prod(h.shape) * h.dtype.itemsize)
        return np.frombuffer(raw, h.dtype).reshape(h.shape, order="F" if h.fortran else "C")


def _format(a: np.ndarray, file: str) -> str:
    kind = str(a.astype(str).item()) if a.size == 1 and a.dtype.kind in "SU" else "?"
    if kind not in _PARTS:
        raise ProblemError(f"{file}: its sparse format is '{clipped(kind)}': save it as CSR, CSC or COO.")
    return kind


def _shape(a: np.ndarray, file: str) -> tuple[int, int]:
    if a.shape != (2,) or a.dtype.kind not in "iu":
        raise ProblemError(f"{file}, member 'shape': it must be two whole numbers: save a 2-d matrix.")
    rows, columns = int(a[0]), int(a[1])
    check_shape(file, rows, columns)
    return rows, columns


def numbers(a: np.ndarray, file: str, name: str, ndim: int) -> np.ndarray:
    """A member as float32 or float64; refuses what is not real or has other dimensions."""
    if a.dtype.kind not in "fiub":
        raise ProblemError(f"{file}, member '{clipped(name)}': it holds {a.dtype} entries: give real numbers only.")
    if a.ndim != ndim:
        raise ProblemError(f"{file}, member '{clipped(name)}': it has {a.ndim} dimensions where {ndim} are needed: save it again.")
    return a.astype(np.float32 if a.dtype.kind == "f" and a.dtype.itemsize == 4 else np.float64)


def integers(a: np.ndarray, file: str, name: str) -> np.ndarray:
    """A member of indices as int32 or int64; refuses what is not whole."""
    if a.dtype.kind not in "iu" or a.ndim != 1:
        raise ProblemError(f"{file}, member '{name}': it holds {a.ndim}-d {a.dtype}; indices must be whole numbers: save it again.")
    if len(a) and int(a.max()) > np.iinfo(np.int64).max:
        raise ProblemError(f"{file}, member '{name}': entry {int(a.argmax()) + 1:,} is {a.max()}: save it again.")
    return a.astype(np.int32 if a.dtype.itemsize <= 4 and a.dtype != np.uint32 else np.int64)


def _dense(h: Header, f: IO[bytes], file: str, name: str, fits: Fits) -> sp.csr_array:
    """The entries of a dense array that are not 0, read a few lines at a time: rows, or columns where it is stored by columns."""
    kind = numbers(np.empty((0,) * len(h.shape), h.dtype), file, name, ndim=2).dtype
    rows, columns = h.shape
    check_shape(file, rows, columns)
    fits(rows, columns, rows * columns)
    lines, width = (columns, rows) if h.fortran else (rows, columns)
    step = max(1, _BLOCK_BYTES // (width * h.dtype.itemsize))
    indptr, indices, data = [np.zeros(1, np.int64)], [np.empty(0, np.int32)], [np.empty(0, kind)]
    for first in range(0, lines, step):
        many = min(step, lines - first)
        block = np.frombuffer(f.read(many * width * h.dtype.itemsize), h.dtype).reshape(many, width)
        line, place = np.nonzero(block)
        values = block[line, place].astype(kind)
        refuse_non_finite(file, values, *((place, line + first) if h.fortran else (line + first, place)))
        indptr.append(indptr[-1][-1] + np.cumsum(np.bincount(line, minlength=many)))
        indices.append(place.astype(np.int32))
        data.append(values)
    build = sp.csc_array if h.fortran else sp.csr_array
    return sp.csr_array(build((np.concatenate(data), np.concatenate(indices), np.concatenate(indptr)), shape=(rows, columns)))
