"""Router and frame: what every page shares."""

from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.frame import sidebar, style
from dashboard.kit.attempt import full_disk_said
from dashboard.state import first


def show() -> None:
    """Draw the frame, and the page that its visitor has opened."""
    st.set_page_config(page_title="l0engine", page_icon=str(Path(__file__).parents[1] / "icon.svg"), layout="wide")
    style.show()
    page = st.navigation(
        {
            "Calibration": [
                st.Page("app_pages/data.py", title="Data", icon=":material/table_view:", default=True),
                st.Page("app_pages/build.py", title="From tables", icon=":material/construction:"),
                st.Page("app_pages/calibrate.py", title="Calibrate", icon=":material/tune:"),
                st.Page("app_pages/frontier.py", title="Frontier", icon=":material/show_chart:"),
                st.Page("app_pages/results.py", title="Results", icon=":material/task_alt:"),
                st.Page("app_pages/runs.py", title="Runs", icon=":material/stacks:"),
                st.Page("app_pages/log.py", title="Calibration log", icon=":material/history:", visibility="hidden"),
            ],
            "Gates": [
                st.Page("app_pages/samples.py", title="Sample gates", icon=":material/group_add:"),
                st.Page("app_pages/features.py", title="Feature gates", icon=":material/checklist:"),
                st.Page("app_pages/pruning.py", title="Pruning", icon=":material/content_cut:"),
            ],
            "Learn": [
                st.Page("app_pages/learn_gate.py", title="A gate", icon=":material/door_open:"),
                st.Page("app_pages/learn_households.py", title="Choosing households", icon=":material/bubble_chart:"),
                st.Page("app_pages/learn_truth.py", title="L0, L1 and L2", icon=":material/balance:"),
                st.Page("app_pages/learn_evenness.py", title="Why evenness", icon=":material/equalizer:"),
                st.Page("app_pages/learn_network.py", title="Pruning in a plane", icon=":material/hub:"),
                st.Page("app_pages/learn_challenge.py", title="Challenge", icon=":material/trophy:"),
                st.Page("app_pages/learn_lessons.py", title="Ready lessons", icon=":material/school:"),
            ],
        },
        expanded=True,
    )
    with full_disk_said():
        state.follow_url(page.url_path)
        if first.waits():
            with st.sidebar:  # where it moves nothing of the page: a picture that moves is built anew
                first.be_patient()
            page.run()
        elif page.url_path.startswith("learn_"):  # a lesson hangs on no problem, and comes first
            page.run()
            sidebar.show()
        else:  # it takes the browser as long as the first picture
            sidebar.show()
            page.run()
    state.leave_alone_what_stays()
