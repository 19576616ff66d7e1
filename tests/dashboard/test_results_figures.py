"""Figures of Results: what they draw is what the engine says, in both themes, and outside names stay harmless."""

import numpy as np
import pandas as pd
import pytest
from oracles import random_problem

from dashboard.kit.figures.marks import Mark
from dashboard.kit.theme import DARK, LIGHT
from dashboard.results.figures import error_path, gate_path, ledger, profile, tiles, treemap
from l0engine.calibration.config import Config
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
    every = tree(PROBLEM, Config(), W, USE)
    nodes = every[every["id"].str.count("/") <= 1]  # two levels are drawn
    for by_loss, column in ((False, "targets"), (True, "loss")):
        info = treemap.info(every, by_loss)
        (trace,) = treemap.plot(info, palette).data
        np.testing.assert_allclose(trace["values"], nodes[column])
        assert list(trace.ids) == list(nodes["id"]) and list(trace.parents) == list(nodes["parent"])
        assert not any("<b>x" in label for label in trace.labels) and trace.level == "All targets"
    inner = treemap.plot(info._replace(level="All targets/ME/age85+"), palette).data[0]
    assert list(inner.ids) == ["All targets", "All targets/ME", "All targets/ME/age85+", "All targets/ME/age85+/n"]
    whole = treemap.plot(info._replace(whole=True), palette).data[0]  # for a report, which no server sends more
    assert list(whole.ids) == list(every["id"])
    me = list(nodes["id"]).index("All targets/ME")
    error = np.median(np.abs(PROBLEM.matrix.toarray() @ W / PROBLEM.values - 1)[:3])
    assert trace.marker.colors[me] == palette.errors[int(np.searchsorted((0.001, 0.01, 0.05, 0.2), error))]


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
