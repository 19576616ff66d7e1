"""Files that are there whole or not at all: written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np


def write_whole(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Fill a new file, with bytes or by what writes into it, then put it in the place of `path`; on failure the old file stays.

    Raises
    ------
    OSError
        As the system gives it, for instance ENOSPC on a full disk.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            content(file) if callable(content) else file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make renames inside a folder last through a power cut; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def arrays_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as the bytes of an npz file."""
    out = io.BytesIO()
    _save(out, arrays)
    return out.getvalue()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as an npz file, whole."""
    write_whole(path, lambda file: _save(file, arrays))


def _save(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    np.savez(file, **dict(arrays))  # type: ignore[arg-type]  # names are never allow_pickle


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Named arrays of an npz file; objects are refused.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        The file is missing, damaged, or holds objects.
    """
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
