"""Sweeps: many runs over a grid of settings; which are best, and how stable the choice of households is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard import state, wording
from dashboard.components import layout
from dashboard.figures import overlap, sweep, theme
from l0engine.calibration.config import Config, settings
from l0engine.errors import ConfigError
from l0engine.runs.records import RunRecord
from l0engine.runs.sweeps import grid

#: What people sweep, and values to begin with.
_AXES = {"lambda_l0": "1e-4, 3e-4, 1e-3, 3e-3", "seed": "0, 1, 2, 3", "temperature": "0.25, 0.35, 0.5", "lambda_l2": "1e-12, 1e-11, 1e-10"}


def show(sha: str) -> None:
    """The form, and the latest sweep of this problem as its runs end."""
    with st.expander("New sweep", icon=":material/grid_on:", expanded=not state.sweeps(sha)):
        _form()
    sweeps = state.sweeps(sha)
    if not sweeps:
        return
    chosen = st.selectbox("Sweep", list(sweeps), format_func=sweeps.get, key="sweep") if len(sweeps) > 1 else next(iter(sweeps))

    @st.fragment(run_every=state.tick_seconds())
    def tick() -> None:
        _body(state.store().runs(sha, sweep=chosen, limit=1000)[::-1])

    tick()


def _form() -> None:
    names = [n for n, s in settings().items() if n not in ("exclude", "hold_out", "group_multipliers", "device", "refit")]
    labels = {n: settings()[n].label for n in names}
    axes = st.multiselect("Settings to vary", names, default=["lambda_l0", "seed"], format_func=labels.get, max_selections=4, key="axes")
    entries = {}
    for column, name in zip(layout.columns(max(len(axes), 1), key="axes_values", narrowest=200), axes, strict=False):
        standard = Config().to_dict()[name]
        entries[name] = column.text_input(labels[name], _AXES.get(name, "" if standard is None else str(standard)), key=f"axis_{name}")
    try:
        base = Config.from_dict({**state.draft(), "hold_out": [], "group_multipliers": {}})
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
        state.start_sweep(configs)
        st.rerun()


def _values(name: str, text: str) -> list[object]:
    """Values as typed; `Config` checks them."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    standard = Config().to_dict()[name]
    if isinstance(standard, bool):
        return [part.lower() in ("true", "yes", "on", "1") for part in parts]
    return [None if part.lower() == "none" else part for part in parts]


def _body(runs: Sequence[RunRecord]) -> None:
    """What has ended so far."""
    ended = [r for r in runs if r.outcome is not None and r.outcome.final is not None]
    failed = sum(r.status.ended and r.outcome is None for r in runs)
    st.progress(
        len(ended) / max(len(runs), 1),
        text=f"{len(ended)} of {len(runs)} runs have ended{f', {failed} without weights' if failed else ''}.",
    )
    if not ended:
        return
    fields = [n for n in settings() if len({repr(getattr(r.config, n)) for r in runs}) > 1]
    palette, info = state.palette(), sweep.info(ended, fields)
    left, right = layout.columns(2, key="sweep_pictures", narrowest=340, gap="medium")
    with left:
        st.plotly_chart(
            sweep.plot_pareto(info, palette), theme=None, config=theme.CONFIG, key="pareto", alt="Error against households kept of each run"
        )
    with right:
        st.plotly_chart(
            sweep.plot_parallel(info, palette), theme=None, config=theme.CONFIG, key="parallel", alt="Settings and outcomes of each run"
        )
    _stability(ended, [n for n in fields if n != "seed"])


def _stability(runs: Sequence[RunRecord], others: Sequence[str]) -> None:
    """Where seeds differ: how much the kept sets overlap."""
    alike = [r for r in runs if all(getattr(r.config, n) == getattr(runs[0].config, n) for n in others)]
    if len({r.config.seed for r in alike}) < 2:
        return
    kept = state.kept_sets(tuple((r.id, r.ended or 0.0) for r in alike[:10]))
    st.subheader("How stable is the choice over seeds?")
    setting = ", ".join(f"{settings()[n].label} {getattr(alike[0].config, n)!s}" for n in others)
    st.caption(f"Runs that differ in their seed only{f' ({setting})' if setting else ''}.")
    left, right = layout.columns(2, key="stability", narrowest=340, gap="medium")
    info = overlap.info([f"seed {r.config.seed}" for r in alike[:10]], np.asarray(kept))
    with left:
        st.plotly_chart(
            overlap.plot_overlap(info, state.palette()),
            theme=None,
            config=theme.CONFIG,
            key="overlap",
            alt="Overlap of the kept sets of each two seeds",
        )
    with right:
        st.plotly_chart(
            overlap.plot_inclusion(info, state.palette()),
            theme=None,
            config=theme.CONFIG,
            key="inclusion",
            alt="Households by how many seeds keep them",
        )
