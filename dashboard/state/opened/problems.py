"""The current problem, bundled and uploaded ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from dashboard.state.opened.current import choose_problem, choose_run
from dashboard.state.quotas import admit, took
from dashboard.state.resources import store
from l0engine.calibration.problem.preflight import Finding, preflight
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import L0Error, ProblemError
from l0engine.io import load_problem, pickles, upload_guarded, upload_title
from l0engine.io.uploads import KINDS as UPLOADED
from l0engine.jobs.records import ProblemRecord

SAMPLES = Path(__file__).parents[3] / "sample_data"
#: Endings of files that a problem may come in, and of pickles, about which there is something to say.
KINDS = list(dict.fromkeys(e.rsplit(".", 1)[-1] for e in (*UPLOADED, ".zip", *pickles.ENDINGS)))
#: Where a problem is from whose targets weigh less than those of another.
_LIGHTER = "targets left out"
#: The sample a first visit opens with.
DEFAULT_SAMPLE = "us"


class Sample(NamedTuple):
    """A bundled problem."""

    key: str
    title: str
    sentence: str


@cache
def samples() -> tuple[Sample, ...]:
    """The bundled problems, the default one first."""
    found = [Sample(p.parent.name, **json.loads(p.read_text())) for p in SAMPLES.glob("*/sample.json")]
    return tuple(sorted(found, key=lambda s: (s.key != DEFAULT_SAMPLE, s.title)))


@st.cache_resource(max_entries=3, show_spinner="Reading the problem …")
def read_problem(sha: str) -> Problem:
    """A problem of the store."""
    return store().problem(sha)


@st.cache_resource(max_entries=3, show_spinner="Checking the targets …")
def read_findings(sha: str) -> tuple[Finding, ...]:
    """The preflight of a problem of the store."""
    return preflight(read_problem(sha))


@st.cache_resource(show_spinner="Opening the sample …")
def _sample_sha(key: str) -> str:
    sample = next(s for s in samples() if s.key == key)
    return store().add_problem(load_problem(SAMPLES / key), sample.title, source=sample_source(key)).sha


def sample_source(key: str) -> str:
    """The source a sample's `ProblemRecord` names."""
    return f"sample {key}"


def open_sample(key: str) -> None:
    """Make a bundled problem the current one."""
    choose_problem(_sample_sha(key))


def open_problem(sha: str) -> None:
    """Make a problem of the store the current one."""
    choose_problem(store().problem_record(sha).sha)


def let_go() -> None:
    """Close the current problem where it was removed meanwhile."""
    try:
        if "problem" in st.session_state:
            store().problem_record(st.session_state.problem)
    except L0Error as error:
        st.session_state.notice = f"The problem that was open is gone: {error}"
        choose_run(None)
        del st.session_state.problem


def open_upload(files: Sequence[tuple[str, bytes]], answers: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Recognise and parse uploaded files in a guarded child process and make them the current problem.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Names and contents.
    answers : mapping of mappings of str
        What was said of a file, by its name, where it can be read in several ways.

    Returns
    -------
    tuple of str
        Which file was taken for what, a sentence each.

    Raises
    ------
    AmbiguousTable
        A file can be read in several ways: `answers` should say which.
    L0Error
        The session or the store is full.
    ProblemError
        A sentence that names file, place and remedy; the current problem stays as it was.
    """
    names = [name for name, _ in files]
    if len(set(names)) < len(names):
        twice = Path(next(n for n in names if names.count(n) > 1)).name
        raise ProblemError(f"Two of the files are named '{twice}': rename or remove one.")
    size = sum(len(content) for _, content in files)
    admit(size)
    with tempfile.TemporaryDirectory() as scratch:
        parsed = Path(scratch, "parsed")
        recognised = upload_guarded(dict(files), parsed, answers=answers)
        read = load_problem(parsed, ours=True)
        title = upload_title(names, read.n_targets, read.n_households, {known.title for known in store().problems()})
        record = store().adopt_problem(parsed, title)
    took(size)
    choose_problem(record.sha)
    return tuple(f"'{r.name}' was read as the {r.role}." for r in recognised)


def open_built(built: Problem, recipe: str, title: str) -> None:
    """Keep a problem made of tables, with the recipe it was made by, and make it the current one."""
    choose_problem(store().add_problem(built, title, source="tables", recipe=recipe).sha)


def open_without(rows: Sequence[int], share: float = 0.0) -> None:
    """Make the current problem with a share of the weight of some targets (row numbers), by default without them, the current one."""
    choose_problem(add_without(problem_sha(), rows, share))


def add_without(sha: str, rows: Sequence[int], share: float = 0.0) -> str:
    """Keep a problem of the store with a share of the weight of some targets, and get its SHA-256."""
    whole, title = read_problem(sha), store().problem_record(sha).title
    what = f"'{whole.names[rows[0]]}'" if len(rows) == 1 else f"{len(rows)} targets"
    done = f"without {what}" if share == 0 else f"{what} relaxed"
    return str(store().add_problem(_lighter(whole, rows, share), f"{title}, {done}"[:120], source=_LIGHTER).sha)


@st.cache_resource(max_entries=32, show_spinner=False)
def _sha_without(sha: str, row: int) -> str:
    return _lighter(read_problem(sha), [row], 0.0).fingerprint


def found_without(sha: str, row: int) -> str | None:
    """The SHA-256 of a problem without one target, where the store has that."""
    made = {p.sha for p in store().problems() if p.source == _LIGHTER}
    return found if made and (found := _sha_without(sha, row)) in made else None


def _lighter(whole: Problem, rows: Sequence[int], share: float) -> Problem:
    weights = whole.target_weights.copy()
    weights[list(rows)] *= share
    weights.setflags(write=False)
    return replace(whole, target_weights=weights)


def problem_sha() -> str:
    """Identity of the current problem; the default sample where none was chosen."""
    if "problem" not in st.session_state:
        open_sample(DEFAULT_SAMPLE)
    return str(st.session_state.problem)


def problem() -> Problem:
    """The current problem."""
    return read_problem(problem_sha())


def problem_record() -> ProblemRecord:
    """Title and size of the current problem."""
    return store().problem_record(problem_sha())


def findings() -> tuple[Finding, ...]:
    """Preflight of the current problem."""
    return read_findings(problem_sha())
