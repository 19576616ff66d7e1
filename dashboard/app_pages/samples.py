"""Sample gates: rows of a table that stand for all of them, chosen by gates, beside random, stratified and balanced samples."""

import streamlit as st

from dashboard.kit import jobs
from dashboard.samples import form, view
from dashboard.state import studies

record = studies.current("samples")

st.title("Sample gates")
if record is None:
    st.markdown("Choose a few rows of a table so that their plain averages are those of all rows.")
with st.expander("Another sample" if record else "Sample", icon=":material/tune:", expanded=record is None):
    form.show()
    jobs.earlier("samples")
if record is not None:
    view.show(record)
