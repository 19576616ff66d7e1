"""The targets of an answer: the parts of their names, the table, and one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration.figures import estimates
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart, side_by_side
from dashboard.kit.live_plot import live_plot
from dashboard.results.figures import profile, tiles, treemap
from l0engine.explain import targets
from l0engine.explain.whatif import WhatIf
from l0engine.io import targets_table
from l0engine.report.facts import Facts

_AREAS = {"Number of targets": False, "Share of the loss": True}
#: Columns ahead of all others: what is missed, and by how much.
_FIRST = ("target", "relative_error", "estimate", "value", "distance", "in_standard_errors", "in_tolerances")
#: Up to so many targets a check is a matter of a moment, and is made at once.
QUICK = 500
#: Households listed behind a target.
_LISTED = 50


def show(facts: Facts) -> None:
    """Treemap, picture and table; then the page of the target that is chosen."""
    _parts(facts)
    chart(
        estimates.plot,
        estimates.info(facts.problem, facts.weights, facts.use),
        "estimates",
        "Estimate against published value of each target",
    )
    _table(facts)
    names = list(facts.problem.names)
    state.hold_one_of("one_target", names)
    st.subheader("One target")
    chosen = st.selectbox(
        "Look at one target", names, index=None, key="one_target", placeholder="Choose it here, in the table or in the picture above"
    )
    if chosen is not None:
        _one(facts, names.index(chosen))


def _parts(facts: Facts) -> None:
    by = st.segmented_control("Area", list(_AREAS), default="Number of targets", key="treemap_area", required=True)
    info = treemap.info(facts.problem, facts.config, facts.weights, facts.use, by_loss=_AREAS[by])
    rows = dict(zip(info.ids, info.rows, strict=True))
    level = state.held("part") if state.held("part") in rows else targets.ALL

    def clicked(part: str) -> None:
        if rows.get(part, -1) >= 0:
            state.hold("one_target", str(facts.problem.names[rows[part]]))
        elif part == level and "/" in part:  # a click on what is open goes back
            state.hold("part", part.rpartition("/")[0])
        else:
            state.hold("part", part)

    alt = "Targets by the parts of their names; a click opens a part"
    live_plot(treemap.plot, info._replace(level=level), key="treemap", alt=alt, on_click=clicked)


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


def _one(facts: Facts, target: int) -> None:
    problem, weights = facts.problem, facts.weights
    gated = facts.result.gated_weights if facts.point is None else None
    st.markdown(f"#### {wording.markdown(str(problem.names[target]))}")
    used = "in use" if facts.use[target] else "not in use"
    st.caption(f"{used.capitalize()}, group {wording.markdown(str(problem.groups[target]))}")
    stages = {
        name.capitalize(): (wording.amount(value), _STAGES[name]) for name, value in targets.stages(problem, target, gated, weights).items()
    }
    layout.metrics(stages, key="stages", narrowest=130)
    behind = targets.carriers(problem, weights, target)
    if len(behind.parts):
        half = f"{behind.half} of them {'carries' if behind.half == 1 else 'carry'} half"
        words = f"Carried by **{wording.plural(len(behind.parts), 'kept household')}**; **{half}**."
        if len(behind.parts) <= targets.FEW:
            words += " :material/visibility_lock: So few that a published estimate may tell about them."
        st.markdown(words)
    else:
        st.markdown("No kept household counts in it.")
    _price(facts, target)
    drawn = []
    if len((bands := profile.info(problem, weights, target)).labels) > 1:
        drawn.append((profile.plot, bands, "profile", "Estimate and target along the bands"))
    if len((states := tiles.info(problem, weights, target)).codes) > 1:
        drawn.append((tiles.plot, states, "tiles", "Error of the same total in other states"))
    if drawn:
        side_by_side(drawn, "one_pictures")
    if len(behind.parts):
        top = behind.households[:_LISTED]
        listed = pd.DataFrame({
            "household_id": problem.household_ids[top], "share": behind.shares[:_LISTED], "adds": behind.parts[:_LISTED],
            "weight": weights[top], "base_weight": problem.base_weights[top],
        })  # fmt: skip
        looks = {
            "share": st.column_config.NumberColumn("share of it", format="percent"),
            "adds": st.column_config.NumberColumn(format="compact"),
        }
        st.caption("Who carries most of it")
        st.dataframe(listed, hide_index=True, column_config=looks)


_STAGES = {
    "base": "At the survey's own weights.",
    "gated": "As training left it, behind gates.",
    "refitted": "At the final weights.",
    "published": "The total it should be.",
}


@st.fragment
def _price(facts: Facts, target: int) -> None:
    """What leaving it out would save or cost."""
    if not facts.use[target]:
        return
    words, check, out = layout.columns([4, 1, 1], key="price", narrowest=150, align="center")
    known = state.whatif(facts) if state.held("prices") else None
    if known is None:
        words.markdown("What would leaving it out save, or cost?")
        check.button("Work it out", key="ask_price", on_click=state.hold, args=("prices", True), width="stretch")
    elif isinstance(known, WhatIf):
        predicted = known.without_target(target)
        how = "roughly predicted" if predicted.rough else "predicted"
        said = f"Without it: effective sample size **{_more(predicted.ess)}** ({how}, for these households"
        if len(known.b) <= QUICK or check.button(
            "Check it", key="check_price", help="Calibrates these households again without it.", width="stretch"
        ):
            with st.spinner("Calibrating without it …"):
                said += f"; checked: **{_more(known.without_target(target, check=True).ess)}**"
        words.markdown(f"{said}).", help=_ROUGH)
    else:
        words.markdown(known)
    if out.button("Leave it out", key="leave_out", help="Opens the problem without it, to calibrate again.", width="stretch"):
        state.open_without([target])
        st.switch_page("app_pages/calibrate.py")


def _more(households: float) -> str:
    return f"{'+' if households >= 0 else '−'}{wording.weight(abs(households)) if abs(households) >= 0.005 else '0'}"


_ROUGH = (
    "Predicted: one Newton step on the dual of the refit, within 5 % of the rerun in the middle where no weight changes by more than a "
    "quarter (three small problems); else it is called rough, and may be off many times over. Checked: solved again. How many "
    "households a new fit keeps is known by running it."
)
