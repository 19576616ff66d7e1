"""What a button does, and the sentence that stands there where it does not go."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from l0engine.errors import L0Error

_FULL = (errno.ENOSPC, errno.EDQUOT)
#: SQLite's names of a full disk, and of one that cannot be written.
_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def attempt(act: Callable[[], Any]) -> None:
    """Do it, and run the page anew; what does not go is said in its place."""
    try:
        with full_disk_said():
            act()
            st.rerun()
    except L0Error as error:
        st.error(str(error), icon=":material/error:")


@contextmanager
def full_disk_said() -> Iterator[None]:
    """Say a full disk in a sentence, and go on behind; any other error goes its way."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if not (getattr(error, "errno", None) in _FULL or (code is not None and code & 0xFF in _SQLITE)):
            raise
        st.error(
            "The disk is full: what was asked for could not be kept. Nothing kept before is lost; make room on the disk, or clear old runs "
            "on the Runs page, and try again.",
            icon=":material/hard_drive:",
        )
