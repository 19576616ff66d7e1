"""The edge of the store: what the disk or SQLite refuses becomes a sentence, in one place."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from l0engine.errors import StorageError

#: What a full disk says.
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: What other disks say that cannot be used.
_BROKEN = {errno.EROFS: "the disk can only be read", errno.EIO: "the disk cannot be read or written"}
#: SQLite's names of errors, by how they begin; others are mistakes of the program.
_SQLITE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk cannot be written, most often because it is full",
    "SQLITE_CANTOPEN": "it cannot be opened, most often because the disk is full",
    "SQLITE_READONLY": "it can only be read",
    "SQLITE_BUSY": "another process holds it",
}
#: Of these no room is to be made.
_READ_ONLY = (_BROKEN[errno.EROFS], _SQLITE["SQLITE_READONLY"])
#: And of files that are not what they were.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


@contextmanager
def at_the_edge() -> Iterator[None]:
    """Inside, and in a function it decorates, what a disk or SQLite refuses is raised as a `StorageError`."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if getattr(error, "sqlite_errorname", "") in _DAMAGED:
            raise StorageError(f"The store's file store.sqlite is damaged ({error}): move it aside, or put a copy of it back.") from error
        reason = _reason(error)
        if reason is None:
            raise
        remedy = "make room on the disk, or try again later"
        if reason in _READ_ONLY:
            remedy = "make it writable, or set L0ENGINE_HOME to another folder"
        raise StorageError(f"The store cannot be used as {reason} ({_said(error)}): {remedy}.") from error


def _reason(error: BaseException) -> str | None:
    """Why the disk refuses; None where it does not."""
    if isinstance(error, sqlite3.OperationalError):
        name = getattr(error, "sqlite_errorname", "") or ""
        return next((words for start, words in _SQLITE.items() if name.startswith(start)), None)
    if isinstance(error, shutil.Error):  # of many files, in a list of its own
        full = any(f"[Errno {number}]" in str(error) for number in _FULL)
        return "the disk is full" if full else None
    if isinstance(error, OSError) and error.errno is not None:
        return "the disk is full" if error.errno in _FULL else _BROKEN.get(error.errno)
    return None


def _said(error: BaseException) -> str:
    if isinstance(error, shutil.Error):
        return "No space left on device"
    return getattr(error, "strerror", None) or str(error)
