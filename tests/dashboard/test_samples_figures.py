"""Figures of a sample: what they draw against counts by pandas, and from nothing, one and awkward names."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from further import further

from dashboard.kit import theme
from dashboard.samples.columns import columns, pairs, proposal
from dashboard.samples.figures import distribution, figures, gates, places, progress, pyramid
from l0engine.selection.selected import SampleSnapshot
from l0engine.studies.samples.result import SampleResult

PALETTES = pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)], ids=lambda p: p.name)
N = 2000


def people(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(0, 104, N),
            "income": rng.lognormal(10, 1, N),
            "persons": rng.integers(1, 9, N),
            "sex": rng.choice(["f", "m"], N),
            "state": rng.choice(["CA", "NY", "TX", "DC"], N, p=[0.5, 0.3, 0.15, 0.05]),
            "gap": np.where(rng.random(N) < 0.1, np.nan, rng.random(N)),
            "word": rng.choice(["a", "<b>b</b>", None], N),
        }
    )


PEOPLE = people()
CHOSEN = np.sort(np.random.default_rng(1).choice(N, 150, replace=False))
SAMPLE = PEOPLE.iloc[CHOSEN]


def traces(fig):
    return {t.name: t for t in fig.data}


def check(fig):
    """What holds for every figure."""
    assert fig.layout.title.text and len(fig.layout.title.text) <= 60
    assert len(re.sub("<[^>]*>", "", fig.layout.title.subtitle.text)) <= 90
    assert fig.layout.height and fig.layout.yaxis.title.text is not None and fig.layout.xaxis.title.text
    text = fig.to_json()
    assert "NaN" not in text and "Infinity" not in text and "<b>b" not in text
    json.loads(text)
    return fig


# -- how far each figure is off -----------------------------------------------------------------------------------------

NAMES = ["mean of x", "s = a", "s = b", "s = c"]
GROUPS = ["means", "shares of s", "shares of s", "shares of s"]
FULL = [1000.0, 0.5, 0.3, 0.2]
OFF = {"l0": [0.001, -0.002, 0.003, 0.0], "random": [0.05, 0.02, -0.04, 0.01], "stratified": [0.03, 0.0, 0.0, 0.0]}
VALUES = {m: [f + d for f, d in zip(FULL, differences, strict=True)] for m, differences in OFF.items()}


def info_of(names, groups, full, values, differences):
    """The figures of a result, in their order."""
    return figures.info(SampleResult(N, names, groups, full, values, differences, largest={}, types={}, seconds=0.0))


def test_figures_are_sorted_in_their_groups_and_keep_their_numbers():
    info = info_of(NAMES, GROUPS, FULL, VALUES, OFF)
    assert info.names == ("mean of x", "s = b", "s = c", "s = a") and info.groups == tuple(GROUPS)
    np.testing.assert_array_equal(info.differences["random"], [0.05, -0.04, 0.01, 0.02])
    np.testing.assert_array_equal(info.differences["l0"], [0.001, 0.003, 0.0, -0.002])
    np.testing.assert_array_equal(info.full, [1000, 0.3, 0.2, 0.5])


@PALETTES
def test_figures_have_a_dot_for_each_method_within_the_axis(palette):
    fig = check(figures.plot(info_of(NAMES, GROUPS, FULL, VALUES, OFF), palette))
    drawn = traces(fig)
    assert set(drawn) == {"Gates", "Random", "Stratified"}
    np.testing.assert_array_equal(drawn["Gates"].x, [0.001, 0.003, 0.0, -0.002])
    assert drawn["Gates"].marker.color == palette.kept and drawn["Gates"].marker.symbol == "circle"
    assert drawn["Random"].marker.symbol != drawn["Stratified"].marker.symbol
    low, high = fig.layout.xaxis.range
    assert low < -0.05 and high > 0.05
    assert list(fig.layout.yaxis.ticktext) == ["means", "shares of s"]
    assert "s = b" in drawn["Gates"].customdata[1] and "30 %" in drawn["Gates"].customdata[1] and "30.3 %" in drawn["Gates"].customdata[1]
    assert fig.layout.title.subtitle.text == "Largest difference: gates 0.003, random 0.05, stratified 0.03"


def test_every_design_has_a_look_of_its_own():
    off = {"l0": [0.0], "random": [0.1], "stratified": [0.2], "cube": [0.3]}
    drawn = traces(check(figures.plot(info_of(["x"], ["means"], [1.0], off, off), theme.DARK)))
    assert set(drawn) == {"Gates", "Random", "Stratified", "Cube"}
    assert len({t.marker.symbol for t in drawn.values()}) == len({t.marker.color for t in drawn.values()}) == 4


def test_groups_do_not_overlap_and_many_figures_stay_readable():
    groups = ["means"] * 2 + ["shares of s"] * 700 + ["a × b"] * 30
    off = {"l0": np.linspace(-1, 1, len(groups))}
    fig = check(figures.plot(info_of([f"n{i}" for i in range(len(groups))], groups, np.ones(len(groups)), off, off), theme.LIGHT))
    y, ticks = np.asarray(fig.data[0].y), fig.layout.yaxis.tickvals
    assert fig.layout.height < 800 and len(ticks) == 3 and (np.diff(y) > 0).all()
    assert y[:2].max() < y[2:702].min() and y[2:702].max() < y[702:].min()
    assert ticks[0] == pytest.approx(y[:2].mean()) and min(np.diff(ticks)) > 14


@pytest.mark.parametrize("off", [{"random": [0.0]}, {"l0": [0.0], "random": [0.0]}, {"hybrid": [1e-9], "random": [3.0]}])
def test_one_figure_and_no_difference(off):
    check(figures.plot(info_of(["<b>b"], ["<b>b</b>"], [0.0], off, off), theme.LIGHT))


@pytest.mark.parametrize(("number", "words"), [(0.003534, "0.0035"), (0.0, "0"), (3e-7, "< 0.0001"), (-0.0412, "−0.041"), (1.26, "1.3")])
def test_deviations_have_two_digits(number, words):
    assert figures.deviations(number) == words


# -- gates by step ------------------------------------------------------------------------------------------------------


def snapshot(step, zero, one, between, largest=0.01, rounding=0.02):
    return SampleSnapshot(step, 3, 0.1 * step, largest, rounding, 40.0, zero, one, between)


STEPS = [snapshot(1, 900, 10, (60, 30), 0.05), snapshot(2, 950, 30, (10, 10), 0.005), snapshot(3, 960, 40, (0, 0), 0.0)]


@PALETTES
def test_gates_are_counted_by_step(palette):
    info = gates.info(STEPS, 40)
    fig = check(gates.plot(info, palette))
    drawn = traces(fig)
    assert list(drawn["Between"].y) == [90, 20, None] and list(drawn["Open"].y) == [10, 30, 40]
    assert drawn["Closed"].customdata[0] == "900 of 1,000 (90 %)"
    assert fig.layout.title.subtitle.text == "At the end 0 of 1,000 undecided"


@PALETTES
def test_progress_shows_what_is_known(palette):
    live, done = progress.info(STEPS), progress.info(STEPS, 0.004, 0.1)
    assert set(traces(check(progress.plot(live, palette)))) == {"Largest difference of the gates", "What rounding may cost"}
    fig = check(progress.plot(done, palette))
    assert traces(fig)["The sample"].y == (0.004,) and fig.layout.title.subtitle.text == "The sample is within 0.004 standard deviations"
    assert [shape.y0 for shape in fig.layout.shapes] == [0.1] and list(traces(fig)["Largest difference of the gates"].y) == [
        0.05,
        0.005,
        None,
    ]
    low, high = fig.layout.yaxis.range
    assert low < np.log10(0.004) and high > np.log10(0.1)


@pytest.mark.parametrize("steps", [[], STEPS[:1]])
def test_few_steps(steps):
    check(gates.plot(gates.info(steps, 40), theme.LIGHT))
    check(progress.plot(progress.info(steps), theme.LIGHT))
    check(progress.plot(progress.info(steps, 0.0, 0.0), theme.LIGHT))


# -- one column ---------------------------------------------------------------------------------------------------------


def test_categories_have_their_shares():
    info = distribution.info(PEOPLE.state, CHOSEN)
    full = PEOPLE.state.value_counts(normalize=True)
    assert info.labels == tuple(full.index) == ("CA", "NY", "TX", "DC") and info.edges is None
    np.testing.assert_allclose(info.full, full)
    np.testing.assert_allclose(info.sample, SAMPLE.state.value_counts(normalize=True)[list(full.index)])
    assert distribution.info(PEOPLE.persons, CHOSEN).labels == tuple("12345678")
    missing = distribution.info(PEOPLE.word, CHOSEN)
    assert missing.full[missing.labels.index("missing")] == pytest.approx(PEOPLE.word.isna().mean())


@pytest.mark.parametrize("name", ["income", "age", "gap"])
def test_bins_hold_every_number(name):
    info = distribution.info(PEOPLE[name], CHOSEN)
    known = PEOPLE[name].dropna()
    inner = [((known >= a) & (known < b)).mean() for a, b in zip(info.edges[1:-2], info.edges[2:-1], strict=True)]
    np.testing.assert_allclose(info.full[1:-1], inner)
    assert info.full[0] == pytest.approx((known < info.edges[1]).mean()) and info.full.sum() == pytest.approx(1)
    assert info.chosen.sum() == SAMPLE[name].notna().sum() and 8 <= len(info.labels) <= 45


@PALETTES
@pytest.mark.parametrize("name", PEOPLE.columns)
def test_distributions_draw_both_sides(name, palette):
    info = distribution.info(PEOPLE[name], CHOSEN)
    fig = check(distribution.plot(info, palette))
    drawn = traces(fig)
    assert set(drawn) == {"Full table", "Sample"} and drawn["Sample"].marker.color == palette.kept
    length = "y" if info.edges is not None else "x"
    np.testing.assert_allclose(getattr(drawn["Sample"], length), info.sample)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1.5] * 40, name="same"),
        pd.Series([*range(39), 1e12], name="far"),
        pd.Series([0.0] * 39 + [1e-12], name="near"),
        pd.Series([np.inf, -np.inf, *np.arange(38.0)], name="infinite"),
        pd.Series([f"w{i}" for i in range(40)], name="many"),
        pd.Series([True, False] * 20, name="flags"),
        pd.Series(["x" * 300] * 40, name="n" * 300),
    ],
)
def test_awkward_columns(values):
    info = distribution.info(values, np.arange(5))
    check(distribution.plot(info, theme.DARK))
    assert info.full.sum() == pytest.approx(1) and len(info.labels) <= 60


# -- who is chosen ------------------------------------------------------------------------------------------------------


def test_the_map_has_a_tile_for_each_of_51_states():
    assert len(places.TILES) == 51 == len(set(places.TILES.values()))
    table = pd.read_parquet("sample_data/us/households.parquet", columns=["state"])
    assert set(table.state) == set(places.TILES)
    assert places.TILES["ME"] == (10, 0) and places.TILES["HI"] == (0, 7)


@PALETTES
def test_tiles_show_the_share_chosen_over_the_state_share(palette):
    info = places.info(PEOPLE.state, CHOSEN)
    expected = SAMPLE.state.value_counts(normalize=True) / PEOPLE.state.value_counts(normalize=True)
    np.testing.assert_allclose(info.ratio, expected.reindex(info.states).fillna(0))
    fig = check(places.plot(info, palette))
    (tiles,) = fig.data
    column, row = places.TILES["CA"]
    assert tiles.z[row][column] == pytest.approx(np.log2(expected["CA"])) and tiles.text[row][column] == f"CA<br>{expected['CA']:.2f}"
    assert sum(z is not None for line in tiles.z for z in line) == 4


@pytest.mark.parametrize("values", [["CA"] * 10, ["CA"] * 9 + ["DC"], ["CA", "nowhere"] * 5, ["nowhere"] * 10, ["CA", None] * 5])
def test_awkward_maps(values):
    check(places.plot(places.info(pd.Series(values, name="state"), np.arange(3)), theme.LIGHT))


def test_pyramids_count_by_band_and_side():
    info = pyramid.info(PEOPLE.age, CHOSEN, PEOPLE.sex)
    assert info.sides == ("f", "m") and info.bands[0] == "0 to 4" and info.bands[-1] == "100 or more"
    band = (PEOPLE.age.clip(upper=100) // 5).astype(int)
    full = pd.crosstab(PEOPLE.sex, band, normalize="all")
    np.testing.assert_allclose(info.full, full)
    np.testing.assert_array_equal(info.chosen.sum(axis=1), SAMPLE.sex.value_counts().sort_index())
    np.testing.assert_allclose(info.sample.sum(), 1)
    alone = pyramid.info(PEOPLE.age, CHOSEN)
    np.testing.assert_allclose(alone.full[0], full.sum(axis=0))
    assert pyramid.info(PEOPLE.age.clip(0, 17), CHOSEN).bands == tuple(map(str, range(18)))


@PALETTES
@pytest.mark.parametrize("second", [None, PEOPLE.sex, PEOPLE.age > 40])
def test_pyramids_go_both_ways(second, palette):
    info = pyramid.info(PEOPLE.age, CHOSEN, second)
    fig = check(pyramid.plot(info, palette))
    left, right = [t for t in fig.data if min(t.x) < 0], [t for t in fig.data if max(t.x) > 0]
    assert len(fig.data) == (2 if second is None else 4) and len(left) == len(right) == len(fig.data) // 2
    if second is None:
        np.testing.assert_allclose(left[0].x, -info.full[0])
        np.testing.assert_allclose(right[0].x, info.sample[0])


def test_one_age_and_no_row_chosen():
    check(pyramid.plot(pyramid.info(pd.Series([40] * 5, name="age"), np.arange(2)), theme.LIGHT))
    check(pyramid.plot(pyramid.info(PEOPLE.age, np.arange(0)), theme.LIGHT))


# -- what columns are good for ------------------------------------------------------------------------------------------


@pytest.fixture
def known(tmp_path):
    rng = np.random.default_rng(0)
    frame = PEOPLE.assign(
        id=[f"i{i}" for i in range(N)],
        constant=1,
        infinite=np.where(PEOPLE.age == 3, np.inf, 1.0),
        flag=rng.random(N) < 0.5,
        page=PEOPLE.age,
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    return columns(str(tmp_path / "t.parquet"))


def test_columns_are_offered_for_what_they_are_good_for(known):
    assert [c.name for c in known if c.for_means] == ["age", "income", "persons", "flag", "page"]
    assert [c.name for c in known if c.for_quantiles] == ["age", "income", "persons", "page"]
    assert [c.name for c in known if c.for_shares] == ["age", "persons", "sex", "state", "flag", "page"]
    assert {c.name: c.refusal for c in known if c.refusal} == {
        "gap": f"{PEOPLE.gap.isna().sum()} missing values",
        "word": f"{PEOPLE.word.isna().sum()} missing values",
        "id": "2,000 different texts",
        "constant": "the same in every row",
        "infinite": f"{(PEOPLE.age == 3).sum()} missing values",
    }
    assert [c.name for c in known if c.states] == ["state"] and [c.name for c in known if c.ages] == ["age"]


def test_pairs_and_proposal(known):
    found = pairs(known)
    assert ("sex", "state") in found and ("age", "page") not in found  # 104 x 104 pairs are too many
    assert proposal(known) == (["income", "page"], ["sex", "state"], [("sex", "state")], ["age"])
