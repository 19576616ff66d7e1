"""What of each kind of study is compared: one curve by step, and a few measures of what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from dashboard.kit import setting_names, wording
from dashboard.kit.figures import axes
from dashboard.pruning.figures.accuracy import accuracy_axis
from dashboard.samples.figures.figures import deviations
from l0engine.jobs.job import JobRecord
from l0engine.studies.features.result import FeatureResult
from l0engine.studies.pruning.result import PruningResult
from l0engine.studies.samples.result import SampleResult


class Compared(NamedTuple):
    """How studies of a kind stand side by side.

    Attributes
    ----------
    title : str
        Of the curve.
    value : callable
        A snapshot's point of it; None where it has none.
    axis : callable
        The axis for all values.
    words : callable
        A value in words.
    measures : callable
        What came of a study, by name and in words, of its settings and its result.
    unit : str
        What a step is called.
    """

    title: str
    value: Callable[[Any], float | None]
    axis: Callable[[Any], dict[str, Any]]
    words: Callable[[float], str]
    measures: Callable[[Any, Any], Mapping[str, str]]
    unit: str = "Step"


def _sample(study: Any, result: SampleResult) -> dict[str, str]:
    others = {f"Largest difference, {name} sample": deviations(v) for name, v in result.largest.items() if name != study.method}
    rows = {"Rows chosen": wording.of(study.n, result.rows), "Figures": wording.count(len(result.names))}
    return rows | {"Largest difference": deviations(result.largest[study.method])} | others | {"Time": wording.seconds(result.seconds)}


def _features(study: Any, result: FeatureResult) -> dict[str, str]:
    k, true = len(result.order), set(result.truth)
    said = {"Features chosen": wording.of(k, result.features), "Rows": wording.count(result.rows)}
    for measure, by_method in result.scores.items():
        if score := by_method.get("gates"):
            said[f"Held-out {measure}"] = f"{score.mean[-1]:.3f} ± {score.error[-1]:.3f}"
        if measure in result.all:
            said[f"Held-out {measure}, all features"] = f"{result.all[measure][0]:.3f} ± {result.all[measure][1]:.3f}"
    return said | ({"True features found": f"{len(true & set(result.order))} of {len(true)}"} if true else {})


def _pruning(study: Any, result: PruningResult) -> dict[str, str]:
    after, before = result.report.after, result.report.before
    return {
        "Weights left": wording.of(result.weights["compact"], result.weights["dense"]),
        "Accuracy": wording.percent(result.right["compact"] / result.test),
        "Accuracy, dense": wording.percent(result.right["dense"] / result.test),
        "Multiply-adds": f"{before.multiply_adds / after.multiply_adds:.1f} times fewer",
        "Latency": f"{before.seconds / after.seconds:.1f} times as fast",
        "Time": wording.seconds(result.seconds),
    }


def _log(title: str) -> Callable[[Any], dict[str, Any]]:
    return lambda values: axes.number_log_axis(f"{title} (log scale)", values)


#: A line a kind.
KINDS: Mapping[str, Compared] = {
    "samples": Compared("Largest difference of the gates", lambda s: s.largest, _log("Standard deviations"), deviations, _sample),
    "features": Compared(
        "Loss of the gates on all rows", lambda s: s.loss if s.count else None, _log("Loss"), lambda v: f"{v:.3g}", _features
    ),
    "pruning": Compared("Accuracy on test images", lambda s: s.test, accuracy_axis, wording.percent, _pruning, "Epoch"),
}


def settings(jobs: Sequence[JobRecord[Any, Any]]) -> dict[str, list[str]]:
    """The settings in which studies of a kind differ, by name: of each study the value in words."""
    found = {f.name: [setting_names.value(getattr(job.task, f.name)) for job in jobs] for f in fields(jobs[0].task)}
    return {name.replace("_", " ").replace("lambda", "λ"): values for name, values in found.items() if len(set(values)) > 1}


def measures(jobs: Sequence[JobRecord[Any, Any]]) -> dict[str, list[str]]:
    """What came of each study, by measure; a dash where it has none."""
    kind = KINDS[jobs[0].task.kind]
    found = [kind.measures(job.task, job.result) if job.result is not None else {} for job in jobs]
    return {name: [m.get(name, wording.MISSING) for m in found] for name in dict.fromkeys(n for m in found for n in m)}
