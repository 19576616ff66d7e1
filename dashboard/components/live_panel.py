"""A run as it trains: figures that move, pictures that keep their zoom, pause and stop."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state, wording
from dashboard.components.live_plot import live_plot
from dashboard.figures import error_fan, gates, kept, loss
from l0engine.calibration.results import Snapshot, Status
from l0engine.runs.records import Request, RunRecord


def show(record: RunRecord, n_households: int) -> None:
    """Poll until the run has ended, then run the page once more."""

    @st.fragment(run_every=state.tick_seconds())
    def tick() -> None:
        run = state.store().run(record.id)
        if run.status.ended:
            st.rerun()
        _controls(run)
        snapshots = state.store().snapshots(run.id)
        _figures(run, snapshots)
        pictures(snapshots, n_households, run.id)

    tick()


def pictures(snapshots: Sequence[Snapshot], n_households: int, run_id: str) -> None:
    """The four pictures of a fit, live or finished."""
    colours = state.palette()
    drawn = (
        ("loss", loss.plot(loss.info(snapshots), colours), "Loss terms by step"),
        ("kept", kept.plot(kept.info(snapshots, n_households), colours), "Households kept by step"),
        ("gates", gates.plot(gates.info(snapshots, n_households), colours), "Distribution of gates at the latest step"),
        ("errors", error_fan.plot(error_fan.info(snapshots), colours), "Error of targets by step"),
    )
    columns = st.columns(2, gap="medium")
    for i, (name, figure, alt) in enumerate(drawn):
        with columns[i % 2]:
            live_plot(figure, key=f"{name}_{run_id}", alt=alt)


def _controls(run: RunRecord) -> None:
    """What the run is doing, and its buttons."""
    words, pause, stop = st.columns([6, 1, 1], vertical_alignment="center")
    words.markdown(f"**{run.status.value.replace('_', ' ').capitalize()}.** {_doing(run)}")
    if run.can_continue:
        pause.button("Resume", icon=":material/play_arrow:", on_click=_request, args=(run.id, Request.NONE), width="stretch")
    else:
        why = None if run.can_pause else "Only a training run can be paused."
        pause.button(
            "Pause",
            icon=":material/pause:",
            on_click=_request,
            args=(run.id, Request.PAUSE),
            disabled=not run.can_pause,
            help=why,
            width="stretch",
        )
    stop.button(
        "Stop",
        icon=":material/stop:",
        on_click=_request,
        args=(run.id, Request.STOP),
        disabled=not run.can_stop,
        help="Ends the training; the households kept so far are refitted." if run.can_stop else "Already asked to stop.",
        width="stretch",
    )


def _doing(run: RunRecord) -> str:
    if run.request is Request.STOP:
        return "Stopping; the kept households are being refitted."
    if run.request is Request.PAUSE and run.status is Status.RUNNING:
        return "Pausing after this step."
    return run.sentence


def _request(run_id: str, request: Request) -> None:
    state.store().request(run_id, request)


def _figures(run: RunRecord, snapshots: Sequence[Snapshot]) -> None:
    """The line of figures: kept, median error, effective sample size, speed, time left."""
    cells = st.columns(5)
    if not snapshots:
        cells[0].metric("Households kept", "–")
        st.progress(0.0, text="Starting the worker; the first step comes within a few seconds.")
        return
    last = snapshots[-1]
    first = snapshots[max(0, len(snapshots) - 10)]
    speed = (
        (last.step - first.step) / (last.seconds - first.seconds) if last.seconds > first.seconds else last.step / max(last.seconds, 1e-9)
    )
    done = last.step >= last.epochs
    trend = snapshots[:: max(1, len(snapshots) // 40)]
    cells[0].metric(
        "Households kept", wording.count(last.kept), help="Households whose gate is open. Falls as the fit decides.",
        chart_data=[s.kept for s in trend], chart_type="line",
    )  # fmt: skip
    cells[1].metric(
        "Median error", wording.percent(last.median_error), help="Half of the targets are closer than this, before the refit.",
        chart_data=[s.median_error for s in trend], chart_type="line",
    )  # fmt: skip
    cells[2].metric(
        "Effective sample size", wording.short(last.ess), help="How many equally weighted households would be as informative (Kish).",
        chart_data=[s.ess for s in trend], chart_type="line",
    )  # fmt: skip
    cells[3].metric("Steps a second", wording.short(speed), help="Over the last snapshots; it rises as households are dropped.")
    left = "refitting" if done else wording.seconds((last.epochs - last.step) / max(speed, 1e-9))
    cells[4].metric("Time left", left, help="At the present speed, refit not included.")
    st.progress(last.step / last.epochs, text=f"Step {wording.count(last.step)} of {wording.count(last.epochs)}")
