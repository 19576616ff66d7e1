"""What there is to say of an answer beside its picture: what limits it, its measures, and the files that people come for."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.calibration import downloads, limits
from dashboard.kit import jobs, layout, wording
from dashboard.kit.figures import marks
from l0engine.explain.targets import FEW
from l0engine.report.facts import Facts


def show(facts: Facts) -> None:
    """Sentences and figures."""
    run, point = facts.run, facts.point
    jobs.watch(run)
    if facts.overlap is not None:
        st.markdown(wording.markdown(facts.overlap.sentence))
    taken = facts.summary.get("taken", ()) if point is None else ()  # the size of a point was asked for: no price was
    limits.show(facts.found, facts.certificate, taken)
    if point is None and (changed := marks.told(state.store().events(run.id))):
        st.caption(f"Changed once it had begun, {changed}.")
    layout.metrics(_figures(facts), key="figures", narrowest=130)


def files(facts: Facts) -> None:
    """A button for each, and who should be looked at before they are passed on."""
    run, point, problem = facts.run, facts.point, facts.problem
    if len(facts.hanging):
        total = wording.plural(len(facts.hanging), "total")
        st.caption(f":material/visibility_lock: Before you publish: {total} hang on 1 to {FEW} kept households, see Report.")
    with st.container(horizontal=True):
        if point is None:
            more = [*(["solution.npz"] if problem.artifact else []), *(["recipe.toml"] if state.store().recipe(run.problem) else [])]
            downloads.show(run, "weights.csv", "targets.csv", "run.json", *more)
        else:
            downloads.show_point(facts, point)


def _figures(facts: Facts) -> dict[str, tuple[str, str]]:
    """A value and a help by label."""
    m = facts.measures
    figures = {
        "Households kept": (wording.count(m.kept), f"{wording.of(m.kept, facts.problem.n_households)} have a positive weight."),
        "Median error": (wording.percent(m.median_abs_rel_error), "Half of the targets are closer than this."),
        "Within 10 %": (wording.percent(m.share_within_10pct), "Share of the targets in use that are met within 10 %."),
        "Effective sample size": (wording.short(m.ess), "Kish: equally weighted households that would be as informative."),
        "Largest weight": (
            wording.weight(m.max_weight),
            f"Up to {wording.ratio(m.max_weight_ratio)} its base weight. Large values mean that some target hangs on few households.",
        ),
    }
    if m.share_within_tolerance is not None:
        met = wording.percent(m.share_within_tolerance)
        figures["Within tolerance"] = (met, "Share of the targets with a tolerance of their own that are met within it.")
    return figures
