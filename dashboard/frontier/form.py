"""The form of a frontier: how many households, compared with what, going out from which fit."""

from __future__ import annotations

import math
import re

import streamlit as st

from dashboard import state
from dashboard.calibration import previous
from dashboard.frontier.figures.point import TITLES
from dashboard.kit import layout
from dashboard.kit.attempt import attempt
from l0engine.calibration.config import Config, settings
from l0engine.calibration.frontier.point import checked_budgets
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError
from l0engine.jobs.records import Plan, RunRecord

#: Methods that are tried unless asked otherwise; the linear programme and the L1 path take up to a minute each.
_REFERENCES = ("gated", "eliminated", "random", "pps")
_POINTS = 8


def default_budgets(n_households: int, n_targets: int, n_protected: int = 0) -> list[int]:
    """Round numbers from a tenth of the households down to a fifth of the targets; none below those that must stay."""
    high, low = max(n_households / 10, 2), max(n_targets / 5, 1)
    low = min(low, high / 10)
    sizes = (high * (low / high) ** (i / (_POINTS - 1)) for i in range(_POINTS))
    return sorted({min(max(_round(k), 1, n_protected), n_households) for k in sizes}, reverse=True)


def show(problem: Problem, n_targets: int, run: RunRecord | None) -> None:
    """Entry fields and the button that starts it."""
    n_households, groups = problem.n_households, sorted(set(problem.groups))
    budgets, compare = layout.columns([5, 6], key="frontier_form", narrowest=280, gap="medium")
    proposal = ", ".join(map(str, default_budgets(n_households, n_targets, problem.n_protected)))
    text = budgets.text_input(
        "Numbers of households", proposal, key=f"budgets_{n_households}", persist_state="session",
        help="One point each, from one fit; commas between.",
    )  # fmt: skip
    references = compare.multiselect(
        "Compare with", list(TITLES)[1:], default=_REFERENCES, format_func=TITLES.get, key="references", persist_state="session",
        help="At the size in the middle. All households, the L1 path and the linear programme can take a minute each.",
        placeholder="no other method",
    )  # fmt: skip
    names = {"run": f"the fit of {run.title}"} if run is not None and run.status.has_result else {}
    names |= {"new": "a new fit with the settings of the Calibrate page"}
    origin = st.radio("Go out from", list(names), format_func=names.get, horizontal=True, key=_origin(run))
    source = run if origin == "run" else None
    if source is None:
        previous.told()
    draft = state.fitted_draft(groups)
    held = draft["hold_out"]
    if source is None and len(groups) > 1:
        held = st.multiselect(
            "Hold out groups", groups, default=held, key="frontier_hold_out", placeholder="none", help=settings()["hold_out"].help
        )
    try:
        wanted = checked_budgets(_numbers(text, n_households), n_households, problem.n_protected)
        config = source.config if source is not None else Config.from_dict({**draft, "hold_out": held})
    except ConfigError as error:
        st.error(str(error), icon=":material/error:")
        return
    why = "No target is left in the fit: hold out fewer groups." if set(groups) <= set(config.hold_out) else None
    if st.button("Compute the frontier", type="primary", icon=":material/show_chart:", disabled=why is not None, help=why):
        fit = None if source is None else source.plan.source if source.plan and source.plan.source else source.id
        plan = Plan(wanted, (wanted[len(wanted) // 2],) if references else (), tuple(references), fit)
        attempt(lambda: state.start_run(config, plan))


def go_out_from_new_fit() -> None:
    """Choose a new fit, with the settings of the Calibrate page, when the form is drawn next."""
    state.hold(_origin(state.run()), "new")


def _origin(run: RunRecord | None) -> str:
    """Key of the choice of a fit: one for each run that has one."""
    return f"source_{run.id if run is not None and run.status.has_result else ''}"


def _numbers(text: str, n_households: int) -> list[int]:
    """Numbers as typed; '1,500' is refused where it could mean 1500 too."""
    for one, rest in re.findall(r"(?<![\d,])([1-9]\d{0,2}),(\d{3})(?!\d)", text):
        if int(one + rest) <= n_households:
            raise ConfigError(f"'{one},{rest}' may be one number or two: write {one}{rest}, or put a space after the comma.")
    try:
        return [int(part.strip().replace("_", "").replace(" ", "")) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"'{text[:60]}' is not a list of whole numbers: write them like 5000, 2000, 1000.") from None


def _round(x: float) -> int:
    unit = 10 ** max(0, math.floor(math.log10(x)) - 1)
    return round(x / unit) * unit
