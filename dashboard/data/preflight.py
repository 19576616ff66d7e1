"""The preflight: each finding with its targets, what it means, and the choice to keep, relax or leave out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.kit import wording
from l0engine.calibration.config import EXCLUDABLE, SOFT, Config
from l0engine.calibration.problem import preflight
from l0engine.calibration.problem.preflight import Finding, Severity
from l0engine.calibration.problem.problem import Problem

#: Targets explained in words; the table explains the others.
EXPLAINED = 3
_MARKS = {
    Severity.ERROR: ":material/block:",
    Severity.WARNING: ":material/warning:",
    Severity.INFO: ":material/info:",
}
#: What may be done with the targets of a finding, and the setting that holds it.
_CHOICES = {"Keep": "", "Relax": "soften", "Leave out": "exclude"}
_SAID = {"Keep": "kept", "Relax": "relaxed", "Leave out": "left out"}
_HELP = (
    f"Relax: they stay in the fit and count for {SOFT:g} of what others do, so that they are met where that costs little. Leave out: "
    "the fit does not see them. Both can be taken back, stand in the address of this page, and are written into run.json."
)


def show(problem: Problem, findings: tuple[Finding, ...]) -> None:
    """All findings, most severe first."""
    st.subheader("Preflight")
    if not findings:
        st.success("Nothing odd: every target can be reached and is well supported.", icon=":material/check_circle:")
    for finding in findings:
        _finding(problem, finding)


def in_use(problem: Problem, findings: tuple[Finding, ...]) -> np.ndarray:
    """The targets the next run would see."""
    draft = state.fitted_draft(set(problem.groups))
    return preflight.in_use(problem, findings, Config(exclude=draft["exclude"], hold_out=draft["hold_out"]))


def relaxed(problem: Problem, findings: tuple[Finding, ...]) -> int:
    """How many of them it would relax."""
    soft = preflight.softened(problem, Config(soften=state.draft()["soften"]), findings)
    return int((soft & in_use(problem, findings)).sum())


def _finding(problem: Problem, finding: Finding) -> None:
    choice = next(name for name, setting in reversed(_CHOICES.items()) if not setting or finding.kind in state.draft()[setting])
    chosen = f" · {_SAID[choice]}" if finding.kind in EXCLUDABLE else ""
    label = f"{_MARKS[finding.severity]} {finding.title}: **{wording.count(len(finding.targets))}**{chosen}"
    with st.expander(label, key=f"finding_{finding.kind}"):
        st.markdown(f"{finding.meaning} {finding.action}")
        if finding.kind in EXCLUDABLE:
            key = f"exclude_{finding.kind}"
            state.hold(key, choice)
            then = {"on_change": _choose, "args": (finding.kind, key)}
            st.segmented_control("In the fit", list(_CHOICES), key=key, required=True, help=_HELP, **then)
        i = finding.targets
        table = pd.DataFrame({"target": problem.names[i], "value": problem.values[i], "households": problem.support[i]})
        if finding.details:
            st.markdown("\n".join(f"- {wording.markdown(words)}" for words in _explained(problem, finding)))
            table["why"] = finding.details
        looks = {
            "why": st.column_config.TextColumn("why", width="large"),
            "value": st.column_config.NumberColumn("value", format="compact", help="Published total"),
            "households": st.column_config.NumberColumn("households", format="localized", help="Households that contribute to it"),
        }
        st.dataframe(table, hide_index=True, height=min(38 + 35 * len(table), 248), column_config=looks)


def _explained(problem: Problem, finding: Finding) -> Iterator[str]:
    """What is to be said of the first few targets, each with its name."""
    for i, said in zip(finding.targets[:EXPLAINED].tolist(), finding.details[:EXPLAINED], strict=True):
        name = str(problem.names[i])
        yield said if name in said else f"{name}: {said[:1].lower()}{said[1:]}"


def _choose(kind: str, key: str) -> None:
    draft = state.draft()
    for setting in filter(None, _CHOICES.values()):
        others = [k for k in draft[setting] if k != kind]
        draft[setting] = [*others, kind] if _CHOICES[state.held(key)] == setting else others
