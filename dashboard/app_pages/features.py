"""Feature gates: a few columns that predict another one as well as all do, beside other ways of choosing them."""

import streamlit as st

from dashboard.features import form, view
from dashboard.kit import jobs
from dashboard.state import studies

record = studies.current("features")

st.title("Feature gates")
if record is None:
    st.markdown("Which few columns predict another one as well as all of them? Every feature gets a gate, and gates are held to a number.")
with st.expander("Another choice" if record else "Choose features", icon=":material/tune:", expanded=record is None):
    form.show()
    jobs.earlier("features")
if record is not None:
    view.show(record)
