"""Tables of jobs: a job a row, with what it was asked for and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

import pandas as pd
import streamlit as st

from dashboard.kit import setting_names, wording
from dashboard.runs import words
from l0engine.calibration.results import Measures
from l0engine.jobs.job import JobRecord
from l0engine.jobs.records import RunRecord

#: Head of the column of colours.
SWATCH = "▬▬"
#: Kinds of jobs as the navigation names them.
KINDS = {"calibration": "Calibration", "samples": "Sample gates", "features": "Feature gates", "pruning": "Pruning"}

_LOOKS: Mapping[str, Any] = {
    SWATCH: st.column_config.TextColumn("", width=40, help="Its colour in the pictures."),
    "pin": st.column_config.TextColumn("", width=30, help="Pinned: stays on top, and is never cleared away."),
    "status": st.column_config.TextColumn("Status", width=100),
    "name": st.column_config.TextColumn("Name", width=170),
    "problem": st.column_config.TextColumn("Problem", width=118),
    "made": st.column_config.DatetimeColumn("Made", format="D MMM HH:mm", width=96),
    "kept": st.column_config.NumberColumn("Kept", width=66, format="localized", help="Households with a positive weight."),
    "median": st.column_config.Column("Median error", width=90, help="Half of the targets are closer than this."),
    "mean": st.column_config.Column("Mean error", width=82, help="Over the targets in use."),
    "ess": st.column_config.NumberColumn("ESS", width=62, format="localized", help="Kish's effective sample size, in households."),
    "seconds": st.column_config.NumberColumn("Time", width=62, format="%,.1f s"),
    "device": st.column_config.TextColumn("Device", width=60),
    "disk": st.column_config.NumberColumn("Disk", width=66, format="bytes"),
    "changed": st.column_config.TextColumn("Changed on the way", width=220),
    "note": st.column_config.TextColumn("Note", width=120),
    "imported": st.column_config.TextColumn("From", width=76, help="Imported: brought in from a zip."),
}
_ERRORS = ("median", "mean")
#: Measures in words, for tables of a few rows; longer ones are left to the browser.
WORDS: Mapping[str, Any] = {
    "kept": wording.count, "median": wording.percent, "mean": wording.percent, "ess": wording.count, "seconds": wording.seconds,
}  # fmt: skip


def looks(frame: pd.DataFrame) -> dict[str, Any]:
    """How the columns of a frame are shown; settings by their names."""
    return {name: _LOOKS.get(name) or _setting(setting_names.name(name)) for name in frame.columns}


def _setting(label: str) -> Any:
    return st.column_config.TextColumn(label, width=max(64, 24 + 7 * len(label)))


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


def listed(
    jobs: Sequence[JobRecord[Any, Any]], problems: Mapping[str, str], costs: Mapping[str, int], *, settings: bool
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Jobs, one a row, and the looks of the columns.

    Parameters
    ----------
    problems : mapping of str
        Titles by SHA-256.
    costs : mapping of int
        Bytes by job.
    settings : bool
        In place of when, where and how long, the settings in which they differ; all are calibrations.
    """
    apart = words.differing([job for job in jobs if isinstance(job, RunRecord)]) if settings else []
    names = _labels(jobs)
    rows = []
    for job in jobs:
        about = problems.get(job.problem, "(not here)") if isinstance(job, RunRecord) else KINDS.get(job.task.kind, job.task.kind)
        came = row(job)
        made = {"pin": "★" if job.pinned else "", "name": names[job.id], "status": words.status(job.status), "problem": about}
        made["imported"] = "" if job.imported is None else "imported"
        what = {name: came[name] for name in ("kept", *_ERRORS, "ess")}
        if settings:
            rows.append(made | what | {field: setting_names.value(getattr(job.task.config, field)) for field in apart})
        else:
            rest = {"seconds": came["seconds"], "disk": costs.get(job.id), "note": job.note, "device": came["device"]}
            rows.append(made | what | {"made": datetime.fromtimestamp(job.created)} | rest)
    frame = pd.DataFrame(rows)
    frame = frame.drop(columns=[name for name in ("pin", "note", "imported") if name in frame and not frame[name].any()])
    return frame, looks(frame)


def _labels(jobs: Sequence[JobRecord[Any, Any]]) -> dict[str, str]:
    """What jobs are called: runs by what sets them apart from others of their problem, those with a frontier by that."""
    found = {job.id: job.name or job.task.label for job in jobs}
    by_problem: dict[str, list[RunRecord]] = {}
    for job in jobs:
        if isinstance(job, RunRecord):
            by_problem.setdefault(job.problem, []).append(job)
    for runs in by_problem.values():
        for run, label in zip(runs, words.labels(runs), strict=True):
            found[run.id] = run.name or f"{label}{' · frontier' if run.plan else ''}"
    return found


def choose(
    jobs: Sequence[JobRecord[Any, Any]], frame: pd.DataFrame, looks: Mapping[str, Any], *, key: str, rows: int, alt: str
) -> list[JobRecord[Any, Any]]:
    """Draw a table of jobs, `rows` high, and give those whose rows are chosen.

    Rows are chosen by place: where other jobs are listed, or in another order, nothing is chosen any more.
    """
    key = f"{key}_{crc32('.'.join(job.id for job in jobs).encode()):08x}"
    shown = frame.style.format(wording.percent, subset=[*_ERRORS])  # in words, and sorted as numbers
    event = st.dataframe(
        shown, hide_index=True, column_config=looks, height=35 * (min(len(jobs), rows) + 1) + 3, on_select="rerun",
        selection_mode="multi-row", key=key, alt=alt, placeholder=wording.MISSING,
    )  # fmt: skip
    return [jobs[i] for i in event.selection.rows if i < len(jobs)]


def compared(runs: Sequence[RunRecord], names: Sequence[str], changes: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Outcomes, the settings in which they differ, and what was changed on the way, a run a row; and the looks of the columns."""
    apart = words.differing(runs)
    rows = [
        {SWATCH: SWATCH, "name": name, "status": words.status(run.status), **row(run)}
        | {field: setting_names.value(getattr(run.config, field)) for field in apart}
        | ({"changed": changed} if any(changes) else {})
        for run, name, changed in zip(runs, names, changes, strict=True)
    ]
    frame = pd.DataFrame(rows)
    return frame, {name: look for name, look in looks(frame).items() if name not in WORDS} | {
        name: st.column_config.Column(_LOOKS[name]["label"]) for name in WORDS
    }


def sentence(job: JobRecord[Any, Any]) -> str:
    """A job in a line, for where the pointer is."""
    m = measures(job)
    if m is None:
        return f"{job.title}: {job.sentence}"
    return f"{job.title}: {wording.plural(m.kept, 'household')}, median error {wording.percent(m.median_abs_rel_error)}"
