"""SampleStudy: rows of a table that stand for all of them, beside what other designs of the same size make of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import sparse as sp

from l0engine.errors import ConfigError
from l0engine.io.whole import read_arrays, write_arrays
from l0engine.selection.cube import balanced
from l0engine.selection.designs import checked_size, random, random_part, stratified
from l0engine.selection.standardised import Standardised
from l0engine.selection.wanted import Joint, Mean, Quantiles, Share, Wanted, moments

METHODS = ("l0", "hybrid", "cube", "random", "stratified")
#: More figures than this take minutes.
MOST_FIGURES = 1000
#: Samples drawn of a design that is only compared with; the one whose largest difference is in the middle is told of.
#: The cube method, slow and much the same from draw to draw, draws one.
DRAWS = 9


@dataclass(frozen=True)
class SampleStudy:
    """What a sample is to reproduce, and how it is chosen. Its folder holds the table as table.parquet.

    Attributes
    ----------
    n : int
        Rows to choose, from 1 to those of the table.
    means, shares, quantiles : tuple of str
        Columns; of `shares` every category counts, of `quantiles` the deciles.
    joints : tuple of pairs of str
        Columns of which every pair of categories counts.
    method : str
        One of `METHODS`; hybrid draws a part at random first (`random_part`) and lets gates choose the rest.
    l0_fraction : float
        Share of a hybrid sample that gates choose, from 0 to 1.
    strata : str
        Column to stratify by; empty for none. With it a stratified sample is compared too.
    cube : bool
        A sample of the cube method is compared too.
    seed, epochs : int
    title : str
        Of the table, for people.
    """

    kind: ClassVar[str] = "samples"
    n: int
    means: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    joints: tuple[tuple[str, str], ...] = ()
    quantiles: tuple[str, ...] = ()
    method: str = "l0"
    l0_fraction: float = 0.25
    strata: str = ""
    seed: int = 0
    epochs: int = 60
    title: str = ""
    cube: bool = False

    @property
    def label(self) -> str:
        """For menus: '2,000 of Households: United States, hybrid'."""
        return f"{self.n:,} of {self.title or 'a table'}, {self.method}"

    @property
    def n_random(self) -> int:
        """Rows that are drawn at random before the gates choose."""
        return self.n - math.floor(self.n * self.l0_fraction + 1e-6) if self.method == "hybrid" else 0

    def wanted(self) -> tuple[tuple[str, Wanted], ...]:
        """Figures, each with the group it is shown in."""
        return (
            *(("means", Mean(c)) for c in self.means),
            *((f"shares of {c}", Share(c)) for c in self.shares),
            *((f"{a} × {b}", Joint(a, b)) for a, b in self.joints),
            *((f"quantiles of {c}", Quantiles(c)) for c in self.quantiles),
        )

    def run(self, folder: Path, should_stop: Callable[[], bool]) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """Yield `SampleSnapshot` as JSON; write selected.npz (indices, types).

        Returns
        -------
        dict
            rows: of the table. names, groups, full: of each figure. values, differences, largest: for each method, the chosen
            one first. types: rows of each type. rounded, swaps: where gates chose. seconds: without reading the table.

        Raises
        ------
        ConfigError, ProblemError
            A setting is out of bounds, or a column is not fit for what is asked of it.
        """
        frame = pq.read_table(folder / "table.parquet").to_pandas()
        self._check(len(frame))
        started = time.perf_counter()
        features, groups = _figures(frame, self.wanted())
        more: dict[str, Any] = {}
        if self.method in ("l0", "hybrid"):
            indices, types, more = yield from self._by_gates(features, should_stop)
        else:
            indices = self._drawn(self.method, frame, features, self.seed, should_stop)
            types = np.full(self.n, self.method)
        write_arrays(folder / "selected.npz", {"indices": indices, "types": types})
        differences = {self.method: features.differences(indices)}
        for other in ("random", *(["stratified"] if self.strata else []), *(["cube"] if self.cube else [])):
            if other != self.method:
                typical = self._typical(other, frame, features, should_stop)
                if other != "cube" or not should_stop():  # a sample of a cube method that was stopped says nothing of it
                    differences[other] = typical
        return {
            "rows": len(frame),
            "names": list(features.names),
            "groups": groups,
            "full": features.mean.tolist(),
            "values": {m: (features.mean + d * features.sd).tolist() for m, d in differences.items()},
            "differences": {m: d.tolist() for m, d in differences.items()},
            "largest": {m: float(np.abs(d).max()) for m, d in differences.items()},
            "types": {str(t): int(count) for t, count in zip(*np.unique(types, return_counts=True), strict=True)},
            "seconds": time.perf_counter() - started,
            **more,
        }

    def _check(self, rows: int) -> None:
        checked_size(self.n, rows)
        if self.method not in METHODS:
            raise ConfigError(f"The method '{self.method}' is unknown: choose one of {', '.join(METHODS)}.")
        if self.method == "stratified" and not self.strata:
            raise ConfigError("A stratified sample needs a column: choose the one to stratify by.")
        if not 0 <= self.l0_fraction <= 1:
            raise ConfigError(f"The share chosen by gates is {self.l0_fraction}: set it to a number from 0 to 1.")

    def _by_gates(
        self, features: Standardised, should_stop: Callable[[], bool]
    ) -> Generator[dict[str, Any], None, tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
        """Indices, types, and how rounding and swaps went."""
        from l0engine.selection.samples import iterate_samples  # loads torch, which the pages do without

        keep = random_part(features, self.n, self.n_random, seed=self.seed)
        run = iterate_samples(features, self.n, seed=self.seed, epochs=self.epochs, keep=keep, should_stop=should_stop)
        while True:
            try:
                yield asdict(next(run))
            except StopIteration as end:
                found = end.value
                types = np.where(np.isin(found.indices, keep), "random", "l0")
                return found.indices, types, {"rounded": found.rounded, "swaps": found.swaps}

    def _drawn(self, design: str, frame: pd.DataFrame, features: Standardised, seed: int, should_stop: Callable[[], bool]) -> np.ndarray:
        if design == "cube":
            return balanced(features, self.n, seed=seed, should_stop=should_stop)
        if design == "random":
            return random(len(frame), self.n, seed=seed)
        return stratified(frame, [self.strata], self.n, seed=seed)

    def _typical(self, design: str, frame: pd.DataFrame, features: Standardised, should_stop: Callable[[], bool]) -> np.ndarray:
        """Differences of a sample neither lucky nor unlucky."""
        seeds = range(self.seed + 1, self.seed + 1 + (1 if design == "cube" else DRAWS))
        found = [features.differences(self._drawn(design, frame, features, seed, should_stop)) for seed in seeds]
        return sorted(found, key=lambda d: float(np.abs(d).max()))[len(found) // 2]


@dataclass(frozen=True, eq=False)
class _Ready:
    """A figure worked out before."""

    labels: list[str]
    block: sp.csc_array

    def columns(self, frame: pd.DataFrame) -> tuple[list[str], sp.csc_array]:
        return self.labels, self.block


def _figures(frame: pd.DataFrame, wanted: tuple[tuple[str, Wanted], ...]) -> tuple[Standardised, list[str]]:
    """The moments, and the group of each."""
    ready = [(group, _Ready(*figure.columns(frame))) for group, figure in wanted]
    home = {label: group for group, figure in reversed(ready) for label in figure.labels}
    checked_figures(len(home))
    features = moments(frame, *(figure for _, figure in ready))
    return features, [home[name] for name in features.names]


def checked_figures(count: int) -> None:
    """Raise ConfigError where more figures are asked for than can be done in good time."""
    if count > MOST_FIGURES:
        raise ConfigError(f"{count:,} figures are asked for and {MOST_FIGURES:,} are possible: leave out a column with many categories.")


def chosen_rows(folder: Path) -> pd.DataFrame:
    """The rows that a study in this folder chose, as they stand in the table, and a last column `selection` with their type."""
    chosen = read_arrays(folder / "selected.npz")
    frame: pd.DataFrame = pq.read_table(folder / "table.parquet").take(chosen["indices"]).to_pandas(integer_object_nulls=True)
    name = "selection"
    while name in frame.columns:
        name += "_"
    frame[name] = chosen["types"]
    return frame
