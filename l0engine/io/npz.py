"""NPZ matrices, checked member by member before a sparse matrix is built; nothing is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse as sp

from l0engine.errors import ProblemError
from l0engine.io.limits import check_shape, check_unpacked, clipped, listed, readable, shown
from l0engine.io.parts import from_compressed, from_coo, refuse_non_finite

_MAX_MEMBERS = 32
_PARTS = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


def read_npz(path: Path) -> tuple[sp.csr_array, str]:
    """The matrix in its stored orientation, with duplicates summed, and what it was ('CSR', 'dense', ...).

    Raises
    ------
    ProblemError
        Anything SciPy would trust blindly: indices out of range, broken row pointers, headers that lie, objects.
    """
    file = shown(path)
    with readable(file, "NPZ"), zipfile.ZipFile(path) as archive:
        return _read(archive, file, path.stat().st_size)


def members_of(archive: zipfile.ZipFile, file: str, packed: int) -> dict[str, zipfile.ZipInfo]:
    """Arrays of an archive of so many bytes by name; refuses repeated names and what unpacks to too much."""
    members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
    if len(members) != len(archive.infolist()) or len(members) > _MAX_MEMBERS:
        raise ProblemError(f"{file}: it holds {len(archive.infolist()):,} members, some twice or too many: save one matrix.")
    check_unpacked(file, sum(i.file_size for i in members.values()), packed)
    return members


def _read(archive: zipfile.ZipFile, file: str, packed: int) -> tuple[sp.csr_array, str]:
    members = members_of(archive, file, packed)
    if "format" not in members:
        if len(members) != 1:
            raise ProblemError(f"{file}: it holds {listed(members)}: save one sparse matrix with scipy.sparse.save_npz.")
        name, info = next(iter(members.items()))
        return _dense(read_array(archive, info, file, name), file), "dense"
    kind = _format(read_array(archive, members["format"], file, "format"), file)
    needed = ("shape", "data", *_PARTS[kind])
    missing = [n for n in needed if n not in members]
    if missing:
        raise ProblemError(f"{file}: its member '{missing[0]}' is missing: save it with scipy.sparse.save_npz.")
    parts = {n: read_array(archive, members[n], file, n) for n in needed}
    shape = _shape(parts["shape"], file)
    data = numbers(parts["data"], file, "data", ndim=1)
    first, second = (integers(parts[n], file, n) for n in _PARTS[kind])
    if kind == "coo":
        return from_coo(file, data, first, second, shape), "COO"
    return from_compressed(file, kind, data, first, second, shape), kind.upper()


def read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str, name: str) -> np.ndarray:
    """One member, its header read first and its declared size compared with the real one."""
    if info.flag_bits & 1:
        raise ProblemError(f"{file}, member '{clipped(name)}': it is encrypted: save it without a password.")
    with archive.open(info) as f:
        version = np.lib.format.read_magic(f)
        if version not in ((1, 0), (2, 0)):
            raise ProblemError(f"{file}, member '{clipped(name)}': unknown NPY version {version}: save it again.")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        h = _Header(*reader(f))
        if h.dtype.hasobject or h.dtype.kind not in "fiubcSU":
            raise ProblemError(f"{file}, member '{clipped(name)}': it holds {h.dtype} (objects are never unpickled): save real numbers.")
        declared, real = math.prod(h.shape) * h.dtype.itemsize, info.file_size - f.tell()
        if declared != real or min(h.shape, default=0) < 0:
            raise ProblemError(
                f"{file}, member '{clipped(name)}': its header declares {declared:,} bytes but {real:,} are there: save it again."
            )
        raw = f.read(real)
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


def _dense(a: np.ndarray, file: str) -> sp.csr_array:
    a = numbers(a, file, "array", ndim=2)
    check_shape(file, *a.shape)
    row, column = np.nonzero(a)
    refuse_non_finite(file, a[row, column], row, column)
    return sp.csr_array(a)
