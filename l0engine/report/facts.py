"""Facts: one run of a store, or one point of its frontier, with all that a report says of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np
import pandas as pd

from l0engine.calibration.config import Config
from l0engine.calibration.limits import Limit
from l0engine.calibration.problem.preflight import softened, targets_in_use
from l0engine.calibration.problem.previous import Previous
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate, Measures, Overlap, Result, Snapshot
from l0engine.calibration.training.steering import Change, after
from l0engine.errors import L0Error
from l0engine.explain.conflicts import Conflict, margin_conflicts, set_conflicts
from l0engine.explain.drift import drift
from l0engine.explain.targets import carriers, hanging, tree
from l0engine.explain.verdict import Answer, verdict
from l0engine.jobs.records import PointRecord, ProblemRecord, RunRecord
from l0engine.jobs.store import Store

#: Smallest contradicting sets that a report looks for: each takes about a second on a large problem.
SETS = 3


@dataclass(frozen=True, eq=False)
class Facts:
    """One run with weights; build it with `Facts.of`.

    Attributes
    ----------
    run : RunRecord
    point : PointRecord or None
        The point of its frontier that is meant, if not the fit itself.
    source : RunRecord
        The run whose fit it is: another one where a frontier went out from that.
    problem_record : ProblemRecord
    problem : Problem
    result : Result
    weights : ndarray of float64, shape (n_households,)
    measures : Measures
    history : tuple of Snapshot
    points : tuple of PointRecord
        Of a frontier of the problem: its own, or that of `frontier`.
    recipe : str
        By which the problem was made of tables; may be empty.
    summary : mapping
        What `run.json` says; empty where it is gone.
    changes : tuple of Change
        Settings that changed while the fit was under way.
    previous : Previous or None
        What the fit went out from; also None where that is gone.
    frontier : RunRecord or None
        The run whose points these are, where it is another one: the latest that has some, first of those that went out from this fit.
    """

    run: RunRecord
    point: PointRecord | None
    source: RunRecord
    problem_record: ProblemRecord
    problem: Problem
    result: Result
    weights: np.ndarray
    measures: Measures
    history: tuple[Snapshot, ...]
    points: tuple[PointRecord, ...]
    recipe: str
    summary: Mapping[str, Any]
    changes: tuple[Change, ...] = ()
    previous: Previous | None = None
    frontier: RunRecord | None = None

    @classmethod
    def of(cls, store: Store, run_id: str, point: str | None = None, problem: Problem | None = None) -> Self:
        """Read a run.

        Parameters
        ----------
        point : str, optional
            Key of a point of its frontier.
        problem : Problem, optional
            That of the run, where it is at hand.

        Raises
        ------
        L0Error
            The run has no weights, or no such point.
        """
        run = store.run(run_id)
        result = store.result(run_id)
        if result is None or result.final is None:
            raise L0Error(f"Run {run_id} has no weights to report: {run.sentence}")
        problem, points = problem or store.problem(run.problem), tuple(store.points(run_id))
        chosen = next((p for p in points if p.key == point), None)
        if point is not None and chosen is None:
            raise L0Error(f"Run {run_id} has no point {point[:40]!r}: choose one on the Frontier page.")
        weights = result.weights if chosen is None else store.point_weights(run_id, chosen.key, problem.n_households)
        measures = result.final if chosen is None else chosen.measures
        other = None if points else _frontier(store, run)
        points = tuple(store.points(other.id)) if other is not None else points
        source = store.run(run.plan.source) if run.plan is not None and run.plan.source else run
        try:
            summary = json.loads((store.folder(run_id) / "run.json").read_bytes())
        except OSError:
            summary = {}
        history = () if chosen is not None else tuple(store.snapshots(run_id))
        return cls(
            run, chosen, source, store.problem_record(run.problem), problem, result, weights, measures, history, points,
            store.recipe(run.problem), summary, tuple(store.changes(source.id)), _previous(store, source),
            other,
        )  # fmt: skip

    @property
    def config(self) -> Config:
        return self.run.config

    @property
    def title(self) -> str:
        """What it is of, in a line, by the settings at its end."""
        if self.point is None:
            what = replace(self.run.task, config=after(self.config, self.changes)).label
        else:
            what = f"{self.point.method}, {self.point.budget:,} households"
        return f"{self.problem_record.title}: {what}"

    @property
    def overlap(self) -> Overlap | None:
        """How much of the weights was in the previous answer; None without one."""
        return None if self.previous is None else self.previous.matched(self.problem).overlap(self.weights)

    @property
    def certificate(self) -> Certificate | None:
        return self.result.certificate if self.point is None else self.point.certificate

    @property
    def held_out(self) -> Measures | None:
        return self.result.held_out if self.point is None else self.point.held_out

    @cached_property
    def chosen(self) -> bool:
        """Whether the households are not simply those that the gates kept: a goal, or an answer that is better at the price, chose them."""
        return self.config.has_goal or bool(((self.result.weights > 0) & (self.result.gated_weights == 0)).any())

    @cached_property
    def soft(self) -> np.ndarray:
        """`preflight.softened`: targets that are relaxed."""
        return softened(self.problem, self.config)

    @cached_property
    def use(self) -> np.ndarray:
        """Targets in use, shape (n_targets,)."""
        return targets_in_use(self.problem, self.config)

    @cached_property
    def answer(self) -> Answer:
        return Answer(self.problem, self.config, self.weights, self.measures, self.use, self.history, self.held_out)

    @cached_property
    def found(self) -> tuple[Limit, ...]:
        """The verdict beyond its headline."""
        return verdict(self.answer)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """The drift ledger."""
        return drift(self.problem, self.weights, self.use)

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Margins that contradict each other, and the sets around the worst targets."""
        sets = islice(set_conflicts(self.problem, self.use, self.weights), SETS)
        return (*margin_conflicts(self.problem, self.use), *sets)

    @cached_property
    def parts(self) -> pd.DataFrame:
        """The targets by the parts of their names."""
        return tree(self.problem, self.config, self.weights, self.use)

    @cached_property
    def hanging(self) -> np.ndarray:
        """Targets whose published total would tell about a few households."""
        return hanging(self.problem, self.weights, self.use)

    @cached_property
    def behind(self) -> np.ndarray:
        """How many kept households make up each of `hanging`."""
        return np.array([len(carriers(self.problem, self.weights, int(i)).parts) for i in self.hanging], int)

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of all weights as little-endian float64."""
        return sha256_of(self.weights)


def _frontier(store: Store, run: RunRecord) -> RunRecord | None:
    """Another run of the same problem that has points, the latest one."""
    planned = [r for r in store.runs(run.problem, limit=200) if r.plan is not None and r.status.has_result]
    planned.sort(key=lambda r: r.plan is None or r.plan.source != run.id)
    return next((r for r in planned if store.points(r.id)), None)


def _previous(store: Store, run: RunRecord) -> Previous | None:
    try:
        return store.previous(run.id)
    except L0Error:  # the script says so
        return None


def sha256_of(weights: np.ndarray) -> str:
    """SHA-256 of weights as little-endian float64, in the problem's order."""
    return hashlib.sha256(np.ascontiguousarray(weights, "<f8").tobytes()).hexdigest()
