"""SampleResult: how near a sample comes to its table, beside other samples of its size; and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from l0engine.io.whole import read_arrays
from l0engine.plain import Plain


@dataclass(frozen=True)
class SampleResult(Plain):
    """What came of a `SampleStudy` that asked for p figures; the chosen rows are in selected.npz of its folder (`chosen_rows`).

    Attributes
    ----------
    rows : int
        Of the table.
    names, groups : tuple of str, length p
        Each figure, and the group it is shown in.
    full : tuple of float, length p
        Figures of the table, in the units of the data.
    values, differences : dict of tuple of float, length p
        Of each method, the chosen one first: figures of its sample, and how far they are off in standard deviations of the table.
    largest : dict of float
        Largest absolute difference, of each method.
    types : dict of int
        Chosen rows by where they come from, as in `chosen_rows`.
    seconds : float
        Without reading the table, and without pauses.
    rounded : float or None
        Largest difference before the swaps; None where no gates chose.
    swaps : int or None
        Rows that were swapped.
    """

    rows: int
    names: tuple[str, ...]
    groups: tuple[str, ...]
    full: tuple[float, ...]
    values: dict[str, tuple[float, ...]]
    differences: dict[str, tuple[float, ...]]
    largest: dict[str, float]
    types: dict[str, int]
    seconds: float
    rounded: float | None = None
    swaps: int | None = None


def chosen_rows(folder: Path) -> pd.DataFrame:
    """The rows that a study in this folder chose, as they stand in the table, and a last column `selection` with their type."""
    chosen = read_arrays(folder / "selected.npz")
    frame: pd.DataFrame = pq.read_table(folder / "table.parquet").take(chosen["indices"]).to_pandas(integer_object_nulls=True)
    name = "selection"
    while name in frame.columns:
        name += "_"
    frame[name] = chosen["types"]
    return frame
