"""Ready lessons."""

import streamlit as st

st.title("Ready lessons")
