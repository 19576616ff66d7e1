"""The store and its supervisor, one each for the server."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import streamlit as st

from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import PointRecord, RunRecord
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor

#: By what is kept what was worked out of a job that has ended, or of a point: its name, note and pin may change.
BY_END: dict[Any, Callable[[Any], Any]] = {
    **dict.fromkeys((JobRecord, RunRecord), lambda job: (job.id, job.ended)),
    PointRecord: lambda point: point.key,
}


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


def leave_alone_what_stays() -> None:
    """Take what was imported out of every collection of garbage.

    Streamlit asks for one after each run of a script, and the answer waits for it: of the modules alone it takes 90 ms.
    """
    seen = _seen()
    if len(sys.modules) > seen["modules"]:
        seen["modules"] = len(sys.modules)
        gc.collect()
        gc.freeze()


@st.cache_resource
def _seen() -> dict[str, int]:
    """How many modules there were when it was last asked."""
    return {"modules": 0}
