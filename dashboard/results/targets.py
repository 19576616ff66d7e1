"""The targets of an answer: the parts of their names, estimates against values, and the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration.figures import estimates
from dashboard.kit import layout, wording
from dashboard.kit.live_plot import live_plot
from dashboard.results import one_target
from dashboard.results.figures import treemap
from l0engine.explain import targets
from l0engine.io import targets_table
from l0engine.report.facts import Facts

_AREAS = {"Number of targets": False, "Share of the loss": True}
#: Columns ahead of all others: what is missed, and by how much.
_FIRST = ("target", "relative_error", "estimate", "value", "distance", "in_standard_errors", "in_tolerances")


@st.fragment
def show(facts: Facts) -> None:
    """One look at all of them, of which nothing is worked out before it is wanted; then the page of the target that is chosen."""
    look = st.segmented_control("Look at", list(_LOOKS), default="Parts", key="targets_look", required=True, label_visibility="collapsed")
    _LOOKS[look](facts)
    names = list(facts.problem.names)
    state.hold_one_of("one_target", names)
    st.subheader("One target")
    chosen = st.selectbox(
        "Look at one target", names, index=None, key="one_target", placeholder="Choose it here, or in the parts or the table above"
    )
    if chosen is not None:
        one_target.show(facts, names.index(chosen))


def _parts(facts: Facts) -> None:
    by = st.segmented_control("Area", list(_AREAS), default="Number of targets", key="treemap_area", required=True)
    info = treemap.info(facts.parts, by_loss=_AREAS[by])
    rows = dict(zip(info.ids, info.rows, strict=True))
    level = state.held("part") if state.held("part") in rows else targets.ALL

    def clicked(part: str) -> None:
        if rows.get(part, -1) >= 0:
            state.hold("one_target", str(facts.problem.names[rows[part]]))
        elif part == level and "/" in part:  # a click on what is open goes back
            state.hold("part", part.rpartition("/")[0])
        else:
            state.hold("part", part)

    open_ = facts.parts.set_index("id").loc[level]
    part = wording.markdown(level.removeprefix(targets.ALL).strip("/"))
    within = f"{wording.plural(open_['targets'], 'target')}{f' of {part}' if part else ''}"
    st.caption(f"{within} in use; a click opens a part, on what is open it goes back, and on a single target it shows that below.")
    alt = "Targets by the parts of their names; a click opens a part"
    live_plot(treemap.plot, info._replace(level=level), key="treemap", alt=alt, on_click=clicked)


def _estimates(facts: Facts) -> None:
    alt = "Estimate against published value of each target"
    live_plot(estimates.plot, estimates.info(facts.problem, facts.weights, facts.use), key="estimates", alt=alt)


def _table(facts: Facts) -> None:
    table = targets_table(facts.problem, facts.weights, facts.use, facts.config.hold_out, facts.found, facts.soft)
    table = pd.concat([table, targets.distances(facts.problem, facts.weights)], axis=1)
    part = str(state.held("part") or targets.ALL).removeprefix(targets.ALL).strip("/")
    search, group = layout.columns([2, 1], key="search", narrowest=220)
    text = search.text_input("Search targets", placeholder="Part of a name, such as CA/ or snap", key="target_search")
    chosen = group.selectbox("Group", sorted(set(facts.problem.groups)), index=None, placeholder="All groups", key="target_group")
    keep = np.ones(len(table), bool)
    if part:
        parts = tuple(part.split("/"))
        keep &= np.array(["/".join(targets.path(str(n))[: len(parts)]) == part for n in table["target"]])
    shown = table[keep & table["target"].str.contains(text, case=False, regex=False).to_numpy()] if text else table[keep]
    shown = shown[shown["group"] == chosen] if chosen else shown
    shown = shown.assign(relative_error=shown["relative_error"].round(6) + 0.0)  # or next to nothing reads '-0 %'
    shown = shown[[*(c for c in _FIRST if c in shown), *(c for c in shown if c not in _FIRST)]]
    of = f" of {wording.markdown(part)}" if part else ""
    st.caption(f"{wording.plural(len(shown), 'target')}{of}; click a column head to sort, or a row to look at it.")
    formats = dict.fromkeys(("value", "estimate", "scale", "standard_error", "distance"), "compact")
    formats |= dict.fromkeys(("relative_error", "tolerance"), "percent") | dict.fromkeys(("in_standard_errors", "in_tolerances"), "%.2f")
    looks: dict[str, Any] = {n: st.column_config.NumberColumn(n.replace("_", " "), format=f) for n, f in formats.items() if n in shown}
    looks["target"] = st.column_config.TextColumn("target", width="medium")
    looks["relative_error"] = st.column_config.NumberColumn("error", format="percent", width="small")
    names = shown["target"].to_numpy()

    def pick() -> None:
        if rows := state.held("targets_table").selection.rows:
            state.hold("one_target", str(names[rows[0]]))

    st.dataframe(shown, hide_index=True, column_config=looks, key="targets_table", on_select=pick, selection_mode="single-row")


_LOOKS = {"Parts": _parts, "Estimates": _estimates, "Table": _table}
