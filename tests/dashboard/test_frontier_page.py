"""The Frontier page: budgets in, points out, a point opened in Results; sweeps."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
import uploads
from waiting import until

from dashboard import state, wording
from dashboard.components import downloads
from dashboard.components.frontier_form import default_budgets
from l0engine.calibration import metrics
from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.io import load_problem
from l0engine.runs.records import Plan

MASSACHUSETTS = uploads.SAMPLES / "massachusetts"
NUMBERS = "Numbers of households"


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


@pytest.mark.parametrize(
    ("text", "said"),
    [("0", "0 is not a whole number"), ("4000", "4000"), ("5, 5", "5 stands twice"), ("few", "'few' is not a list"), ("", "no budget")],
)
def test_bad_budgets_get_a_sentence_and_start_nothing(visit, text, said):
    page = visit("frontier").choose(NUMBERS, text)
    assert any(said in error for error in page.said("error"))
    assert "Compute the frontier" not in page.buttons()
    assert state.store().runs() == []


def test_from_budgets_to_a_point_in_results(visit, working):
    page = computed(visit("frontier"), numbers="200, 60, 30", others=["random", "gated"], held=["state_snap"])
    run, store = page.record, state.store()
    assert run.status.has_weights and run.config == Config(hold_out="state_snap"), run
    assert run.plan == Plan((200, 60, 30), (60,), ("random", "gated"))
    points = store.points(run.id)
    assert [p.key for p in points] == ["l0engine-200", "l0engine-60", "l0engine-30", "random-60", "gated-60"]
    assert "households" in heading(page) and not page.said("error")
    drawn = page.chart(f"frontier_{run.id}")
    assert all(p.key in drawn for p in points)
    assert "In use" in page.chart(f"trade_{run.id}")

    table = page.at.dataframe[0].value
    assert list(table["Kept"]) == ["60", "60", "60"]
    ours = next(p for p in points if p.key == "l0engine-60")
    assert table["Median error"][0] == wording.percent(ours.measures.median_abs_rel_error)
    assert table["Held-out median"][0] == wording.percent(ours.held_out.median_abs_rel_error)

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


def test_files_of_a_point_are_its_own(visit, working):
    page = computed(visit("frontier"), numbers="40", others=[])
    (point,) = state.store().points(page.run_id)
    caught = {}
    original = downloads.st.download_button
    downloads.st.download_button = lambda label, data, **_: caught.__setitem__(label, data())
    try:
        downloads.show_point(page.record, point, load_problem(MASSACHUSETTS))
    finally:
        downloads.st.download_button = original
    weights = pd.read_csv(io.BytesIO(caught["Weights (weights_40.csv)"]), dtype={"household_id": str})
    plain = uploads.massachusetts()
    column = pd.Index(plain.households["household_id"]).get_indexer(weights["household_id"])
    estimates = plain.matrix[:, column] @ weights["weight"].to_numpy()
    targets = pd.read_csv(io.BytesIO(caught["Targets (targets_40.csv)"]))
    np.testing.assert_allclose(targets["estimate"], estimates, rtol=1e-5)
    assert len(weights) == 40
    assert json.loads(caught["Run (run.json)"])["status"]


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


def test_a_shared_address_opens_the_same_point(visit, working):
    page = computed(visit("frontier"), numbers="50, 25", others=[])
    again = visit("frontier", run=page.run_id, point="l0engine-25")
    assert any("At 25 households" in text for text in again.said("subheader"))
    harmless = visit("frontier", run=page.run_id, point="../etc/passwd")
    assert any("At 50 households" in text for text in harmless.said("subheader"))


def test_a_frontier_that_cannot_be_says_why(visit, working):
    page = visit("frontier")
    run = state.store().create_run(
        state.problem_sha() if "problem" in page.at.session_state else page.at.session_state["problem"], Config(epochs=30), Plan((9999,))
    )
    state.supervisor().wake()
    page = visit("frontier", run=run.id).until_ended()
    assert page.record.status is Status.FAILED
    assert any("9999" in text for text in page.said("error", "caption", "markdown", "warning"))


# -- sweeps


def test_a_sweep_from_form_to_pictures(visit, working):
    page = visit("frontier")
    page.widget("λ L0: price of a household").set_value("1e-4, 1e-3")
    page.widget("Seed").set_value("0, 1").run()
    page.check()
    assert any("a jitter of 0.1" in text for text in page.said("caption"))
    page.press("Start 4 runs")
    runs = state.store().runs()
    assert len(runs) == 4 and len({r.sweep for r in runs}) == 1
    assert sorted((r.config.lambda_l0, r.config.seed) for r in runs) == [(1e-4, 0), (1e-4, 1), (1e-3, 0), (1e-3, 1)]
    assert {r.config.jitter for r in runs} == {0.1}
    until(lambda: all(r.status.ended for r in state.store().runs()), 120, lambda: state.store().runs())
    page.rerun()
    assert page.chart("pareto") and page.chart("parallel") and page.chart("overlap") and page.chart("inclusion")
    assert any("stable" in text for text in page.said("subheader"))


@pytest.mark.parametrize(("values", "said"), [("-1", "lambda_l0 is '-1'"), ("abc", "lambda_l0 is 'abc'"), ("", "no values")])
def test_bad_sweeps_get_a_sentence(visit, values, said):
    page = visit("frontier")
    page.widget("λ L0: price of a household").set_value(values).run()
    assert any(said in error for error in page.check().said("error"))
    assert state.store().runs() == []
