"""Data: choose a problem, see how it was understood and what is odd about it."""

import streamlit as st

from dashboard import state
from dashboard.data import facts, preflight, tour, upload
from dashboard.data.figures import base_errors
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart
from dashboard.kit.download import download

st.title("Data")
st.markdown("Choose the households and the published totals they should add up to.")
tour.show()

cards = layout.columns(len(state.samples()), key="cards", narrowest=200)
for column, sample in zip(cards, state.samples(), strict=True):
    with column, st.container(border=True, height="stretch"):
        st.markdown(f"**{sample.title}**")
        st.caption(sample.sentence)
        chosen = state.problem_record().source == state.sample_source(sample.key)
        label, icon = ("Chosen", ":material/check:") if chosen else ("Open", ":material/folder_open:")
        if st.button(label, key=f"sample_{sample.key}", icon=icon, width="stretch", disabled=chosen):
            state.open_sample(sample.key)
            st.rerun()

st.page_link(
    "app_pages/build.py",
    label="Or make one from your own tables of households and totals",
    icon=":material/construction:",
)
upload.show()
st.page_link("app_pages/log.py", label="Or look at a run of PolicyEngine's: a calibration log", icon=":material/history:")

problem, record, findings = state.problem(), state.problem_record(), state.findings()
heading, onward = layout.columns([4, 1], key="heading", narrowest=150, align="bottom")
heading.header(record.title)
kept_targets = int(preflight.in_use(problem, findings).sum())
why = f"To {wording.plural(kept_targets, 'target')}." if kept_targets else "No target is left in the fit: keep some in the preflight."
if onward.button("Calibrate", type="primary", icon=":material/arrow_forward:", disabled=not kept_targets, help=why, width="stretch"):
    st.switch_page("app_pages/calibrate.py")
for sentence in state.held("read_as") or ():
    st.success(sentence, icon=":material/check:")
state.hold("read_as", None)
facts.show(problem)
if recipe := state.store().recipe(record.sha):
    words = "How this problem was made of tables; it can be edited, and used on the page From tables again."
    download("Recipe", recipe.encode, "recipe.toml", "application/toml", words, first=False)

left, right = layout.columns([3, 2], key="understood", narrowest=330, gap="large")
with left:
    chart(base_errors.plot, base_errors.info(problem), "base_errors", "Error of each target at base weights, by group")
    with st.expander("How to read this"):
        st.markdown(
            "Each dot is one published total. The further right, the worse the survey's own weights reproduce it: at 10 % the weighted "
            "survey is a tenth off. The mark is the middle of its group. Calibration moves all dots to the left."
        )
with right:
    preflight.show(problem, findings)
