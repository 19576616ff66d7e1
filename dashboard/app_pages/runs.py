"""Runs: everything that was started, to keep, compare and clear away."""

import streamlit as st

from dashboard.kit import layout
from dashboard.runs import clearing, comparison, listing, studies
from dashboard.state import comparing, first, keeping

jobs, compared = keeping.jobs(), comparing.compared()
title, bring = layout.columns([5, 1], key="heading", narrowest=150, align="bottom")
title.title("Runs")
with bring:
    clearing.bring_in()
clearing.offer_undo()
if not jobs:
    st.info("No runs yet. Start one on the Calibrate page, or bring in the zip of another machine.", icon=":material/hourglass_empty:")
    if st.button("Go to Calibrate", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("app_pages/calibrate.py")
    clearing.show(jobs)
else:
    above = st.container()
    if compared:
        side_by_side = comparison.Comparison(compared) if keeping.is_run(compared[0]) else studies.Studies(compared)
        side_by_side.first()
    if not (compared and first.waits()):
        with above:
            listing.show(jobs, low=bool(compared))
        if compared:
            side_by_side.rest()
        clearing.show(jobs)
