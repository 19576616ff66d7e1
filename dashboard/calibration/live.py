"""A run as it trains: figures that move, and pictures that keep their zoom."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.calibration.figures import error_fan, kept, loss
from dashboard.kit import gates, layout, viewer, wording
from dashboard.kit.follow import follow
from dashboard.kit.live_plot import live_plot
from l0engine.calibration.results import Snapshot
from l0engine.jobs.records import RunRecord


def show(record: RunRecord, n_households: int) -> None:
    """The run until it has ended."""

    def draw(run: RunRecord, snapshots: Sequence[Snapshot]) -> None:
        _figures(snapshots)
        pictures(snapshots, n_households, run.id)

    follow(record, draw, keeps="Ends the training; the households kept so far are refitted.")


def pictures(snapshots: Sequence[Snapshot], n_households: int, run_id: str) -> None:
    """The four pictures of a fit, live or finished."""
    colours = viewer.palette()
    drawn = (
        ("loss", loss.plot(loss.info(snapshots), colours), "Loss terms by step"),
        ("kept", kept.plot(kept.info(snapshots, n_households), colours), "Households kept by step"),
        ("gates", gates.plot(gates.info(snapshots, n_households), colours), "Distribution of gates at the latest step"),
        ("errors", error_fan.plot(error_fan.info(snapshots), colours), "Error of targets by step"),
    )
    columns = layout.columns(2, key="pictures", narrowest=340, gap="medium")
    for i, (name, figure, alt) in enumerate(drawn):
        with columns[i % 2]:
            live_plot(figure, key=f"{name}_{run_id}", alt=alt)


def _figures(snapshots: Sequence[Snapshot]) -> None:
    """The line of figures: kept, median error, effective sample size, speed, time left."""
    cells = layout.columns(5, key="live_figures", narrowest=130)
    trend = snapshots[:: max(1, len(snapshots) // 40)]
    lines = (
        ("Households kept", "Households whose gate is open. Falls as the fit decides.", wording.count, [s.kept for s in trend]),
        ("Median error", "Half of the targets are closer than this, before the refit.", wording.percent, [s.median_error for s in trend]),
        (
            "Effective sample size",
            "How many equally weighted households would be as informative (Kish).",
            wording.short,
            [s.ess for s in trend],
        ),
    )
    for cell, (label, help_, words, values) in zip(cells, lines, strict=False):
        cell.metric(label, words(values[-1]) if values else "–", help=help_)
    speed, left = None, "–"
    if snapshots:
        last, first = snapshots[-1], snapshots[max(0, len(snapshots) - 10)]
        elapsed = last.seconds - first.seconds
        speed = (last.step - first.step) / elapsed if elapsed > 0 else last.step / max(last.seconds, 1e-9)
        left = "refitting" if last.step >= last.epochs else wording.seconds((last.epochs - last.step) / max(speed, 1e-9))
    cells[3].metric("Steps a second", wording.short(speed), help="Over the last snapshots; it rises as households are dropped.")
    cells[4].metric("Time left", left, help="At the present speed, refit not included.")
