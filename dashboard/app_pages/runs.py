"""Runs: everything that was started, to keep, compare and clear away."""

import streamlit as st

from dashboard.kit import layout, wording
from dashboard.runs import clearing, comparison, listing, studies
from dashboard.state import comparing, filters, first, keeping

compared, gone = comparing.compared()
film_only = bool(compared) and first.waits()
title, bring = layout.columns([5, 1], key="heading", narrowest=150, align="bottom")
title.title("Runs")
with bring:
    if not film_only:
        clearing.bring_in()
clearing.offer_undo()
if gone:
    st.warning(wording.markdown(gone), icon=":material/link_off:")
jobs = [] if film_only else keeping.jobs()
if not (jobs or film_only):
    st.info("No runs yet. Start one on the Calibrate page, or bring in the zip of another machine.", icon=":material/hourglass_empty:")
    if st.button("Go to Calibrate", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("app_pages/calibrate.py")
    clearing.show(jobs)
else:
    above = st.container()
    if compared:
        side_by_side = comparison.Comparison(compared) if keeping.is_run(compared[0]) else studies.Studies(compared)
        side_by_side.first()
    if not film_only:
        with above:
            if unknown := filters.unknown({**listing.CHOICES, **comparison.CHOICES}):
                st.warning(wording.markdown(unknown), icon=":material/link_off:")
            listing.show(jobs, low=bool(compared))
        if compared:
            listing.watch_compared(compared)
            side_by_side.rest()
        clearing.show(jobs)
