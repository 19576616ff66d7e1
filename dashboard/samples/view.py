"""A sample as it is chosen and when it is there: the answer in words, how near it comes, who is chosen, how the gates decided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.kit.chart import chart, side_by_side
from dashboard.kit.download import download
from dashboard.kit.figures import gates
from dashboard.samples import who
from dashboard.samples.figures import figures as sample_figures
from dashboard.samples.figures import gates as sample_gates
from dashboard.samples.figures import progress
from dashboard.state.opened import studies
from l0engine.io import csv_bytes
from l0engine.selection.selected import SampleSnapshot
from l0engine.studies.samples.result import SampleResult, chosen_rows
from l0engine.studies.samples.settings import SampleRecord, SampleStudy

_TYPES = {"l0": "chosen by gates", "random": "drawn at random", "stratified": "drawn from strata", "cube": "drawn by the cube method"}
_DESIGNS = {"cube": "cube method"}


def show(record: SampleRecord) -> None:
    """The sample of a study, where there is one."""
    if record.result is None:
        return
    folder = studies.folder(record)
    words, out = layout.columns([2, 1], key="sample_verdict", narrowest=275, align="center")
    words.markdown(f"### {verdict(record.task, record.result)}")
    words.caption(details(record.task, record.result))
    label, name = "Download the chosen rows (CSV)", f"sample_{record.task.n}.csv"
    help_ = "The rows as they stand in the table, and a last column 'selection': l0, random, stratified or cube."
    download(label, lambda: csv_bytes(chosen_rows(folder)), name, "text/csv", help_, place=out)
    _pictures(record, folder)
    _explanation()


def verdict(study: SampleStudy, result: SampleResult) -> str:
    """How near the sample comes, and how near others of its size do, in words."""
    largest, count = dict(result.largest), len(result.names)
    own, words = largest.pop(study.method), sample_figures.deviations
    figures = f"all {wording.count(count)} figures" if count > 1 else "the figure"
    text = f"These {wording.count(study.n)} of {wording.plural(result.rows, 'row')} reproduce {figures} to within {words(own)} "
    text += "standard deviations"
    for first, (method, theirs) in zip((True, False), largest.items(), strict=False):
        name = _DESIGNS.get(method, method)
        text += f"; a {name} sample of the same size misses by up to {words(theirs)}" if first else f"; a {name} one by {words(theirs)}"
        text += f", {round(theirs / own)} times as much" if own > 0 and theirs >= 1.5 * own else ""
    return text + "."


def details(study: SampleStudy, result: SampleResult) -> str:
    """Where the rows come from, and how long that took."""
    parts = [study.title, ", ".join(f"{wording.count(n)} {_TYPES[t]}" for t, n in result.types.items())]
    if result.swaps:
        rounded = sample_figures.deviations(result.rounded)
        parts.append(f"within {rounded} when the gates were rounded, then {wording.plural(result.swaps, 'row')} swapped")
    return " · ".join([*filter(None, parts), f"seed {study.seed}", wording.seconds(result.seconds)])


def live(job: SampleRecord, snapshots: Sequence[SampleSnapshot]) -> None:
    """The gates as they decide."""
    last = snapshots[-1]
    rows = last.gate_zero + last.gate_one + sum(last.gate_counts)
    shares = gates.GatesInfo(last.gate_zero / rows, last.gate_one / rows, np.array(last.gate_counts) / rows, rows, last.step)
    drawn = (
        (partial(gates.plot, what="rows"), shares, f"gates_{job.id}", "Distribution of gates at the latest step"),
        (progress.plot, progress.info(snapshots), f"progress_{job.id}", "Largest difference by step"),
    )
    side_by_side(drawn, "sample_live", live_plot)


def _pictures(record: SampleRecord, folder: Path) -> None:
    result, key = record.result, record.id
    left, right = layout.columns(2, key="sample_pictures", narrowest=340, gap="medium")
    with left:
        alt = "Difference of each figure from the full table, of the chosen sample and of others"
        chart(sample_figures.plot, sample_figures.info(result), f"figures_{key}", alt)
    with right:
        who.show_column(record, folder)
    who.show_people(record, folder)
    if snapshots := studies.snapshots(record):
        near = progress.info(snapshots, result.largest[record.task.method], result.largest.get("random"))
        drawn = (
            (sample_gates.plot, sample_gates.info(snapshots, record.task.n), f"gates_{key}", "Rows by gate and step"),
            (progress.plot, near, f"progress_{key}", "Largest difference by step"),
        )
        side_by_side(drawn, "sample_history")


def _explanation() -> None:
    with st.expander("How to read this"):
        st.markdown(
            "A sample is good when its plain averages are those of the whole table. Every **figure** is such an average: a mean, the "
            "share of a category or of a pair of them, or the share of rows up to a decile. Each row counts once; there are no weights."
            "\n\n"
            "Every row of the table has a **gate**, a number between 0 (out) and 1 (in), which starts at random. Step by step the gates "
            "move, no further than the figures ask, and make up their minds: in the end nearly all are open or closed, and as many are "
            "open as rows were asked for. What rounding the undecided ones costs, swaps of single rows win back. Whatever was not asked "
            "for stays as in a random sample, and comes no nearer than there."
            "\n\n"
            "Differences are in **standard deviations** of the rows, so that dollars, years and shares can be compared: 0.01 is a "
            "hundredth of what rows usually differ by. A dot on the middle line is reproduced exactly. Of the random and the stratified "
            "design nine samples are drawn; shown is the one whose largest difference is in the middle of the nine."
            "\n\n"
            "In a **hybrid** sample a part is drawn at random, and passes over the rare row that the gates could not make up for: one "
            "household too many of a small category, or a single extreme income. The **cube method** (Deville and Tillé 2004) is the "
            "statistician's balanced sample: every row has the same chance to be drawn, and the figures hold as closely as whole rows "
            "allow. It takes longer, and one sample of it is drawn."
        )
