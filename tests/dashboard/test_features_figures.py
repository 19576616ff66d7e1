"""Figures of feature gates: what they draw against calculations by hand, and from nothing, one and many."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from further import further

from dashboard.features import tables, view
from dashboard.features.figures import bars as feature_bars
from dashboard.features.figures import gates as feature_gates
from dashboard.features.figures import scores as feature_scores
from dashboard.features.figures import truth as feature_truth
from dashboard.kit import theme
from l0engine.studies.features.result import FeatureProgress, FeatureResult, Recovery, Score

PALETTES = pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)], ids=lambda p: p.name)
METHODS = ("gates", "l1", "univariate", "rfe")


def snapshots(gates, truth=(), names=None, shown=None):
    """From gates by step and feature."""
    gates = np.asarray(gates, float)
    columns = tuple(range(gates.shape[1])) if shown is None else shown
    names = names or tuple(f"f{j}" for j in range(max(columns, default=0) + 1))
    head = FeatureProgress(step=0, epochs=9, names=names, truth=tuple(truth), target="y")
    return [head, *(FeatureProgress(step=i, epochs=9, shown=columns, gates=tuple(row)) for i, row in enumerate(gates.tolist(), 1))]


def result(k=3, *, classes=(), truth=(), measures=("R²",), means=None, errors=0.02, whole=(0.5, 0.03), folds=5, p=10):
    outputs = len(classes) if len(classes) > 2 else 1
    means = means or {m: np.linspace(0.3, 0.5, k) - i / 100 for i, m in enumerate(METHODS)}
    scored = {m: Score(tuple(map(float, means[m])), (errors,) * k) for m in METHODS} if folds else {}
    effects = [(-1) ** j * (j + 1.0) for j in range(k)]
    rates = dict.fromkeys(METHODS, (1.0,) * k), dict.fromkeys(METHODS, tuple(j / len(truth) for j in range(1, k + 1))) if truth else {}
    return FeatureResult(
        rows=442, of=442, features=p, task="classification" if classes else "regression", target="y", classes=tuple(classes), left_out=(),
        order=tuple(range(k)), names=tuple(f"f{j}" for j in range(k)), gates=(0.9,) * k, intercept=(0.5,) * outputs, truth=tuple(truth),
        coefficients=tuple((e,) * outputs for e in effects), per_deviation=tuple((2 * e,) * outputs for e in effects),
        counts=tuple(range(1, k + 1)), folds=folds, scores=dict.fromkeys(measures, scored), all=dict.fromkeys(measures, whole) if whole and folds else {},
        common=dict.fromkeys(METHODS, k), seconds=dict.fromkeys(METHODS, 0.01), recovery=Recovery(*rates, 0.9) if truth else None,
    )  # fmt: skip


def check(fig):
    """What holds for every figure."""
    assert fig.layout.title.text and len(fig.layout.title.text) <= 50
    assert fig.layout.title.subtitle.text and len(fig.layout.title.subtitle.text) <= 90
    assert fig.layout.height
    text = fig.to_json()
    assert "NaN" not in text and "Infinity" not in text
    for one in (fig.layout.xaxis, fig.layout.yaxis):
        assert one.title.text is not None


def traces(fig):
    return {t.name: t for t in fig.data}


# -- gates ---------------------------------------------------------------------------------------------------------------


GATES = [[0.5, 0.5, 0.5, 0.5], [0.9, 0.2, 0.6, 0.5], [1.0, 0.0, 0.1, 0.9]]


def test_gates_by_hand():
    live = feature_gates.info(snapshots(GATES), 2)
    assert live.names == ("f0", "f3", "f1", "f2") and live.chosen.tolist() == [True, True, False, False] and not live.known
    np.testing.assert_array_equal(live.gates, np.array(GATES)[:, [0, 3, 1, 2]])
    ended = feature_gates.info(snapshots(GATES), 2, [0, 2])
    fig = feature_gates.plot(ended, theme.LIGHT)
    check(fig)
    assert fig.layout.title.subtitle.text == "2 of 4 features chosen"
    drawn = traces(fig)
    assert list(drawn["Chosen"].y) == [0.5, 0.9, 1.0, None] and list(drawn["Chosen"].x) == [1, 2, 3, None]
    assert list(drawn["Chosen in the last step"].y) == [0.5, 0.6, 0.1, None]  # its gate has closed
    assert list(drawn["Other features"].y) == [0.5, 0.2, 0.0, None, 0.5, 0.5, 0.9, None]
    assert drawn["Chosen"].customdata[1] == "<b>f0</b><br>step 2: open with 90 %"
    assert [a.text for a in fig.layout.annotations] == ["f0", "f2"]


def test_gates_with_a_known_truth():
    fig = feature_gates.plot(feature_gates.info(snapshots(GATES, truth=[0, 1]), 2), theme.LIGHT)
    assert fig.layout.title.subtitle.text == "1 of the 2 chosen are true"
    drawn = traces(fig)
    assert (
        drawn["Chosen and true"].y[2] == 1.0
        and drawn["True, not chosen"].y[2] == 0.0
        and drawn["True, not chosen"].line.color == theme.LIGHT.error
    )
    assert drawn["Chosen, not true"].y[2] == 0.9 and drawn["Chosen, not true"].line.dash == "dot"


def test_gates_that_were_not_always_among_the_most_open_have_gaps():
    some = snapshots([[0.5, 0.4]], shown=(0, 3)) + snapshots([[0.9, 0.3]], shown=(0, 2))[1:]
    info = feature_gates.info(some, 1)
    assert info.names == ("f0", "f2") and math.isnan(info.gates[0, 1]) and info.n_features == 4
    fig = feature_gates.plot(info, theme.LIGHT)
    assert list(traces(fig)["Other features"].y) == [None, 0.3, None]
    assert "the 2 most open are drawn" in fig.layout.title.subtitle.text


def test_labels_keep_their_distance():
    rng = np.random.default_rng(0)
    for n in range(1, 16):
        wanted = np.sort(rng.random(n))[::-1]
        places = feature_gates.spread(wanted, 0.05, 1.03)
        assert (np.diff(places) <= -0.05 + 1e-12).all() and places[0] <= 1.03 and places[-1] >= 0
    np.testing.assert_allclose(feature_gates.spread(np.array([1, 1, 0, 0.0]), 0.1, 1.0), [1, 0.9, 0.1, 0])
    np.testing.assert_allclose(feature_gates.spread(np.array([0.9, 0.5, 0.1]), 0.05, 1.03), [0.9, 0.5, 0.1])  # far apart: as they want


@PALETTES
@pytest.mark.parametrize(
    "some",
    [
        [],
        snapshots(np.zeros((0, 3))),
        snapshots([[0.5]]),
        snapshots([[0.5, 0.2]]),
        snapshots(np.random.default_rng(0).random((300, 200)), truth=[3]),
    ],
    ids=["nothing", "names", "one", "step", "many"],
)
def test_gates_are_whole_from_anything(some, palette):
    for count in (1, 5, 200):
        fig = feature_gates.plot(feature_gates.info(some, count), palette)
        check(fig)
        assert sum(v is not None for t in fig.data for v in t.x) <= 10_000 + 100


# -- scores --------------------------------------------------------------------------------------------------------------


def test_scores_by_hand():
    fig = feature_scores.plot(feature_scores.info(result(), "R²"), theme.LIGHT)
    check(fig)
    lines = {t.name: t for t in fig.data if t.mode == "lines+markers"}
    assert list(lines) == ["Gates", "L1 path", "Univariate", "Recursive elimination"]
    assert list(lines["Gates"].x) == [1, 2, 3] and list(lines["L1 path"].y) == pytest.approx([0.29, 0.39, 0.49])
    assert list(lines["Gates"].customdata) == ["0.30 ± 0.02", "0.40 ± 0.02", "0.50 ± 0.02"]
    (band,) = (t for t in fig.data if t.fill == "toself" and t.legendgroup == "gates")
    assert list(band.x) == [1, 2, 3, 3, 2, 1] and list(band.y) == pytest.approx([0.32, 0.42, 0.52, 0.48, 0.38, 0.28])
    assert fig.layout.annotations[0].text == "all features: 0.50" and fig.layout.shapes[0].y0 == 0.5
    assert fig.layout.title.subtitle.text == "Means over 5 folds; bands are one standard error"


@pytest.mark.parametrize(("means", "few"), [([0.30, 0.48, 0.50], 2), ([0.49, 0.4, 0.5], 1), ([0.1, 0.2, 0.5], 3), ([0.5, 0.4, 0.3], 1)])
def test_the_fewest_within_one_standard_error_of_the_best(means, few):
    upside_down = [1 - m for m in means]
    assert feature_scores.fewest(feature_scores.info(result(means=dict.fromkeys(METHODS, means)), "R²")) == few
    losses = result(means=dict.fromkeys(METHODS, upside_down), measures=("log loss",))
    assert feature_scores.fewest(feature_scores.info(losses, "log loss")) == few


@PALETTES
@pytest.mark.parametrize("folds", [0, 1, 10])
@pytest.mark.parametrize("k", [1, 2, 12])
def test_scores_and_bars_are_whole_from_anything(palette, folds, k):
    for measure in ("R²", "log loss"):
        check(feature_scores.plot(feature_scores.info(result(k, folds=folds, measures=(measure,)), measure), palette))
    for classes in ((), ("a", "b"), ("a", "<b>b</b>", "c")):
        check(feature_bars.plot(feature_bars.info(result(k, classes=classes)), palette))
    check(feature_truth.plot(feature_truth.info(result(k, truth=range(k))), palette))


# -- features and truth --------------------------------------------------------------------------------------------------


def test_bars_by_hand():
    fig = feature_bars.plot(feature_bars.info(result()), theme.LIGHT)
    (bars,) = fig.data
    assert list(bars.x) == [2, -4, 6] and list(fig.layout.yaxis.ticktext) == ["1. f0", "2. f1", "3. f2"]
    assert list(bars.text) == ["+2", "−4", "+6"]
    assert bars.customdata[1] == "<b>f1</b><br>−4 for one standard deviation, −2 for one unit"
    assert set(bars.marker.color) == {theme.LIGHT.kept}
    several = feature_bars.plot(feature_bars.info(result(classes=("a", "b", "c"))), theme.LIGHT).data[0]
    assert list(several.x) == pytest.approx([2, 4, 6]) and "b: −4 for one" in several.customdata[1]
    planted = feature_bars.plot(feature_bars.info(result(truth=[0, 2])), theme.LIGHT)
    assert list(planted.data[0].marker.pattern.shape) == ["", "/", ""] and planted.data[0].marker.color[1] == theme.LIGHT.error
    assert planted.layout.title.subtitle.text.startswith("2 of 3 are true")


def test_many_features_are_cut_and_names_from_outside_are_harmless():
    many = replace(result(50), names=("<b>x</b>",) * 50)
    fig = feature_bars.plot(feature_bars.info(many), theme.LIGHT)
    assert len(fig.data[0].x) == 30 and "The first 30 of 50" in fig.layout.title.subtitle.text
    assert "<b>x</b>" not in fig.to_json()
    gates = snapshots([[0.9, 0.1]], names=("<b>x</b>", "y"))
    assert "<b>x</b>" not in feature_gates.plot(feature_gates.info(gates, 1), theme.LIGHT).to_json()
    assert view._plain("a*b_[c](d) é") == r"a\*b\_\[c\](d) é"


def test_truth_by_hand():
    fig = feature_truth.plot(feature_truth.info(result(truth=[0, 1, 2, 7])), theme.LIGHT)
    assert [t.name for t in fig.data] == [*feature_scores.TITLES.values()] * 2
    assert list(fig.data[0].y) == [1, 1, 1] and list(fig.data[4].y) == [0.25, 0.5, 0.75] and fig.data[4].xaxis == "x2"
    assert fig.layout.title.subtitle.text == "3 of the 3 features that the gates chose are true, of 4 in all"
    assert fig.layout.xaxis.domain[1] < fig.layout.xaxis2.domain[0]


# -- words and tables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (result(), "3 of 10 features predict as well as all: R² 0.50 ± 0.02 on rows not seen."),
        (result(whole=(0.6, 0.03)), "3 of 10 features predict less well than all: R² 0.50 ± 0.02 on rows not seen, against 0.60."),
        (result(whole=None), "3 of 10 features predict with R² 0.50 ± 0.02 on rows not seen."),
        (result(p=3), "3 of 3 features predict with R² 0.50 ± 0.02 on rows not seen."),
        (result(folds=0), "3 of 10 features, not tried on rows held out."),
        (result(truth=[0, 1, 2]), "All 3 true features found, and no others: F1 1.00; the L1 path has 0.90 at its best point."),
        (
            result(truth=[0, 1, 8, 9]),
            "2 of 4 true features found, with 1 that are not true: F1 0.57; the L1 path has 0.90 at its best point.",
        ),
    ],
)
def test_verdict_by_hand(of, words):
    assert view.verdict(of) == words


def test_tables_by_hand():
    some = result(measures=("accuracy", "log loss"), classes=("a", "b"), whole=(0.95, 0.003))
    table = tables.at_count(some)
    assert list(table.columns) == [
        "Method",
        "Accuracy, held out",
        "Log loss, held out (less is better)",
        "Features shared with the gates",
        "Time for one choice",
    ]
    assert table.iloc[0].tolist() == ["Gates", "0.50 ± 0.02", "0.50 ± 0.02", "3 of 3", "10 ms"]
    assert table.iloc[4].tolist()[:3] == ["All 10 features", "0.950 ± 0.003", "0.950 ± 0.003"]
    means = {"gates": [0.30, 0.377, 0.5], "l1": [0] * 3, "univariate": [0] * 3, "rfe": [0.29, 0.4, 0.51]}
    every = tables.at_every_count(feature_scores.info(result(means=means), "R²"))
    assert every.iloc[:, -1].tolist() == ["yes", "no", "yes"] and every["Features"].tolist() == ["1", "2", "3"]
    losses = tables.at_every_count(feature_scores.info(result(means=means, measures=("log loss",)), "log loss"))
    assert losses.iloc[:, -1].tolist() == ["yes", "yes", "yes"]


def test_files_by_hand():
    some = result(2, classes=("a", "b", "c"))
    table = tables.chosen(some)
    assert table.columns.tolist() == ["name", "rank", "gate_probability", "coefficient of a", "coefficient of b", "coefficient of c"]
    assert table.to_csv(index=False).splitlines()[1:] == ["f0,1,0.9,1.0,1.0,1.0", "f1,2,0.9,-2.0,-2.0,-2.0", "(intercept),,,0.5,0.5,0.5"]
    scores = tables.scores(some)
    assert len(scores) == 4 * 2 + 1 and scores.iloc[1].tolist() == ["R²", "gates", 2, 0.5, 0.02, 5]
    assert scores.iloc[-1].tolist() == ["R²", "all", 10, 0.5, 0.03, 5]
    assert len(tables.scores(result(folds=0))) == 0
