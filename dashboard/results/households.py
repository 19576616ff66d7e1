"""Who was kept against everyone, how well each group is represented, and why one household is there or not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration.figures import composition
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart
from dashboard.kit.figures.marks import marks
from dashboard.results.figures import gate_path
from dashboard.results.one_target import QUICK
from l0engine.explain import households
from l0engine.explain.whatif import WhatIf
from l0engine.io import weights_table
from l0engine.report.facts import Facts

_LISTED = 1000


def show(facts: Facts) -> None:
    """Picture and table by an attribute; the kept households; one of them."""
    attributes = list(facts.problem.attributes.columns)
    if attributes:
        attribute = st.selectbox("Compare by", attributes, key="attribute")
        left, right = layout.columns([3, 2], key="compare", narrowest=340, gap="large")
        with left:
            chart(
                composition.plot,
                composition.info(facts.problem, facts.weights, attribute),
                "composition",
                f"Kept households against all, by {attribute}",
            )
        with right:
            _groups(facts, attribute)
    else:
        st.info("The households came without columns to compare; a households file with more columns shows who was kept.")
    kept = weights_table(facts.problem, facts.weights, attributes).sort_values("weight", ascending=False)
    kept.insert(2, "ratio", kept["weight"] / facts.problem.start_weights[facts.weights > 0][kept.index])
    looks = {
        "weight": st.column_config.NumberColumn(format="localized"),
        "ratio": st.column_config.NumberColumn("weight / base", format="%.2f"),
    }
    if state.held("prices") and isinstance(known := state.whatif(facts), WhatIf):
        at = pd.Series(known.leverages, known.kept)
        kept.insert(3, "leverage", at.reindex(np.flatnonzero(facts.weights > 0)[kept.index]).to_numpy())
        looks["leverage"] = st.column_config.NumberColumn(format="%.3f", help="How far the targets need just this household: 1 is wholly.")
        kept = kept.sort_values("leverage", ascending=False) if st.toggle("Most leverage first", key="by_leverage") else kept
    else:
        st.button("Work out their leverage", key="ask_leverage", on_click=state.hold, args=("prices", True))
    st.caption(
        f"{wording.plural(facts.measures.kept, 'selected household')}, heaviest first; {wording.count(min(_LISTED, len(kept)))} are shown"
    )
    st.dataframe(kept.head(_LISTED), hide_index=True, column_config=looks, key="kept_table")
    _one(facts)


def _groups(facts: Facts, attribute: str) -> None:
    if facts.problem.attributes[attribute].nunique() > 200:
        st.caption("Too many values to look at one by one.")
        return
    groups = households.by_group(facts.problem, facts.weights, attribute)
    thin = int(groups["thin"].sum())
    few = f"**{wording.plural(thin, 'group')}** with an effective sample size under {households.THIN:.0f}: too few to publish anything of."
    st.markdown(few if thin else f"Every group has an effective sample size of {households.THIN:.0f} or more.")
    looks = {
        "ess": st.column_config.NumberColumn("effective sample size", format="%.0f"),
        "weight": st.column_config.NumberColumn("share of weight", format="percent"),
    }
    groups = groups[["group", "ess", "kept", "households", "weight"]]
    st.dataframe(groups, hide_index=True, column_config=looks, height=300 if len(groups) > 7 else "content")


def _one(facts: Facts) -> None:
    st.subheader("One household")
    wanted = st.text_input("Why is a household kept, or not?", placeholder="Its id", key="one_household").strip()
    if not wanted:
        return
    found = np.flatnonzero(facts.problem.household_ids == wanted)
    if not len(found):
        st.warning(f"No household has the id '{wording.markdown(wanted)}'.")
        return
    at = int(found[0])
    gated = facts.result.gated_weights if facts.point is None else facts.weights
    why = households.reasons(facts.problem, facts.config, gated, facts.weights, facts.use, at)
    st.markdown(_sentence(facts, why))
    if why.kept and state.held("prices") and isinstance(known := state.whatif(facts), WhatIf):
        predicted = known.without_household(at)
        said = f"{without(why.shares, predicted.ess)} (predicted{', roughly' if predicted.rough else ''}"
        if len(known.b) <= QUICK or st.button("Check it", key="check_household", help="Calibrates the others again without it."):
            said += f"; checked: {known.without_household(at, check=True).ess:+,.2f}"
        st.markdown(f"{said}).")
    if facts.point is None:
        _gate(facts, at)
    names = facts.problem.names[why.targets]
    table = pd.DataFrame({"target": names, "share": why.shares})
    st.dataframe(
        table, hide_index=True, column_config={"share": st.column_config.NumberColumn("its share of the estimate", format="percent")}
    )


def without(shares: np.ndarray, ess: float) -> str:
    """What happens without a household: its shares of the estimates it counts in, and the change of the effective sample size."""
    alone = int((shares > 1 - 1e-9).sum())
    lost = f"no household is left for {wording.plural(alone, 'target')}; " if alone else ""
    return f"Without it: {lost}the effective sample size changes by {ess:+,.2f}"


def _gate(facts: Facts, household: int) -> None:
    """Its gate at the looks at the fit, where the run has kept them."""
    store, fit = state.store(), facts.source.id
    path = store.gate_path(fit, household)
    if len(path.steps):
        chart(gate_path.plot, gate_path.info(path, marks(store.events(fit))), "gate_path", "The household's gate over the training")
        st.caption(
            "A gate that is open with little probability is on its way out: the price of a household pushes it down, what the targets "
            "need of it holds it up. Once dropped, a household is not looked at again."
        )


def _sentence(facts: Facts, why: households.Reasons) -> str:
    if not why.kept:
        fell = "it is not among those chosen in the end" if facts.chosen else "its weight fell to nothing in the refit"
        gate = "its gate closed in training" if why.gated == 0 else fell
        gate = gate if facts.point is None else "it is not among the households of this size"
        spare = "no target wants more of it" if why.gain < 1e-6 else f"with it alone the loss could fall by {wording.percent(why.gain)}"
        return f"**Dropped**: {gate}. It counts in {wording.plural(len(why.targets), 'target')}, which the others carry; {spare}."
    top = (
        f", most of '{wording.markdown(str(facts.problem.names[why.targets[0]]))}' ({wording.percent(why.shares[0])})"
        if len(why.targets)
        else ""
    )
    moved = f"{wording.weight(why.base)} at the start, {wording.weight(why.weight)} in the end"
    if facts.point is None and why.gated == 0:
        moved += ", chosen anew after the gates had dropped it"
    return f"**Kept**: {moved}. It carries a part of {wording.plural(len(why.targets), 'target')}{top}."
