"""Figures of the Pruning page: what they draw against calculations by hand, and from nothing, one and zero."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from further import further

from dashboard.kit import theme
from dashboard.pruning import words as pruning_words
from dashboard.pruning.figures import accuracy, examples, loss, size
from dashboard.pruning.figures import alive as pruning_alive
from dashboard.pruning.figures import network as pruning_network
from dashboard.pruning.figures import pixels as pruning_pixels
from l0engine.pruning.report import CompactionReport, Size
from l0engine.studies.pruning.result import LayerLife, PruningResult, PruningSnapshot

PALETTES = pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)], ids=lambda p: p.name)


def snapshot(step, test=0.9, weights=(50, 20), units=(5, 2), **more):
    layers = tuple(
        LayerLife(name, w, of, u, 10 * u)
        for name, w, of, u in zip(("Hidden layer 1", "Output layer"), weights, (100, 40), units, strict=True)
    )
    values = {"train": 1.0, "dense": 0.95, "data_loss": 0.5, "l0_loss": 0.2, "l2_loss": 0.0, "temperature": 0.7, **more}
    return PruningSnapshot(step, 10, test=test, layers=layers, **values)


SNAPSHOTS = [snapshot(1, 0.5, (100, 40)), snapshot(2, 0.8), snapshot(3, 0.97, (0, 4)), PruningSnapshot(4, 10)]
RESULT = PruningResult(
    network="mlp",
    classes=("a", "b"),
    train=800,
    test=200,
    epochs=3,
    right={"dense": 195, "gated": 194, "compact": 194, "magnitude": 100, "small": 200, "anew": 190},
    weights={"dense": 1000, "gated": 70, "compact": 70, "magnitude": 70, "small": 66, "anew": 300},
    magnitude=((1000, 195), (100, 150), (10, 20)),
    layers=SNAPSHOTS[1].layers,
    report=CompactionReport((), Size(1100, 1000, 4400, 0.002), Size(120, 100, 480, 0.0005), 256, 0.0, ()),
    difference=0.0,
    seconds=1.0,
)
AWKWARD = {"nothing": [], "none with gates": SNAPSHOTS[3:], "one": SNAPSHOTS[:1], "all": SNAPSHOTS, "wrong": [snapshot(1, 0.0, (0, 0))],
           "perfect": [snapshot(i, 1.0, data_loss=0.0, l0_loss=0.0) for i in (1, 2)]}  # fmt: skip


def traces(fig):
    return {t.name: t for t in fig.data}


def check(fig):
    """What holds for every figure."""
    assert fig.layout.title.text and fig.layout.title.subtitle.text and len(re.sub("<[^>]*>", "", fig.layout.title.subtitle.text)) <= 75
    assert 200 <= fig.layout.height <= 700
    text = fig.to_json()
    assert "NaN" not in text and "Infinity" not in text
    json.loads(text)


@PALETTES
@pytest.mark.parametrize("snapshots", list(AWKWARD.values()), ids=list(AWKWARD))
@pytest.mark.parametrize("module", [accuracy, pruning_alive, loss, size], ids=lambda m: m.__name__.split("_")[-1])
def test_histories_are_whole_from_anything(module, snapshots, palette):
    fig = module.plot(module.info(snapshots), palette)
    check(fig)
    assert fig.layout.xaxis.title.text and fig.layout.yaxis.title.text


def test_accuracy_by_hand():
    fig = accuracy.plot(accuracy.info(SNAPSHOTS), theme.LIGHT)
    assert list(traces(fig)["Gated, test images"].y) == [0.5, 0.8, 0.97] and list(traces(fig)["Dense, test images"].y) == [0.95] * 3
    assert fig.layout.title.subtitle.text == "Now 97 % of the test images are told right"


@pytest.mark.parametrize(
    ("values", "low", "step"), [([1.0, 1.0], 1.0, 0), ([0.97], 0.97, 0.01), ([0.5, 0.9], 0.5, 0.2), ([0.0], 0.0, 0.25)]
)
def test_the_axis_of_accuracy_ends_at_one_and_holds_all(values, low, step):
    axis = accuracy.accuracy_axis(values)
    ticks = axis["tickvals"]
    assert ticks[-1] == 1.0 and axis["ticktext"][-1] == "100 %" and axis["range"][0] <= min(low, 0.9) and ticks[0] >= 0
    assert len(ticks) == len(axis["ticktext"]) >= 3 and (
        step == 0 or np.diff(ticks) == pytest.approx([ticks[1] - ticks[0]] * (len(ticks) - 1))
    )


def test_alive_by_hand():
    info = pruning_alive.info(SNAPSHOTS)
    assert info.weights.tolist() == [[100, 50, 0], [40, 20, 4]] and info.of_weights.tolist() == [100, 40]
    fig = pruning_alive.plot(info, theme.LIGHT)
    assert set(traces(fig)) == {"Hidden layer 1: weights", "Hidden layer 1: units", "Output layer: weights"}
    np.testing.assert_allclose(traces(fig)["Output layer: weights"].y, [1, 0.5, 0.1])
    assert fig.layout.title.subtitle.text == "4 of 140 (2.9 %) weights, temperature 0.7"


def test_loss_by_hand():
    fig = loss.plot(loss.info(SNAPSHOTS), theme.LIGHT)
    assert set(traces(fig)) == {"Total", "Cross entropy", "Price of open weights (L0)"}  # the L2 term is 0 throughout
    np.testing.assert_allclose(traces(fig)["Total"].y, 0.7)


def test_size_by_hand():
    fig = size.plot(size.info(SNAPSHOTS, RESULT), theme.LIGHT)
    check(fig)
    marks = traces(fig)
    assert (marks["Pruned by gates"].x[0], marks["Pruned by gates"].y[0]) == (70, pytest.approx(1 - 194 / 200))
    assert marks["Small network, from scratch"].y[0] == pytest.approx(0.5 * 5 / 200)  # nothing wrong: below the least of the others
    assert "100 % right" in marks["Small network, from scratch"].hovertemplate
    assert list(marks["Magnitude pruning, by size"].x) == [1000, 100, 10]
    assert list(marks["Gated, as it trains"].x) == [140, 70, 4] and marks["Gated, as it trains"].customdata[0].endswith("epoch 1")
    bottom, top = fig.layout.yaxis.range
    assert bottom > top  # upside down: errors fall towards the top
    every = [np.log10(y) for t in fig.data for y in t.y]
    assert top <= min(every) and max(every) <= bottom
    labels = dict(zip(fig.layout.yaxis.ticktext, fig.layout.yaxis.tickvals, strict=True))
    assert labels["95 %"] == 0.05 and labels["0 %"] == 1.0


def network(palette=theme.LIGHT):
    alive = [np.array([1, 0, 1, 1], bool), np.array([0, 1], bool), np.ones(3, bool)]
    links = [np.array([[0, 1], [3, 1]]), np.array([[1, 2]])]
    info = pruning_network.info(alive, links, 7, ("Pixels", "Hidden layer 1", "Classes"), (2, 2), ("a", "<b>", "c"))
    return info, pruning_network.plot(info, palette)


@PALETTES
def test_the_network_by_hand(palette):
    info, fig = network(palette)
    check(fig)
    assert fig.layout.title.subtitle.text == "1 of 2 (50 %) hidden units; the strongest 3 of 7 connections"
    dots = traces(fig)
    assert len(dots["Alive"].x) == 3 + 1 + 3 and len(dots["Gone"].x) == 1 + 1
    assert list(dots["Gone"].customdata) == ["pixel in row 1, column 2", "unit 1"] and "class &lt;b&gt;" in dots["Alive"].customdata
    lines = [t for t in fig.data if t.mode == "lines"]
    pixels, hidden, _ = info.columns
    assert list(lines[0].x) == [pixels.x[0], hidden.x[1], None, pixels.x[3], hidden.x[1], None]
    assert list(lines[0].y) == [pixels.y[0], hidden.y[1], None, pixels.y[3], hidden.y[1], None]
    assert pixels.y[0] == pixels.y[1] < pixels.y[2] and pixels.x[0] == pixels.x[2] < pixels.x[1]  # as in the image
    assert any(a.text == "<b>Pixels</b><br>3 of 4" for a in fig.layout.annotations)


def test_of_a_large_column_only_joined_units_are_drawn():
    alive = [np.ones(4096, bool), np.ones(5, bool), np.ones(2, bool)]
    links = [np.array([[17, 0], [4000, 3]]), np.zeros((0, 2), int)]
    info = pruning_network.info(alive, links, 2, ("Pixels", "Hidden layer 1", "Classes"), (64, 64), ("a", "b"))
    fig = pruning_network.plot(info, theme.LIGHT)
    check(fig)
    assert len(traces(fig)["Alive"].x) == 2 + 5 + 2 and "4,096 of 4,096" in fig.to_json()


@PALETTES
def test_pixels_by_hand(palette):
    fig = pruning_pixels.plot(pruning_pixels.info(np.array([[3, 0, 1], [0, 0, 0]]), True), palette)
    check(fig)
    assert [list(row) for row in fig.data[0].z] == [[3, None, 1], [None, None, None]] and fig.data[0].zmax == 3
    assert fig.data[0].customdata[0][2] == "1 living weight" and fig.layout.title.subtitle.text == "2 of 6 (33.3 %) pixels play a part"
    assert fig.layout.yaxis.range == (1.5, -0.5)  # the first row on top
    check(pruning_pixels.plot(pruning_pixels.info(np.zeros((1, 1)), False), palette))


@PALETTES
def test_examples_by_hand(palette):
    pixels = np.arange(4 * 2 * 3 * 3, dtype=float).reshape(4, 2, 3, 3)
    answers = (np.array(a) for a in ([0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0]))
    fig = examples.plot(examples.info(pixels, *answers, ("<i>", "b")), palette)
    check(fig)
    np.testing.assert_allclose(fig.data[1].z, pixels[1].mean(axis=0))  # of colours the mean
    words = [re.sub("<span[^>]*>|</span>", "", a.text) for a in fig.layout.annotations]
    assert words == ["<b>&lt;i&gt;</b><br>&lt;i&gt; ✓ → b ✗", "<b>b</b><br>b ✓ → b ✓", "<b>b</b><br>&lt;i&gt; ✗ → &lt;i&gt; ✗",
                     "<b>&lt;i&gt;</b><br>&lt;i&gt; ✓ → &lt;i&gt; ✓"]  # fmt: skip
    assert "The first 2 are hard" in fig.layout.title.subtitle.text


@pytest.mark.parametrize(
    ("right", "after", "words"),
    [
        (194, {}, "93 % of the weights are gone and 1 of 200 test images more is wrong: 97 % against 97.5 % dense. Compacted, the network needs "
                  "10 times fewer multiply-adds."),
        (190, {}, "5 of 200 test images more are wrong"),
        (197, {}, "2 of 200 test images fewer are wrong"),
        (195, {}, "as many of the 200 test images are told right as before, 97.5 %."),
        (194, {"multiply_adds": RESULT.report.before.multiply_adds // 2}, "needs 2.0 times fewer multiply-adds."),
    ],
)  # fmt: skip
def test_the_verdict_in_words(right, after, words):
    report = replace(RESULT.report, after=replace(RESULT.report.after, **after))
    assert words in pruning_words.verdict(replace(RESULT, right={**RESULT.right, "compact": right}, report=report))


def test_tables_by_hand():
    rows = {row["Network"]: row for row in pruning_words.compared(RESULT)}
    assert list(rows) == list(size.TITLES.values())
    assert (rows["Magnitude pruning"]["Weights"], rows["Magnitude pruning"]["Wrong"]) == ("70", "100")
    assert pruning_words.by_layer(RESULT)[1] == {
        "Layer": "Output layer",
        "Weights alive": "20 of 40 (50 %)",
        "Units alive": "2 of 20 (10 %)",
    }
    stopped = replace(RESULT, right={k: RESULT.right[k] for k in ("dense", "gated", "compact", "magnitude")})
    assert len(pruning_words.compared(stopped)) == 3
    tiles = {label: (after, before) for label, after, before, _ in pruning_words.tiles(RESULT)}
    assert tiles["Latency where pruned"] == ("500 µs", "2 ms") and tiles["Numbers stored"] == ("120", "1,100")
