"""The current run, the point of its frontier that is looked at, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard.state.opened.current import choose_problem, choose_run
from dashboard.state.opened.previous import previous
from dashboard.state.opened.problems import problem, problem_sha, read_findings, read_problem
from dashboard.state.resources import BY_END, store, supervisor
from l0engine.calibration.config import Config
from l0engine.calibration.metrics import active
from l0engine.calibration.problem.preflight import in_use as preflight_in_use
from l0engine.calibration.problem.previous import Previous, placed
from l0engine.calibration.results import Result
from l0engine.errors import L0Error
from l0engine.jobs.records import Plan, PointRecord, RunRecord
from l0engine.jobs.sweeps import queue_sweep


def start_run(config: Config, plan: Plan | None = None) -> None:
    """Queue a run of the current problem, from the answer that is chosen, with a frontier after it where asked; make it the current run."""
    given = None if plan is not None and plan.source is not None else _placed(config)
    choose_run(store().create_run(problem_sha(), config, plan, previous=given).id)
    supervisor().wake()


def start_sweep(configs: Sequence[Config]) -> str:
    """Queue a run of the current problem for each config; the id they share."""
    runs = queue_sweep(store(), problem_sha(), configs, _placed(configs[0]))
    supervisor().wake()
    return str(runs[0].sweep)


def _placed(config: Config) -> Previous | None:
    """The answer that is chosen to go out from; what does not go together is told before anything is queued."""
    given = previous()
    placed(problem(), config, given)
    return given


def go_on(run_id: str, epochs: int) -> None:
    """Queue a run that has ended again, for so many epochs more."""
    store().continue_for(run_id, epochs)
    supervisor().wake()


def open_run(run_id: str) -> None:
    """Make a run of the store, and its problem, the current ones.

    Raises
    ------
    L0Error
        There is no such run, or it was brought in without its problem.
    """
    record = store().run(run_id)
    choose_problem(store().problem_record(record.problem).sha)
    if st.session_state.get("run") != record.id:
        choose_run(record.id)


def run() -> RunRecord | None:
    """The current run, as the store has it now; it is let go where it is gone."""
    if "run" not in st.session_state:
        return None
    try:
        return store().run(st.session_state.run)
    except L0Error as error:
        st.session_state.notice = f"The run that was open does not open any more: {error}"
        choose_run(None)
        return None


def open_point(key: str | None) -> None:
    """Make a point of the current run's frontier the one that Results shows; None for the run's own result.

    Raises
    ------
    L0Error
        The frontier has no such point.
    """
    st.session_state.pop("point", None)
    if key is not None:
        run = st.session_state.run
        if key not in {p.key for p in store().points(run)}:
            raise L0Error(f"Run {run} has no point {key[:40]!r} on its frontier: its own answer is shown.")
        st.session_state.point = key


def point(record: RunRecord) -> PointRecord | None:
    """The chosen point of a run's frontier."""
    key = st.session_state.get("point")
    return next((p for p in store().points(record.id) if p.key == key), None) if key else None


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …", hash_funcs=BY_END)
def _result(record: RunRecord) -> Result | None:
    return store().result(record.id)


def result(record: RunRecord) -> Result | None:
    """Weights and measures of a run that has ended with weights, else None."""
    return _result(record) if record.status.has_result else None


def sweeps(sha: str) -> dict[str, str]:
    """Sweeps of a problem, newest first, with a title each."""
    out: dict[str, list[RunRecord]] = {}
    for record in store().runs(sha, limit=2000):
        if record.sweep is not None:
            out.setdefault(record.sweep, []).append(record)
    return {name: f"{runs[-1].title.split(' · ')[0]} · {len(runs)} runs" for name, runs in out.items()}


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …", hash_funcs=BY_END)
def kept_sets(runs: Sequence[RunRecord]) -> np.ndarray:
    """Who is kept in each run, shape (n_runs, n_households)."""
    return np.stack([active(found.weights) for run in runs if (found := store().result(run.id)) is not None])


def other_caps(record: RunRecord) -> list[RunRecord]:
    """The latest finished frontiers of the same targets under another cap on the ratio of weights, one a cap, two at most."""
    found: dict[float | None, RunRecord] = {record.config.max_ratio: record}
    for run in store().runs(record.problem, limit=200):
        alike = all(getattr(run.config, name) == getattr(record.config, name) for name in ("hold_out", "exclude", "soften", "loss"))
        if run.plan is not None and run.status.has_result and alike:
            found.setdefault(run.config.max_ratio, run)
    return list(found.values())[1:3]


def in_use(record: RunRecord) -> np.ndarray:
    """The targets that the measures of a run count."""
    return preflight_in_use(read_problem(record.problem), read_findings(record.problem), record.config)
