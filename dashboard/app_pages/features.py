"""Feature gates: a few columns that predict another one as well as all do, beside other ways of choosing them."""

import streamlit as st

from dashboard import studies
from dashboard.components import feature_form, feature_view, study_panel

record = studies.current("features")

st.title("Feature gates")
if record is None:
    st.markdown("Which few columns predict another one as well as all of them? Every feature gets a gate, and gates are held to a number.")
with st.expander("Another choice" if record else "Choose features", icon=":material/tune:", expanded=record is None):
    feature_form.show()
    study_panel.earlier("features")
if record is not None:
    feature_view.show(record)
