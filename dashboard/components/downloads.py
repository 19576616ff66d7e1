"""The files of a run, as its worker wrote them."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from l0engine.runs.records import RunRecord

_FILES = {
    "weights.csv": ("Weights", "text/csv", "Selected households only: household_id, weight, base_weight and their other columns."),
    "targets.csv": ("Targets", "text/csv", "Each target with its value, estimate and relative error."),
    "run.json": ("Run", "application/json", "Settings, status, versions, seed, input SHA-256 and all measures."),
}


def contents(record: RunRecord, name: str) -> bytes:
    """One file of a run that has ended with weights."""
    return (state.store().folder(record.id) / name).read_bytes()


def show(record: RunRecord, *names: str) -> None:
    """A button for each file; the first is the one people come for."""
    for i, name in enumerate(names):
        label, mime, help_ = _FILES[name]
        st.download_button(
            f"{label} ({name})",
            data=lambda name=name: contents(record, name),
            file_name=name,
            mime=mime,
            help=help_,
            icon=":material/download:",
            type="primary" if i == 0 else "secondary",
            key=f"download_{name}",
            on_click="ignore",
            width="stretch",
        )
