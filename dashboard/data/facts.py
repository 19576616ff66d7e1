"""What was understood of a problem: its size, what it costs, and how it was read."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from l0engine.calibration.config import Config
from l0engine.calibration.problem.cost import estimated_memory, estimated_seconds
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError


def show(problem: Problem) -> None:
    """A row of figures and the notes of the reader."""
    cells = problem.n_targets * problem.n_households
    facts = {
        "Targets": (wording.count(problem.n_targets), "Published totals the weighted households should meet: rows of the matrix."),
        "Households": (wording.count(problem.n_households), "Candidates to be kept: columns of the matrix."),
        "Entries": (
            wording.short(problem.matrix.nnz),
            f"Non-zero entries of the matrix; {wording.percent(problem.matrix.nnz / cells)} of all its places.",
        ),
        "Memory": (wording.size(estimated_memory(problem)), "What a run needs at its largest, roughly."),
        "Time for a run": (
            _time(problem),
            "Fit and refit with the settings of the Calibrate page, on two processor cores, roughly. Where households are chosen anew, for "
            "a goal or because the gates shut too early, it takes seconds more, and minutes on a large problem.",
        ),
    }
    layout.metrics(facts, key="facts", narrowest=125)
    if problem.base_factor != 1:
        words = f"{problem.base_factor:.4g}"
        st.warning(
            f"The base weights and the totals differ {words} times in size; fits start from base weights brought to it. Are the totals in "
            "other units, in thousands say, or were their decimals misread?",
            icon=":material/straighten:",
        )
    if problem.notes:
        st.caption(" ".join(problem.notes))


def _time(problem: Problem) -> str:
    try:
        return "≈ " + wording.seconds(estimated_seconds(problem, Config.from_dict(state.draft())))
    except ConfigError:  # the Calibrate page says which setting to correct
        return wording.MISSING
