"""A choice of features as it is made and when it is there: the answer in words, the features, how well they predict, the gates."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.features import tables
from dashboard.features.figures import bars, gates, scores, truth
from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.kit.chart import chart
from dashboard.kit.download import download
from dashboard.state.opened import studies
from l0engine.io import csv_bytes
from l0engine.jobs.job import JobRecord
from l0engine.studies.features.datasets import DATA_SETS
from l0engine.studies.features.result import FeatureProgress, FeatureResult
from l0engine.studies.features.settings import FeatureStudy

Record = JobRecord[FeatureStudy, FeatureResult]


def title(study: FeatureStudy) -> str:
    """What the study is about."""
    if study.source == "planted":
        return f"Planted truth: {wording.count(study.true)} of {wording.plural(study.features, 'feature')} make y"
    known = DATA_SETS.get(study.source)
    return f"{known.title if known else study.title}: {study.target_name}"


def show(record: Record) -> None:
    """The features of a study, where there are some."""
    result = record.result
    if result is None:
        return
    st.markdown(f"### {verdict(result)}")
    st.markdown(_chosen(result))
    st.caption(_details(record, result))
    _downloads(result)
    scored = bool(result.folds)
    left, right = layout.columns([1, 1], key="feature_answer", narrowest=360, gap="medium") if scored else (st.container(), None)
    with left:
        chart(bars.plot, bars.info(result), f"feature_bars_{record.id}", "Chosen features and their effects")
    if right is not None:
        with right:
            measure = _measure(list(result.scores), record.id)
            info = scores.info(result, measure)
            chart(scores.plot, info, f"feature_scores_{record.id}", "Held-out score against number of features")
    if scored:
        _compared(result, info)
    if result.recovery:
        chart(truth.plot, truth.info(result), f"feature_truth_{record.id}", "Precision and recall by number of features")
    info = gates.info(studies.snapshots(record), record.task.count, result.order)
    chart(gates.plot, info, f"feature_gates_{record.id}", "Every feature's gate over training")
    with st.expander("How to read this"):
        st.markdown(_READING)


def verdict(result: FeatureResult) -> str:
    """How many features do how well, in words."""
    if result.recovery:
        return _found(result, result.recovery.best_l1)
    k, p = len(result.order), result.features
    few = f"{wording.count(k)} of {wording.plural(p, 'feature')}"
    if not result.folds:
        return f"{few}, not tried on rows held out."
    info = scores.info(result, next(iter(result.scores)))
    own = (float(info.mean["gates"][-1]), float(info.error["gates"][-1]))
    score = f"{info.measure} {scores.score(*own)} on rows not seen"
    if info.whole is None or k == p:
        return f"{few} predict with {score}."
    if scores.as_good(info, own[0], info.whole):
        return f"{few} predict as well as all: {score}."
    return f"{few} predict less well than all: {score}, against {scores.number(info.whole[0])}."


def _found(result: FeatureResult, best_l1: float) -> str:
    """The planted truth against what was chosen."""
    true, k = len(result.truth), len(result.order)
    hits = len(set(result.truth) & set(result.order))
    text = f"{wording.count(hits)} of {wording.plural(true, 'true feature')} found, with {wording.count(k - hits)} that are not true"
    if hits == true == k:
        text = f"All {wording.count(true)} true features found, and no others"
    return f"{text}: F1 {2 * hits / (true + k):.2f}; the L1 path has {best_l1:.2f} at its best point."


def _chosen(result: FeatureResult) -> str:
    names = [_plain(name) for name in result.names[:12]]
    more = len(result.names) - len(names)
    return f"Chosen, by rank: **{', '.join(names)}**{f' and {wording.count(more)} more' if more else ''}."


def _plain(text: str) -> str:
    """A name from outside, made harmless in Markdown."""
    return wording.markdown(" ".join(text.split())[:60])


def _details(record: Record, result: FeatureResult) -> str:
    drawn = f" of {wording.count(result.of)}" if result.of != result.rows else ""
    rows = f"{wording.plural(result.rows, 'row')}{drawn}"
    parts = [f"{_plain(title(record.task))}. {rows}, {result.task}, {wording.seconds(record.seconds)}."]
    if result.folds:
        info = scores.info(result, next(iter(result.scores)))
        parts.append(f"The fewest within one standard error of the best count: {wording.count(scores.fewest(info))}.")
    if left_out := result.left_out:
        listed = ", ".join(f"{_plain(name)} ({why})" for name, why in left_out[:6])
        parts.append(f"Left out: {listed}{f' and {len(left_out) - 6} more' if len(left_out) > 6 else ''}.")
    return " ".join(parts)


def _measure(measures: list[str], study_id: str) -> str:
    if len(measures) == 1:
        return measures[0]
    found = st.segmented_control("Score", measures, default=measures[0], required=True, key=f"feature_measure_{study_id}")
    return str(found)


def live(record: Record, snapshots: Sequence[FeatureProgress]) -> None:
    """The gates as they decide, and the folds scored so far."""
    scored = next((s for s in reversed(snapshots) if s.folds), None)
    left, right = layout.columns([1, 1], key="feature_live", narrowest=360, gap="medium")
    with left:
        live_plot(gates.plot, gates.info(snapshots, record.task.count), key="feature_gates_live", alt="Every feature's gate over training")
    with right:
        if scored is None:
            st.caption("Held-out scores follow: each fold is left out once.")
        else:
            info = scores.info(scored, next(iter(scored.scores)))
            live_plot(scores.plot, info, key="feature_scores_live", alt="Held-out score against number of features")


def _compared(result: FeatureResult, info: scores.FeatureScoresInfo) -> None:
    """All methods at the number wanted, and at every number."""
    st.markdown(f"**With {wording.plural(int(info.counts[-1]), 'feature')}**")
    st.dataframe(tables.at_count(result), hide_index=True, height="content")
    with st.expander("At every number of features"):
        st.dataframe(tables.at_every_count(info), hide_index=True, height="content")


def _downloads(result: FeatureResult) -> None:
    files = {
        "chosen_features.csv": ("Chosen features (CSV)", tables.chosen, "Name, rank, gate, coefficient in the units of the data."),
        "feature_scores.csv": ("Scores (CSV)", tables.scores, "Mean and standard error by method and number of features."),
    }
    columns = layout.columns([1.4, 1.4, 3], key="feature_downloads", narrowest=220)
    for i, (name, (label, table, help_)) in enumerate(files.items()):
        download(label, lambda table=table: csv_bytes(table(result)), name, "text/csv", help_, first=i == 0, place=columns[i])


_READING = """
**The features.** Every feature has a gate that is open or closed. In training the number of open gates falls from half of them to the
number wanted. Features then leave one by one, each time the one that is missed least; those that stay longest rank first. A bar says what
one standard deviation more of a feature does to the prediction while the others stay; features that tell the same story share it.

**The score.** The rows are cut into ten parts. Each is held out once: the features are chosen and a model of them is fitted on the other
nine, and it predicts the part it has not seen. All methods choose as many features from the same rows and get the same model, so that only
the choice differs. R² is the share of the variance that is predicted: 1 is perfect, 0 no better than the mean. Accuracy is the share of
rows whose class is guessed. Log loss also asks how sure the guess was; less is better. A band is one standard error over the folds: methods
whose bands overlap are alike.

**The gates.** Each line is one feature, from undecided at the start to open or closed; lines that part late were close decisions. In the
last step the features with the most open gates, twice as many as wanted and at least twenty, leave one by one until the wanted number is
left: so a feature whose gate has closed can be chosen all the same, where it serves better beside the others.
"""
