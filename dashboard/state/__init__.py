"""Session keys, query parameters and shared resources: the only folder that names them."""

from dashboard.state.address import follow_url, tick_seconds
from dashboard.state.draft import draft, fitted_draft, form_version, set_draft
from dashboard.state.points import limits_of, open_point, point, point_weights
from dashboard.state.problems import (
    DEFAULT_SAMPLE,
    SAMPLES,
    Sample,
    findings,
    open_problem,
    open_sample,
    open_upload,
    problem,
    problem_record,
    problem_sha,
    sample_source,
    samples,
)
from dashboard.state.resources import store, supervisor
from dashboard.state.runs import in_use, kept_sets, open_run, other_caps, result, run, start_run, start_sweep, sweeps, taken
from dashboard.state.widgets import held, hold, hold_first, hold_one_of, menu

__all__ = [
    "DEFAULT_SAMPLE",
    "SAMPLES",
    "Sample",
    "draft",
    "findings",
    "fitted_draft",
    "follow_url",
    "form_version",
    "held",
    "hold",
    "hold_first",
    "hold_one_of",
    "in_use",
    "kept_sets",
    "limits_of",
    "menu",
    "open_point",
    "open_problem",
    "open_run",
    "open_sample",
    "open_upload",
    "other_caps",
    "point",
    "point_weights",
    "problem",
    "problem_record",
    "problem_sha",
    "result",
    "run",
    "sample_source",
    "samples",
    "set_draft",
    "start_run",
    "start_sweep",
    "store",
    "supervisor",
    "sweeps",
    "taken",
    "tick_seconds",
]
