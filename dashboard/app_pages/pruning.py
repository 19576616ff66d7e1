"""Pruning: a network that keeps only the weights worth their price, compacted into a small ordinary one."""

import streamlit as st

from dashboard.kit import jobs
from dashboard.pruning import form, view
from dashboard.state import studies

record = studies.current("pruning")

st.title("Pruning")
if record is None:
    st.markdown("How much of a neural network can go before it errs more often? Every weight gets a gate, and an open gate has a price.")
with st.expander("Another network" if record else "Train a network", icon=":material/tune:", expanded=record is None):
    form.show()
    jobs.earlier("pruning")
if record is not None:
    view.show(record)
