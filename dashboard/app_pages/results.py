"""Results: the verdict, every target, who was kept, the weights, what to doubt, and the files to take away."""

import streamlit as st

from dashboard import state
from dashboard.frontier.figures.point import TITLES
from dashboard.kit import jobs, layout, wording
from dashboard.results import answer, doubts, hand_over, households, parts, targets, weights
from dashboard.state import first
from l0engine.explain.verdict import headline

st.title("Results")
run, problem = state.run(), state.problem()
result = state.result(run) if run else None
point = state.point(run) if run else None
if run is None or result is None or result.final is None:
    if first.waits():  # for a picture that this page does not have
        first.skip()
    sentence = "No run yet." if run is None else run.sentence
    st.info(f"{wording.markdown(sentence)} Results appear here when a run ends with weights.", icon=":material/hourglass_empty:")
    if st.button("Go to Calibrate", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("app_pages/calibrate.py")
    st.stop()

facts = state.facts(run, point)
jobs.in_trash(run)
if point is not None:
    words, back = layout.columns([4, 1], key="point", narrowest=180, align="center")
    words.info(
        f"A point of the frontier: {TITLES[point.method]}, {wording.count(facts.measures.kept)} households.", icon=":material/show_chart:"
    )
    if back.button("Show the fit itself", width="stretch"):
        state.open_point(None)
        st.rerun()
st.markdown(f"### {headline(facts.measures, problem.n_households)}")
waits = first.waits()
picture, words = layout.columns([3, 2], key="answer", narrowest=400, gap="large")
with picture:
    parts.show(facts)
if not waits:
    with picture:
        answer.files(facts)
    with words:
        answer.show(facts)
    views = {"Targets": targets, "Households": households, "Weights": weights, "Doubts": doubts, "Report": hand_over}
    for tab, view in zip(st.tabs(list(views), key="results_tab", on_change="rerun"), views.values(), strict=True):
        if tab.open:  # only what is looked at is worked out
            with tab:
                view.show(facts)
