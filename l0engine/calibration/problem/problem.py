"""Problem: what is to be calibrated, validated once, and identified by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.calibration.problem.artifact import Artifact
from l0engine.calibration.problem.inputs import checked_matrix, labels, vector
from l0engine.errors import ConfigError, ProblemError

#: Entries that are worked on at a time, where a copy of all would be large.
BLOCK = 2**24
#: Base weights further than this factor from the size of the targets are in other units, or in none.
OTHER_UNITS = 10.0


@dataclass(frozen=True, eq=False)
class Problem:
    """Find household weights w >= 0 with ``matrix @ w = values``. Build it with `Problem.create`.

    Attributes
    ----------
    matrix : csr_array of float32 or float64, shape (n_targets, n_households)
        What one unit of each household's weight adds to each target. Sorted, no duplicates, finite.
    values : ndarray of float64, shape (n_targets,)
        Published totals, in the targets' own units.
    names, groups : ndarray of str, shape (n_targets,)
        Unique target names, and the family each target belongs to.
    target_weights : ndarray of float64, shape (n_targets,)
        Importance of each target in the loss; 1 by default, 0 leaves it out.
    base_weights : ndarray of float64, shape (n_households,)
        Positive survey weights the fit starts from.
    household_ids : ndarray of str, shape (n_households,)
    attributes : DataFrame, n_households rows
        Further household columns, carried to the export; never used by the fit.
    notes : tuple of str
        How the input was understood, a sentence each, for the user to check.
    artifact : Artifact or None
        What it was read from, where that wants its solution back.
    """

    matrix: sp.csr_array
    values: np.ndarray
    names: np.ndarray
    groups: np.ndarray
    target_weights: np.ndarray
    base_weights: np.ndarray
    household_ids: np.ndarray
    attributes: pd.DataFrame
    notes: tuple[str, ...] = ()
    artifact: Artifact | None = None

    @classmethod
    def create(
        cls,
        matrix: Any,
        values: Any,
        *,
        names: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
        target_weights: Any = None,
        base_weights: Any = None,
        household_ids: Iterable[str] | None = None,
        attributes: pd.DataFrame | None = None,
        notes: Iterable[str] = (),
        artifact: Artifact | None = None,
    ) -> Self:
        """Validate and complete the parts.

        Parameters
        ----------
        matrix : any SciPy sparse matrix or array, or a 2-d array_like, shape (n_targets, n_households)
        values : array_like, shape (n_targets,)
        names, groups : iterables of str, optional
            Default 'target 1', ... and one group 'all'.
        target_weights, base_weights : array_like, optional
            Default 1 for each target; for the households one common weight, the median over positive targets of
            value / (row sum), so that the fit starts at the right scale.
        household_ids : iterable of str, optional
            Default '1', '2', ...
        attributes : DataFrame, optional
        notes : iterable of str
        artifact : Artifact, optional

        Raises
        ------
        ProblemError
            Anything missing, misshapen, non-finite, duplicated or mismatched, with its place and remedy.
        """
        m = checked_matrix(matrix)
        q, n = m.shape
        y = vector("target values", values, q, "targets (rows of the matrix)")
        names_ = labels("target name", names, q, "target ", unique=True)
        groups_ = labels("target group", groups, q, "all", unique=False)
        importance = np.ones(q) if target_weights is None else vector("target weights", target_weights, q, "targets")
        if (importance < 0).any():
            raise ProblemError(f"The weight of target '{names_[importance < 0][0]}' is negative: set it to 0 or more.")
        notes_ = tuple(notes)
        if base_weights is None:
            base = np.full(n, _usual_ratio(y, np.asarray(m.sum(axis=1), np.float64).ravel()))
            notes_ += (f"No base weights were given: every household starts at {base[0]:,.4g}.",)
        else:
            base = vector("base weights", base_weights, n, "households (columns of the matrix)")
        ids = labels("household id", household_ids, n, "", unique=True)
        if (base <= 0).any():
            i = int(np.argmax(base <= 0))
            raise ProblemError(
                f"The base weight of household '{ids[i]}' is {base[i]:g}: "
                "base weights must be positive; remove the household or give it a weight."
            )
        table = pd.DataFrame(index=pd.RangeIndex(n)) if attributes is None else attributes.reset_index(drop=True)
        if len(table) != n:
            raise ProblemError(
                f"The household table has {len(table):,} rows but the matrix has {n:,} households: give one row a household."
            )
        for a in (y, names_, groups_, importance, base, ids, m.data, m.indices, m.indptr):
            a.setflags(write=False)
        return cls(m, y, names_, groups_, importance, base, ids, table, notes_, artifact)

    @property
    def n_targets(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def n_households(self) -> int:
        return int(self.matrix.shape[1])

    @cached_property
    def support(self) -> np.ndarray:
        """Households with a non-zero entry in each target, shape (n_targets,)."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    @cached_property
    def base_factor(self) -> float:
        """What brings the base weights to the size of the targets: 1, unless they are off by more than a factor of `OTHER_UNITS`.

        Respondents of weight 1 stand for a population of millions. The factor is the median over positive targets of value / estimate.
        """
        factor = _usual_ratio(self.values, self.estimates(self.base_weights))
        return factor if not 1 / OTHER_UNITS <= factor <= OTHER_UNITS else 1.0

    @cached_property
    def start_weights(self) -> np.ndarray:
        """Base weights times `base_factor`, shape (n_households,): where fits start, and what ratios are to."""
        return self.base_weights if self.base_factor == 1 else self.base_weights * self.base_factor

    @cached_property
    def floors(self) -> np.ndarray:
        """The largest contribution one household makes to each target at its starting weight, shape (n_targets,)."""
        m, weights, out = self.matrix, self.start_weights, np.zeros(self.n_targets)
        for first, last in _blocks(m.indptr):
            a, b = m.indptr[first], m.indptr[last]
            part = np.abs(m.data[a:b]) * weights[m.indices[a:b]]
            filled, starts = _filled(m.indptr[first : last + 1])
            out[first:last][filled] = np.maximum.reduceat(part, starts) if len(starts) else 0.0
        return out

    @cached_property
    def scales(self) -> np.ndarray:
        """What the relative loss divides residuals by: max(abs(value), floor), shape (n_targets,); 1 for empty rows of value 0.

        A single household can swing a target below its floor past its whole value; the floor keeps such targets from drowning the others.
        """
        scales = np.maximum(np.abs(self.values), self.floors)
        return np.where(scales > 0, scales, 1.0)

    @cached_property
    def magnitudes(self) -> np.ndarray:
        """What the errors that people read are relative to, shape (n_targets,): the published value; the floor where that is 0."""
        return np.where(self.values != 0, np.abs(self.values), self.scales)

    @cached_property
    def reachable(self) -> np.ndarray:
        """True where some non-negative weights can move the estimate towards the target, shape (n_targets,)."""
        (filled, starts), data = _filled(self.matrix.indptr), self.matrix.data
        has_positive, has_negative = np.zeros((2, self.n_targets), bool)
        if len(starts):
            has_positive[filled] = np.maximum.reduceat(data, starts) > 0
            has_negative[filled] = np.minimum.reduceat(data, starts) < 0
        return np.where(self.values > 0, has_positive, np.where(self.values < 0, has_negative, self.support > 0))

    @cached_property
    def repeats(self) -> np.ndarray:
        """True where the entries of a target are those of an earlier one, shape (n_targets,)."""
        m, seen, out = self.matrix, set(), np.zeros(self.n_targets, bool)
        filled, starts = _filled(m.indptr)
        ends = m.indptr[1:][filled] - 1
        glance = (ends - starts, m.indices[starts], m.data[starts], m.indices[ends], m.data[ends])
        alike = pd.DataFrame(dict(enumerate(glance))).duplicated(keep=False).to_numpy()
        for i in np.flatnonzero(filled)[alike]:  # only rows that look alike are compared
            a, b = m.indptr[i], m.indptr[i + 1]
            key = hashlib.sha256(m.indices[a:b].tobytes() + m.data[a:b].tobytes()).digest()
            out[i] = key in seen
            seen.add(key)
        return out

    def estimates(self, weights: np.ndarray) -> np.ndarray:
        """``matrix @ weights`` in float64, shape (n_targets,)."""
        return np.asarray(self.matrix @ np.asarray(weights, np.float64))

    def in_groups(self, setting: str, groups: Collection[str]) -> np.ndarray:
        """True for the targets of the groups that a setting names, shape (n_targets,).

        Raises
        ------
        ConfigError
            No target has one of them.
        """
        for name in groups:
            if name not in self.groups:
                known = ", ".join(sorted(set(self.groups)))
                raise ConfigError(f"{setting} names the group '{name}', which no target has: the groups are {known}.")
        return np.isin(self.groups.astype(str), list(groups))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything the fit depends on, and what the solution has to name: equal content has equal fingerprints."""
        m = self.matrix
        h = hashlib.sha256(repr(m.shape).encode())
        whole, real = (m.indptr, m.indices), (m.data, self.values, self.target_weights, self.base_weights)
        for a in (*(a.astype("<i8") for a in whole), *(a.astype("<f8") for a in real)):
            h.update(np.ascontiguousarray(a).data)
        for texts in (self.names, self.groups, self.household_ids):
            h.update(np.array([len(t) for t in texts], "<i8").tobytes())
            h.update("".join(texts).encode())
        if self.artifact is not None:
            h.update(self.artifact.sha256.encode())
        return h.hexdigest()


def _filled(pointers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have entries, shape (n_rows,), and where theirs begin, counted from the first of all."""
    filled = np.diff(pointers) > 0
    return filled, pointers[:-1][filled] - pointers[0]


def _blocks(pointers: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last rows, the last excluded, of blocks of about `BLOCK` entries."""
    first, n = 0, len(pointers) - 1
    while first < n:
        last = max(int(np.searchsorted(pointers, pointers[first] + BLOCK, side="right")) - 1, first + 1)
        yield first, last
        first = last


def _usual_ratio(values: np.ndarray, estimates: np.ndarray) -> float:
    """The median of value / estimate over targets where both are positive; 1 where there are none."""
    ok = (values > 0) & (estimates > 0)
    return float(np.median(values[ok] / estimates[ok])) if ok.any() else 1.0
