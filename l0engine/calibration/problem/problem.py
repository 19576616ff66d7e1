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
from l0engine.calibration.problem.details import NUMBERS, checked_details, checked_sizes, detail
from l0engine.calibration.problem.inputs import checked_matrix, labels, vector
from l0engine.calibration.problem.rows import largest_parts, repeated, signs
from l0engine.calibration.problem.rules import Rules
from l0engine.errors import ConfigError, ProblemError

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
    sizes : ndarray of float64, shape (n_targets,)
        What the error of each target is relative to: the scale it came with, or else abs(value).
    details : DataFrame, n_targets rows
        What is known of how the targets were published, see `details.COLUMNS`; only columns that hold something.
    rules : Rules
        What the weights of single households must obey.
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
    sizes: np.ndarray
    details: pd.DataFrame
    rules: Rules
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
        scales: Any = None,
        target_details: pd.DataFrame | None = None,
        protected: Any = None,
        smallest: Any = None,
        largest: Any = None,
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
        scales : array_like, shape (n_targets,), optional
            What the error of a target is relative to, in its own units and positive; NaN for abs(value). A share or a mean as a target
            has the value 0 and needs one.
        target_details : DataFrame, n_targets rows, optional
            Any of the columns tolerance, standard_error, source, year; see `details.COLUMNS`.
        protected : array_like of bool, shape (n_households,), optional
            Households that are never dropped.
        smallest, largest : array_like, shape (n_households,), optional
            Limits of the weights of households that are kept; NaN for none. Both at the base weight, and protected, is frozen.
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
        sizes = checked_sizes(scales, y, names_)
        for a in (y, names_, groups_, importance, base, ids, sizes, m.data, m.indices, m.indptr):
            a.setflags(write=False)
        details, rules = checked_details(target_details, names_), Rules.checked(protected, smallest, largest, ids)
        return cls(m, y, names_, groups_, importance, base, ids, table, sizes, details, rules, notes_, artifact)

    @property
    def n_targets(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def n_households(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def n_protected(self) -> int:
        return int(self.rules.protected.sum())

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
        return largest_parts(self.matrix, self.start_weights)

    @cached_property
    def scales(self) -> np.ndarray:
        """What the relative loss divides residuals by: max(size, floor), shape (n_targets,); 1 for empty rows of size 0.

        A single household can swing a target below its floor past its whole value; the floor keeps such targets from drowning the others.
        """
        scales = np.maximum(self.sizes, self.floors)
        return np.where(scales > 0, scales, 1.0)

    @cached_property
    def magnitudes(self) -> np.ndarray:
        """What the errors that people read are relative to, shape (n_targets,): the size; the floor where that is 0."""
        return np.where(self.sizes != 0, self.sizes, self.scales)

    @cached_property
    def below_floor(self) -> np.ndarray:
        """True where one household at its starting weight adds more than the target's size, shape (n_targets,); not where that is 0."""
        return np.asarray((self.sizes != 0) & (self.sizes < self.floors))

    @cached_property
    def reachable(self) -> np.ndarray:
        """True where some non-negative weights can move the estimate towards the target, shape (n_targets,)."""
        has_positive, has_negative = signs(self.matrix)
        return np.where(self.values > 0, has_positive, np.where(self.values < 0, has_negative, self.support > 0))

    @property
    def tolerances(self) -> np.ndarray:
        """Largest error that is as good as none, relative as in `metrics.relative_errors`, shape (n_targets,); NaN where none is known."""
        return detail(self.details, "tolerance")

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error of each published value, in its units, shape (n_targets,); NaN where none is known."""
        return detail(self.details, "standard_error")

    @cached_property
    def repeats(self) -> np.ndarray:
        """True where the entries of a target are those of an earlier one, shape (n_targets,)."""
        return repeated(self.matrix)

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
        for name, numbers in self._further():
            h.update(name.encode() + np.ascontiguousarray(np.nan_to_num(numbers, nan=-1.0).astype("<f8")).tobytes())
        return h.hexdigest()

    def _further(self) -> Iterator[tuple[str, np.ndarray]]:
        """By name, the numbers that only some problems have."""
        if (self.sizes != np.abs(self.values)).any():
            yield "scale", self.sizes
        for name in NUMBERS:
            if name in self.details:
                yield name, self.details[name].to_numpy()
        if self.rules.given:
            yield from self.rules._asdict().items()


def _usual_ratio(values: np.ndarray, estimates: np.ndarray) -> float:
    """The median of value / estimate over targets where both are positive; 1 where there are none."""
    ok = (values > 0) & (estimates > 0)
    return float(np.median(values[ok] / estimates[ok])) if ok.any() else 1.0
