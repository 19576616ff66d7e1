"""Sweeps: many runs over a grid of settings; which are best, and how stable the choice of households is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from dashboard import state
from dashboard.calibration import previous
from dashboard.frontier.figures import overlap, stability, sweep
from dashboard.kit import layout, wording
from dashboard.kit.attempt import attempt
from dashboard.kit.chart import chart, side_by_side
from l0engine.calibration.config import Config, settings
from l0engine.errors import ConfigError, L0Error
from l0engine.jobs.job import Request
from l0engine.jobs.records import RunRecord
from l0engine.jobs.sweeps import LARGEST, grid

#: What people sweep, and values to begin with.
_AXES = {
    "price_l0": "0.01, 0.03, 0.1, 0.3",
    "price_l2": "1e-5, 5e-5, 5e-4",
    "lambda_l0": "1e-4, 3e-4, 1e-3, 3e-3",
    "lambda_l2": "1e-12, 1e-11, 1e-10",
    "seed": "0, 1, 2, 3",
    "temperature": "0.25, 0.35, 0.5",
    "max_ratio": "none, 30, 10",
    "price_change": "0, 0.003, 0.01, 0.03, 0.1",
}

_YES_NO = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


def show(sha: str) -> None:
    """The form, and the latest sweep of this problem as its runs end."""
    with st.expander("New sweep", icon=":material/grid_on:", expanded=not state.sweeps(sha)):
        _form()
    sweeps = state.sweeps(sha)
    if not sweeps:
        return
    titles = wording.distinct(sweeps)
    state.hold_one_of("sweep", titles)  # it may be of another problem
    chosen = st.selectbox("Sweep", list(titles), format_func=titles.get, key="sweep") if len(titles) > 1 else next(iter(titles))

    def runs() -> list[RunRecord]:
        return state.store().runs(sha, sweep=chosen, limit=LARGEST)[::-1]

    found = runs()
    if all(r.status.ended for r in found):
        _body(found)
        return

    @state.ticking()
    def tick() -> None:
        now = runs()
        if all(r.status.ended for r in now):
            st.rerun()
        _stop(now)
        _body(now)

    tick()


def _stop(runs: Sequence[RunRecord]) -> None:
    """A way out of a sweep that takes too long; what has ended stays."""
    going = [r for r in runs if r.can_stop]
    if st.button("Stop the sweep", icon=":material/stop:", disabled=not going, help="Runs that have ended stay."):
        for run in going:
            with suppress(L0Error):  # it has ended meanwhile
                state.store().request(run.id, Request.STOP)


def _form() -> None:
    names = [n for n, s in settings().items() if n not in ("exclude", "soften", "hold_out", "group_multipliers", "device", "refit")]
    labels = {n: settings()[n].label for n in names}
    axes = st.multiselect("Settings to vary", names, default=["price_l0", "seed"], format_func=labels.get, max_selections=4, key="axes")
    previous.told()
    entries = {}
    for column, name in zip(layout.columns(max(len(axes), 1), key="axes_values", narrowest=200), axes, strict=False):
        standard = Config().to_dict()[name]
        entries[name] = column.text_input(labels[name], _AXES.get(name, "" if standard is None else str(standard)), key=f"axis_{name}")
    try:
        base = Config.from_dict(state.fitted_draft(set(state.problem().groups)))
        if "seed" in axes and base.estimator == "expected" and base.jitter == 0 and "jitter" not in axes:
            base = Config.from_dict({**base.to_dict(), "jitter": 0.1})
            st.caption("Expected gates draw no random numbers; so that seeds differ, the start gets a jitter of 0.1.")
        configs = grid(base, {name: _values(name, text) for name, text in entries.items()}) if entries else []
    except ConfigError as error:
        st.error(str(error), icon=":material/error:")
        return
    why = None if configs else "Choose a setting to vary."
    label = f"Start {wording.plural(len(configs), 'run')}" if configs else "Start"
    if st.button(label, type="primary", icon=":material/play_arrow:", disabled=why is not None, help=why):
        attempt(lambda: state.hold("sweep", state.start_sweep(configs)))


def _values(name: str, text: str) -> list[object]:
    """Values as typed; `Config` checks them."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    standard = Config().to_dict()[name]
    if isinstance(standard, bool):
        return [_YES_NO.get(part.lower(), part) for part in parts]
    return [None if part.lower() == "none" else part for part in parts]


def _body(runs: Sequence[RunRecord]) -> None:
    """What has ended so far."""
    over = [r for r in runs if r.status.ended]
    ended = [r for r in over if r.status.has_result and r.outcome is not None and r.outcome.final is not None]
    lost = len(over) - len(ended)
    st.progress(
        len(over) / max(len(runs), 1),
        text=f"{len(over)} of {wording.plural(len(runs), 'run')} ended{f', {lost} of them without weights' if lost else ''}.",
    )
    if not ended:
        return
    fields = [n for n in settings() if len({repr(getattr(r.config, n)) for r in runs}) > 1]
    info = sweep.info(ended, fields)
    drawn = (
        (sweep.plot_pareto, info, "pareto", "Error against households kept of each run"),
        (sweep.plot_parallel, info, "parallel", "Settings and outcomes of each run"),
    )
    side_by_side(drawn, "sweep_pictures")
    _change(ended)
    _stability(ended, [n for n in fields if n != "seed"])


def _change(runs: Sequence[RunRecord]) -> None:
    """Where runs go out from a previous answer at several prices of change: how much of it they keep, and at what error."""
    info = stability.info(runs)
    if len(set(info.prices.tolist())) > 1:
        st.subheader("What does it cost to keep to the previous set?")
        chart(stability.plot, info, "change", "Share of the previous set that is kept, against the mean error, by price of change")


def _stability(runs: Sequence[RunRecord], others: Sequence[str]) -> None:
    """Where seeds differ: how much the kept sets overlap."""
    alike = [r for r in runs if all(getattr(r.config, n) == getattr(runs[0].config, n) for n in others)]
    if len({r.config.seed for r in alike}) < 2:
        return
    kept = state.kept_sets(alike[:10])
    st.subheader("How stable is the choice over seeds?")
    setting = ", ".join(f"{settings()[n].label} = {getattr(alike[0].config, n)!s}" for n in others)
    st.caption(f"Runs that differ in their seed only{f' ({setting})' if setting else ''}.")
    info = overlap.info([f"seed {r.config.seed}" for r in alike[:10]], kept)
    drawn = (
        (overlap.plot_overlap, info, "overlap", "Overlap of the kept sets of each two seeds"),
        (overlap.plot_inclusion, info, "inclusion", "Households by how many seeds keep them"),
    )
    side_by_side(drawn, "stability")
