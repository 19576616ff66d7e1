"""What is known of the run, or the point, that is looked at: facts, what anything would cost, and contradictions found so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from dashboard.state.draft import set_draft
from dashboard.state.opened.problems import add_without, found_without, open_without, read_problem
from dashboard.state.resources import BY_END, store, supervisor
from l0engine.errors import L0Error
from l0engine.explain.conflicts import Conflict, set_conflicts
from l0engine.explain.whatif import WhatIf
from l0engine.jobs.records import PointRecord, RunRecord
from l0engine.report.facts import Facts

#: By what is kept what was worked out of an answer.
_BY_ANSWER = {Facts: lambda of: (of.run.id, of.run.ended, of.point and of.point.key)}


@st.cache_resource(max_entries=3, show_spinner="Reading the answer …", hash_funcs=BY_END)
def facts(record: RunRecord, chosen: PointRecord | None = None) -> Facts:
    """All that a report says of a run that has weights, or of a point of its frontier."""
    return Facts.of(store(), record.id, chosen and chosen.key, read_problem(record.problem))


@st.cache_resource(max_entries=3, show_spinner="Working out what anything would cost …", hash_funcs=_BY_ANSWER)
def whatif(of: Facts) -> WhatIf | str:
    """What leaving anything out would cost, or why that is not known."""
    start, mu = of.result.start, of.result.mu
    if of.point is not None:
        start, mu = store().point_start(of.run.id, of.point.key, of.problem.n_households), of.point.mu
    try:
        found = WhatIf.of(of.problem, of.config, of.weights, start, mu)
        found.inverse  # noqa: B018  # worked out once, here
    except L0Error as error:
        return str(error)
    return found


def rerun_without(of: Facts, target: int) -> RunRecord | None:
    """The latest run of the same settings without a target (row number); None where there is none."""
    sha = found_without(of.run.problem, target)
    runs = () if sha is None else store().runs(sha)
    return next((run for run in runs if run.config == of.config and run.task.previous == of.run.task.previous), None)


def leave_out(of: Facts, rows: Sequence[int], share: float = 0.0) -> None:
    """Open the problem with a share of the weight of some targets (row numbers), and the settings of the run; of a point with its size."""
    config = of.config if of.point is None else replace(of.config.without_goal(), budget=of.measures.kept)
    open_without(rows, share)
    set_draft(config.to_dict())


def run_without(of: Facts, target: int) -> None:
    """Queue such a run; the page stays with the one that is open.

    Raises
    ------
    L0Error
        What the run went out from is gone.
    """
    if of.run.task.previous is not None and of.previous is None:
        raise L0Error("The earlier answer that this run went out from is gone, so it cannot be repeated: leave the target out by hand.")
    sha = add_without(of.run.problem, [target])
    store().create_run(sha, of.config, previous=of.previous)
    supervisor().wake()


@st.cache_resource(max_entries=3, hash_funcs=_BY_ANSWER)
def _sets(of: Facts) -> tuple[Iterator[Conflict], list[Conflict]]:
    return set_conflicts(of.problem, of.use, np.asarray(of.weights)), []


def contradictions(of: Facts, more: int = 0) -> tuple[list[Conflict], bool]:
    """Smallest contradicting sets found so far, after looking for some more, and whether there may be others."""
    search, found = _sets(of)
    for _ in range(more):
        if (conflict := next(search, None)) is None:
            break
        found.append(conflict)
    return found, not more or conflict is not None
