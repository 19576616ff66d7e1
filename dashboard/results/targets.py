"""The targets of an answer: the table, estimates against values, and one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration.figures import estimates
from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.results import one_target, parts
from l0engine.explain import targets
from l0engine.io import targets_table
from l0engine.report.facts import Facts

#: Columns ahead of all others: what is missed, and by how much.
_FIRST = ("target", "error_percent", "estimate", "value", "distance", "in_standard_errors", "in_tolerances")


def show(facts: Facts) -> None:
    """One look at them, of which nothing is worked out before it is wanted."""
    state.hold_one_of("targets_look", _LOOKS)
    state.hold_first("targets_look", "Table")  # a click in the picture sets it too
    look = st.segmented_control("Look at", list(_LOOKS), key="targets_look", required=True, label_visibility="collapsed")
    _LOOKS[str(look)](facts)


def _one(facts: Facts) -> None:
    names = list(facts.problem.names)
    state.hold_one_of("one_target", names)
    where = "Choose it here, or in the picture or the table"
    chosen = st.selectbox("Look at one target", names, index=None, key="one_target", placeholder=where)
    if chosen is not None:
        one_target.show(facts, names.index(chosen))


def _estimates(facts: Facts) -> None:
    alt = "Estimate against published value of each target"
    live_plot(estimates.plot, estimates.info(facts.problem, facts.weights, facts.use), key="estimates", alt=alt)


@st.fragment
def _table(facts: Facts) -> None:
    """Searched without running the page again; a row that is picked leads away from it."""
    if state.held("targets_look") != "Table":
        st.rerun()
    table = targets_table(facts.problem, facts.weights, facts.use, facts.config.hold_out, facts.found, facts.soft)
    table = pd.concat([table, targets.distances(facts.problem, facts.weights)], axis=1)
    part = parts.inside(str(state.held("part") or targets.ALL))
    search, group = layout.columns([2, 1], key="search", narrowest=220)
    text = search.text_input("Search targets", placeholder="Part of a name, such as CA/ or snap", key="target_search")
    chosen = group.selectbox("Group", sorted(set(facts.problem.groups)), index=None, placeholder="All groups", key="target_group")
    keep = np.ones(len(table), bool)
    if part:
        depth = part.count("/") + 1
        keep &= np.array(["/".join(targets.path(str(n))[:depth]) == part for n in table["target"]])
    shown = table[keep & table["target"].str.contains(text, case=False, regex=False).to_numpy()] if text else table[keep]
    shown = shown[shown["group"] == chosen] if chosen else shown
    # Streamlit's own percents have two decimals and no space, and what is less reads '-0%'.
    shown = shown.assign(error_percent=(100 * shown["relative_error"]).round(4) + 0.0).drop(columns="relative_error")
    shown = shown[[*(c for c in _FIRST if c in shown), *(c for c in shown if c not in _FIRST)]]
    of = f" of {wording.markdown(part)}" if part else ""
    st.caption(f"{wording.plural(len(shown), 'target')}{of}; click a column head to sort, or a row to look at it.")
    formats = dict.fromkeys(("value", "estimate", "scale", "standard_error", "distance"), "compact")
    formats |= {"tolerance": "percent"} | dict.fromkeys(("in_standard_errors", "in_tolerances"), "%.2f")
    looks: dict[str, Any] = {n: st.column_config.NumberColumn(n.replace("_", " "), format=f) for n, f in formats.items() if n in shown}
    looks["target"] = st.column_config.TextColumn("target", width="medium")
    looks["error_percent"] = st.column_config.NumberColumn("error", format="%.3g %%", width="small")
    names = shown["target"].to_numpy()

    def pick() -> None:
        if rows := state.held("targets_table").selection.rows:
            parts.look_at(str(names[rows[0]]))

    st.dataframe(shown, hide_index=True, column_config=looks, key="targets_table", on_select=pick, selection_mode="single-row")


_LOOKS = {"Table": _table, "Estimates": _estimates, "One target": _one}
