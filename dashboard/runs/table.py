"""Tables of jobs: a job a row, with what it was asked for and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.frontier.figures import setting_names
from dashboard.kit import wording
from dashboard.runs import words
from l0engine.calibration.results import Measures
from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import RunRecord

#: Head of the column of colours.
SWATCH = "■"
#: Kinds of jobs as the navigation names them.
KINDS = {"calibration": "Calibration", "samples": "Sample gates", "features": "Feature gates", "pruning": "Pruning"}

_LOOKS: Mapping[str, Any] = {
    SWATCH: st.column_config.TextColumn("", width=28, help="Its colour in the pictures."),
    "pin": st.column_config.TextColumn("", width=28, help="Pinned: stays on top, and is never cleared away."),
    "status": st.column_config.TextColumn("Status", width=104),
    "name": st.column_config.TextColumn("Name", width="medium"),
    "problem": st.column_config.TextColumn("Problem", width=130),
    "made": st.column_config.DatetimeColumn("Made", format="D MMM HH:mm", width=100),
    "kept": st.column_config.NumberColumn("Kept", format="localized", help="Households with a positive weight."),
    "median": st.column_config.TextColumn("Median error", help="Half of the targets are closer than this."),
    "mean": st.column_config.TextColumn("Mean error"),
    "ess": st.column_config.NumberColumn("Effective size", format="localized", help="Kish's effective sample size, in households."),
    "seconds": st.column_config.NumberColumn("Time", format="%.1f s"),
    "device": st.column_config.TextColumn("Device", width=70),
    "disk": st.column_config.NumberColumn("Disk", format="bytes"),
    "note": st.column_config.TextColumn("Note", width="medium"),
}


def looks(frame: pd.DataFrame) -> dict[str, Any]:
    """How the columns of a frame are shown; settings by their names."""
    return {name: _LOOKS.get(name) or st.column_config.Column(setting_names.name(name)) for name in frame.columns}


def measures(job: JobRecord[Any, Any]) -> Measures | None:
    """What a run's weights are worth; None of studies, and where there are none."""
    return job.outcome.final if isinstance(job, RunRecord) and job.outcome is not None else None


def row(job: JobRecord[Any, Any]) -> dict[str, Any]:
    """What came of a job, by column."""
    m, outcome = measures(job), job.outcome if isinstance(job, RunRecord) else None
    return {
        "kept": m and m.kept,
        "median": m and m.median_abs_rel_error,
        "mean": m and m.mean_abs_rel_error,
        "ess": m and round(m.ess),
        "seconds": (outcome.fit_seconds + outcome.refit_seconds) if outcome else job.seconds or None,
        "device": outcome.device if outcome else "",
    }


def compared(runs: Sequence[RunRecord], names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Outcomes, and the settings in which they differ, a run a row; and the looks of the columns."""
    apart = words.differing(runs)
    rows = [
        {SWATCH: SWATCH, "name": name, "status": words.status(run.status), **row(run)}
        | {field: setting_names.value(getattr(run.config, field)) for field in apart}
        for run, name in zip(runs, names, strict=True)
    ]
    frame = pd.DataFrame(rows)
    return frame, looks(frame)


def sentence(job: JobRecord[Any, Any]) -> str:
    """A job in a line, for where the pointer is."""
    m = measures(job)
    if m is None:
        return f"{job.title}: {job.sentence}"
    return f"{job.title}: {wording.plural(m.kept, 'household')}, median error {wording.percent(m.median_abs_rel_error)}"
