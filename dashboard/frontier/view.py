"""A frontier as it is computed: the answer in words, the picture, and the chosen size against other methods."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration import outcome
from dashboard.frontier.figures import frontier, method_bars, point, trade_off
from dashboard.frontier.figures.answer import answer, bend, cap_words, held_out_words
from dashboard.kit import layout, wording
from dashboard.kit.chart import chart
from dashboard.kit.follow import follow
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.calibration.limits import proof
from l0engine.calibration.results import Snapshot
from l0engine.jobs.records import PointRecord, RunRecord

_COLUMNS = (
    ("Method", lambda p: point.title(p.method)),
    ("Kept", lambda p: wording.count(p.measures.kept)),
    ("Median error", lambda p: wording.percent(p.measures.median_abs_rel_error)),
    ("Held-out median", lambda p: wording.percent(p.held_out.median_abs_rel_error if p.held_out else None)),
    ("Effective sample size", lambda p: wording.count(p.measures.ess)),
    ("Largest weight / base", lambda p: wording.ratio(p.measures.max_weight_ratio)),
    ("Note", lambda p: p.note),
)

_HOW_TO_READ = """
Every point is a set of households chosen by this engine, with its weights calibrated anew. Above, down is better; below, up is better;
left is smaller. A set that meets the targets with few, very large weights says little about anything else: look at the effective sample
size, the largest ratio and, where groups were held out, at their error too.

The point with a ring is the one described below. Until you click another it is the one where the error bends most: where the slope of log
error against log households changes most on the way to fewer households.

The strip at the foot of the errors stands where a bound is proven that no set of so many households can beat. Its numbers say how far the
answer is above that bound, counting squared error and unevenness of weights together; where the strip is missing, the bound says nothing.
"""


def show(record: RunRecord, n_households: int, n_targets: int) -> None:
    """Poll while it grows; a click on the picture chooses a point."""
    if record.status.ended:
        _body(record, n_households, n_targets)
        return

    def draw(run: RunRecord, snapshots: Sequence[Snapshot]) -> None:
        if not state.store().points(run.id) and snapshots:
            last = snapshots[-1]
            text = f"First the fit that all points come from: step {wording.count(last.step)} of {wording.count(last.epochs)}"
            st.progress(min(last.step / max(last.epochs, 1), 1.0), text=text)
        _body(run, n_households, n_targets)

    follow(record, draw, keeps="Points found so far stay.", unit=None)


def _body(run: RunRecord, n_households: int, n_targets: int) -> None:
    points = state.store().points(run.id)
    if run.status.ended and not _say_how_it_ended(run, len(points)):
        return
    st.markdown(f"### {answer(points, n_targets)}")
    if run.status.has_result and run.message:
        st.caption(wording.markdown(run.message))
    chosen = state.point(run) or _default(points, run.status.ended)
    others = _others(run) if run.status.ended else []
    info = frontier.info(points, n_targets, n_households, chosen.key if chosen else None, run.config, others)
    alt = "Median error and effective sample size against households kept"
    event = chart(frontier.plot, info, f"frontier_{run.id}", alt, on_select="rerun", selection_mode="points")
    if (key := _clicked(event)) and key in {p.key for p in points} and key != (chosen.key if chosen else None):
        state.open_point(key)
        st.rerun(scope="app" if run.status.ended else "fragment")
    if chosen is None:
        return
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    _one_size(run, chosen, _compared(points, chosen), others)


def _say_how_it_ended(run: RunRecord, n_points: int) -> bool:
    """Where there are no weights or no points, why, and what to do; True where there are points to show all the same."""
    if not run.status.has_result:
        outcome.show(run, state.problem())
    elif not n_points:
        st.info(
            f"{wording.markdown(run.sentence)} There are no points yet; another frontier can go out from this fit.", icon=":material/info:"
        )
    return n_points > 0


def _others(run: RunRecord) -> list[frontier.Other]:
    """Frontiers of the same problem under another cap, for what a cap costs."""
    found = ((frontier.cap_title(r.config), frontier.info(state.store().points(r.id), 0, 0).ours) for r in state.other_caps(run))
    return [frontier.Other(name, points) for name, points in found if points]


def _said_of(run: RunRecord, chosen: PointRecord, points: Sequence[PointRecord], others: Sequence[frontier.Other]) -> list[str]:
    """What is proven of the chosen point, how it does on what was held out, and what another cap would make of it."""
    own = next((p for p in points if p.method == point.OURS), chosen)
    said = [proof(chosen.certificate)] if chosen.certificate is not None else []
    if chosen.method == point.OURS:
        said += [held_out_words(own, points), *cap_words(chosen, run.config, others)]
    return [sentence for sentence in said if sentence]


def _one_size(run: RunRecord, chosen: PointRecord, points: Sequence[PointRecord], others: Sequence[frontier.Other]) -> None:
    """The chosen point beside the other methods at its size, and what it trades."""
    title, use = layout.columns([4, 1], key="chosen", narrowest=180, align="bottom")
    title.subheader(f"At {wording.plural(chosen.measures.kept, 'household')}")
    if use.button("Use this point", icon=":material/arrow_forward:", type="primary", width="stretch", help="Opens it in Results."):
        state.open_point(chosen.key)
        st.switch_page("app_pages/results.py")
    sizes = {p.measures.kept for p in points if p.method != "dense"}
    if chosen.measures.kept not in sizes and sizes:
        st.caption(f"The methods were compared at {wording.plural(max(sizes), 'household')}.")
    if said := _said_of(run, chosen, points, others):
        st.markdown("\n".join(f"- {sentence}" for sentence in said))
    own = chosen.method == "l0engine" and (chosen.curve or not run.status.ended)  # other methods have no curve
    left, right = layout.columns([3, 2], key="one_size", narrowest=340, gap="medium") if own else (st.container(), None)
    with left:
        chart(method_bars.plot, method_bars.info(points), f"methods_{run.id}", "Methods compared at one size")
    if right is not None:
        with right:
            chart(trade_off.plot, trade_off.info(chosen), f"trade_{run.id}", "Error against effective sample size")
    table = pd.DataFrame([[words(p) for _, words in _COLUMNS] for p in points], columns=[name for name, _ in _COLUMNS])
    empty = [name for name in table.columns if table[name].isin(["", wording.MISSING]).all()]
    st.dataframe(table.drop(columns=empty), hide_index=True, height="content")


def _compared(points: Sequence[PointRecord], chosen: PointRecord) -> list[PointRecord]:
    """The points of all methods at the chosen size, or at the size where they were compared."""
    sizes = {p.budget for p in points if p.method not in ("l0engine", "dense")}
    size = chosen.budget if chosen.budget in sizes or not sizes else min(sizes, key=lambda k: abs(k - chosen.budget))
    return [p for p in points if p.budget == size or p.method == "dense"]


def _default(points: Sequence[PointRecord], ended: bool) -> PointRecord | None:
    """Where the error bends most, once all points are there; without a bend the point that other methods were compared at, or the first."""
    if ended and (found := bend(points)) is not None:
        return found
    others = {p.budget for p in points if p.method in REFERENCES and not REFERENCES[p.method].own_size}
    own = [p for p in points if p.method == "l0engine"]
    return next((p for p in own if p.budget in others), own[0] if own else None)


def _clicked(event: object) -> str | None:
    """The key of a clicked point."""
    selected = getattr(getattr(event, "selection", None), "points", None) or []
    data = selected[0].get("customdata") if selected else None
    return str(data[0]) if data else None
