"""Session keys, query parameters and shared resources: the only folder that names them."""

from dashboard.state.address import follow_url
from dashboard.state.draft import draft, fitted_draft, form_version, set_draft
from dashboard.state.opened.answers import contradictions, facts, leave_out, rerun_without, run_without, whatif
from dashboard.state.opened.previous import previous
from dashboard.state.opened.problems import (
    DEFAULT_SAMPLE,
    KINDS,
    SAMPLES,
    Sample,
    findings,
    open_built,
    open_problem,
    open_sample,
    open_upload,
    problem,
    problem_record,
    problem_sha,
    sample_source,
    samples,
)
from dashboard.state.opened.runs import (
    go_on,
    in_use,
    kept_sets,
    open_point,
    open_run,
    other_caps,
    point,
    result,
    run,
    start_run,
    start_sweep,
    sweeps,
)
from dashboard.state.quotas import warning as quota_warning
from dashboard.state.resources import leave_alone_what_stays, store, supervisor, take_up
from dashboard.state.ticks import ticking
from dashboard.state.uploads import calibration_log, logs
from dashboard.state.widgets import held, hold, hold_first, hold_one_of, menu
