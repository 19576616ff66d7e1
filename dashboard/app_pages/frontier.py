"""Frontier: how many households against how much error, what it costs, and what other methods make of it; sweeps."""

import streamlit as st

from dashboard import state
from dashboard.data import preflight
from dashboard.frontier import form, sweeps, view
from dashboard.kit import jobs, wording

problem, record, run = state.problem(), state.problem_record(), state.run()
n_targets = int(preflight.in_use(problem, state.findings()).sum())

st.title("Frontier")
if run is not None:
    jobs.in_trash(run)
frontier_tab, sweep_tab = st.tabs(["Frontier", "Sweeps"], key="frontier_tab")
with frontier_tab:
    shown = run is not None and run.plan is not None
    if not shown:
        st.markdown(f"How many households does **{wording.markdown(record.title)}** need? One fit answers for every number of them.")
    with st.expander("Another frontier" if shown else "Frontier", icon=":material/tune:", expanded=not shown):
        form.show(problem, n_targets, run)
    if run is not None and run.plan is not None:
        view.show(run, problem.n_households, int(state.in_use(run).sum()))
with sweep_tab:
    sweeps.show(record.sha)
