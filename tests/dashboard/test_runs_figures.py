"""Pictures of several runs, held against plain loops, NumPy and pandas."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from dashboard.kit import theme
from dashboard.kit.figures import marks
from dashboard.kit.figures.film import to_json
from dashboard.runs.figures import frontiers, members, pair, replay, ridges, series
from dashboard.runs.figures.looks import COLOURS, Drawn, looks
from l0engine.calibration.results import Measures, Snapshot
from l0engine.jobs.job import Event
from l0engine.jobs.records import PointRecord

A, B, C = (Drawn(name, name.upper(), colour) for name, colour in zip("abc", COLOURS, strict=False))


def snapshot(
    step: int, loss: float = 1.0, kept: int = 10, quantiles: tuple[float, ...] = (0.01, 0.02, 0.03, 0.04, 0.05), **more
) -> Snapshot:
    counts = tuple(more.get("counts", [0] * 20))
    zero, one = more.get("zero", 0.5), more.get("one", 0.5)
    return Snapshot(step, 100, step / 10, loss, 0.25, 0.0, 0.3, kept, zero, one, counts, quantiles, 5.0)


# -- colours


def ids(n: int) -> list[str]:
    return [f"20261101-{i:06d}-{(i * 7919) % 65536:04x}" for i in range(n)]


def test_runs_side_by_side_never_look_alike():
    found = looks([(run, run, False) for run in ids(24)])
    assert list(found) == ids(24) and len({(d.colour, d.dash) for d in found.values()}) == 24
    first = looks([(run, run, False) for run in ids(6)])
    assert {d.colour for d in first.values()} == set(COLOURS) and {d.dash for d in first.values()} == {"solid"}


def test_a_younger_run_changes_nobodys_colour_and_a_pinned_one_keeps_its_own():
    alone = {run: looks([(run, run, False)])[run].colour for run in ids(30)}
    few = looks([(run, run, False) for run in ids(4)])
    more = looks([(run, run, False) for run in reversed(ids(6))])
    assert all(more[run].colour == few[run].colour for run in ids(4))
    for last in ids(30)[1:]:
        others = [(run, run, False) for run in ids(30)[:6] if run != last]
        assert looks([*others, (last, last, True)])[last].colour == alone[last]


# -- loss and kept


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.9])
def test_smoothing_is_a_weighted_geometric_mean_of_what_was_so_far(smoothing):
    values = np.array([8.0, 2.0, 0.0, 4.0, 1.0])
    expected = []
    for i, value in enumerate(values):
        so_far = [v for v in values[: i + 1] if v > 0]
        weights = [smoothing**k for k in range(len(so_far))][::-1]
        mean = math.exp(sum(w * math.log(v) for w, v in zip(weights, so_far, strict=True)) / sum(weights))
        expected.append(mean if value > 0 else value)
    np.testing.assert_allclose(series.smoothed(values, smoothing), expected)


def test_lines_are_drawn_raw_and_smoothed_in_the_colours_of_their_runs():
    runs = [(A, [snapshot(s, 100 / s) for s in range(1, 41)]), (B, [snapshot(s, 50 / s, kept=2000 - s) for s in range(1, 21)])]
    fig = series.plot_loss(series.info(runs, series.LOSSES["Total"], 0.5), theme.LIGHT)
    assert [t.name for t in fig.data] == ["A", "A", "B", "B"] and {t.mode for t in fig.data} == {"lines"}
    np.testing.assert_allclose(fig.data[0].y, [100 / s + 0.25 for s in range(1, 41)])
    np.testing.assert_allclose(fig.data[1].y, series.smoothed(np.array(fig.data[0].y), 0.5))
    assert fig.data[1].line.color == A.colour and fig.data[0].line.color == theme.LIGHT.faded(A.colour, 0.25)
    assert fig.layout.yaxis.type == "log"
    kept = series.plot_kept(series.info(runs, lambda s: s.kept), theme.DARK)
    assert [len(t.x) for t in kept.data] == [40, 20] and kept.layout.title.subtitle.text == "At the end: from 10 to 1,980"
    none = series.info([(A, [])], series.LOSSES["Total"])
    assert series.plot_kept(none, theme.LIGHT).layout.title.subtitle.text == "No step recorded yet"


def test_changes_on_the_way_are_marked_where_they_took_effect():
    events = [Event(120, {"price_l0": 0.3, "temperature": 0.2}, 1.0), Event(None, {"temperature": 0.1}, 2.0)]
    events += [Event(200, {"epochs": 400, "stop_when_settled": False}, 3.0)]
    found = marks.marks(events, "#123456")
    assert [(m.step, m.words) for m in found] == [(120, "Price of a household 0.3, Temperature 0.2"), (200, "on to step 400")]
    fig = series.plot_kept(series.info([(A, [snapshot(s) for s in range(0, 401, 10)])], lambda s: s.kept, marks=found), theme.LIGHT)
    assert [s.x0 for s in fig.layout.shapes] == [120, 200] and {s.line.color for s in fig.layout.shapes} == {"#123456"}
    assert [a.text for a in fig.layout.annotations] == [m.words for m in found]


# -- gates over time


def test_ridges_hold_every_household_and_stand_at_their_steps():
    rng = np.random.default_rng(0)
    history = []
    for step in range(0, 100, 4):
        counts = rng.multinomial(1000, np.ones(22) / 22)
        history.append(snapshot(step, zero=counts[0] / 1000, one=counts[-1] / 1000, counts=counts[1:-1]))
    info = ridges.info(A, history, 1000)
    assert all(r.counts.sum() == 1000 for r in info.ridges)
    assert [r.step for r in info.ridges][:: ridges.RIDGES - 1] == [0, 96] and len(info.ridges) == ridges.RIDGES
    fig = ridges.plot(info, theme.LIGHT)
    tops = [t for t in fig.data if t.fill == "tonexty"]
    assert len(tops) == ridges.RIDGES and tops[-1].fillcolor == theme.LIGHT.faded(A.colour, 0.7)
    heights = (info.ridges[-1].step - np.array(tops[-1].y)).clip(0)
    found = np.expm1(heights * np.log1p(1000) / heights.max() * np.log1p(info.ridges[-1].counts.max()) / np.log1p(1000))
    drawn = [round(h) for h, _ in itertools.groupby(found)]
    assert set(info.ridges[-1].counts) <= set(drawn)
    history_of_one = ridges.plot(ridges.info(A, history[:1], 1000), theme.DARK)
    assert history_of_one.layout.yaxis.range[0] > history_of_one.layout.yaxis.range[1]  # time runs down
    assert ridges.plot(ridges.info(A, [], 1000), theme.DARK).layout.title.subtitle.text == "No step recorded yet"


# -- the film


def test_a_stage_of_the_film_shows_each_run_as_it_was_at_that_step():
    rng = np.random.default_rng(5)
    histories = {}
    for run, last in ((A, 90), (B, 60)):
        steps = [*sorted(rng.choice(np.arange(2, last), 25, replace=False).tolist()), last]
        quantiles = np.sort(rng.lognormal(-4, 1, (len(steps), 5)), axis=1)
        parts = rng.multinomial(500, np.ones(22) / 22, len(steps))
        histories[run] = [
            snapshot(s, 100 / s, int(500 - s), tuple(q), zero=p[0] / 500, one=p[-1] / 500, counts=p[1:-1])
            for s, q, p in zip(steps, quantiles, parts, strict=True)
        ]
    info = replay.info(list(histories.items()), {"a": 500, "b": 500})
    film = replay.film(info, theme.LIGHT)
    assert len(film.captions) == len(info.steps) == replay.STAGES and info.end == info.steps[-1] == 90
    rows = {run: pd.DataFrame([asdict(s) for s in h]) for run, h in histories.items()}
    trails = [m for m in film.marks if m.kind == "trail"]
    boxes = [m for m in film.marks if m.kind == "bars" and m.panel == 3]
    gates = [m for m in film.marks if m.kind == "bars" and m.panel == 2]
    for stage, step in enumerate(info.steps):
        caption = []
        for i, run in enumerate((A, B)):
            was = rows[run][rows[run].step <= step]
            was = was.iloc[-1] if len(was) else rows[run].iloc[0]
            assert [trails[k].values["x"][stage] for k in (i, 2 + i)] == [was.step] * 2
            np.testing.assert_allclose([10 ** trails[k].values["y"][stage] for k in (i, 2 + i)], [was.data_loss, was.kept])
            low, first, median, third, high = was.error_quantiles
            for mark, ends in ((boxes[2 * i], (low, high)), (boxes[2 * i + 1], (first, third))):
                at = mark.values["x0"][stage, 0]
                np.testing.assert_allclose([10**at, 10 ** (at + mark.values["w"][stage, 0])], ends)
            assert boxes[2 * i].values["median"][stage, 0] == pytest.approx(100 * median)
            counts = gates[i].values["count"][stage]
            assert counts.sum() == 500 and counts[1:-1].tolist() == list(was.gate_counts)
            full = (gates[i].values["y"][stage] - gates[i].values["y0"]) / 0.8
            np.testing.assert_allclose(np.expm1(full * np.log(501)), counts, rtol=0.02, atol=0.01)
            caption.append(int(was.kept))
        said = " to ".join(str(k) for k in sorted(set(caption)))
        assert film.captions[stage].startswith(f"Step {step} of 90: {said} households kept, median error")
    assert trails[0].colours == (A.colour,) and film.panels[3].y_ticks == ((0.0, "A"), (-1.0, "B"))
    assert len(to_json(film, theme.LIGHT)) < 120_000


def test_the_film_leaves_out_what_a_run_does_not_have_and_may_stand_still():
    nan = (math.nan,) * 5
    info = replay.info([(A, [snapshot(1, quantiles=nan)]), (B, [])], {}, 40)
    film = replay.film(info, theme.DARK)
    assert info.runs == (A,) and film.captions == ["Step 1 of 40: 10 households kept"]
    assert {m.panel for m in film.marks} == {0, 1}
    json.loads(to_json(film, theme.DARK))
    zero = replay.film(replay.info([(A, [replace(snapshot(1), data_loss=0.0), snapshot(2)])], {}), theme.DARK)
    assert all(np.isfinite(m.values["y"]).all() for m in zero.marks)


# -- frontiers


def point(method: str, kept: int, error: float) -> PointRecord:
    return PointRecord(method, kept, Measures(kept, error, error, 1.0, kept / 2, 2.0, 9.0, 3.0), None, 0.1, "")


def test_frontiers_are_drawn_in_the_colours_of_their_runs_without_other_methods():
    info = frontiers.info([(A, [point("l0engine", 20, 0.1), point("l0engine", 10, 0.2), point("random", 10, 0.9)]), (B, [])])
    fig = frontiers.plot(info, theme.LIGHT)
    assert [(list(t.x), list(t.y), t.line.color) for t in fig.data] == [([10, 20], [0.2, 0.1], A.colour)]


# -- two runs


def test_targets_take_the_colour_of_the_run_that_is_nearer():
    rng = np.random.default_rng(1)
    of_a, of_b, use = rng.normal(size=200), rng.normal(size=200), rng.random(200) < 0.7
    of_b[:5] = of_a[:5]
    names = np.array([f"t{i}" for i in range(200)])
    fig = pair.plot_errors(pair.errors_info(A, B, names, of_a, of_b, use), theme.LIGHT)
    frame = pd.DataFrame({"a": np.abs(of_a), "b": np.abs(of_b)})[use]
    nearer = (frame.a < frame.b).sum()
    drawn = {t.name: len(t.x) for t in fig.data if t.mode == "markers"}
    assert drawn == {"Nearer: A": nearer, "Nearer: B": (frame.a > frame.b).sum(), "As near": (frame.a == frame.b).sum()}
    assert fig.layout.title.subtitle.text.startswith(f"A is nearer on {nearer} of {use.sum()}")


def test_weights_of_households_that_one_drops_lie_on_its_axis():
    of_a, of_b = np.array([0.0, 2.0, 50.0, 0.0]), np.array([0.0, 3.0, 0.0, 7.0])
    fig = pair.plot_weights(pair.weights_info(A, B, np.array(list("wxyz")), of_a, of_b), theme.LIGHT)
    drawn = {t.name: (t.x[0], t.y[0], tuple(t.customdata[0])) for t in fig.data if t.mode == "markers"}
    floor = 2.0 / 3
    assert drawn["Both"] == (2.0, 3.0, ("x", "2", "3")) and drawn["Only A"][2] == ("y", "50", "dropped")
    assert drawn["Only A"][:2] == (50.0, floor) and drawn["Only B"][:2] == (floor, 7.0)
    assert fig.layout.title.subtitle.text == "1 of 3 (33.3 %) households are kept by both"
    assert fig.layout.xaxis.ticktext[0] == "0" and fig.layout.xaxis.tickvals[0] == floor


def test_many_pairs_become_cells_that_hold_all_of_them():
    rng = np.random.default_rng(2)
    of_a, of_b = rng.lognormal(size=12_000), rng.lognormal(size=12_000)
    names = np.arange(12_000).astype(str)
    for fig in (
        pair.plot_weights(pair.weights_info(A, B, names, of_a, of_b), theme.LIGHT),
        pair.plot_errors(pair.errors_info(A, B, names, of_a, of_b, np.ones(12_000, bool)), theme.LIGHT),
    ):
        cells = next(t for t in fig.data if t.type == "heatmap")
        assert round(sum(10**z for row in cells.z for z in row if z is not None)) == 12_000


# -- who is kept


def test_sets_of_runs_are_counted_as_pandas_counts_them():
    rng = np.random.default_rng(3)
    kept = rng.random((11, 4000)) < rng.random((11, 1)) * 0.6
    runs = [Drawn(str(i), f"run {i}", COLOURS[i % 6]) for i in range(11)]
    info = members.info(runs, kept)
    frame = pd.DataFrame(kept.T)
    counted = frame[frame.any(axis=1)].value_counts().to_dict()
    assert {tuple(m): c for m, c in zip(info.members.tolist(), info.counts.tolist(), strict=True)} == counted
    assert (np.diff(info.counts) <= 0).all()
    assert info.by_all == kept.all(axis=0).sum() and info.by_one == (kept.sum(axis=0) == 1).sum()
    fig = members.plot(info, theme.LIGHT)
    assert list(fig.data[0].y) == info.counts[: members.MOST].tolist()
    below = info.counts[members.MOST :]
    assert fig.layout.xaxis.title.text == f"{len(below):,} smaller sets hold {below.sum():,} households more"


def test_bars_say_by_colour_whether_all_or_one_keeps_them():
    kept = np.array([[1, 1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 0]], bool)
    fig = members.plot(members.info([A, B, C], kept), theme.LIGHT)
    assert list(fig.data[0].marker.color) == [theme.LIGHT.kept, theme.LIGHT.faded(theme.LIGHT.kept, 0.45), A.colour]
    assert fig.layout.title.subtitle.text == "Of 6: 3 kept by all, 2 by some, 1 by one"
    assert fig.data[0].customdata[2].endswith("by only A")
    nobody = members.plot(members.info([A, B], np.zeros((2, 5), bool)), theme.LIGHT)
    assert nobody.layout.title.subtitle.text == "No household was kept"
