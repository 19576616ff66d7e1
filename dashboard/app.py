"""Router and frame: what every page shares. Start with `streamlit run dashboard/app.py`."""

from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.kit import sidebar, style

st.set_page_config(page_title="l0engine", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
style.show()
page = st.navigation(
    {
        "Calibration": [
            st.Page("app_pages/data.py", title="Data", icon=":material/table_view:", default=True),
            st.Page("app_pages/build.py", title="From tables", icon=":material/construction:"),
            st.Page("app_pages/calibrate.py", title="Calibrate", icon=":material/tune:"),
            st.Page("app_pages/frontier.py", title="Frontier", icon=":material/show_chart:"),
            st.Page("app_pages/results.py", title="Results", icon=":material/task_alt:"),
            st.Page("app_pages/log.py", title="Calibration log", icon=":material/history:", visibility="hidden"),
        ],
        "Gates": [
            st.Page("app_pages/samples.py", title="Sample gates", icon=":material/group_add:"),
            st.Page("app_pages/features.py", title="Feature gates", icon=":material/checklist:"),
            st.Page("app_pages/pruning.py", title="Pruning", icon=":material/content_cut:"),
        ],
    }
)
state.follow_url()
sidebar.show()
page.run()
