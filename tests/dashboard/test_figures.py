"""Figures: what they show against calculations by hand, and that every one can be drawn from much, one or nothing."""

from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pytest
from further import further

from dashboard.calibration.figures import composition, error_fan, estimates, kept, loss, refit_effect, weight_change, weight_concentration
from dashboard.data.figures import base_errors
from dashboard.kit import theme
from dashboard.kit.figures import axes, gates, shares
from dashboard.kit.figures.bins import Bins
from dashboard.kit.figures.traces import MAX_STEPS, thinned
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Snapshot

PALETTES = pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)], ids=lambda p: p.name)


def snapshot(step=0, *, kept=6, data=1.0, l0=0.5, l2=0.0, quantiles=(0.0, 0.01, 0.02, 0.1, 2.0), n=10):
    counts = [0] * 20
    counts[3], counts[19] = 2, 1
    return Snapshot(step, 100, step / 10, data, l0, l2, 0.35, kept, 1 - kept / n, (kept - 3) / n, tuple(counts), quantiles, 4.0)


@pytest.fixture
def snapshots():
    return [snapshot(0), snapshot(10, kept=5, data=0.1, l2=1e-6), snapshot(20, kept=4, data=0.01)]


@pytest.fixture
def problem():
    """Estimates at the base weights are 30, 22, -16, 0; the last target has no household."""
    matrix = [[1, 1, 1, 0], [1, 0, 0, 3], [0, -1, 1, -1.0], [0, 0, 0, 0]]
    table = pd.DataFrame(
        {
            "state": ["A", "B", "A", None],
            "size": [1, 2, 2, 3],
            "own": [True, False, True, True],
            "income": [0.0, -10.0, 500.0, np.nan],
            "<i>x</i>": ["<b>1</b>", "2", "3", "4"],
        }
    )
    return Problem.create(
        matrix, [60, 22, -10, 5], names=["t1", "<b>t2</b>", "t3", "t4"], groups=["g", "h", "h", "k"], base_weights=[10, 16, 4, 4],
        attributes=table,
    )  # fmt: skip


WEIGHTS = np.array([20.0, 0.0, 40.0, 1.0])


def large(n_targets=12_000, n_households=12_000, groups=40):
    """More of everything than is drawn one by one."""
    rng = np.random.default_rng(0)
    from scipy import sparse

    matrix = sparse.csr_array(
        (rng.lognormal(size=n_targets), (np.arange(n_targets), np.arange(n_targets) % n_households)), (n_targets, n_households)
    )
    return Problem.create(
        matrix, rng.lognormal(3, 2, n_targets), groups=[f"family of targets with a long name {i % groups}" for i in range(n_targets)],
        base_weights=rng.lognormal(5, 1, n_households), attributes=pd.DataFrame({"code": np.arange(n_households).astype(str), "income": rng.normal(size=n_households)}),
    )  # fmt: skip


def figures(problem, weights, snapshots, palette):
    n = problem.n_households
    yield loss.plot(loss.info(snapshots), palette)
    yield kept.plot(kept.info(snapshots, n), palette)
    yield gates.plot(gates.info(snapshots, n), palette)
    yield error_fan.plot(error_fan.info(snapshots), palette)
    yield base_errors.plot(base_errors.info(problem), palette)
    yield base_errors.plot(base_errors.info(problem, weights), palette)
    yield refit_effect.plot(refit_effect.info(problem, weights, weights * 1.1), palette)
    yield refit_effect.plot(refit_effect.info(problem, weights, None), palette)
    yield estimates.plot(estimates.info(problem, weights), palette)
    yield weight_change.plot(weight_change.info(problem, weights), palette)
    yield weight_concentration.plot(weight_concentration.info(problem, weights), palette)
    for attribute in problem.attributes:
        yield composition.plot(composition.info(problem, weights, attribute), palette)


def numbers_in(node):
    """Every number of a figure's JSON, packed arrays included."""
    if isinstance(node, dict) and "bdata" in node:
        yield from np.frombuffer(base64.b64decode(node["bdata"]), np.dtype(node["dtype"])).astype(float)
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from numbers_in(part)
    elif isinstance(node, float):
        yield node


def check(fig, palette):
    """What holds for every figure."""
    layout = fig.layout
    assert layout.title.text and len(layout.title.text) <= 50
    assert layout.title.subtitle.text
    assert layout.xaxis.title.text and layout.yaxis.title.text
    assert layout.template.layout.font.color == palette.text
    assert layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    text = fig.to_json()
    assert "NaN" not in text and "Infinity" not in text
    assert all(np.isfinite(list(numbers_in(json.loads(text)))))
    assert "–" not in str(layout.title.subtitle.text).replace(" – ", "")
    for one in (layout.xaxis, layout.yaxis):
        if one.type == "log":
            low, high = one.range
            inside = [t for t, v in zip(one.ticktext, np.log10(one.tickvals), strict=True) if low <= v <= high]
            assert 2 <= len(inside) <= 9, inside


@PALETTES
def test_every_figure_is_whole(problem, snapshots, palette):
    for fig in figures(problem, WEIGHTS, snapshots, palette):
        check(fig, palette)


@PALETTES
def test_every_figure_survives_one_of_everything(palette):
    one = Problem.create([[2.0]], [3.0], attributes=pd.DataFrame({"a": ["x"], "b": [1.5]}))
    for fig in figures(one, np.array([1.0]), [snapshot(n=10)], palette):
        check(fig, palette)


@PALETTES
def test_every_figure_survives_nothing(palette):
    """No step, no household kept, no target that can be reached or measured."""
    none = Problem.create([[0.0, 0.0]], [0.0], attributes=pd.DataFrame({"a": [None, None], "b": [np.nan, np.inf]}))
    for fig in figures(none, np.zeros(2), [], palette):
        check(fig, palette)


def test_large_problems_send_bins_not_points():
    problem = large()
    for fig in figures(problem, problem.base_weights * 2, [snapshot(i, n=12_000) for i in range(5_000)], theme.LIGHT):
        check(fig, theme.LIGHT)
        assert len(fig.to_json()) < 1_500_000
        for trace in fig.data:
            if trace.type == "scatter":
                assert len(trace.x) <= MAX_STEPS + 1


def test_loss_terms(snapshots):
    info = loss.info(snapshots)
    np.testing.assert_array_equal(info.step, [0, 10, 20])
    np.testing.assert_allclose(info.total, [1.5, 0.600001, 0.51])
    fig = loss.plot(info, theme.LIGHT)
    assert [t.name for t in fig.data] == ["Total", "Target misfit", "L0 (households)", "L2 (weights)"]
    assert list(fig.data[3].y) == [None, 1e-6, None]  # zeros have no place on a log axis
    assert fig.layout.yaxis.type == "log"


def test_loss_leaves_out_a_term_that_is_never_used():
    fig = loss.plot(loss.info([snapshot(0), snapshot(1)]), theme.LIGHT)
    assert "L2 (weights)" not in [t.name for t in fig.data]


def test_kept_takes_a_log_axis_only_for_a_long_fall():
    gentle = kept.plot(kept.info([snapshot(0, kept=6), snapshot(1, kept=4)], 10), theme.LIGHT)
    steep = kept.plot(kept.info([snapshot(0, kept=1000, n=1000), snapshot(1, kept=10, n=1000)], 1000), theme.LIGHT)
    assert gentle.layout.yaxis.type is None and gentle.layout.yaxis.range[0] == 0
    assert steep.layout.yaxis.type == "log"
    assert steep.data[0].customdata[1] == "10 of 1,000 (1 %) kept<br>sparsity 99 %"


def test_gates_show_the_last_snapshot_as_shares(snapshots):
    info = gates.info(snapshots, 10)
    assert (info.zero, info.one, info.step) == (pytest.approx(0.6), pytest.approx(0.1), 20)
    assert info.between.sum() == pytest.approx(0.3)
    fig = gates.plot(info, theme.LIGHT)
    assert [t.name for t in fig.data] == ["Closed", "Between", "Open"]
    assert [t.marker.color for t in fig.data] == [theme.LIGHT.dropped, theme.LIGHT.undecided, theme.LIGHT.kept]
    assert fig.data[1].y[3] == pytest.approx(0.2) and fig.data[1].y[0] is None
    assert all(words in fig.layout.title.subtitle.text for words in ("60 % closed", "30 % between", "10 % open"))


def test_error_fan_draws_zero_at_the_floor_and_says_the_truth_on_hover(snapshots):
    fig = error_fan.plot(error_fan.info(snapshots), theme.LIGHT)
    assert [t.name for t in fig.data if t.showlegend is not False] == ["5 % to 95 %", "Middle half", "Median"]
    assert fig.data[0].y[0] == axes.ERROR_FLOOR
    assert fig.data[1].customdata[0] == "0 % to 200 %"
    assert "≤ 0.001 %" in fig.layout.yaxis.ticktext


def test_base_errors_by_hand(problem):
    info = base_errors.info(problem)
    # group g: t1 = |30 - 60| / 60; group h: t2 = |22 - 22| / 22,
    # t3 = |-16 + 4 - 4 + 10| / 10, of the published value, although one household adds up to 16
    by_name = {g.name: g for g in info.groups}
    assert [g.name for g in info.groups] == ["g", "h", "k"]
    assert by_name["g"].median == pytest.approx(0.5)
    assert by_name["h"].median == pytest.approx((0 + 6 / 10) / 2)
    assert list(by_name["k"].unreachable) == [3] and np.isnan(by_name["k"].median)
    assert info.median == pytest.approx(0.5) and info.reference
    fig = base_errors.plot(info, theme.LIGHT)
    dots, medians, lost = fig.data
    assert len(dots.x) == 3 and lost.marker.color == theme.LIGHT.error and lost.marker.symbol == "x"
    assert list(medians.x) == [pytest.approx(0.5), pytest.approx(0.3), None]
    assert "&lt;b&gt;t2&lt;/b&gt;" in "".join(dots.customdata)


def test_base_errors_gather_small_groups():
    info = base_errors.info(large(groups=45))
    assert len(info.groups) == base_errors.MAX_GROUPS
    assert "16 smaller groups" in [g.name for g in info.groups]
    assert sum(len(g.targets) for g in info.groups) == 12_000


def test_refit_curves_by_hand(problem):
    info = refit_effect.info(problem, problem.base_weights, WEIGHTS)
    np.testing.assert_allclose(info.gated.error, [0, 0.5, 0.6])
    np.testing.assert_allclose(info.gated.share, [1 / 3, 2 / 3, 1])
    # at WEIGHTS: 60 - 60; (23 - 22) / 22; (39 + 10) / 10
    np.testing.assert_allclose(info.refitted.error, [0, 1 / 22, 4.9])
    assert info.refitted.median == pytest.approx(1 / 22)
    fig = refit_effect.plot(info, theme.LIGHT)
    assert [t.name for t in fig.data] == ["After the refit", "Median, after the refit", "Before, with gates", "Median, before, with gates"]
    assert fig.layout.title.subtitle.text == "◆ Median 50 % before, 4.5 % after"


def test_refit_counts_only_targets_in_use(problem):
    info = refit_effect.info(problem, problem.base_weights, None, np.array([True, False, False, False]))
    assert info.targets == 1 and info.refitted is None and list(info.gated.error) == [0.5]


def test_estimates_by_hand(problem):
    info = estimates.info(problem, WEIGHTS)
    np.testing.assert_allclose(info.estimates, [60, 23, 39, 0])
    np.testing.assert_allclose(info.errors, [0, 1 / 22, 4.9, -1])
    fig = estimates.plot(info, theme.LIGHT)
    traces = {t.name: t for t in fig.data}
    assert list(traces["Positive"].x) == [60, 22] and list(traces["Positive"].y) == [60, 23]
    assert list(traces["Positive"].marker.color) == [theme.LIGHT.errors[0], theme.LIGHT.errors[2]]
    assert list(traces["Other sign"].customdata[0]) == ["t3", "h", "−10", "39", "490 %"]
    assert traces["Unreachable (1)"].marker.color == theme.LIGHT.error
    assert traces["Positive"].customdata[1][0] == "&lt;b&gt;t2&lt;/b&gt;"
    assert fig.layout.yaxis.ticktext[0] == "0"
    assert fig.layout.title.subtitle.text == "1 of 3 (33.3 %) targets within 1 %"


def test_weights_that_are_too_small_to_draw_are_told_of(problem):
    weights = np.array(problem.base_weights)
    weights[:2] = 1e-5
    title = weight_change.plot(weight_change.info(problem, weights), theme.LIGHT).layout.title
    assert title.subtitle.text.endswith("; 2 lie lower")


def test_weight_change_shows_only_kept_households(problem):
    info = weight_change.info(problem, WEIGHTS)
    assert list(info.ids) == ["1", "3", "4"] and list(info.base) == [10, 4, 4] and list(info.final) == [20, 40, 1]
    fig = weight_change.plot(info, theme.LIGHT)
    assert [t.name for t in fig.data] == ["One household", "Unchanged"]
    assert fig.layout.title.subtitle.text == "Final / base: median 2 ×, largest 10 ×"


def test_bins_count_every_pair():
    rng = np.random.default_rng(1)
    x, y = rng.lognormal(size=(2, 5_000))
    bins = Bins(x, y)
    inside = (x >= bins.x[7]) & (x < bins.x[8]) & (y >= bins.y[30]) & (y < bins.y[31])
    assert bins.counts.sum() == 5_000 and bins.counts[30, 7] == inside.sum()


def test_concentration_by_hand(problem):
    info = weight_concentration.info(problem, WEIGHTS)
    np.testing.assert_allclose(info.households, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(info.final, [0, 40 / 61, 60 / 61, 1])
    np.testing.assert_allclose(info.base, [0, 10 / 18, 14 / 18, 1])
    assert info.top(1 / 6) == pytest.approx(20 / 61)


def test_composition_of_words(problem):
    info = composition.info(problem, WEIGHTS, "state")
    assert info.labels == ("B", "A", "missing") and info.edges is None
    np.testing.assert_allclose(info.everyone, [16 / 34, 14 / 34, 4 / 34])
    np.testing.assert_allclose(info.kept, [0, 60 / 61, 1 / 61])
    np.testing.assert_allclose(info.kept_count, [0, 2 / 3, 1 / 3])
    fig = composition.plot(info, theme.LIGHT)
    assert [(t.name, t.type) for t in fig.data] == [("Everyone", "bar"), ("Kept, weighted", "bar"), ("Kept, unweighted", "scatter")]
    assert fig.layout.title.subtitle.text == "Widest gap at A: 41.2 % everyone, 98.4 % kept"


def test_composition_keeps_numbers_in_order_and_yes_no_as_words(problem):
    assert composition.info(problem, WEIGHTS, "size").labels == ("1", "2", "3")
    assert set(composition.info(problem, WEIGHTS, "own").labels) == {"True", "False"}


def test_composition_gathers_rare_categories():
    info = composition.info(large(), np.ones(12_000), "code")
    assert len(info.labels) == shares.MAX_CATEGORIES and info.labels[-1] == "other (11976)"
    assert info.everyone.sum() == pytest.approx(1)


def test_composition_bins_numbers():
    rng = np.random.default_rng(2)
    income = rng.lognormal(10, 1, 4_000)
    income[:40] = np.nan
    problem = Problem.create(np.ones((1, 4_000)), [1.0], base_weights=rng.uniform(1, 3, 4_000), attributes=pd.DataFrame({"income": income}))
    info = composition.info(problem, np.where(np.arange(4_000) % 2, 5.0, 0.0), "income")
    assert 8 <= len(info.labels) <= 20 and np.ptp(np.diff(info.edges)) < 1e-9
    known = ~np.isnan(income)
    second = known & (income >= info.edges[1]) & (income < info.edges[2])
    assert info.everyone[1] == pytest.approx(problem.base_weights[second].sum() / problem.base_weights[known].sum())
    last = known & (income >= info.edges[-2])  # open at the top
    assert info.everyone[-1] == pytest.approx(problem.base_weights[last].sum() / problem.base_weights[known].sum())
    assert info.kept.sum() == pytest.approx(1) and info.labels[0].startswith("below")


@pytest.mark.parametrize("low, high", [(1e-9, 1e-9), (1e-5, 1.0), (0.2, 0.3), (1e-3, 5e4), (1.0, 1.0)])
def test_percent_ticks_are_readable(low, high):
    axis = axes.percent_log_axis("Error", [low, high])
    inside = [t for t, v in zip(axis["ticktext"], np.log10(axis["tickvals"]), strict=True) if axis["range"][0] <= v <= axis["range"][1]]
    inside = [t for t in inside if t]  # none below the floor
    assert 2 <= len(inside) <= 9 and all(t.endswith(" %") and "e" not in t for t in inside)


def test_percent_and_count_ticks():
    assert axes.percent_log_axis("Error", [1e-5, 1])["ticktext"] == ["≤ 0.001 %", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"]
    assert axes.count_log_axis("Households", [1, 10_000])["ticktext"] == ["1", "10", "100", "1 k", "10 k"]


def test_labels_are_harmless_and_keep_both_ends():
    assert theme.label('<a href="javascript:x">y</a>') == '&lt;a href="javascript:x"&gt;y&lt;/a&gt;'
    short = theme.label("state population of Alabama 12", 14)
    assert len(short) <= 14 and short.startswith("state") and short.endswith("12")


def test_long_histories_are_thinned_with_both_ends():
    thin = thinned(range(123_457))
    assert len(thin) == MAX_STEPS and (thin[0], thin[-1]) == (0, 123_456)


def test_no_data_leave_for_plotlys_cloud():
    config = theme.CONFIG
    assert config["showSendToCloud"] is False and config["plotlyServerURL"] == "" and config["displaylogo"] is False


def contrast(a, b):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette, page", [(theme.LIGHT, "#FFFFFF"), (theme.DARK, "#0E1117")])
def test_colours_can_be_told_from_the_page(palette, page):
    """WCAG 2.2: 4.5 for words, 3 for the parts of a picture (grey references may be a little quieter)."""
    assert all(contrast(c, page) >= 4.5 for c in (palette.text, palette.muted, palette.target))
    assert all(contrast(c, page) >= 3 for c in (palette.kept, palette.error, palette.held_out, palette.undecided, palette.dropped))
