"""Quotas: how much one session may upload, and how much is kept in all."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

import streamlit as st

from dashboard.state.resources import store
from l0engine.errors import L0Error
from l0engine.jobs.disk.room import LOW, quota
from l0engine.jobs.shelves.problems import default_root

SESSION_BYTES = 2 * 10**9
ALL_BYTES = 20 * 10**9
#: So long the store's files are not counted again: it is done at every rerun, for every session.
COUNT_SECONDS = 30
#: Folders of the store that uploads go to.
_KEPT = ("problems", "tables", "images", "logs")


class Quota(NamedTuple):
    """A limit on uploads.

    Attributes
    ----------
    where : str
        'in this session' or 'in all'.
    used, most : int
        Bytes.
    remedy : str
    """

    where: str
    used: int
    most: int
    remedy: str


def quotas() -> tuple[Quota, Quota]:
    """What this session has uploaded, and what is kept of all uploads."""
    root = default_root()
    kept = sum(_size(os.path.join(folder, file)) for name in _KEPT for folder, _, files in os.walk(root / name) for file in files)
    return (
        Quota("in this session", st.session_state.get("uploaded_bytes", 0), SESSION_BYTES, "open the page anew to begin another session"),
        Quota("in all", kept, ALL_BYTES, "remove what nobody needs under 'Trash and disk' on the Runs page"),
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # gone since
        return 0


def admit(size: int) -> None:
    """Refuse uploads of so many bytes where they would be too much.

    Raises
    ------
    L0Error
        A sentence that says which limit, how far it is used, and what to do.
    """
    for one in quotas():
        if one.used + size > one.most:
            raise L0Error(
                f"These files take {_gb(size)}; {one.where}, {_gb(one.used)} of {_gb(one.most)} for uploads are used: "
                f"give smaller ones, or {one.remedy}."
            )


def took(size: int) -> None:
    """Count what this session uploaded, and what was kept."""
    st.session_state.uploaded_bytes = st.session_state.get("uploaded_bytes", 0) + size


def warning() -> str:
    """What to say before a limit is reached: from half of it on."""
    near = [q for q in quotas() if q.used > q.most / 2]
    said = [f"Uploads {q.where} take {_gb(q.used)} of {_gb(q.most)}: before it is full, {q.remedy}." for q in near]
    return " ".join(filter(None, [*said, _store_warning()]))


def _store_warning() -> str:
    """What to say of the room that the store has; its files are counted only where there is a quota, or little room on its disk."""
    try:
        most = quota()
        counts = most is not None or shutil.disk_usage(store().root).free < LOW
        return _room_said(str(store().root), most) if counts else ""
    except L0Error as error:  # the quota is no number
        return str(error)


@st.cache_resource(ttl=COUNT_SECONDS, show_spinner=False)
def _room_said(root: str, most: int | None) -> str:
    return store().room().warning


def count_anew() -> None:
    """Count the store's files at the next rerun: some have gone, or come."""
    _room_said.clear()


def _gb(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"
