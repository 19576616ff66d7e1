"""What a fit makes of the problem without one target: a run of the same settings, and its answer beside this one."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import jobs, layout, wording
from dashboard.kit.attempt import attempt
from dashboard.kit.follow import follow
from l0engine.calibration.results import Measures
from l0engine.report.facts import Facts


def show(facts: Facts, target: int) -> None:
    """The button that runs it, how far that is, or what it came to."""
    run = state.rerun_without(facts, target)
    if run is not None and not run.status.ended:
        st.markdown("A run without it is at work; its answer will stand here.")
        follow(run, lambda job, seen: None, keeps="Ends the training; the households kept so far are refitted.")
        return
    words, press = layout.columns([4, 2], key="rerun", narrowest=150, align="center")
    if run is None:
        seconds = facts.result.fit_seconds + facts.result.refit_seconds
        words.markdown("How many households would a fit keep without it?")
        about = f"Calibrates anew with the settings this run began with, without the target. This run took {wording.seconds(seconds)}."
        if press.button("Run it without", key="run_without", help=about, icon=":material/play_arrow:", width="stretch"):
            attempt(lambda: state.run_without(facts, target))
    elif run.outcome is None or run.outcome.final is None:
        jobs.trouble(run)
    else:
        words.markdown(compared(facts.measures, run.outcome.final))
        if press.button("Open that run", key="open_without_run", icon=":material/open_in_new:", width="stretch"):
            attempt(lambda: state.open_run(run.id))


def compared(own: Measures, without: Measures) -> str:
    """Both answers in a sentence, and what the target costs or saves."""
    fewer, ess = own.kept - without.kept, round(without.ess) - round(own.ess)  # as both are shown
    moved = f"{wording.plural(abs(fewer), 'household')} {'fewer' if fewer >= 0 else 'more'}" if fewer else "as many households"
    sign = "+" if ess >= 0 else "−"
    return (
        f"With it: {_said(own)}. Without it: {_said(without)}. So without it a fit keeps **{moved}**, "
        f"and the effective sample size changes by **{sign}{wording.count(abs(ess))}**."
    )


def _said(m: Measures) -> str:
    error = wording.percent(m.median_abs_rel_error)
    return f"{wording.count(m.kept)} kept, effective sample size {wording.count(m.ess)}, median error {error}"
