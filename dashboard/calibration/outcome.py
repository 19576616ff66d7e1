"""How a run ended: the verdict in words, before and after the refit, and what to do next."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.calibration import limits
from dashboard.calibration.figures import refit_effect
from dashboard.kit import jobs, layout, wording
from dashboard.kit.chart import chart
from dashboard.kit.figures import marks
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Measures
from l0engine.explain.verdict import headline
from l0engine.jobs.records import RunRecord

#: Row label, field of `Measures`, words.
_ROWS = (
    ("Households kept", "kept", wording.count),
    ("Median error", "median_abs_rel_error", wording.percent),
    ("Mean error", "mean_abs_rel_error", wording.percent),
    ("Largest error", "max_abs_rel_error", wording.percent),
    ("Targets within 10 %", "share_within_10pct", wording.percent),
    ("Effective sample size", "ess", wording.count),
    ("Design effect", "design_effect", wording.ratio),
    ("Largest weight", "max_weight", wording.weight),
    ("Largest weight / base weight", "max_weight_ratio", wording.ratio),
)


def show(record: RunRecord, problem: Problem) -> None:
    """Verdict, picture and table of a run that has ended."""
    jobs.watch(record)
    if record.outcome is None or (result := state.result(record)) is None or result.final is None:
        jobs.trouble(record)
        return
    st.markdown(f"### {headline(result.final, problem.n_households)}")
    if record.outcome.overlap is not None:
        st.markdown(wording.markdown(record.outcome.overlap.sentence))
    if record.message:
        st.info(wording.markdown(record.message), icon=":material/info:")
    facts = state.facts(record)
    limits.show(facts.found, result.certificate, facts.summary.get("taken", ()))
    if changed := marks.told(state.store().events(record.id)):
        st.caption(f"Changed once it had begun, {changed}.")
    left, right = layout.columns([3, 2], key="outcome", narrowest=340, gap="large")
    with left:
        refitted = result.weights if result.refitted else None
        info = refit_effect.info(problem, result.gated_weights, refitted, facts.use)
        chart(refit_effect.plot, info, "refit_effect", "Share of targets within each error, before and after the refit")
    with right:
        st.dataframe(comparison(result.gated, result.refitted, result.held_out), hide_index=True, height="content")
        who = "the households chosen in the end," if facts.chosen else "the same households"
        same = result.gated and result.refitted and not facts.chosen
        lost = result.gated.kept - result.refitted.kept if same else 0
        gone = f" ({wording.plural(lost, 'household')} came to nothing in it)" if lost > 0 else ""
        st.caption(f"Gated: weights as training left them. Refitted: {who} calibrated once more without gates{gone}; these are exported.")


def comparison(gated: Measures | None, refitted: Measures | None, held_out: Measures | None = None) -> pd.DataFrame:
    """Gated against refitted, and the refitted weights on targets held out, in words."""
    columns = {"Gated": gated, "Refitted": refitted, "Held-out targets": held_out}
    words = {name: [w(getattr(m, field)) for _, field, w in _ROWS] for name, m in columns.items() if m is not None}
    return pd.DataFrame({"": [label for label, *_ in _ROWS], **words})
