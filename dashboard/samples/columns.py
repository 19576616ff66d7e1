"""What each column of a table can be asked for, and what to propose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from dashboard.kit import wording
from dashboard.samples.figures.places import TILES
from l0engine.selection.wanted import MOST_CATEGORIES

#: A number with more different values than this is rather measured than counted.
_MEASURED = 30
#: Categories that still make a readable proposal, of one column and of a pair.
_FEW, _PAIR = 100, 24


class Column(NamedTuple):
    """A column, by what can be asked of it.

    Attributes
    ----------
    rows, distinct, missing : int
        Of the table; different values and missing ones of the column. Infinite numbers count as missing.
    states, ages : bool
        It holds abbreviations of US states, or is a number named age with values an age may have.
    """

    name: str
    rows: int
    distinct: int
    missing: int
    is_number: bool
    states: bool
    ages: bool

    @property
    def for_means(self) -> bool:
        return self.is_number and self.distinct > 1 and not self.missing

    @property
    def for_shares(self) -> bool:
        return 2 <= self.distinct <= min(MOST_CATEGORIES, max(self.rows // 2, 2)) and not self.missing

    @property
    def for_quantiles(self) -> bool:
        return self.for_means and self.distinct > 2

    @property
    def refusal(self) -> str:
        """Why nothing can be asked of it; empty where something can."""
        if self.for_means or self.for_shares:
            return ""
        if self.missing:
            return wording.plural(self.missing, "missing value")
        return "the same in every row" if self.distinct < 2 else f"{wording.count(self.distinct)} different texts"


@st.cache_resource(max_entries=20, show_spinner="Looking at the columns …")
def columns(path: str) -> tuple[Column, ...]:
    """All columns of a table."""
    frame = pq.read_table(path).to_pandas()
    return tuple(_column(frame[name], str(name)) for name in frame.columns)


def _column(values: pd.Series, name: str) -> Column:
    is_number = pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "c"
    missing = int(values.isna().sum())
    ages = False
    if is_number and values.dtype.kind == "f":
        missing += int(np.isinf(values.to_numpy(float, na_value=np.nan)).sum())
    if is_number and not missing and len(values):
        named = re.search(r"(?<![a-z])ages?(?![a-z])", name.lower()) is not None
        ages = named and values.min() >= 0 and values.max() <= 120
    found = values.unique()
    states = not is_number and 2 <= len(found) <= len(TILES) + 10 and sum(v in TILES for v in found) >= 0.8 * len(found)
    return Column(name, len(values), len(found), missing, bool(is_number), bool(states), bool(ages))


def pairs(known: Sequence[Column]) -> list[tuple[str, str]]:
    """Pairs of columns whose joint shares can be asked for, words before numbers."""
    fit = sorted((c for c in known if c.for_shares), key=lambda c: c.is_number)
    return [(a.name, b.name) for a, b in combinations(fit, 2) if a.distinct * b.distinct <= MOST_CATEGORIES]


class Proposal(NamedTuple):
    """What the form asks for at first."""

    means: list[str]
    shares: list[str]
    joints: list[tuple[str, str]]
    quantiles: list[str]


def proposal(known: Sequence[Column]) -> Proposal:
    """Means of measured numbers, shares of words, the first small pair of words and counts, quantiles of age."""
    measured = [c for c in known if c.for_means and c.distinct > _MEASURED and not c.ages]
    words = [c for c in known if c.for_shares and not c.is_number and c.distinct <= _FEW]
    size = {c.name: c.distinct for c in known}
    small = [p for p in pairs(known) if size[p[0]] * size[p[1]] <= _PAIR]
    ages = [c.name for c in known if c.ages and c.for_quantiles]
    means = [c.name for c in (measured or [c for c in known if c.for_means])[:4]]
    return Proposal(means, [c.name for c in words[:2]], small[:1], ages[:1])
