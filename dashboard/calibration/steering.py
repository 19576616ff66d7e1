"""A run that is changed after it has begun: other prices while it runs, more epochs once it has ended."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import setting_names
from dashboard.kit.attempt import attempt
from dashboard.kit.figures.marks import told, words
from l0engine.calibration.config import Config, settings
from l0engine.jobs.records import RunRecord

_GOAL = "The run seeks its number of households by itself."


def while_it_runs(record: RunRecord) -> None:
    """Fields for what may change in a run that is at work."""
    goal = record.config.has_goal
    help_ = _GOAL if goal else "Takes effect within a few steps, and is marked on the curves."
    with st.popover("Change while it runs", icon=":material/tune:", disabled=goal, help=help_):
        if not goal:
            _fields(record)


def _fields(record: RunRecord) -> None:
    now = state.store().as_they_are([record], asked=True)[0].task.config
    with st.form(f"steer_{record.id}", border=False):
        shown = {name: _shown(now, name) for name in _names(now)}
        typed = {name: st.text_input(settings()[name].label, text, key=f"steer_{name}_{record.id}") for name, text in shown.items()}
        changes = {name: text.strip() for name, text in typed.items() if text.strip() != shown[name]}
        if st.form_submit_button("Change", type="primary"):
            if changes:
                attempt(lambda: state.store().steer(record.id, **changes))
            else:
                st.info("Nothing is different: type another value first.", icon=":material/info:")
    events = state.store().events(record.id)
    if taken := told(events[-3:]):
        st.caption(f"Changed so far, {taken}.")
    if waiting := [words(event) for event in events if event.step is None]:
        st.caption(f"To take effect with the next steps: {'; '.join(waiting)}.")


def _names(now: Config) -> tuple[str, ...]:
    """What may be changed, the prices in the unit that the run has them in."""
    l0 = "price_l0" if now.lambda_l0 is None and now.share is None else "lambda_l0"
    return (l0, "price_l2" if now.lambda_l2 is None else "lambda_l2", "temperature", "learning_rate")


def _shown(now: Config, name: str) -> str:
    value = getattr(now, name)
    return "" if value is None else setting_names.value(value)


def once_it_ended(record: RunRecord) -> None:
    """A field for more epochs of a run that ended with weights."""
    if not record.status.has_result or (record.plan is not None and record.plan.source is not None):
        return
    goal = record.config.has_goal
    help_ = (
        f"{_GOAL} More epochs do not change it."
        if goal
        else "From its last step, as if it had never stopped. What it finds takes the place of its weights: download them first."
    )
    with st.popover("Continue", icon=":material/fast_forward:", disabled=goal, help=help_, width="stretch"):
        if not goal:
            epochs = st.number_input("More epochs", 1, 1_000_000, min(record.config.epochs, 1_000_000), key=f"more_{record.id}")
            if st.button("Continue the run", type="primary", icon=":material/play_arrow:"):
                attempt(lambda: state.go_on(record.id, int(epochs)))
