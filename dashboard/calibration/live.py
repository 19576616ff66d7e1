"""A run as it trains: figures that move, and pictures that keep their zoom."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.calibration import steering
from dashboard.calibration.figures import error_fan, kept, loss
from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.kit.chart import side_by_side
from dashboard.kit.figures import gates
from dashboard.kit.figures.marks import marks
from dashboard.kit.follow import follow
from l0engine.calibration.results import Snapshot
from l0engine.jobs.records import RunRecord


def show(record: RunRecord, n_households: int) -> None:
    """The run until it has ended."""

    def draw(run: RunRecord, snapshots: Sequence[Snapshot]) -> None:
        _figures(snapshots)
        pictures(snapshots, n_households, run.id)

    steering.while_it_runs(record)
    follow(record, draw, keeps="Ends the training; the households kept so far are refitted.")


def pictures(snapshots: Sequence[Snapshot], n_households: int, run_id: str) -> None:
    """Where a fit runs, in words, and its four pictures; live or finished."""
    where = snapshots[-1].where if snapshots else "Device: said with the first step."  # its line keeps the pictures in place
    if where:
        st.caption(where)
    changed = marks(state.store().events(run_id))
    drawn = (
        (loss.plot, loss.info(snapshots, changed), f"loss_{run_id}", "Loss terms by step"),
        (kept.plot, kept.info(snapshots, n_households, changed), f"kept_{run_id}", "Households kept by step"),
        (gates.plot, gates.info(snapshots, n_households), f"gates_{run_id}", "Distribution of gates at the latest step"),
        (error_fan.plot, error_fan.info(snapshots), f"errors_{run_id}", "Error of targets by step"),
    )
    side_by_side(drawn, "pictures", live_plot)


def _figures(snapshots: Sequence[Snapshot]) -> None:
    """The line of figures: kept, median error, effective sample size, speed, time left."""
    last, speed, left = snapshots[-1] if snapshots else None, None, wording.MISSING
    if last is not None:
        first = snapshots[max(0, len(snapshots) - 10)]
        elapsed = last.seconds - first.seconds
        speed = (last.step - first.step) / elapsed if elapsed > 0 else last.step / max(last.seconds, 1e-9)
        left = "refitting" if last.step >= last.epochs else wording.seconds((last.epochs - last.step) / max(speed, 1e-9))
    figures = {
        "Households kept": (wording.count(last and last.kept), "Households whose gate is open. Falls as the fit decides."),
        "Median error": (wording.percent(last and last.median_error), "Half of the targets are closer than this, before the refit."),
        "Effective sample size": (wording.short(last and last.ess), "How many equally weighted households would be as informative (Kish)."),
        "Steps a second": (wording.short(speed), "Over the last snapshots; it rises as households are dropped."),
        "Time left": (left, "At the present speed, refit not included."),
    }
    layout.metrics(figures, key="live_figures", narrowest=130)
