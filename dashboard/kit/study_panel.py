"""A study while it runs: how far it is, a Stop button, and its pictures; and what to say where it ended badly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.state import studies
from l0engine.studies.shelf import StudyRecord
from l0engine.studies.study import StudyStatus

Snapshots = list[dict[str, Any]]


def follow(record: StudyRecord, draw: Callable[[Snapshots], None], *, unit: str = "Step") -> None:
    """Show a study that runs until it ends, then run the page once more.

    Parameters
    ----------
    record : StudyRecord
    draw : callable
        Draws the snapshots so far, with `live_plot`; not called before the first one. They have the keys "step" and "epochs".
    unit : str
        What a step is called.
    """

    @st.fragment(run_every=state.tick_seconds())
    def tick() -> None:
        now = studies.shelf().record(record.id)
        if now.status.ended:
            st.rerun()
        snapshots = studies.shelf().snapshots(record.id)
        words, stop = layout.columns([6, 1.2], key=f"study_{record.study.kind}", narrowest=120, align="center")
        done, text = 0.0, "Starting the worker; the first step comes within a few seconds."
        if snapshots:
            last = snapshots[-1]
            done, text = last["step"] / last["epochs"], f"{unit} {wording.count(last['step'])} of {wording.count(last['epochs'])}"
        words.progress(min(done, 1.0), text=text)
        stop.button("Stop", icon=":material/stop:", on_click=studies.shelf().stop, args=(record.id,), width="stretch",
                    help="Ends soon, with what there is.")  # fmt: skip
        if snapshots:
            draw(snapshots)

    tick()


def earlier(kind: str) -> None:
    """A menu of earlier studies of a kind, where there are any."""
    records = {r.id: r for r in studies.earlier(kind)}
    if not records:
        return

    def titled(r: StudyRecord) -> str:
        when = datetime.fromtimestamp(r.created)
        end = "" if r.status is StudyStatus.FINISHED else f" · {r.status.value}"
        return f"{when.day} {when:%b %H:%M} · {r.study.label}{end}"

    titles = wording.distinct({name: titled(r) for name, r in records.items()})
    key = f"earlier_{kind}"
    st.selectbox(
        "Earlier ones", list(titles), index=None, format_func=titles.get, placeholder=f"Open one of {len(titles)}", key=key,
        on_change=lambda: st.session_state[key] and studies.open_study(kind, st.session_state[key]),
    )  # fmt: skip


def trouble(record: StudyRecord) -> None:
    """Say what went wrong with a study, if anything did."""
    if record.status is StudyStatus.STOPPED:
        st.info("Stopped before its last step: this is what there was.", icon=":material/stop_circle:")
    elif record.message:
        st.error(record.message, icon=":material/error:")
