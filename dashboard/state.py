"""Session keys, query parameters and shared resources: the only file that names them."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from dashboard import studies
from dashboard.figures.theme import PALETTES, Palette
from l0engine.calibration.config import Config
from l0engine.calibration.limits import Limit, limits
from l0engine.calibration.metrics import active
from l0engine.calibration.preflight import Finding, preflight
from l0engine.calibration.preflight import in_use as preflight_in_use
from l0engine.calibration.problem import Problem
from l0engine.errors import L0Error, ProblemError
from l0engine.io import load_guarded, load_problem, recognise_uploads, upload_title
from l0engine.runs.records import Plan, PointRecord, ProblemRecord, RunRecord, RunResult
from l0engine.runs.store import Store
from l0engine.runs.supervisor import Supervisor

SAMPLES = Path(__file__).parent.parent / "sample_data"
#: The sample a first visit opens with.
DEFAULT_SAMPLE = "us"


class Sample(NamedTuple):
    """A bundled problem."""

    key: str
    title: str
    sentence: str


@st.cache_resource
def store() -> Store:
    """The store of problems and runs, one for the server."""
    return Store()


@st.cache_resource
def supervisor() -> Supervisor:
    """The background thread that starts and watches workers, one for the server."""
    watcher = Supervisor(store())
    watcher.start()
    return watcher


@cache
def samples() -> tuple[Sample, ...]:
    """The bundled problems, the default one first."""
    found = [Sample(p.parent.name, **json.loads(p.read_text())) for p in SAMPLES.glob("*/sample.json")]
    return tuple(sorted(found, key=lambda s: (s.key != DEFAULT_SAMPLE, s.title)))


def palette() -> Palette:
    """Colours of the theme the viewer has chosen."""
    return PALETTES[st.context.theme.type or "light"]


# -- problem ----------------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=3, show_spinner="Reading the problem …")
def _problem(sha: str) -> Problem:
    return store().problem(sha)


@st.cache_resource(max_entries=3, show_spinner="Checking the targets …")
def _findings(sha: str) -> tuple[Finding, ...]:
    return preflight(_problem(sha))


@st.cache_resource(show_spinner="Opening the sample …")
def _sample_sha(key: str) -> str:
    sample = next(s for s in samples() if s.key == key)
    return store().add_problem(load_problem(SAMPLES / key), sample.title, source=sample_source(key)).sha


def sample_source(key: str) -> str:
    """The source a sample's `ProblemRecord` names."""
    return f"sample {key}"


def open_sample(key: str) -> None:
    """Make a bundled problem the current one."""
    _choose_problem(_sample_sha(key))


def open_problem(sha: str) -> None:
    """Make a problem of the store the current one."""
    _choose_problem(store().problem_record(sha).sha)


def open_upload(files: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
    """Parse uploaded files in a guarded child process and make them the current problem.

    Returns
    -------
    tuple of str
        Which file was taken for what, a sentence each.

    Raises
    ------
    ProblemError
        A sentence that names file, place and remedy; the current problem stays as it was.
    """
    names = [name for name, _ in files]
    if len(set(names)) < len(names):
        twice = Path(next(n for n in names if names.count(n) > 1)).name
        raise ProblemError(f"Two of the files are named '{twice}': rename or remove one.")
    with tempfile.TemporaryDirectory() as scratch:
        raw, parsed = Path(scratch, "raw"), Path(scratch, "parsed")
        raw.mkdir()
        recognised = recognise_uploads(dict(files), raw)
        load_guarded(raw, parsed)
        read = load_problem(parsed)
        title = upload_title(names, read.n_targets, read.n_households, {known.title for known in store().problems()})
        record = store().adopt_problem(parsed, title)
    _choose_problem(record.sha)
    return tuple(f"'{r.name}' was read as the {r.role}." for r in recognised)


def problem_sha() -> str:
    """Identity of the current problem; the default sample where none was chosen."""
    if "problem" not in st.session_state:
        open_sample(DEFAULT_SAMPLE)
    return str(st.session_state.problem)


def problem() -> Problem:
    """The current problem."""
    return _problem(problem_sha())


def problem_record() -> ProblemRecord:
    """Title and size of the current problem."""
    return store().problem_record(problem_sha())


def findings() -> tuple[Finding, ...]:
    """Preflight of the current problem."""
    return _findings(problem_sha())


def _choose_problem(sha: str) -> None:
    if st.session_state.get("problem") != sha:
        st.session_state.problem = sha
        _choose_run(None)


# -- settings ---------------------------------------------------------------------------------------------------------


def draft() -> dict[str, Any]:
    """The settings being edited, by name; kept over page switches."""
    return st.session_state.setdefault("draft", Config().to_dict())


def set_draft(values: Mapping[str, Any]) -> None:
    """Replace the settings being edited, and have every widget of the form read them anew."""
    st.session_state.draft = dict(values)
    st.session_state.form_version = form_version() + 1


def form_version() -> int:
    """Part of the form's widget keys: a new one makes new widgets."""
    return int(st.session_state.get("form_version", 0))


# -- run --------------------------------------------------------------------------------------------------------------


def start_run(config: Config, plan: Plan | None = None) -> None:
    """Queue a run of the current problem, with a frontier after it where asked, and make it the current run."""
    _choose_run(store().create_run(problem_sha(), config, plan).id)
    supervisor().wake()


def start_sweep(configs: Sequence[Config]) -> str:
    """Queue a run of the current problem for each config; the id they share."""
    sweep = uuid.uuid4().hex[:12]
    for config in configs:
        store().create_run(problem_sha(), config, sweep=sweep)
    supervisor().wake()
    return sweep


def open_run(run_id: str) -> None:
    """Make a run of the store, and its problem, the current ones."""
    record = store().run(run_id)
    _choose_problem(record.problem)
    if st.session_state.get("run") != record.id:
        _choose_run(record.id)


def _choose_run(run_id: str | None) -> None:
    for key in ("run", "point"):
        st.session_state.pop(key, None)
    if run_id is not None:
        st.session_state.run = run_id


def run() -> RunRecord | None:
    """The current run, as the store has it now."""
    return store().run(st.session_state.run) if "run" in st.session_state else None


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …")
def _result(run_id: str, ended: float) -> RunResult | None:
    return store().result(run_id)


def result(record: RunRecord) -> RunResult | None:
    """Weights and measures of a run that has ended with weights, else None."""
    return _result(record.id, record.ended or 0.0) if record.status.has_weights else None


def sweeps(sha: str) -> dict[str, str]:
    """Sweeps of a problem, newest first, with a title each."""
    out: dict[str, list[RunRecord]] = {}
    for record in store().runs(sha, limit=2000):
        if record.sweep is not None:
            out.setdefault(record.sweep, []).append(record)
    return {name: f"{runs[-1].title.split(' · ')[0]} · {len(runs)} runs" for name, runs in out.items()}


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …")
def kept_sets(runs: tuple[tuple[str, float], ...]) -> np.ndarray:
    """Who is kept in each run (id, ended), shape (n_runs, n_households)."""
    return np.stack([active(found.weights) for run_id, _ in runs if (found := store().result(run_id)) is not None])


@st.cache_resource(max_entries=3, show_spinner="Reading the weights …")
def _point_weights(run_id: str, key: str, n_households: int) -> np.ndarray:
    return store().point_weights(run_id, key, n_households)


def other_caps(record: RunRecord) -> list[RunRecord]:
    """The latest finished frontiers of the same targets under another cap on the ratio of weights, one a cap, two at most."""
    found: dict[float | None, RunRecord] = {record.config.max_ratio: record}
    for run in store().runs(record.problem, limit=200):
        alike = all(getattr(run.config, name) == getattr(record.config, name) for name in ("hold_out", "exclude", "loss"))
        if run.plan is not None and run.status.has_weights and alike:
            found.setdefault(run.config.max_ratio, run)
    return list(found.values())[1:3]


def open_point(key: str | None) -> None:
    """Make a point of the current run's frontier the one that Results shows; None for the run's own result."""
    st.session_state.pop("point", None)
    if key is not None:
        st.session_state.point = key


def point(record: RunRecord) -> PointRecord | None:
    """The chosen point of a run's frontier."""
    key = st.session_state.get("point")
    return next((p for p in store().points(record.id) if p.key == key), None) if key else None


def point_weights(record: RunRecord, chosen: PointRecord) -> np.ndarray:
    """Weights of all households at a point."""
    return _point_weights(record.id, chosen.key, _problem(record.problem).n_households)


@st.cache_resource(max_entries=3, show_spinner="Looking at what limits the answer …")
def _limits(run_id: str, key: str | None, ended: float) -> tuple[Limit, ...]:
    record = store().run(run_id)
    whole, found = _problem(record.problem), store().result(run_id)
    weights = _point_weights(run_id, key, whole.n_households) if key else found.weights if found else np.zeros(whole.n_households)
    return limits(whole, record.config, weights)


def limits_of(record: RunRecord, chosen: PointRecord | None = None) -> tuple[Limit, ...]:
    """What limits a run's result, or a point of its frontier."""
    return _limits(record.id, chosen.key if chosen else None, record.ended or 0.0)


def taken(record: RunRecord) -> tuple[str, ...]:
    """What was taken by rule, as the worker wrote it down; empty for runs of before it did."""
    try:
        summary = json.loads((store().folder(record.id) / "run.json").read_bytes())
    except OSError:
        return ()
    return tuple(summary.get("taken", ()))


def in_use(record: RunRecord) -> np.ndarray:
    """The targets that the measures of a run count."""
    return preflight_in_use(_problem(record.problem), _findings(record.problem), record.config)


def follow_url() -> None:
    """Take run and problem from the address on arrival, and keep the address current, so that it can be shared."""
    supervisor()
    st.session_state.setdefault("arrived", False)
    if not st.session_state.arrived:
        st.session_state.arrived = True
        try:
            if "run" in st.query_params:
                open_run(st.query_params["run"])
                open_point(st.query_params.get("point"))
            elif "problem" in st.query_params:
                open_problem(st.query_params["problem"])
            studies.arrive(st.query_params.to_dict())
        except L0Error as error:
            st.session_state.notice = f"This address does not open here: {error}"
    wanted = {"run": st.session_state.get("run"), "point": st.session_state.get("point")}
    wanted |= studies.address()
    wanted |= {"problem": None if "run" in st.session_state else st.session_state.get("problem")}
    wanted = {k: v for k, v in wanted.items() if v is not None}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    if notice := st.session_state.pop("notice", None):
        st.warning(notice, icon=":material/link_off:")


@st.cache_resource
def _viewers() -> dict[str, float]:
    """When each session last polled, by session."""
    return {}


def tick_seconds() -> float:
    """How often a live page polls: once a second, less often where more than ten sessions do."""
    now, mine = time.monotonic(), st.session_state.setdefault("viewer", uuid.uuid4().hex)
    viewers = _viewers()
    viewers[mine] = now
    return max(1.0, sum(now - seen < 30 for seen in list(viewers.values())) / 10)
