"""Ready lessons: links to open, how long each takes, and what to say."""

import streamlit as st

from dashboard.learn import lessons

st.title("Ready lessons")
st.markdown(
    "Open a part, press play, and say what stands beside it. On every page of Learn the address carries all controls: copy it, and "
    "everyone sees what you see. Whoever teaches can hide controls with *Prepare a link for a lesson*."
)
lessons.show()
