"""Sample gates: rows of a table that stand for all of them, chosen by gates, beside random, stratified and balanced samples."""

import streamlit as st

from dashboard import studies
from dashboard.components import sample_form, sample_view, study_panel

record = studies.current("samples")

st.title("Sample gates")
if record is None:
    st.markdown("Choose a few rows of a table so that their plain averages are those of all rows.")
with st.expander("Another sample" if record else "Sample", icon=":material/tune:", expanded=record is None):
    sample_form.show()
    study_panel.earlier("samples")
if record is not None:
    sample_view.show(record)
