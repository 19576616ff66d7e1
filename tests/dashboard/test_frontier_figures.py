"""Figures of the frontier, sweeps and seeds: what they draw against calculations by hand, and from nothing, one and zero."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from further import further

from dashboard.frontier.figures import frontier, method_bars, overlap, sweep, trade_off
from dashboard.frontier.figures import point as frontier_point
from dashboard.frontier.figures.answer import _goal, answer, bend, cap_words, held_out_words
from dashboard.kit import setting_names, theme
from dashboard.kit.figures import axes
from l0engine.calibration.config import Config
from l0engine.calibration.frontier.references import REFERENCES
from l0engine.calibration.results import Certificate, Measures, Status
from l0engine.jobs.job import Request
from l0engine.jobs.records import Calibration, Outcome, PointRecord, RunRecord

PALETTES = pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)], ids=lambda p: p.name)


def measures(kept, error, ess=None, ratio=4.0):
    ess = kept / 2 if ess is None else ess
    return Measures(kept, error * 3, error, 0.9, ess, kept / ess, 1000.0, ratio)


def point(kept, error, method="l0engine", *, held=None, ess=None, ratio=4.0, note="", curve=()):
    held_out = None if held is None else measures(kept, held, ess)
    return PointRecord(method, kept, measures(kept, error, ess, ratio), held_out, 0.2, note, curve)


def run(i, kept, error, ess=None, **config):
    outcome = Outcome(Status.CONVERGED, "", None, measures(kept, error, ess), "cpu", 1.0, 0.1)
    return RunRecord(f"run{i}", Calibration("p", Config(**config)), Status.CONVERGED, "", 0.0, 0.0, 1.0, 1, Request.NONE, None, outcome)


def traces(fig, panel="y"):
    """Traces of the upper panel, or of the lower one, by name."""
    return {t.name: t for t in fig.data if (t.yaxis or "y") == panel}


def visible(text):
    return len(re.sub("<[^>]*>", "", text))


def check(fig):
    """What holds for every figure."""
    assert fig.layout.title.text and len(fig.layout.title.text) <= 50
    assert fig.layout.title.subtitle.text and visible(fig.layout.title.subtitle.text) <= 75
    assert fig.layout.height <= 700
    text = fig.to_json()
    assert "NaN" not in text and "Infinity" not in text
    json.loads(text)
    for one in (fig.layout.xaxis, fig.layout.yaxis):
        if one.type == "log" and one.tickvals is not None:
            low, high = one.range
            assert 2 <= sum(low <= v <= high for v in np.log10(one.tickvals)) <= 9


CURVE = [point(1000, 0.01), point(2000, 0.002, held=0.03), point(4000, 0.001), point(8000, 0.0005)]
EVERY = [*CURVE, *(point(2000, 0.02, m, held=0.05) for m in frontier_point.TITLES if m != "l0engine")]

AWKWARD = {
    "nothing": [],
    "one": [point(500, 0.01)],
    "exact": [point(500, 0.0), point(200, 0.0, "lp", held=0.0)],
    "nan": [point(500, math.nan), point(600, math.nan, "dense", held=math.nan), point(10, 0.5, "random")],
    "every": EVERY,
    "same": [point(500, 0.01, ess=100), point(500, 0.01, ess=100)],
    "unknown": [point(500, 0.01, "<b>mine</b>", ess=0.0001)],
    "single": [point(1, 1.0, ess=1)],
    "many": [point(10 + i, 1 / (i + 1), ess=1 + i * i) for i in range(300)],
}
AWKWARD_POINTS = pytest.mark.parametrize("points", list(AWKWARD.values()), ids=list(AWKWARD))


@PALETTES
@AWKWARD_POINTS
def test_frontier_is_whole_from_anything(points, palette):
    for n_targets, n_households in ((0, 0), (300, 100_000), (5000, 600)):
        fig = frontier.plot(frontier.info(points, n_targets, n_households, points[0].key if points else "none"), palette)
        check(fig)
        for t in fig.data:
            if "markers" in t.mode and t.customdata is not None:
                assert all(row[0] in {p.key for p in points} for row in t.customdata)
    check(method_bars.plot(method_bars.info(points[:8]), palette))
    assert answer(points, 300)


def test_frontier_draws_the_points_in_order_with_their_keys():
    fig = frontier.plot(frontier.info(CURVE[::-1], 2281, 200_576, "l0engine-4000"), theme.LIGHT)
    line, held = traces(fig)["l0engine"], traces(fig)["Held-out targets"]
    assert list(line.x) == [1000, 2000, 4000, 8000]
    np.testing.assert_allclose(line.y, [0.01, 0.002, 0.001, 0.0005])
    assert [row[0] for row in line.customdata] == ["l0engine-1000", "l0engine-2000", "l0engine-4000", "l0engine-8000"]
    below = traces(fig, "y2")["l0engine"]
    assert (list(below.x), list(below.y)) == ([1000, 2000, 4000, 8000], [500, 1000, 2000, 4000]) and below.showlegend is False
    assert below.customdata[0] == line.customdata[0] and "Held-out targets" not in traces(fig, "y2")
    assert fig.layout.xaxis.anchor == "y2" and fig.layout.yaxis.domain[0] > fig.layout.yaxis2.domain[1]
    assert (list(held.x), list(held.y), held.line.dash, held.line.color) == ([2000], [0.03], "dash", theme.LIGHT.held_out)
    ring = traces(fig)["Chosen"]
    assert (list(ring.x), list(ring.y), ring.marker.symbol) == ([4000], [0.001], "circle-open")
    assert list(traces(fig, "y2")["Chosen"].y) == [2000]
    assert fig.layout.title.subtitle.text == "Chosen: 4,000 households, median error 0.1 %, ESS 2 k"


def test_frontier_says_how_many_always_suffice():
    fig = frontier.plot(frontier.info(CURVE, 2281, 200_576), theme.LIGHT)
    line = traces(fig)["Number of targets"]
    assert set(line.x) == {2281} and "always suffice" in line.hovertemplate
    assert fig.layout.annotations[0].text == "Q = 2,281 targets"
    assert "Number of targets" not in traces(frontier.plot(frontier.info(CURVE, 2281, 2000), theme.LIGHT))


def proven(p, gap):
    """The point with a certificate; a gap of None is a bound that says nothing."""
    return replace(p, certificate=Certificate(p.budget, 1.0, 1.0 if gap is None else 1 + gap, 0.0 if gap is None else 1.0))


def test_the_strip_stands_where_the_bound_is_useful():
    points = [CURVE[0], proven(CURVE[1], 3.0), proven(CURVE[2], 0.25), proven(CURVE[3], 0.003)]
    fig = frontier.plot(frontier.info(points, 2281, 200_576), theme.LIGHT)
    strip = traces(fig)[frontier.PROVEN]
    level = strip.y[2]
    assert list(strip.y) == [None, None, level, level]
    numbers = traces(fig)[frontier.NUMBERS]  # of drawn points alone: Plotly loses texts beside others
    assert [d[0] for d in numbers.customdata] == [points[2].key, points[3].key]  # a click on a number chooses its point
    assert list(numbers.x) == [4000, 8000] and list(numbers.y) == [level, level] and list(numbers.text) == ["+25 %", "+0.3 %"]
    low, high = fig.layout.yaxis.range
    assert low < math.log10(level) < math.log10(0.0005) and math.log10(0.01) < high  # below all errors, within the picture
    assert "No 8,000 households can do better" in strip.customdata[3][1].replace("<br>", " ") and "0.3 % above it" in strip.customdata[3][1]
    assert "The bound says nothing at this size." in traces(fig)["l0engine"].customdata[1][1].replace("<br>", " ")
    assert "bound" not in traces(fig)["l0engine"].customdata[0][1]


def test_numbers_of_the_strip_do_not_run_into_one_another():
    points = [
        proven(CURVE[0], 0.3),
        *(proven(replace(CURVE[2], measures=replace(CURVE[2].measures, kept=k)), 0.1) for k in (4000, 4100, 4200)),
    ]
    numbers = traces(frontier.plot(frontier.info(points, 2281, 200_576), theme.LIGHT))[frontier.NUMBERS]
    assert list(numbers.x) == [1000, 4200] and list(numbers.text) == ["+30 %", "+10 %"]
    assert list(numbers.textposition) == ["middle right", "middle left"]  # within the strip, and the last not across the picture's edge


@pytest.mark.parametrize("points", [CURVE, [proven(p, None) for p in CURVE], []], ids=["absent", "useless", "no points"])
def test_no_strip_without_a_useful_bound(points):
    assert not any(name.startswith("Proven") for name in traces(frontier.plot(frontier.info(points, 300, 9000), theme.DARK)))


@PALETTES
def test_another_cap_is_a_dashed_line_in_both_panels(palette):
    other = frontier.Other(frontier.cap_title(Config(max_ratio=10)), (point(1000, 0.05, ess=900), point(2000, 0.02, ess=1700)))
    fig = frontier.plot(frontier.info(CURVE, 2281, 200_576, "l0engine-2000", Config(), [other]), palette)
    check(fig)
    assert "l0engine, no cap" in traces(fig) and "l0engine" not in traces(fig)
    above, below = traces(fig)["l0engine, weights ≤ 10 × base"], traces(fig, "y2")["l0engine, weights ≤ 10 × base"]
    assert above.line.dash == below.line.dash == "dash" and list(above.y) == [0.05, 0.02] and list(below.y) == [900, 1700]
    assert [row[0] for row in above.customdata] == ["", ""]  # nothing to choose: it belongs to another run
    (said,) = cap_words(CURVE[1], Config(), [other])
    assert said == (
        "With weights ≤ 10 × base, 2,000 households have a median error of 2 % and an effective sample size of 1,700; "
        "with no cap, a median error of 0.2 % and an effective sample size of 1,000."
    )
    assert cap_words(CURVE[3], Config(), [other]) == []  # no such size there


def test_held_out_errors_are_compared_in_words():
    own, others = point(60, 0.01, held=0.05), [point(60, 0.1, "random", held=0.08), point(60, 0.1, "pps", held=0.03)]
    said = "On the targets held out, 60 households of this fit have a median error of 5 %"
    assert held_out_words(own, [own, *others]) == f"{said}: no better than Proportional to weight (3 %)."
    assert held_out_words(own, [own, others[0]]) == f"{said}: better than every other method tried, the next being Random (8 %)."
    assert held_out_words(own, [own, point(9000, 0.1, "dense", held=0.01), point(60, 0.1, "lp")]) == f"{said}."
    assert held_out_words(point(60, 0.01), others) == ""


def test_the_bend_is_where_log_error_turns_most():
    assert bend(BENT).key == "l0engine-2000"
    assert bend([*BENT, point(2000, 0.02, "random"), point(2000, 0.5)]).measures.median_abs_rel_error == 0.001
    assert bend(BENT[:2]) is None and bend([]) is None
    assert bend(line((500, 0.08), (1000, 0.04), (2000, 0.02), (8000, 0.005))) is None  # slope 1 throughout


def test_references_have_a_symbol_each_and_hollow_held_out_marks():
    fig = frontier.plot(frontier.info(EVERY, 2281, 200_576), theme.DARK)
    above = [t for t in fig.data if (t.yaxis or "y") == "y" and t.legendgroup in frontier_point.TITLES]
    solid, hollow = [t for t in above if t.showlegend is None], [t for t in above if t.showlegend is False]
    assert {t.marker.symbol for t in fig.data if t.yaxis == "y2" and t.legendgroup in frontier_point.TITLES} == {
        t.marker.symbol for t in solid
    }
    assert [t.name for t in solid] == [reference.title for reference in REFERENCES.values()]
    assert len({t.marker.symbol for t in solid}) == len({t.marker.color for t in solid}) == len(REFERENCES)
    assert [t.marker.symbol for t in hollow] == [f"{t.marker.symbol}-open" for t in solid]
    assert {t.y[0] for t in solid} == {0.02} and {t.y[0] for t in hollow} == {0.05}


def test_exact_fits_lie_under_the_rest_and_the_hover_says_zero():
    fig = frontier.plot(frontier.info([point(2000, 0.003), point(1000, 0.0, "lp")], 0, 0), theme.LIGHT)
    assert traces(fig)["LP vertex"].y[0] == 0.001 and "≤ 0.1 %" in fig.layout.yaxis.ticktext
    assert "median error 0 %" in traces(fig)["LP vertex"].customdata[0][1]


def test_hover_says_everything_and_nothing_harmful():
    text = frontier_point.hover(point(3763, 0.0008, held=0.02, ess=1523.4, ratio=14.23, note="<i>watch</i> out"), 200_576)
    assert text.split("<br>") == [
        "<b>l0engine</b>",
        "3,763 of 200,576 (1.9 %) households",
        "median error 0.08 %",
        "mean error 0.24 %",
        "90 % of targets within 10 %",
        "effective sample size 1,523",
        "largest weight 14.2 × its base weight",
        "held-out targets: median error 2 %",
        "took 200 ms",
        "<i>&lt;i&gt;watch&lt;/i&gt; out</i>",
    ]
    text = frontier_point.hover(point(3763, 0.0008), 200_576, Config(lambda_l0=3.1e-4, epochs=280, hold_out=("state_snap",)))
    text = re.sub(r"(</i>)?<br>(<i>)?", " ", text)
    assert text.endswith("λ L0 0.00031; Hold out groups state_snap; Epochs 280</i>") and "emperature" not in text  # as it was called then
    assert setting_names.configuration(Config(share=0.1)) == "Share 0.1"
    assert setting_names.configuration(Config()) == "Price of a household 0.1"
    assert setting_names.configuration(Config(price_l2=1e-3, max_ratio=10)) == (
        "Price of a household 0.1; Price of uneven weights 0.001; Largest weight / base weight 10"
    )


def line(*pairs):
    return [point(k, e) for k, e in pairs]


#: log-error falls by 3 for each log-kept up to 2,000 households, by a quarter beyond
BENT = line((500, 0.064), (1000, 0.008), (2000, 0.001), (4000, 0.00084), (8000, 0.00071))


@pytest.mark.parametrize(
    "points, n_targets, words",
    [
        ([], 100, "The first points are being computed."),
        ([point(10, 0.1, "random")], 100, "The first points are being computed."),
        (line((3763, 0.0008)), 100, "So far: 3,763 households give a median error of 0.08 %."),
        (
            line((1, 0.5), (9, 0.1)), 100,
            "So far: 1 household gives a median error of 50 %, 9 households give a median error of 10 %.",
        ),
        # twice the best is 0.14 %, whose neighbour 0.1 % is reached at 2,000 exactly, which is the bend too
        (BENT, 100, "You need about 2,000 households for a median error of 0.1 %; below that the error rises steeply."),
        # slope 1 throughout: 1 % lies at 4,000 by the formula e = 40 / k, and there is no bend
        (
            line((500, 0.08), (1000, 0.04), (2000, 0.02), (8000, 0.005)), 100,
            "You need about 4,000 households for a median error of 1 %.",
        ),
        # 1 % where error = 80,000 / k^2, k = 2,828; the bend at 4,000 stands near the number of targets
        (
            line((1000, 0.08), (2000, 0.02), (4000, 0.005), (8000, 0.005), (16000, 0.005)), 4400,
            "You need about 2,800 households for a median error of 1 %. More than 4,000, about the number of targets, gain little.",
        ),
        (
            line((100, 0.0009), (200, 0.0008), (400, 0.0007)), 100,
            "Already 100 households, the fewest tried, give a median error of 0.09 %; the lowest is 0.07 % with 400 households.",
        ),
        (line((100, 0.0), (200, 0.0), (400, 0.0)), 100, "All sizes tried, from 100 households on, have a median error of 0.001 % at most."),
        (line((10, 0.9), (20, 0.8), (40, 0.7)), 100, "The median error stays above 20 %: at best it is 70 % with 40 households."),
        # an exact fit counts as 0.001 %: from 1 % down to that between 100 and 1,000 households, 0.1 % is a third of the way
        (line((10, 0.1), (100, 0.01), (1000, 0.0)), 5, "You need about 220 households for a median error of 0.1 %."),
    ],
)  # fmt: skip
def test_answer_by_hand(points, n_targets, words):
    assert answer(points, n_targets) == words
    assert answer(points[::-1], n_targets) == words


def test_answer_does_not_see_a_bend_in_two_close_points():
    close = line((1000, 0.04), (2000, 0.02), (2020, 0.0185), (4000, 0.01), (8000, 0.005))
    assert "steeply" not in answer(close, 0)


def test_answer_takes_the_better_of_two_points_of_one_size_and_no_reference():
    points = [*BENT, point(2000, 0.5), point(700, 0.0001, "lp"), point(3000, math.nan)]
    assert answer(points, 100) == answer(BENT, 100)


@pytest.mark.parametrize(
    "best, goal", [(0.0, 0.001), (0.0008, 0.001), (0.001, 0.002), (0.0049, 0.01), (0.011, 0.02), (0.013, 0.05), (0.03, 0.05), (0.15, 0.2)]
)
def test_the_error_asked_for_is_round_and_above_the_best(best, goal):
    assert _goal(best) == pytest.approx(goal)


def test_method_bars_by_hand():
    points = [
        point(100, 0.05, "random", ess=80, ratio=3),
        point(100, 0.0, "lp", held=0.4, ess=5, ratio=1e6),
        point(100, 0.01, ess=60, held=0.1),
    ]
    info = method_bars.info(points)
    assert info.titles == ("l0engine", "LP vertex", "Random")
    np.testing.assert_array_equal(info.held_out, [0.1, 0.4, np.nan])
    fig = method_bars.plot(info, theme.LIGHT)
    assert [t.name for t in fig.data] == ["Median error", "Held-out median", "Effective sample size", "Largest weight / base"]
    error, held, ess, ratio = fig.data
    assert list(error.x) == [0.01, axes.ERROR_FLOOR, 0.05] and list(error.text) == ["1 %", "0 %", "5 %"]
    assert list(held.x) == [0.1, 0.4, None] and list(ess.x) == [60, 5, 80] and list(ratio.x) == [4, 1e6, 3]
    assert list(ess.text) == ["60", "5", "80"] and list(ratio.text) == ["4 ×", "1 M ×", "3 ×"]
    assert [row[0] for row in error.customdata] == ["l0engine-100", "lp-100", "random-100"]
    assert list(error.marker.color) == [theme.LIGHT.kept, theme.LIGHT.dropped, theme.LIGHT.dropped]
    assert [a.text for a in fig.layout.annotations] == ["–", "<b>l0engine</b>", "LP vertex", "Random"]
    assert fig.layout.title.subtitle.text == "At 100 households; low error alone proves little"
    without = method_bars.plot(method_bars.info([replace(p, held_out=None) for p in points]), theme.LIGHT)
    assert len(without.data) == 3


def test_method_bars_tell_two_sizes_of_a_method_apart():
    assert method_bars.info([point(10, 0.2), point(2000, 0.1)]).titles == ("l0engine (2,000)", "l0engine (10)")


def test_trade_off_by_hand():
    curve = ((1.0, measures(100, 0.2, 80)), (0.1, measures(100, 0.02, 60)), (3e-5, measures(100, 0.0, 50)))
    fig = trade_off.plot(trade_off.info(point(100, 0.01, ess=55, curve=curve)), theme.LIGHT)
    check(fig)
    curve, used = fig.data
    assert list(curve.x) == [80, 60, 50] and list(curve.y) == [0.2, 0.02, axes.ERROR_FLOOR]
    assert list(curve.text) == ["μ 1", "", "μ 0.00003"] and curve.customdata[1].startswith("<b>μ 0.1</b><br>median error 2 %")
    assert (used.name, list(used.x), list(used.y)) == ("In use", [55], [0.01])


@PALETTES
@pytest.mark.parametrize(
    "curve",
    [(), ((1.0, measures(5, 0.0, 5)),), ((1.0, measures(5, math.nan, 3)),), ((1.0, measures(1, 0.5, 1)), (0.1, measures(1, 0.5, 1)))],
)
def test_trade_off_is_whole_from_anything(curve, palette):
    for error in (0.0, 0.1, math.nan):
        check(trade_off.plot(trade_off.info(point(5, error, curve=curve)), palette))


def test_an_empty_curve_says_so():
    fig = trade_off.plot(trade_off.info(point(5, 0.1)), theme.LIGHT)
    assert [t.name for t in fig.data] == ["In use"] and "not been computed" in fig.layout.title.subtitle.text


def test_pareto_by_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(200):
        kept, error = rng.integers(0, 6, (2, int(rng.integers(0, 12)))).astype(float)
        error[rng.random(len(error)) < 0.1] = np.nan
        pairs = list(zip(kept, error, strict=True))
        beaten = [any(k <= a and e <= b and (k, e) != (a, b) for k, e in pairs) for a, b in pairs]
        expected = [not lost and not math.isnan(b) for lost, (_, b) in zip(beaten, pairs, strict=True)]
        assert sweep.pareto(kept, error).tolist() == expected
    assert sweep.pareto([1, 1, 2, 2], [0.5, 0.5, 0.5, 0.1]).tolist() == [True, True, False, True]


RUNS = [
    run(0, 1000, 0.01, 400, lambda_l0=1e-2, lambda_l2=0.0, loss="mse"),
    run(1, 2000, 0.02, 900, lambda_l0=1e-3, lambda_l2=1e-12),
    run(2, 4000, 0.0, 2000, lambda_l0=1e-4, lambda_l2=1e-10),
    run(3, 500, math.nan),
    replace(run(4, 500, 0.1), result=None),
]


def test_pareto_figure_by_hand():
    info = sweep.info(RUNS, ("lambda_l0", "loss"))
    assert info.ids == ("run0", "run1", "run2") and info.front.tolist() == [True, False, True]
    fig = sweep.plot_pareto(info, theme.LIGHT)
    check(fig)
    front, other = traces(fig)["Pareto front"], traces(fig)["Other runs"]
    assert list(front.x) == [1000, 4000] and list(front.y) == [0.01, axes.ERROR_FLOOR] and list(other.x) == [2000]
    assert [row[0] for row in front.customdata] == ["run0", "run2"]
    assert front.customdata[0][1].startswith("λ L0: <b>0.01</b><br>Loss: <b>mse</b><br>1,000 households<br>median error 1 %")
    assert fig.layout.title.subtitle.text == "2 of 3 runs are not beaten on both"


def test_parallel_axes_by_hand():
    fig = sweep.plot_parallel(sweep.info(RUNS, ("lambda_l0", "lambda_l2", "loss", "budget")), theme.LIGHT)
    check(fig)
    lambda_l0, lambda_l2, kind, budget, kept, error, ess = fig.data[0].dimensions
    assert list(fig.data[0].line.color) == [0, 1, 1]  # the front last, and so on top
    np.testing.assert_allclose(lambda_l0["values"], [-3, -2, -4])
    assert list(lambda_l0.ticktext) == ["1e-4", "0.001", "0.01"]
    assert (list(lambda_l2["values"]), list(lambda_l2.ticktext)) == ([1, 0, 2], ["0", "1e-12", "1e-10"])
    assert (list(kind["values"]), list(kind.ticktext)) == ([1, 0, 1], ["mse", "relative"])
    assert list(budget.ticktext) == ["none"]
    assert list(kept["values"]) == [2000, 1000, 4000] and list(ess["values"]) == [900, 400, 2000]  # less than tenfold: as they are
    np.testing.assert_allclose(error["values"], np.log10([0.02, 0.01, 1e-5]))


@PALETTES
@pytest.mark.parametrize("runs", [[], RUNS[:1], RUNS[3:], RUNS, [RUNS[2]] * 3])
def test_sweeps_are_whole_from_anything(runs, palette):
    for fields in ((), ("lambda_l0",), ("lambda_l2", "refit", "hold_out", "group_multipliers", "max_ratio", "epochs")):
        info = sweep.info(runs, fields)
        check(sweep.plot_pareto(info, palette))
        fig = sweep.plot_parallel(info, palette)
        check(fig)
        for trace in fig.data:
            assert isinstance(trace, go.Parcoords)
            for d in trace.dimensions:
                assert d.range[0] < d.range[1] and len(d.tickvals) == len(d.ticktext) >= 1
                assert all(d.range[0] <= v <= d.range[1] for v in [*d.tickvals, *d["values"]])


def test_settings_from_outside_are_harmless():
    info = sweep.info([run(0, 10, 0.1, hold_out=("<b>x</b>",)), run(1, 20, 0.05)], ("hold_out",))
    assert "<b>x</b>" not in sweep.plot_pareto(info, theme.LIGHT).to_json() + sweep.plot_parallel(info, theme.LIGHT).to_json()


SETS = [np.array(list(s)) == "x" for s in ("xxx.......", "xx.x......", "....xx....")]


def test_overlap_by_hand():
    info = overlap.info(["a", "b", "c"], SETS)
    assert list(info.sizes) == [3, 3, 2]
    np.testing.assert_allclose(info.jaccard, [[1, 2 / 4, 0], [2 / 4, 1, 0], [0, 0, 1]])
    assert info.chance[0, 1] == pytest.approx(0.9 / 5.1)  # 3 * 3 / 10 in both, of 6 less those
    assert list(info.inclusion) == [4, 2, 0]  # 2, 3, 4, 5 once; 0 and 1 twice
    fig = overlap.plot_overlap(info, theme.LIGHT)
    check(fig)
    (cells,) = fig.data
    assert [list(row) for row in cells.z] == [[None, 0.5, 0], [0.5, None, 0], [0, 0, None]]
    assert list(cells.text[0]) == ["", "50 %", "0 %"]
    assert cells.customdata[0][1] == "<b>a</b> and <b>b</b><br>2 of 4 (50 %) in both<br>17.6 % if drawn at random"
    assert cells.customdata[2][2] == "<b>c</b><br>keeps 2 households"
    bars = overlap.plot_inclusion(info, theme.LIGHT)
    check(bars)
    np.testing.assert_allclose(bars.data[0].y, [4 / 6, 2 / 6, 0])
    assert bars.layout.title.subtitle.text == "In every run: 0 of 6 (0 %) of those ever kept"


def test_overlap_against_python_sets():
    rng = np.random.default_rng(1)
    sets = [rng.random(50) < share for share in (0.1, 0.5, 0.5, 0.9)]
    info, members = overlap.info("abcd", sets), [set(np.flatnonzero(s)) for s in sets]
    for (i, a), (j, b) in itertools.product(enumerate(members), repeat=2):
        assert info.jaccard[i, j] == pytest.approx(len(a & b) / len(a | b))
    for times in (1, 2, 3, 4):
        assert info.inclusion[times - 1] == sum(sum(h in m for m in members) == times for h in range(50))


@PALETTES
@pytest.mark.parametrize("sets", [[], SETS[:1], [np.zeros(4, bool)] * 3, [np.ones(4, bool)] * 2, [np.zeros(0, bool)] * 2, SETS * 9])
def test_overlap_is_whole_from_anything(sets, palette):
    info = overlap.info([f"<b>{i}</b>" for i in range(len(sets))], sets)
    for fig in (overlap.plot_overlap(info, palette), overlap.plot_inclusion(info, palette)):
        check(fig)
        assert "&lt;b&gt;" in fig.to_json() or len(sets) == 0 or not fig.layout.yaxis.ticktext or "%" in fig.layout.yaxis.ticktext[0]
