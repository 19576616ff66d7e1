"""One target: how it was reached, who carries it, and what leaving it out would save or cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.chart import Plot, side_by_side
from dashboard.kit.figures.marks import marks
from dashboard.results import rerun
from dashboard.results.figures import error_path, profile, tiles
from l0engine.calibration.metrics import relative_errors
from l0engine.explain import targets
from l0engine.explain.whatif import WhatIf
from l0engine.report.facts import Facts

#: Up to so many targets a check is a matter of a moment, and is made at once.
QUICK = 500
#: Households listed behind a target.
_LISTED = 50
#: A picture as `side_by_side` takes it.
Drawn = tuple[Plot, Any, str, str]


def show(facts: Facts, target: int) -> None:
    """Its way from base weights to what was published, who carries it, and what it costs."""
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
    if facts.use[target] and facts.point is None and facts.source is facts.run:
        rerun.show(facts, target)
    drawn = [*_over_the_training(facts, target)]
    if len((bands := profile.info(problem, weights, target)).labels) > 1:
        drawn.append((profile.plot, bands, "profile", "Estimate and target along the bands"))
    if len((states := tiles.info(problem, weights, target)).codes) > 1:
        drawn.append((tiles.plot, states, "tiles", "Error of the same total in other states"))
    if drawn:
        side_by_side(drawn, "one_pictures")
        if any(key == "error_path" for _, _, key, _ in drawn):
            st.caption("Over the training: where the line dips sharply, the estimate crosses the total on its way; the refit comes last.")
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


def _over_the_training(facts: Facts, target: int) -> Iterator[Drawn]:
    """Its error at each look at the fit, where the run has kept it."""
    if facts.point is not None or not facts.use[target]:
        return
    store, fit = state.store(), facts.source.id
    path = store.error_path(fit, int(facts.use[:target].sum()))
    if len(path.steps):
        final = float(relative_errors(facts.problem, facts.weights)[target])
        info = error_path.info(path, final, marks(store.events(fit)))
        yield error_path.plot, info, "error_path", "Error of the target over the training"


_STAGES = {
    "base": "At the survey's own weights.",
    "gated": "As training left it, behind gates.",
    "refitted": "At the final weights.",
    "published": "The total it should be.",
}


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
    if out.button(
        "Leave it out",
        key="leave_out",
        help="Opens the problem without it and the settings of this run, to calibrate again.",
        width="stretch",
    ):
        state.leave_out(facts, [target])
        st.switch_page("app_pages/calibrate.py")


def _more(households: float) -> str:
    return f"{'+' if households >= 0 else '−'}{wording.weight(abs(households)) if abs(households) >= 0.005 else '0'}"


_ROUGH = (
    "Predicted: one Newton step on the dual of the refit, within 5 % of the rerun in the middle where no weight changes by more than a "
    "quarter (three small problems); else it is called rough, and may be off many times over. Checked: solved again. How many "
    "households a new fit keeps is known by running it, see below."
)
