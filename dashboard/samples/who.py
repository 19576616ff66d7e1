"""Who is in a sample: any column, full table against sample; states on a map of tiles; ages as a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from dashboard.kit.chart import chart, side_by_side
from dashboard.samples import columns
from dashboard.samples.columns import Column
from dashboard.samples.figures import distribution, places, pyramid
from l0engine.io.whole import read_arrays
from l0engine.studies.samples.settings import SampleRecord


def show_column(record: SampleRecord, folder: Path) -> None:
    """The distribution of a column that the viewer chooses, at first one the sample was asked to reproduce."""
    names = [c.name for c in _known(folder) if c.distinct > 1 and (c.is_number or c.for_shares)]
    study = record.task
    asked = [*study.means, *study.quantiles, *study.shares, *(name for pair in study.joints for name in pair)]
    first = names.index(asked[0]) if asked and asked[0] in names else 0
    name = st.selectbox("Column to compare", names, first, key=f"sample_column_{record.id}")
    info = distribution.info(_values(folder, name), _chosen(folder))
    chart(distribution.plot, info, f"column_{record.id}", f"Distribution of {name}, full table and sample")


def show_people(record: SampleRecord, folder: Path) -> None:
    """Map and pyramid, each where there is a column for it."""
    known, chosen, drawn = _known(folder), _chosen(folder), []
    if states := [c.name for c in known if c.states]:
        info = places.info(_values(folder, states[0]), chosen)
        drawn.append((places.plot, info, f"map_{record.id}", "Rows chosen by state, relative to the state's share"))
    if ages := [c.name for c in known if c.ages]:
        halves = _halves(known)
        second = _values(folder, halves) if halves else None
        info = pyramid.info(_values(folder, ages[0]), chosen, second)
        drawn.append((pyramid.plot, info, f"pyramid_{record.id}", "Rows by age, full table and sample"))
    if len(drawn) > 1:
        side_by_side(drawn, "sample_people")
    elif drawn:
        chart(*drawn[0])


def _halves(known: Sequence[Column]) -> str | None:
    """A column of two values, sex before any other."""
    two = [c.name for c in known if c.for_shares and c.distinct == 2]
    return next((name for name in two if name.lower() in ("sex", "gender")), two[0] if two else None)


def _known(folder: Path) -> tuple[Column, ...]:
    return columns.columns(str(folder / "table.parquet"))


def _values(folder: Path, name: str) -> pd.Series:
    return pq.read_table(folder / "table.parquet", columns=[name]).to_pandas()[name]


def _chosen(folder: Path) -> np.ndarray:
    return read_arrays(folder / "selected.npz")["indices"]
