"""Results: the verdict, every target, who was kept, the weights, what to doubt, and the files to take away."""

import streamlit as st

from dashboard import state
from dashboard.calibration import downloads, limits
from dashboard.frontier.figures.point import TITLES
from dashboard.kit import layout, wording
from dashboard.kit.figures import marks
from dashboard.results import doubts, hand_over, households, targets, weights
from l0engine.explain.verdict import headline

st.title("Results")
run, problem = state.run(), state.problem()
result = state.result(run) if run else None
point = state.point(run) if run else None
if run is None or result is None or result.final is None:
    sentence = "No run yet." if run is None else run.sentence
    st.info(f"{wording.markdown(sentence)} Results appear here when a run ends with weights.", icon=":material/hourglass_empty:")
    if st.button("Go to Calibrate", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("app_pages/calibrate.py")
    st.stop()

facts = state.facts(run, point)
measures = facts.measures
if point is not None:
    words, back = layout.columns([4, 1], key="point", narrowest=180, align="center")
    words.info(f"A point of the frontier: {TITLES[point.method]}, {wording.count(measures.kept)} households.", icon=":material/show_chart:")
    if back.button("Show the fit itself", width="stretch"):
        state.open_point(None)
        st.rerun()
st.markdown(f"### {headline(measures, problem.n_households)}")
if facts.overlap is not None:
    st.markdown(wording.markdown(facts.overlap.sentence))
limits.show(facts.found, facts.certificate, state.taken(run) if point is None else ())  # the size of a point was asked for: no price was
if point is None and (changed := marks.told(state.store().events(run.id))):
    st.caption(f"Changed once it had begun, {changed}.")
figures = {
    "Households kept": (wording.count(measures.kept), f"{wording.of(measures.kept, problem.n_households)} have a positive weight."),
    "Median error": (wording.percent(measures.median_abs_rel_error), "Half of the targets are closer than this."),
    "Within 10 %": (wording.percent(measures.share_within_10pct), "Share of the targets in use that are met within 10 %."),
    "Effective sample size": (wording.short(measures.ess), "Kish: equally weighted households that would be as informative."),
    "Largest weight": (
        wording.weight(measures.max_weight),
        f"Up to {wording.ratio(measures.max_weight_ratio)} its base weight. Large values mean that some target hangs on few households.",
    ),
}
if measures.share_within_tolerance is not None:
    met = wording.percent(measures.share_within_tolerance)
    figures["Within tolerance"] = (met, "Share of the targets with a tolerance of their own that are met within it.")
layout.metrics(figures, key="figures", narrowest=130)
with st.container(horizontal=True):
    if point is None:
        more = [*(["solution.npz"] if problem.artifact else []), *(["recipe.toml"] if state.store().recipe(run.problem) else [])]
        downloads.show(run, "weights.csv", "targets.csv", "run.json", *more)
    else:
        downloads.show_point(run, point, problem)

views = {"Targets": targets, "Households": households, "Weights": weights, "Doubts": doubts, "Report": hand_over}
for tab, view in zip(st.tabs(list(views), key="results_tab", on_change="rerun"), views.values(), strict=True):
    if tab.open:  # only what is looked at is worked out
        with tab:
            view.show(facts)
