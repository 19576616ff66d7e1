"""The page of a study: what it is for, its form, earlier ones, and the current one, or a finished example where there is none."""

from __future__ import annotations

from types import ModuleType

import streamlit as st

from dashboard.kit import jobs
from dashboard.kit.follow import follow
from dashboard.state.opened import studies


def show(kind: str, title: str, question: str, first: str, another: str, form: ModuleType, view: ModuleType, unit: str = "Step") -> None:
    """Draw it.

    Parameters
    ----------
    kind : str
        Of `KINDS`.
    title, question : str
        Of the page; the question stands there until a study answers one.
    first, another : str
        Names of the form before and after there is a study.
    form, view : module
        Of the trade, with `form.show()`; `view.live(record, snapshots)` while a study is at work, then `view.show(record)`.
    unit : str
        What a step is called.
    """
    record = studies.current(kind)
    st.title(title)
    if record is None:
        st.markdown(question)
    with st.expander(another if record else first, icon=":material/tune:", expanded=record is None):
        form.show()
        jobs.earlier(kind)
    if record is not None:
        jobs.in_trash(record)
    if record is not None and record.status.ended:
        jobs.trouble(record)
        view.show(record)
    elif record is not None:
        follow(record, lambda job, seen: seen and view.live(job, seen), keeps="Ends soon, with what there is.", unit=unit)
    elif (shown := studies.example(kind)) is not None:
        st.caption("What comes of it, on an example that ships with the dashboard:")
        view.show(shown)
