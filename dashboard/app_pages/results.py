"""Results: the verdict, every target, who was kept, the weights, and the files to take away."""

import streamlit as st

from dashboard import state
from dashboard.calibration import downloads, limits, outcome
from dashboard.calibration.figures import composition, estimates, weight_change, weight_concentration
from dashboard.frontier.figures.point import TITLES
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart, side_by_side
from dashboard.kit.figures import marks
from l0engine.io import targets_table, weights_table

st.title("Results")
run, problem = state.run(), state.problem()
result = state.result(run) if run else None
point = state.point(run) if run else None
if run is None or (point is None and (result is None or result.final is None)):
    sentence = "No run yet." if run is None else run.sentence
    st.info(f"{sentence} Results appear here when a run ends with weights.", icon=":material/hourglass_empty:")
    if st.button("Go to Calibrate", type="primary", icon=":material/arrow_forward:"):
        st.switch_page("app_pages/calibrate.py")
    st.stop()

use = state.in_use(run)
measures, weights = (result.final, result.weights) if point is None else (point.measures, state.point_weights(run, point))
if point is not None:
    words, back = layout.columns([4, 1], key="point", narrowest=180, align="center")
    words.info(f"A point of the frontier: {TITLES[point.method]}, {wording.count(measures.kept)} households.", icon=":material/show_chart:")
    if result is not None and back.button("Show the fit itself", width="stretch"):
        state.open_point(None)
        st.rerun()
st.markdown(f"### {outcome.verdict(measures, problem.n_households)}")
found = state.limits_of(run, point)
if point is not None:
    limits.show(found, point.certificate, ())  # its size was asked for: no price was
else:
    limits.show(found, result.certificate, state.taken(run))
    if changed := marks.told(state.store().events(run.id)):
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
        downloads.show(run, "weights.csv", "targets.csv", "run.json", *(["solution.npz"] if problem.artifact else []))
    else:
        downloads.show_point(run, point, problem)


targets_tab, households_tab, weights_tab = st.tabs(["Targets", "Households", "Weights"], key="results_tab")
with targets_tab:
    chart(estimates.plot, estimates.info(problem, weights, use), "estimates", "Estimate against published value of each target")
    table = targets_table(problem, weights, use, run.config.hold_out, found)
    search, group = st.columns([2, 1])
    text = search.text_input("Search targets", placeholder="Part of a name, such as CA/ or snap", key="target_search")
    chosen = group.selectbox("Group", sorted(set(problem.groups)), index=None, placeholder="All groups", key="target_group")
    shown = table[table["target"].str.contains(text, case=False, regex=False)] if text else table
    shown = shown[shown["group"] == chosen] if chosen else shown
    shown = shown.assign(relative_error=shown["relative_error"].round(6) + 0.0)  # or next to nothing reads '-0 %'
    st.caption(f"{wording.plural(len(shown), 'target')}; click a column head to sort.")
    formats = dict.fromkeys(("value", "estimate", "scale", "standard_error"), "compact")
    formats |= dict.fromkeys(("relative_error", "tolerance"), "percent")
    looks = {name: st.column_config.NumberColumn(name.replace("_", " "), format=how) for name, how in formats.items() if name in shown}
    st.dataframe(shown, hide_index=True, column_config=looks)
with households_tab:
    attributes = list(problem.attributes.columns)
    if attributes:
        attribute = st.selectbox("Compare by", attributes, key="attribute")
        info = composition.info(problem, weights, attribute)
        chart(composition.plot, info, "composition", f"Kept households against all, by {attribute}")
    else:
        st.info("The households came without columns to compare; a households file with more columns shows who was kept.")
    st.caption(f"{wording.plural(measures.kept, 'selected household')}, heaviest first")
    kept = weights_table(problem, weights).sort_values("weight", ascending=False)
    st.dataframe(kept.head(1000), hide_index=True, column_config={"weight": st.column_config.NumberColumn("weight", format="localized")})
with weights_tab:
    change, held = weight_change.info(problem, weights), weight_concentration.info(problem, weights)
    drawn = (
        (weight_change.plot, change, "weight_change", "Base weight against final weight"),
        (weight_concentration.plot, held, "concentration", "Share of the total weight held by the heaviest households"),
    )
    side_by_side(drawn, "weights")
    with st.expander("How to read this"):
        st.markdown(
            "Left: a household on the diagonal kept its survey weight; above, it speaks for more people than before. Right: the further "
            "a curve bends to the upper left, the fewer households carry the total, and the smaller the effective sample size."
        )
