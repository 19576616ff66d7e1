"""What a button does, and the sentence that stands there where it does not go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from dashboard.kit import wording
from l0engine.errors import L0Error, StorageError
from l0engine.jobs.disk.edge import at_the_edge


def attempt(act: Callable[[], Any]) -> None:
    """Do it, and run the page anew; what does not go is said in its place."""
    try:
        with at_the_edge():
            act()
            st.rerun()
    except L0Error as error:
        st.error(wording.markdown(str(error)), icon=":material/error:")


@contextmanager
def full_disk_said() -> Iterator[None]:
    """Say in a sentence that the disk is full, or cannot be used, and go on behind; any other error goes its way."""
    try:
        with at_the_edge():
            yield
    except StorageError as error:
        st.error(f"{wording.markdown(str(error))} Nothing that was kept is lost.", icon=":material/hard_drive:")
