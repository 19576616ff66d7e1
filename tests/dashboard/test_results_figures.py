"""Figures of Results: what they draw is what the engine says, in both themes, and outside names stay harmless."""

import numpy as np
import pandas as pd
import pytest
from helpers import film_read
from oracles import random_problem

from dashboard.kit.figures.film import to_json
from dashboard.kit.figures.marks import Mark
from dashboard.kit.theme import DARK, LIGHT
from dashboard.results.figures import error_path, gate_path, ledger, profile, tiles, treemap
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.seen import ErrorPath, GatePath
from l0engine.explain.drift import drift
from l0engine.explain.profiles import STATES
from l0engine.explain.targets import tree

NAMES = ["ME/age5-29/n", "ME/age30-84/n", "ME/age85+/n", "VT/age5-29/n", "<b>x</b>/all", "CA/age5-29/n"]
RNG = np.random.default_rng(2)
PROBLEM = random_problem(
    3, targets=6, names=NAMES, attributes=pd.DataFrame({"income": RNG.lognormal(10, 1, 60), "state": ["ME", "VT"] * 30})
)
W = PROBLEM.base_weights * RNG.uniform(0, 2, 60)
USE = np.ones(6, bool)
PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


@PALETTES
def test_treemap(palette):
    nodes = tree(PROBLEM, Config(), W, USE).set_index("id")
    for by_loss, column in ((False, "targets"), (True, "loss")):
        info = treemap.info(nodes.reset_index(), by_loss)
        sent = film_read(to_json(treemap.film(info, palette), palette))
        (mark,) = sent["marks"]
        np.testing.assert_allclose(mark["values"]["size"], nodes.loc[info.ids, column], atol=1e-5)
        named = {part.split("}")[0] for part in mark["hover"][0].split("{")[1:]}
        assert named <= {"path", *mark["values"]} and mark["values"]["parent"][0] == -1
    of = dict(zip(info.ids, zip(info.parents, info.labels, strict=True), strict=True))
    assert of["All targets/VT"] == (0, "VT/age5-29/n") and "All targets/VT/age5-29" not in of  # a single target has no parts
    assert [i for i in info.ids if i.startswith("All targets/ME/")] == [f"All targets/ME/{a}" for a in ("age5-29", "age30-84", "age85+")]
    assert sum(info.targets[info.rows >= 0]) == 6 and sorted(info.rows[info.rows >= 0]) == list(range(6))
    me = list(info.ids).index("All targets/ME")
    assert [info.at(part) for part in ("All targets/ME", "All targets/VT", "nowhere", None)] == [me, 0, 0, 0]
    error = np.median(np.abs(PROBLEM.matrix.toarray() @ W / PROBLEM.values - 1)[:3])
    assert mark["values"]["tone"][me] * (len(palette.errors) - 1) == np.searchsorted((0.001, 0.01, 0.05, 0.2), error)
    assert mark["values"]["error"][me] == pytest.approx(100 * error, rel=1e-3)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["population"], ["population"]),
        (["b", "b/x/n", "c"], ["All targets", "b", "c", "b", "x/n"]),
        (["a//b", "a/b"], ["All targets", "a", "b", "a//b", "a/b"]),
        (["a|b", "c"], ["All targets", "a|b", "c"]),
        (["a/b//c", "a|d", "/e"], ["All targets", "a", "b//c", "d", "/e"]),
        (["a, b; x/", "a, b; y"], ["All targets", "a", "b", "x/", "y"]),
        (["/", "|"], ["All targets", "/", "|"]),
    ],
)
def test_the_words_on_the_tiles(names, labels):
    rng = np.random.default_rng(0)
    problem = Problem.create(rng.random((len(names), 6)) + 0.1, rng.random(len(names)) + 1, names=names, base_weights=np.ones(6))
    info = treemap.info(tree(problem, Config(), np.ones(6), np.ones(len(names), bool)))
    assert sorted(info.labels) == sorted(labels) and info.labels[0] == labels[0]
    assert sorted(info.rows[info.rows >= 0]) == list(range(len(names)))


def test_a_treemap_of_too_many_targets_leaves_the_single_ones_out(monkeypatch):
    monkeypatch.setattr(treemap, "MOST", 5)
    info = treemap.info(tree(PROBLEM, Config(), W, USE))
    assert list(info.ids) == ["All targets", "All targets/ME"] and list(info.areas) == [6, 3]


@PALETTES
def test_profile_and_tiles(palette):
    bars, marks = profile.plot(profile.info(PROBLEM, W, 1), palette).data
    np.testing.assert_allclose(bars.y, (PROBLEM.matrix.toarray() @ W)[:3])
    np.testing.assert_allclose(marks.y, PROBLEM.values[:3])
    (squares,) = tiles.plot(tiles.info(PROBLEM, W, 0), palette).data
    assert list(squares.text) == ["ME", "VT", "CA"] and "target" in squares.customdata[0]
    assert not profile.plot(profile.info(PROBLEM, W, 4), palette).data[0].x and not tiles.info(PROBLEM, W, 4).codes


def test_every_state_has_a_place_of_its_own():
    assert set(tiles.PLACES) == STATES and len(set(tiles.PLACES.values())) == 51 == len(STATES)


@PALETTES
def test_paths_of_one_target_and_one_household(palette):
    errors = np.array([-0.5, np.nan, 0.02, 0.0])
    drawn = error_path.plot(error_path.info(ErrorPath(np.arange(1, 5), errors), -1e-4, (Mark(2, "Temperature 0.2"),)), palette)
    line, level = drawn.data
    assert list(line.x) == [1, 3, 4] and list(line.y) == [0.5, 0.02, 1e-5] and list(line.customdata) == ["−50 %", "2 %", "0 %"]
    assert set(level.y) == {1e-4} and [s.x0 for s in drawn.layout.shapes] == [2]
    gate, gone = gate_path.plot(gate_path.info(GatePath(np.array([5, 10, 15]), np.array([0.5, 0.1, np.nan]))), palette).data
    assert list(gate.y) == [0.5, 0.1] and list(gone.x) == [15] and gate.line.color == palette.dropped
    (gate,) = gate_path.plot(gate_path.info(GatePath(np.array([5, 10]), np.array([0.5, 0.9]))), palette).data
    assert gate.line.color == palette.kept


@PALETTES
def test_ledger(palette):
    table = drift(PROBLEM, W, USE)
    info = ledger.info(table, 0.05)
    (bars,) = ledger.plot(info, palette).data
    np.testing.assert_allclose(bars.x, table["change"][: len(bars.x)])
    moved = [c == palette.error for c in bars.marker.color]
    assert moved == (np.abs(info.change) > 0.05).tolist() and info.all == len(table) and info.moved == table["moved"].sum()
    assert not any(bars.text)


@PALETTES
def test_bars_of_the_ledger_that_are_cut_say_how_long_they_are(palette):
    rows = [("agi", "90 %", 2.0, 5.0, 3.0), ("agi", "10 %", 5.0, 1.0, -2.0), ("agi", "mean", 2.0, 3.0, 0.5)]
    table = pd.DataFrame(rows, columns=["column", "what", "before", "after", "change"]).assign(moved=True, target="")
    fig = ledger.plot(ledger.info(table, 0.05), palette)
    assert list(fig.data[0].text) == ["300 % ›", "‹ −200 %", ""] and fig.layout.xaxis.range == (-1.5, 1.5)
