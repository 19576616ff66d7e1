"""Calibrate and Frontier where a run goes out from an earlier answer: choice, price, what matched, overlap in words and as a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import uploads
from further import further
from helpers import carry_out

from dashboard import state
from dashboard.frontier.figures import stability
from dashboard.kit import theme
from l0engine.calibration import Problem
from l0engine.calibration.config import Config, settings
from l0engine.calibration.results import Overlap
from l0engine.io import csv_bytes, load_problem, weights_table
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store

SWITCH, MENU, PRICE = "Start from an earlier answer", "Start from", settings()["price_change"].label


def next_year(p: Problem) -> Problem:
    """The same households, other totals."""
    growth = np.random.default_rng(0).normal(1.03, 0.02, p.n_targets)
    return Problem.create(
        p.matrix, p.values * growth, names=p.names, groups=p.groups, base_weights=p.base_weights, household_ids=p.household_ids
    )


@pytest.mark.parametrize("sample", ["massachusetts", *further("new_england")])
def test_next_years_totals_from_this_years_run(visit, working, home, sample):
    this = load_problem(uploads.SAMPLES / sample)
    store = Store(home)
    first = store.create_run(store.add_problem(this, "This year").sha, Config(epochs=15, refit=False))
    carry_out(store)
    old = store.result(first.id).weights > 0
    sha = store.add_problem(next_year(this), "Next year").sha

    page = visit("calibrate", problem=sha).choose("Advanced settings", True).set("epochs", 15).set("refit", False)
    assert PRICE not in [n.label for n in page.at.number_input]  # only where there is something to keep to
    page.choose(SWITCH, True)
    assert page.widget(MENU).options[0] == "Base weights"
    page.choose(MENU, first.id)
    assert f"All {old.sum():,} households of run {first.id} are in this problem." in page.said("caption")
    page.choose(PRICE, 0.05).press("Start").until_ended()
    assert page.record.config.price_change == 0.05
    assert page.record.task.previous.source == f"run {first.id}"
    new = state.store().result(page.run_id).weights > 0
    said = f"Of {new.sum():,} households {(old & new).sum():,} were in the previous set (run {first.id}); "
    said += f"{(new & ~old).sum():,} entered, {(old & ~new).sum():,} left."
    assert said in page.said("markdown")
    assert said in page.to("results").said("markdown")

    point = store.create_run(first.problem, first.config, Plan((100,), source=first.id))
    carry_out(store)
    key = store.points(point.id)[0].key
    weights = store.point_weights(point.id, key, this.n_households)
    page.to("calibrate").choose(MENU, f"{point.id}/{key}")
    count = (weights > 0).sum()
    assert f"All {count:,} households of point {key} of run {point.id} are in this problem." in page.said("caption")

    page.to("calibrate").choose(SWITCH, False).press("Start").until_ended()
    assert page.record.task.previous is None
    assert page.record.config.price_change == 0


def test_an_uploaded_file_with_a_household_that_is_not_there(visit, finished):
    problem = load_problem(uploads.SAMPLES / "massachusetts")
    table = weights_table(problem, Store().result(finished).weights)
    n, more = len(table), table.iloc[:1].assign(household_id="somebody else")
    content = csv_bytes(table) + csv_bytes(more).split(b"\n", 1)[1]
    page = visit("calibrate").choose(SWITCH, True)
    page.at.file_uploader[0].set_value([("*a*_b_[x](y).csv", content, "text/csv")]).run()
    page.check()
    assert any(
        w.startswith(f"Of {n + 1:,} households of \\*a\\*\\_b\\_\\[x\\](y).csv {n:,} are in this problem; 1 are not")
        for w in page.said("warning")
    )
    page.press("Start")
    assert page.record.task.previous.kept == n + 1
    assert (state.store().previous(page.run_id).weights[:n] == table["weight"]).all()


def test_a_file_of_other_households_cannot_be_used(visit):
    page = visit("calibrate").choose(SWITCH, True)
    page.at.file_uploader[0].set_value([("w.csv", b"household_id,weight\nnobody,3\n", "text/csv")]).run()
    page.check()
    assert any("No household of w.csv is in this problem" in e for e in page.said("error"))
    assert page.button("Start").disabled


def test_a_sweep_over_the_price_shows_overlap_against_error(visit, finished):
    page = visit("calibrate").choose(SWITCH, True).choose(MENU, finished).choose("Advanced settings", True).set("epochs", 30)
    page.set("refit", False).to("frontier")
    assert any(c.startswith(f"Goes out from run {finished}") for c in page.said("caption"))
    page.widget("Settings to vary").set_value(["price_change"]).run()
    page.widget(PRICE).set_value("0, 0.3").run()
    page.check().press("Start 2 runs")
    carry_out(state.store())
    page.rerun()
    spec = json.loads(page.chart("change"))
    dots = next(t for t in spec["data"] if t["type"] == "scatter")
    runs = sorted((r for r in state.store().runs() if r.sweep), key=lambda r: r.config.price_change)
    old = state.store().result(finished).weights > 0
    shares = [(old & new).sum() / new.sum() for new in (state.store().result(r.id).weights > 0 for r in runs)]
    assert "0.3" in " ".join(dots["text"])
    assert [float(s) for s in stability.info(runs).share] == pytest.approx(shares)
    assert "What does it cost to keep to the previous set?" in page.said("subheader")


def test_a_sweep_over_the_price_needs_something_to_keep_to(visit):
    page = visit("frontier")
    page.widget("Settings to vary").set_value(["price_change"]).run()
    page.check().press("Start 5 runs")
    assert any("there is no previous answer" in e for e in page.said("error"))
    assert state.store().runs() == []


def run(price: float, stayed: int, entered: int, error: float, sha: str = "a"):
    """As much of a run as the picture looks at."""
    overlap = Overlap("weights.csv", sha, 50, 0, stayed, entered, 50 - stayed)
    final = SimpleNamespace(mean_abs_rel_error=error, median_abs_rel_error=error / 2)
    return SimpleNamespace(config=replace(Config(), price_change=price), outcome=SimpleNamespace(overlap=overlap, final=final))


@pytest.mark.parametrize("palette", [theme.LIGHT, *further(theme.DARK)])
def test_the_picture_by_hand(palette):
    runs = [run(0.1, 45, 5, 0.02), run(0.0, 10, 30, 0.001), run(0.01, 30, 10, 0.0), run(9.0, 1, 1, 0.5, sha="b")]
    info = stability.info(runs)
    assert info.prices.tolist() == [0.0, 0.01, 0.1]
    assert info.share.tolist() == [0.25, 0.75, 0.9]
    figure = stability.plot(info, palette)
    assert "25 % at an error of 0.1 %, 90 % at 2 %" in figure.layout.title.subtitle.text
    assert "45 of 50" in figure.data[0].customdata[2]
    assert "mean error 2 %, median 1 %" in figure.data[0].customdata[2]
    close = stability.plot(stability.info([run(p, 40, 0, 0.01) for p in (0.3, 0.1)]), palette)
    assert list(close.data[0].text) == ["0.1, 0.3", ""]
    assert "takes two runs" in stability.plot(stability.info([]), palette).layout.title.subtitle.text
