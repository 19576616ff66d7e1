"""The store and its supervisor, one each for the server."""

from __future__ import annotations

import streamlit as st

from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor


@st.cache_resource
def store() -> Store:
    """The store of problems and jobs, one for the server."""
    return Store()


@st.cache_resource
def supervisor() -> Supervisor:
    """The background thread that starts and watches workers, one for the server."""
    watcher = Supervisor(store())
    watcher.start()
    return watcher


def take_up(job_id: str) -> None:
    """Queue an interrupted job again."""
    store().requeue(job_id)
    supervisor().wake()
