"""Previous: the households that an earlier answer kept, with their weights, found again in a problem by household id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from l0engine.calibration.config import Config
from l0engine.calibration.problem.inputs import labels, vector
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Overlap
from l0engine.errors import ConfigError, ProblemError


@dataclass(frozen=True, eq=False)
class Previous:
    """An earlier answer. Build it with `Previous.create` or `Previous.of`.

    Attributes
    ----------
    ids : ndarray of str, shape (n,)
        Ids of the households it kept.
    weights : ndarray of float64, shape (n,)
        Their weights, positive.
    source : str
        Where it is from, in words: 'run 20261122-164000-ab12', 'weights.csv'.
    problem : str
        Fingerprint of the problem it answers; empty where that is not known.
    n_households : int
        Households of that problem; 0 where that is not known.
    """

    ids: np.ndarray
    weights: np.ndarray
    source: str = "the previous answer"
    problem: str = ""
    n_households: int = 0

    @classmethod
    def create(
        cls, ids: Iterable[Any], weights: Any, source: str = "the previous answer", problem: str = "", n_households: int = 0
    ) -> Self:
        """Check ids and weights; households of weight 0 are left out.

        Raises
        ------
        ProblemError
            An id stands twice, a weight is negative or no number, or none is positive.
        """
        texts = list(ids)
        found = labels("household id", texts, len(texts), "", unique=True)
        given = vector(f"weights of {source}", weights, len(found), "household ids")
        if (given < 0).any():
            i = int(np.argmax(given < 0))
            raise ProblemError(f"The weight of household '{found[i]}' in {source} is {given[i]:g}: weights are 0 or more.")
        kept = given > 0
        if not kept.any():
            raise ProblemError(f"No household of {source} has a weight above 0: choose weights that keep some.")
        found, given = found[kept].astype(str), given[kept]
        for a in (found, given):
            a.setflags(write=False)
        return cls(found, given, source, problem, n_households)

    @classmethod
    def of(cls, problem: Problem, weights: np.ndarray, source: str = "the previous answer") -> Self:
        """Weights of all households of a problem, shape (n_households,)."""
        return cls.create(problem.household_ids, weights, source, problem.fingerprint, problem.n_households)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids and weights, in their order."""
        h = hashlib.sha256(np.array([len(i) for i in self.ids], "<i8").tobytes())
        h.update("".join(self.ids).encode())
        h.update(np.ascontiguousarray(self.weights, "<f8").tobytes())
        return h.hexdigest()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name, ready for `np.savez`; without objects."""
        return {
            "ids": self.ids, "weights": self.weights, "source": np.array(self.source), "problem": np.array(self.problem),
            "n_households": np.array(self.n_households),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Inverse of `to_arrays`."""
        texts = {name: str(arrays[name]) for name in ("source", "problem")}
        return cls.create(arrays["ids"], arrays["weights"], **texts, n_households=int(arrays["n_households"]))

    def matched(self, problem: Problem) -> Matched:
        """The same households in a problem, by id.

        Raises
        ------
        ProblemError
            None of them is in it, or the ids are only positions, in lists of another length.
        """
        own = problem.household_ids.astype(str)
        same = self.problem == problem.fingerprint
        positions = not same and np.array_equal(own, np.arange(1, len(own) + 1).astype(str))
        if positions and self.n_households not in (0, problem.n_households):
            raise ProblemError(
                f"The households of this problem are only numbered, 1 to {problem.n_households:,}, and {self.source} is of a problem with "
                f"{self.n_households:,}, so a number may mean another household: give both problems household ids."
            )
        place = pd.Index(own).get_indexer(pd.Index(self.ids))
        here = place >= 0
        if not here.any():
            raise ProblemError(
                f"No household of {self.source} is in this problem: its ids look like '{self.ids[0][:40]}', those of the problem like "
                f"'{own[0][:40]}'. Choose weights of the same households."
            )
        weights = np.zeros(problem.n_households)
        weights[place[here]] = self.weights[here]
        weights.setflags(write=False)
        return Matched(weights, int((~here).sum()), self.source, self.fingerprint, positions)


@dataclass(frozen=True, eq=False)
class Matched:
    """A previous answer as a problem has it.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_households,)
        Previous weights; 0 for households that were not in it.
    gone : int
        Households of the previous answer that the problem does not have.
    source, sha256 : str
        Where it is from, in words, and `Previous.fingerprint`.
    positions : bool
        Whether ids are numbers from 1 on that may be nothing but positions.
    """

    weights: np.ndarray
    gone: int
    source: str
    sha256: str
    positions: bool = False

    @cached_property
    def kept(self) -> np.ndarray:
        """Who was in it, bool, shape (n_households,)."""
        return self.weights > 0

    @property
    def sentence(self) -> str:
        """What was found again; and what is to be checked."""
        here = int(self.kept.sum())
        said = f"All {here:,} households of {self.source} are in this problem."
        if self.gone:
            found = f"Of {here + self.gone:,} households of {self.source} {here:,} are in this problem"
            said = f"{found}; {self.gone:,} are not, and play no part."
        doubt = " Ids are numbers from 1 on: if they are only positions, both lists must have the same households in the same order."
        return said + doubt * self.positions

    def overlap(self, weights: np.ndarray) -> Overlap:
        """How much of an answer, weights of shape (n_households,), was in it."""
        kept = weights > 0
        stayed = int((kept & self.kept).sum())
        return Overlap(
            source=self.source,
            sha256=self.sha256,
            before=int(self.kept.sum()),
            gone=self.gone,
            stayed=stayed,
            entered=int(kept.sum()) - stayed,
            left=int(self.kept.sum()) - stayed,
        )


def check_price(config: Config, previous: Previous | None) -> None:
    """Refuse a price of change that goes with no previous answer."""
    if config.price_change > 0 and previous is None:
        raise ConfigError(f"price_change is {config.price_change:g} but there is no previous answer: give one, or set it to 0.")


def placed(problem: Problem, config: Config, previous: Previous | None) -> Matched | None:
    """A previous answer in a problem; None where there is none.

    Raises
    ------
    ConfigError
        A price of change goes with no previous answer, or with an estimator that keeps everybody.
    """
    check_price(config, previous)
    if config.price_change > 0 and config.estimator == "ungated":
        raise ConfigError("estimator 'ungated' keeps every household: choose 'expected' or 'sampled', or set price_change to 0.")
    return None if previous is None else previous.matched(problem)
