"""SampleStudy: what a sample is to reproduce, how it is chosen, and what it is compared with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from l0engine.errors import ConfigError
from l0engine.jobs.job import JobRecord
from l0engine.plain import Plain
from l0engine.selection.designs import checked_size
from l0engine.selection.selected import SampleSnapshot
from l0engine.selection.wanted import Joint, Mean, Quantiles, Share, Wanted
from l0engine.studies.samples.result import SampleResult

METHODS = ("l0", "hybrid", "cube", "random", "stratified")
#: More figures than this take minutes.
MOST_FIGURES = 1000


@dataclass(frozen=True)
class SampleStudy(Plain):
    """Rows of a table that stand for all of them. Its folder holds the table as table.parquet.

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
    title : str
        Of the table, for people.
    cube : bool
        A sample of the cube method is compared too.
    """

    kind: ClassVar[str] = "samples"
    snapshot: ClassVar[type[Any]] = SampleSnapshot
    result: ClassVar[type[Any]] = SampleResult
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

    @property
    def compared(self) -> tuple[str, ...]:
        """Methods that it is shown against."""
        asked = {"random": True, "stratified": bool(self.strata), "cube": self.cube}
        return tuple(method for method, wanted in asked.items() if wanted and method != self.method)

    def wanted(self) -> tuple[tuple[str, Wanted], ...]:
        """Figures, each with the group it is shown in."""
        return (
            *(("means", Mean(c)) for c in self.means),
            *((f"shares of {c}", Share(c)) for c in self.shares),
            *((f"{a} × {b}", Joint(a, b)) for a, b in self.joints),
            *((f"quantiles of {c}", Quantiles(c)) for c in self.quantiles),
        )

    def check(self, rows: int) -> None:
        """Raise ConfigError where a setting is out of bounds for a table of so many rows."""
        checked_size(self.n, rows)
        if self.method not in METHODS:
            raise ConfigError(f"The method '{self.method}' is unknown: choose one of {', '.join(METHODS)}.")
        if self.method == "stratified" and not self.strata:
            raise ConfigError("A stratified sample needs a column: choose the one to stratify by.")
        if not 0 <= self.l0_fraction <= 1:
            raise ConfigError(f"The share chosen by gates is {self.l0_fraction}: set it to a number from 0 to 1.")


#: A sample study as the store has it.
SampleRecord = JobRecord[SampleStudy, SampleResult]


def checked_figures(names: Iterable[str]) -> int:
    """How many different figures these are; ConfigError where they are more than can be done in good time."""
    count = len(set(names))
    if count > MOST_FIGURES:
        raise ConfigError(f"{count:,} figures are asked for and {MOST_FIGURES:,} are possible: leave out a column with many categories.")
    return count
