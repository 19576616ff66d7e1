"""The first visit: three clicks to a first result; put away for good by a click, and gone once there is one."""

from __future__ import annotations

import streamlit as st

from dashboard.kit import layout
from dashboard.state import lessons


def show() -> None:
    """Draw it, where nothing was computed here yet."""
    if not lessons.first_visit():
        return
    lessons.teacher().wake()  # whoever is new is shown the way to a lesson
    with st.container(border=True, key="tour"):
        words, away = layout.columns([6, 1.2], key="tour_row", narrowest=130, align="center")
        words.markdown(
            "**New here? Three clicks to a first result.** :material/counter_1: **Calibrate**, below: the sample is open already. "
            ":material/counter_2: **Start**: watch households go while errors fall. :material/counter_3: **All results**, when it has "
            "ended. Or see in a minute how it works:"
        )
        away.button("Put away", icon=":material/close:", on_click=lessons.end_tour, key="tour_away", width="stretch")
        words.page_link("app_pages/learn_households.py", label="Learn: choosing households", icon=":material/bubble_chart:")
