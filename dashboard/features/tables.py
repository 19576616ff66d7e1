"""A choice of features as tables: for the page, and for download."""

from __future__ import annotations

import pandas as pd

from dashboard.features.figures import scores as feature_scores
from dashboard.features.figures.scores import LESS_IS_BETTER, TITLES, FeatureScoresInfo, as_good, score
from dashboard.kit import wording
from l0engine.studies.features.result import FeatureResult


def at_count(result: FeatureResult) -> pd.DataFrame:
    """Every method at the number wanted: its scores, the features it shares with the gates, and how long a choice takes."""
    infos = {measure: feature_scores.info(result, measure) for measure in result.scores}
    rows = []
    for method in (m for m in TITLES if m in result.common):
        row = {"Method": TITLES[method]}
        for measure, info in infos.items():
            row[_heading(measure)] = score(info.mean[method][-1], info.error[method][-1])
        row["Features shared with the gates"] = f"{result.common[method]} of {len(result.order)}"
        row["Time for one choice"] = wording.seconds(result.seconds.get(method))
        rows.append(row)
    if result.all:
        row = {"Method": f"All {wording.count(result.features)} features"}
        row |= {_heading(measure): score(*info.whole) for measure, info in infos.items() if info.whole}
        rows.append(row | dict.fromkeys(("Features shared with the gates", "Time for one choice"), wording.MISSING))
    return pd.DataFrame(rows)


def at_every_count(info: FeatureScoresInfo) -> pd.DataFrame:
    """The methods side by side for each number of features."""
    out = {"Features": [wording.count(k) for k in info.counts]}
    for method in (m for m in TITLES if m in info.mean):
        out[TITLES[method]] = [score(a, b) for a, b in zip(info.mean[method], info.error[method], strict=True)]
    theirs = zip(info.mean["gates"], info.mean["rfe"], info.error["rfe"], strict=True)
    out["Gates no worse than elimination, within one standard error"] = ["yes" if as_good(info, a, (b, e)) else "no" for a, b, e in theirs]
    return pd.DataFrame(out)


def chosen(result: FeatureResult) -> pd.DataFrame:
    """Name, rank, gate and coefficients of every chosen feature, and the intercept, for CSV."""
    classes = result.classes
    outputs = ["coefficient"] if len(classes) < 3 else [f"coefficient of {c}" for c in classes]
    gates = result.gates or [None] * len(result.order)
    rows = [
        {"name": name, "rank": i, "gate_probability": gate, **dict(zip(outputs, own, strict=True))}
        for i, (name, gate, own) in enumerate(zip(result.names, gates, result.coefficients, strict=True), 1)
    ]
    rows.append({"name": "(intercept)", "rank": None, "gate_probability": None, **dict(zip(outputs, result.intercept, strict=True))})
    return pd.DataFrame(rows).astype({"rank": "Int64"})


def scores(result: FeatureResult) -> pd.DataFrame:
    """Every score, for CSV."""
    rows = [
        {"measure": measure, "method": method, "features": k, "mean": mean, "standard_error": error, "folds": result.folds}
        for measure, methods in result.scores.items()
        for method, found in methods.items()
        for k, mean, error in zip(result.counts, found.mean, found.error, strict=True)
    ]
    for measure, (mean, error) in result.all.items():
        whole = {"features": result.features, "mean": mean, "standard_error": error, "folds": result.folds}
        rows.append({"measure": measure, "method": "all", **whole})
    return pd.DataFrame(rows, columns=["measure", "method", "features", "mean", "standard_error", "folds"])


def _heading(measure: str) -> str:
    return f"{measure[0].upper()}{measure[1:]}, held out{' (less is better)' if measure in LESS_IS_BETTER else ''}"
