"""Targets that cannot hold together, and what the weights did to columns that were no targets."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart
from dashboard.results.figures import ledger
from l0engine.explain.conflicts import Conflict, margin_conflicts
from l0engine.explain.drift import drift
from l0engine.report.facts import Facts

#: Sets that are looked for at a click, and a relaxed target's share of its weight.
_STEP, _RELAXED = 5, 0.1
_SHOWN = 20


def show(facts: Facts) -> None:
    """Both, one below the other."""
    st.subheader("Targets that contradict each other")
    _conflicts(facts)
    st.subheader("Beyond the targets")
    _drift(facts)


def _conflicts(facts: Facts) -> None:
    ask = st.button("Look for contradicting sets", key="look_for_sets", icon=":material/search:", help=_HELP)
    with st.spinner("Looking for the smallest sets that contradict …"):
        sets, more = state.contradictions(facts, _STEP if ask else 0)
    margins = margin_conflicts(facts.problem, facts.use)
    if not margins and not sets:
        st.markdown("No margins contradict each other." + ("" if more else " Nor does any set that was looked at."))
    for number, conflict in enumerate([*sets, *margins][:_SHOWN]):
        _one(facts, conflict, number)
    if len(margins) + len(sets) > _SHOWN:
        st.caption(f"{wording.count(len(margins) + len(sets) - _SHOWN)} more are in the report.")
    if sets and not more:
        st.caption("Those are all sets that were found around the targets missed by more than 1 %.")


def _one(facts: Facts, conflict: Conflict, number: int) -> None:
    words, relax, out = layout.columns([5, 1, 1], key=f"conflict_{number}", narrowest=130, align="center")
    words.markdown(f":material/sync_problem: {wording.markdown(conflict.sentence)}")
    rows = conflict.targets.tolist()
    if relax.button(
        "Relax",
        key=f"relax_{number}",
        help="Opens the problem with a tenth of the weight on these targets, and the settings of this run.",
        width="stretch",
    ):
        state.leave_out(facts, rows, _RELAXED)
        st.switch_page("app_pages/calibrate.py")
    if out.button(
        "Leave out",
        key=f"out_{number}",
        help="Opens the problem without the fewest of them, and the settings of this run.",
        width="stretch",
    ):
        state.leave_out(facts, conflict.spare.tolist())
        st.switch_page("app_pages/calibrate.py")


_HELP = (
    "Linear programmes over the targets that are missed by more than 1 % and those whose names begin alike. Each set is as small as "
    "can be: without any one of its targets the others can hold. About a second each on the US problem."
)


def _households(facts: Facts) -> str:
    """What all totals move with."""
    before, after = float(facts.problem.start_weights.sum()), float(facts.weights.sum())
    change = wording.percent(after / before - 1) if before > 0 else wording.MISSING
    weigh = f"All households together weigh {wording.amount(before)} before and {wording.amount(after)} after ({change})"
    return f"{weigh}: every total moves with that."


def _drift(facts: Facts) -> None:
    if not len(facts.problem.attributes.columns):
        st.markdown("The households came without further columns, so there is nothing to look at.")
        return
    band = st.slider("Band: a change beyond it counts as moved", 1, 50, 5, format="%d %%", key="drift_band") / 100
    table = drift(facts.problem, facts.weights, facts.use, band) if band != 0.05 else facts.ledger
    chart(ledger.plot, ledger.info(table, band), "ledger", "What moved most among the figures that were not targets")
    looks = {"before": st.column_config.NumberColumn(format="compact"), "after": st.column_config.NumberColumn(format="compact"),
             "change": st.column_config.NumberColumn(format="percent")}  # fmt: skip
    st.dataframe(table, hide_index=True, column_config=looks, key="ledger_table")
    st.caption(
        "Before: at base weights, brought to the size of the totals. After: at the final weights. Totals and means change by a share of "
        "what they were, shares of a value by points, and quantiles by a share of the way from the 10 % to the 90 % one. "
        f"{_households(facts)}"
    )
