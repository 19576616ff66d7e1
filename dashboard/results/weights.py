"""How the weights moved, and how few households carry the total."""

from __future__ import annotations

import streamlit as st

from dashboard.calibration.figures import weight_change, weight_concentration
from dashboard.kit import wording
from dashboard.kit.chart import side_by_side
from l0engine.explain.households import gini
from l0engine.report.facts import Facts


def show(facts: Facts) -> None:
    """Two pictures, and what they come to."""
    change, held = weight_change.info(facts.problem, facts.weights), weight_concentration.info(facts.problem, facts.weights)
    side_by_side(
        (
            (weight_change.plot, change, "weight_change", "Base weight against final weight"),
            (weight_concentration.plot, held, "concentration", "Share of the total weight held by the heaviest households"),
        ),
        "weights",
    )
    worth = wording.percent(facts.measures.ess / facts.measures.kept)
    st.markdown(
        f"The effective sample size (Kish) is **{worth}** of the households kept; the Gini coefficient of their weights is "
        f"**{gini(facts.weights):.2f}** (0: all equal)."
    )
    with st.expander("How to read this"):
        st.markdown(
            "Left: a household on the diagonal kept its survey weight; above, it speaks for more people than before. Right: the further "
            "a curve bends to the upper left, the fewer households carry the total, and the smaller the effective sample size."
        )
