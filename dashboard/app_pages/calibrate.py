"""Calibrate: set the price of a household, start, watch, stop; see what the refit made of it."""

import streamlit as st

from dashboard import state
from dashboard.calibration import downloads, form, live, outcome, steering
from dashboard.data import preflight
from dashboard.kit import jobs, layout, wording
from dashboard.kit.attempt import attempt

problem, record, run = state.problem(), state.problem_record(), state.run()
n_targets = int(preflight.in_use(problem, state.findings()).sum())
busy = run is not None and not run.status.ended

title, start = layout.columns([5, 1], key="heading", narrowest=150, align="bottom")
with title:
    st.title("Calibrate")
    households, totals = wording.plural(problem.n_households, "household"), wording.plural(n_targets, "total")
    soft = preflight.relaxed(problem, state.findings())
    but = f", {wording.count(soft)} of them relaxed" if soft else ""
    st.markdown(f"Keep few of {households} so that {totals} of **{wording.markdown(record.title)}** are met{but}.")
refused = st.container()
if run is not None:
    jobs.in_trash(run)
failed = run is not None and run.status.ended and not run.status.has_result
if run is not None and failed:
    outcome.show(run, problem)  # before all else: what went wrong, and what to do
with st.expander("Settings of the next run" if run is not None else "Settings", icon=":material/tune:", expanded=not busy):
    config = form.show(sorted(set(problem.groups)))
with start:
    why = "Correct the setting named below first." if config is None else "No target is left in the fit." if not n_targets else None
    label = "Start another" if busy else "Start"
    pressed = st.button(label, type="primary", icon=":material/play_arrow:", disabled=why is not None, help=why, width="stretch")
if pressed and config:
    with refused:
        attempt(lambda: state.start_run(config))

if run is None:
    st.info(
        "Press **Start**. The fit can be watched here, paused, and stopped at any time; nothing is lost.", icon=":material/arrow_upward:"
    )
elif busy:
    live.show(run, problem.n_households)
else:
    if not failed:
        outcome.show(run, problem)
        first, second, third = layout.columns([1, 1, 1], key="onward", narrowest=220)
        with first:
            downloads.show(run, "weights.csv")
        with third:
            steering.once_it_ended(run)
        if second.button("All results", icon=":material/arrow_forward:", width="stretch"):
            st.switch_page("app_pages/results.py")
    if snapshots := state.store().snapshots(run.id):
        with st.expander("How the fit went", icon=":material/timeline:", expanded=True):
            live.pictures(snapshots, problem.n_households, run.id)
