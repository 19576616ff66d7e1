"""Room on the disk: what everything takes, what is old, the trash, and what nobody refers to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.attempt import attempt
from dashboard.runs import table
from dashboard.state import keeping, leftovers
from l0engine.jobs.job import JobRecord

#: Ages to clear, in days.
_AGES = {1: "a day", 7: "a week", 30: "a month", 90: "three months", 365: "a year"}


def offer_undo() -> None:
    """After jobs were put into the trash: say so, with the way back."""
    if not (ids := keeping.undone()):
        return
    said, back = layout.columns([5, 1], key="undo", narrowest=150, align="center")
    said.info(f"{wording.plural(len(ids), 'job')} put into the trash.", icon=":material/delete:")
    if back.button("Undo", icon=":material/undo:", width="stretch"):
        attempt(keeping.undo)


def bring_in() -> None:
    """A zip that was downloaded here or elsewhere."""
    with st.popover("Import", icon=":material/upload:", width="stretch"):
        file = st.file_uploader("A zip of runs", type=["zip"], key="runs_zip", help="As the Download button of this page writes it.")
        again = st.checkbox(
            "Also if it was brought in before", key="runs_zip_again", help="Its runs are then there twice, with '(2)' behind the name."
        )
        if st.button("Bring them in", type="primary", disabled=file is None, help=None if file else "Choose a zip first.") and file:
            attempt(lambda: leftovers.bring_in(file.name, file.getvalue(), again=again))
    if said := state.held("brought_in"):
        state.hold("brought_in", None)
        st.toast(said, icon=":material/check:")


def show(jobs: Sequence[JobRecord[Any, Any]]) -> None:
    """What is taken, in one line that opens; what it holds is only looked for then."""
    if near := state.quota_warning():
        st.warning(wording.markdown(near), icon=":material/hard_drive:")
    room = st.expander("Trash and disk", icon=":material/hard_drive:", key="runs_room", on_change="rerun")
    if room.open:
        trashed = state.store().trashed()
        with room:
            _usage(jobs, trashed)
            old, unused = layout.columns(2, key="runs_clear", narrowest=320, gap="large")
            with old:
                _old()
            with unused:
                _unused()
            _trash(trashed)


def _usage(jobs: Sequence[JobRecord[Any, Any]], trashed: Sequence[JobRecord[Any, Any]]) -> None:
    uploads = leftovers.uploads()
    figures = {
        "Runs and studies": (_sum(jobs), "Snapshots, weights and files of all jobs that are listed."),
        "Trash": (_sum(trashed), "Given free by emptying it."),
        "Uploads and problems": (wording.size(uploads.used), f"Beyond {wording.size(uploads.most)} nothing more is taken in."),
        "Free on the disk": (wording.size(leftovers.free()), "Of the disk that the store is on."),
    }
    layout.metrics(figures, key="runs_usage", narrowest=160)
    st.caption(f"All of it lies in `{state.store().root}`.")


def _sum(jobs: Sequence[JobRecord[Any, Any]]) -> str:
    return wording.size(sum(keeping.costs(jobs).values()))


def _old() -> None:
    """Everything that ended long ago and is not pinned."""
    st.markdown("**Clear what is old**")
    days = st.selectbox("Older than", list(_AGES), 2, format_func=_AGES.get, key="runs_older")
    found = state.store().older_than(days)
    frees = f"{wording.plural(len(found), 'job')}, {_sum(found)}. Pinned ones stay." if found else "Nothing is as old as that."
    st.caption(frees)
    if st.button("Put them into the trash", icon=":material/delete_sweep:", disabled=not found, help=None if found else frees):
        attempt(lambda: keeping.trash([job.id for job in found]))


def _unused() -> None:
    """Problems and uploads that no job refers to."""
    st.markdown("**Problems and uploads nobody refers to**")
    found = leftovers.unused()
    titles = {item.key: f"{item.title} ({wording.size(item.size)})" for item in found}
    if not titles:
        st.caption("All are in use, or open here.")
        return
    chosen = st.multiselect("Remove", list(titles), format_func=titles.get, placeholder="None chosen", key="runs_unused")
    st.caption("They are removed at once and for good, also where another window has them open.")
    label = f"Remove {wording.size(sum(item.size for item in found if item.key in chosen))}" if chosen else "Remove"
    if st.button(label, icon=":material/delete_forever:", disabled=not chosen, help=None if chosen else "Choose what to remove first."):
        attempt(lambda: leftovers.remove([item for item in found if item.key in chosen]))


def _trash(trashed: Sequence[JobRecord[Any, Any]]) -> None:
    st.markdown("**Trash**")
    if not trashed:
        st.caption("It is empty.")
        return
    titles = {record.sha: record.title for record in state.store().problems()}
    frame, looks = table.listed(trashed, titles, keeping.costs(trashed), settings=False)
    chosen = table.choose(trashed, frame, looks, key="trash", rows=6, alt="Jobs in the trash, one a row") or trashed
    ids = [job.id for job in chosen]
    some = "all" if len(ids) == len(trashed) else str(len(ids))
    with st.container(horizontal=True):
        if st.button(f"Restore {some}", icon=":material/restore_from_trash:"):
            attempt(lambda: keeping.restore(ids))
        with st.popover(f"Remove {some} for good", icon=":material/delete_forever:"):
            st.markdown(f"{wording.plural(len(ids), 'job')} with all files. This cannot be undone.")
            if st.button("Remove for good", type="primary"):
                attempt(lambda: keeping.purge(ids))
