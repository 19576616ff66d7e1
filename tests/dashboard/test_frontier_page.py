"""The Frontier page: budgets in, points out, a point opened in Results; sweeps."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import uploads
from further import further
from helpers import carry_out
from waiting import until

from dashboard import state
from dashboard.calibration import downloads
from dashboard.frontier.figures.answer import bend
from dashboard.frontier.form import default_budgets
from dashboard.kit import wording
from l0engine.calibration import metrics
from l0engine.calibration.config import Config
from l0engine.calibration.limits import limits
from l0engine.calibration.results import Status
from l0engine.io import csv_bytes, load_problem, weights_table
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store

MASSACHUSETTS = uploads.SAMPLES / "massachusetts"
NUMBERS = "Numbers of households"


PLAN = Plan((60, 30), (60,), ("random", "gated", "dense"))


@pytest.fixture(scope="module")
def _computed(tmp_path_factory):
    """A store with one finished frontier of Massachusetts."""
    home = tmp_path_factory.mktemp("computed") / "home"
    store = Store(home)
    sha = store.add_problem(load_problem(MASSACHUSETTS), "Massachusetts", "sample massachusetts").sha
    run = store.create_run(sha, Config(epochs=60, hold_out="state_snap", budget=200, relax=False), PLAN)
    carry_out(store)
    assert store.run(run.id).status.has_result, store.run(run.id)
    return home, run.id


@pytest.fixture
def frontier(_computed, home):
    """Id of a finished frontier in this test's own store."""
    shutil.copytree(_computed[0], home)
    return _computed[1]


def heading(page):
    return next(text for text in page.said("markdown") if text.startswith("### "))


def computed(page, **widgets):
    for label, value in widgets.items():
        page.choose({"numbers": NUMBERS, "others": "Compare with", "held": "Hold out groups", "origin": "Go out from"}[label], value)
    return page.press("Compute the frontier").until_ended()


def test_before_a_frontier_the_form_is_ready(visit):
    page = visit("frontier")
    assert page.title == "Frontier"
    assert page.widget(NUMBERS).value == ", ".join(map(str, default_budgets(3044, 35)))
    assert page.widget("Go out from").options == ["a new fit with the settings of the Calibrate page"]
    assert "Compute the frontier" in page.buttons()


@pytest.mark.parametrize(("households", "targets"), [(3044, 35), (200_576, 2_395), (2, 1), (1, 1), (50, 400)])
def test_proposed_budgets_are_allowed_ones(households, targets):
    found = default_budgets(households, targets)
    assert found == sorted(set(found), reverse=True)
    assert 1 <= found[-1] <= found[0] <= households


def test_bad_budgets_get_a_sentence_and_start_nothing(visit):
    page = visit("frontier")
    for text, said in (
        ("0", "0 is not a whole number"),
        ("-5", "-5 is not a whole number"),
        ("4000", "4000"),
        ("5, 5", "5 stands twice"),
        ("few", "'few' is not a list"),
        ("12.5", "'12.5' is not a list"),
        ("", "no budget"),
        ("1,500, 800", "'1,500' may be one number or two: write 1500"),  # not silently 1, 500 and 800
    ):
        (error,) = page.choose(NUMBERS, text).said("error")
        assert said in error, text
        assert "Compute the frontier" not in page.buttons()
    assert state.store().runs() == []


def test_numbers_are_read_as_people_write_them(visit):
    page = visit("frontier").choose(NUMBERS, "30,200, 1_000,,1 200 ").press("Compute the frontier")
    assert page.record.plan.budgets == (1200, 1000, 200, 30)
    assert page.record.plan.compare == (200,)


def test_a_frontier_needs_a_target(visit):
    groups = sorted(set(uploads.massachusetts().targets["group"]))
    page = visit("frontier").choose("Hold out groups", groups)
    assert page.button("Compute the frontier").disabled
    assert "No target is left" in page.button("Compute the frontier").help
    page.choose("Hold out groups", groups[1:]).press("Compute the frontier")
    assert page.record.config == Config(hold_out=groups[1:])


def test_the_entries_survive_other_pages(visit):
    page = visit("frontier").choose(NUMBERS, "77, 33").choose("Compare with", ["lp"])
    page.to("data").to("frontier")
    assert page.widget(NUMBERS).value == "77, 33" and page.widget("Compare with").value == ["lp"]


def test_from_budgets_to_a_point_in_results(visit, working):
    # Points go out from 200 households: those of all that few steps keep take seconds.
    page = visit("calibrate").choose("Advanced settings", True).set("relax", False).set("epochs", 40).set("budget", 200)
    computed(page.to("frontier"), numbers="100, 60, 30", others=["random", "gated"], held=["state_snap"])
    run, store = page.record, state.store()
    assert run.status.has_result and run.config == Config(epochs=40, budget=200, hold_out="state_snap", relax=False), run
    assert run.plan == Plan((100, 60, 30), (60,), ("random", "gated"))
    points = store.points(run.id)
    assert [p.key for p in points] == ["l0engine-100", "l0engine-60", "l0engine-30", "random-60", "gated-60"]
    assert "households" in heading(page) and not page.said("error")
    assert "The frontier has 3 points." in page.said("caption")
    drawn = page.chart(f"frontier_{run.id}")
    assert all(p.key in drawn for p in points)
    assert "In use" in page.chart(f"trade_{run.id}")

    table, compared = page.at.dataframe[0].value, [p for p in points if p.budget == 60]
    assert list(table["Method"]) == ["l0engine", "Random", "Gated, no refit"]
    for column, words, value in (
        ("Kept", wording.count, lambda p: p.measures.kept),
        ("Median error", wording.percent, lambda p: p.measures.median_abs_rel_error),
        ("Held-out median", wording.percent, lambda p: p.held_out.median_abs_rel_error),
        ("Effective sample size", wording.count, lambda p: p.measures.ess),
        ("Largest weight / base", wording.ratio, lambda p: p.measures.max_weight_ratio),
    ):
        assert list(table[column]) == [words(value(p)) for p in compared], column

    page.press("Use this point")
    assert page.title == "Results" and page.at.query_params["point"] == "l0engine-60"
    assert page.metrics["Households kept"] == "60"
    assert "60 of 3,044" in heading(page)
    assert page.at.download_button[0].label == "Weights (weights_60.csv)"
    weights = store.point_weights(run.id, "l0engine-60", 3044)
    problem = load_problem(MASSACHUSETTS)
    assert metrics.measure(problem, weights, state.in_use(run)).kept == 60
    page.to("results").press("Show the fit itself")
    assert page.metrics["Households kept"] == f"{store.result(run.id).final.kept:,}"
    assert "point" not in page.at.query_params


def test_files_of_a_point_are_its_own(visit, frontier):
    page = visit("frontier", run=frontier)
    point = next(p for p in state.store().points(frontier) if p.key == "l0engine-30")
    caught = {}
    original = st.download_button
    st.download_button = lambda label, data, **_: caught.__setitem__(label, data())
    try:
        downloads.show_point(state.facts(page.record, point), point)
    finally:
        st.download_button = original
    problem = load_problem(MASSACHUSETTS)
    found = state.store().point_weights(page.run_id, point.key, problem.n_households)
    own = weights_table(problem, found)
    assert caught["Weights (weights_30.csv)"] == csv_bytes(own)
    weights = pd.read_csv(io.BytesIO(caught["Weights (weights_30.csv)"]), dtype={"household_id": str})
    plain = uploads.massachusetts()
    column = pd.Index(plain.households["household_id"]).get_indexer(weights["household_id"])
    estimates = plain.matrix[:, column] @ weights["weight"].to_numpy()
    targets = pd.read_csv(io.BytesIO(caught["Targets (targets_30.csv)"]))
    np.testing.assert_allclose(targets["estimate"], estimates, rtol=1e-5)
    assert len(weights) == 30
    told = json.loads(caught["Run (run_30.json)"])
    assert told["status"] and told["refitted"]["kept"] == 30 and told["refitted"]["max_abs_rel_error"] == point.measures.max_abs_rel_error
    assert (told["certificate"] or {}).get("value") == (point.certificate.value if point.certificate else None)
    assert [f["sentence"] for f in told["limits"]] == [f.sentence for f in limits(problem, page.record.config, found)]


@pytest.mark.slow
def test_a_frontier_of_a_finished_run_trains_nothing(visit, working, finished):
    page = visit("frontier", run=finished)
    assert page.widget("Go out from").options[0].startswith("the fit of ")
    computed(page, numbers="50, 25", others=[])
    run = page.record
    assert run.plan.source == finished and run.id != finished
    assert state.store().snapshots(run.id) == []
    assert [p.measures.kept for p in state.store().points(run.id)] == [50, 25]
    again = computed(page, numbers="20", others=[])  # from the frontier run: still of the first fit
    assert again.record.plan.source == finished


def test_a_shared_address_opens_the_same_point(visit, frontier):
    page = visit("frontier", run=frontier, point="l0engine-30")
    assert page.said("subheader") == ["At 30 households"] and page.at.query_params["point"] == "l0engine-30"
    assert "The methods were compared at 60 households." in page.said("caption")
    assert '"Chosen"' in page.chart(f"frontier_{frontier}")
    again = visit("frontier", run=frontier, point="l0engine-30")  # a reload, or somebody else
    assert again.said("subheader", "caption", "markdown") == page.said("subheader", "caption", "markdown")
    assert again.chart(f"frontier_{frontier}") == page.chart(f"frontier_{frontier}")
    results = visit("results", run=frontier, point="l0engine-30")
    assert results.metrics["Households kept"] == "30"
    results.choose("Look at", "One target").choose("Look at one target", "MA/population").press("Leave it out")
    assert results.title == "Calibrate"
    assert Config.from_dict(results.at.session_state["draft"]) == replace(state.store().run(frontier).config, budget=30)


@pytest.mark.parametrize("point", ["l0engine-31", *further("../etc/passwd", "<b>x</b>", "")])
def test_an_unknown_point_in_the_address_is_said_and_harmless(visit, frontier, point):
    page = visit("frontier", run=frontier, point=point)
    assert page.said("subheader") == ["At 60 households"] and not page.said("error")
    assert [text.endswith("on its frontier: its own answer is shown.") for text in page.said("warning")] == [True] * bool(point)
    kept = state.store().result(frontier).final.kept
    assert page.to("results").metrics["Households kept"] == f"{kept:,}"
    assert "Show the fit itself" not in page.buttons()


def test_a_point_of_another_method_opens_too(visit, frontier):
    page = visit("frontier", run=frontier, point="random-60")
    assert page.said("subheader") == ["At 60 households"] and page.chart(f"methods_{frontier}")
    assert not [c for c in page.at.get("plotly_chart") if c.proto.id.endswith(f"trade_{frontier}")]  # it has no such curve
    page.press("Use this point")
    assert page.title == "Results" and page.said("info") == ["A point of the frontier: Random, 60 households."]
    random = next(p for p in state.store().points(frontier) if p.key == "random-60")
    assert page.metrics["Effective sample size"] == wording.short(random.measures.ess)


def many(visit, run):
    """A frontier of a finished fit with more points than any test waits for, two of which are there."""
    page = visit("frontier", run=run).choose(NUMBERS, ", ".join(map(str, range(1000, 0, -1)))).press("Compute the frontier")
    until(lambda: len(state.store().points(page.run_id)) > 1 or page.record.status.ended, story=lambda: page.record)
    return page.rerun()


@pytest.mark.slow
def test_stop_keeps_the_points_found_so_far(visit, working, finished):
    page = many(visit, finished)
    assert page.record.status is Status.RUNNING and any("of 1000 points are there" in text for text in page.said("markdown"))
    assert not page.button("Use this point").disabled  # its weights are on disk already
    page.press("Stop").until_ended()
    points = state.store().points(page.run_id)
    assert page.record.status is Status.STOPPED and 1 < len(points) < 1000
    assert f"Stopped with {len(points)} of 1000 points; they can be used." in page.said("caption")
    drawn = page.chart(f"frontier_{page.run_id}")
    assert all(p.key in drawn for p in points) and "Stop" not in page.buttons()
    chosen = bend(points) or points[0]
    page.press("Use this point")
    assert page.title == "Results" and page.metrics["Households kept"] == f"{chosen.measures.kept:,}"


def test_a_frontier_stopped_in_its_fit_says_that_it_has_no_points(visit, working):
    page = visit("frontier")
    endless = Config(epochs=60_000, stop_when_settled=False)
    run = state.store().create_run(page.at.session_state["problem"], endless, Plan((50,)))
    state.supervisor().wake()
    page = visit("frontier", run=run.id).until_training()
    assert any("First the fit that all points come from: step" in p.proto.text for p in page.at.get("progress"))
    page.press("Stop").until_ended()
    (said,) = page.said("info")
    assert "There are no points yet" in said and not page.at.get("plotly_chart")
    assert not any("being computed" in text for text in page.said("markdown"))
    assert page.widget("Go out from").options[0].startswith("the fit of ")


def test_a_frontier_that_cannot_be_says_why(visit, working):
    page = visit("frontier")
    run = state.store().create_run(page.at.session_state["problem"], Config(epochs=30, relax=False, budget=200), Plan((9999,)))
    state.supervisor().wake()
    page = visit("frontier", run=run.id).until_ended()
    assert page.record.status is Status.FAILED
    assert page.said("error") == ["The budget 9999 is not a whole number from 1 to 3,044, the number of households."]
    assert not page.at.get("plotly_chart") and not any("being computed" in text for text in page.said("markdown"))
    assert page.button("Compute the frontier")


@pytest.mark.slow
def test_a_frontier_that_fails_half_way_shows_what_it_found(visit, working, finished):
    source = state.store().run(finished)
    run = state.store().create_run(source.problem, source.config, Plan((40, 20), (20,), ("magic",), finished))
    page = visit("frontier", run=run.id).until_ended()
    (said,) = page.said("error")
    assert page.record.status is Status.FAILED and "'magic'" in said
    drawn = page.chart(f"frontier_{run.id}")
    assert "l0engine-40" in drawn and "l0engine-20" in drawn


# -- sweeps


def test_a_sweep_from_form_to_pictures(visit, working):
    page = visit("calibrate").choose("Advanced settings", True).set("epochs", 20).set("refit", False).to("frontier")
    page.widget("λ L0: price of a household").set_value("0.03, 0.3")
    page.widget("Seed").set_value("0, 1").run()
    page.check()
    assert not any("a jitter" in text for text in page.said("caption"))  # the default has one
    page.press("Start 4 runs")
    runs = state.store().runs()
    assert len(runs) == 4 and len({r.sweep for r in runs}) == 1
    assert sorted((r.config.price_l0, r.config.seed) for r in runs) == [(0.03, 0), (0.03, 1), (0.3, 0), (0.3, 1)]
    assert {r.config.jitter for r in runs} == {Config().jitter}
    until(lambda: all(r.status.ended for r in state.store().runs()), 300, lambda: state.store().runs())
    page.rerun()
    assert [p.proto.text for p in page.at.get("progress")] == ["4 of 4 runs ended."] and "Stop the sweep" not in page.buttons()
    for chart in ("pareto", "parallel"):
        assert page.chart(chart)
    assert all(r.id in page.chart("pareto") for r in runs)
    assert page.said("subheader")[-1] == "How stable is the choice over seeds?"
    assert "Runs that differ in their seed only (λ L0: price of a household = 0.03)." in page.said("caption")
    alike = sorted((r for r in state.store().runs() if r.config.price_l0 == 0.03), key=lambda r: r.config.seed)
    first, second = (state.store().result(r.id).weights > 0 for r in alike)
    assert (first != second).any()  # the jitter makes a difference
    share = (first & second).sum() / (first | second).sum()
    assert (
        f"Median overlap of two runs {wording.percent(share)}" in json.loads(page.chart("overlap"))["layout"]["title"]["subtitle"]["text"]
    )
    assert wording.of((first & second).sum(), (first | second).sum()) in page.chart("inclusion")


def test_bad_sweeps_get_a_sentence(visit):
    page, many = visit("frontier"), ", ".join(map(str, range(300)))
    for values, said in (("-1", "price_l0 is '-1'"), ("abc", "price_l0 is 'abc'"), ("", "no values"), (many, "combinations")):
        page.widget("λ L0: price of a household").set_value(values).run()
        (error,) = page.check().said("error")
        assert said in error and not [label for label in page.buttons() if label.startswith("Start")], values
    assert state.store().runs() == []


def test_a_sweep_needs_a_setting(visit):
    page = visit("frontier").choose("Settings to vary", [])
    assert page.button("Start").disabled and page.button("Start").help == "Choose a setting to vary."


def test_a_sweep_over_yes_and_no(visit):
    page = visit("frontier").choose("Settings to vary", ["normalize_groups"]).choose("Average within groups", "yes, maybe")
    (error,) = page.said("error")
    assert "normalize_groups is 'maybe'" in error
    page.choose("Average within groups", "yes, No").press("Start 2 runs")
    assert {r.config.normalize_groups for r in state.store().runs()} == {True, False}
    assert {r.config.jitter for r in state.store().runs()} == {Config().jitter}


def test_seeds_without_a_jitter_get_one(visit):
    page = visit("calibrate").choose("Advanced settings", True).set("jitter", 0.0).to("frontier")
    page.choose("Settings to vary", ["seed"]).choose("Seed", "1, 2")
    assert any("a jitter of 0.1" in text for text in page.said("caption"))
    page.press("Start 2 runs")
    assert {r.config.jitter for r in state.store().runs()} == {0.1}
    page.choose("Settings to vary", ["temperature"]).choose("Temperature", "0.3").press("Start 1 run")
    assert {r.config.jitter for r in state.store().runs()} == {0.0, 0.1}  # only seeds need one


def test_a_sweep_holds_out_what_the_form_holds_out(visit):
    page = visit("calibrate").choose("Advanced settings", True).set("hold_out", ["state_snap"]).to("frontier")
    page.choose("Settings to vary", ["seed"]).choose("Seed", "1, 2").press("Start 2 runs")
    found = sorted((r.config for r in state.store().runs()), key=lambda c: c.seed)
    assert found == [Config(hold_out="state_snap", seed=n) for n in (1, 2)]


def test_a_second_sweep_is_shown_and_the_first_can_be_opened(visit):
    page = visit("frontier").choose("Settings to vary", ["seed"]).choose("Seed", "1").press("Start 1 run")
    assert [p.proto.text for p in page.at.get("progress")] == ["0 of 1 run ended."]
    first = page.at.session_state["sweep"]
    page.choose("Seed", "2").press("Start 1 run")
    menu = page.widget("Sweep")
    assert menu.value not in (None, first) and len(set(menu.options)) == 2  # of the same minute and size, yet told apart
    page.press("Stop the sweep").rerun()
    assert sorted(r.status for r in state.store().runs()) == [Status.INTERRUPTED, Status.QUEUED]
    assert [p.proto.text for p in page.at.get("progress")] == ["1 of 1 run ended, 1 of them without weights."]
    page.choose("Sweep", first)
    assert page.button("Stop the sweep") and [p.proto.text for p in page.at.get("progress")] == ["0 of 1 run ended."]


def test_the_menu_tells_runs_of_a_sweep_apart(visit):
    page = visit("frontier")
    sha = page.at.session_state["problem"]
    runs = [state.store().create_run(sha, Config(seed=seed), sweep="a") for seed in range(3)]
    page.rerun()
    menu = page.widget("Earlier runs")
    assert len(set(menu.options)) == 3
    wanted = runs[1]
    assert sum(wanted.id[-4:] in text for text in menu.options) == 1
    menu.set_value(wanted.id).run()
    assert page.check().run_id == wanted.id
