"""Results, tab by tab: what they say is worked out from the weights; what they open is there."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import APP
from helpers import carry_out
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.kit import wording
from dashboard.results.households import without
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.training.iteration import fit
from l0engine.explain.conflicts import set_conflicts
from l0engine.explain.drift import drift
from l0engine.explain.whatif import WhatIf


@pytest.fixture
def results(visit, finished):
    return visit("results", run=finished)


def test_a_run_in_the_trash_says_so(visit, finished):
    state.store().trash([finished])
    for name in ("calibrate", "frontier", "results"):
        page = visit(name, run=finished)
        assert any("in the trash" in text for text in page.said("warning"))
    state.store().restore([finished])
    assert not any("in the trash" in text for text in page.rerun().said("warning"))


def opened(page, tab):
    page.at.session_state["results_tab"] = tab
    return page.rerun()


def table_of(page):
    page.choose("Look at", "Table")
    return page.at.dataframe[0].value


def look_at(page, name):
    return page.choose("Look at", "One target").choose("Look at one target", name)


def answer(page):
    result = state.store().result(page.run_id)
    return state.store().problem(page.record.problem), result


def test_the_error_stands_first_beside_the_name(results):
    table = table_of(results)
    assert list(table.columns)[:5] == ["target", "error_percent", "estimate", "value", "distance"]
    np.testing.assert_allclose(table["distance"], table["estimate"] - table["value"])


def test_a_browser_that_arrives_is_sent_the_verdict_and_one_picture(visit, finished):
    """All else comes once it says that the picture is drawn, which `visit` says for it."""
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["run"] = finished
    at.switch_page("app_pages/results.py").run()
    (picture,) = at.get("bidi_component")
    assert '\\"tree\\"' in picture.proto.json and any("equally weighted households" in m.value for m in at.markdown)
    assert not at.metric and not at.tabs and not at.dataframe

    def place():
        return [i for i, part in at.main.children.items() if part.type == "title"]

    before = place()
    at.session_state["first_waits"] = False
    assert len(at.run().metric) == 5 and len(at.tabs) == 5 and len(at.dataframe) == 1
    (same,) = at.get("bidi_component")
    assert same.proto == picture.proto and json.loads(same.proto.json)["tells"]  # so it is not sent again
    assert place() == before  # a picture that moves would be built anew


def test_an_address_with_a_point_that_is_not_there_says_so(visit, finished):
    page = visit("results", run=finished, point="nope")
    assert page.title == "Results" and "point" not in page.at.query_params
    assert page.said("warning")[0].endswith("has no point 'nope' on its frontier: its own answer is shown.")


def test_a_part_that_is_open_narrows_the_table(results):
    results.at.session_state["part"] = "All targets/MA/agi[1,10000)"
    assert any(text.startswith("2 targets of MA/agi") for text in results.rerun().said("caption"))
    shown = table_of(results)
    assert list(shown["target"]) == ["MA/agi[1,10000)/count", "MA/agi[1,10000)/amount"]


def test_the_picture_is_sent_once_and_opens_where_it_was_left(results):
    """Streamlit sends what it has sent before by its hash; a picture that is new to the page opens the part that was open last."""

    def picture():
        return next(c.proto for c in results.at.get("bidi_component") if "treemap" in c.proto.id)

    first, part = picture(), "All targets/MA/agi[1,10000)"
    for opened_ in (part, "All targets", part):
        results.at.session_state["part"] = opened_
        results.rerun()
        assert picture() == first
    assert json.loads(first.json)["open"] == 0
    results.to("data").to("results")
    opens = json.loads(picture().json)["open"]
    (tree,) = json.loads(json.loads(first.json)["film"])["marks"]
    assert tree["words"][opens] == "agi[1,10000)"


def test_a_choice_that_says_nothing_is_the_first(results):
    """A browser has been seen to send none."""
    results.at.session_state["targets_look"] = results.at.session_state["treemap_area"] = None
    assert len(results.rerun().at.dataframe) == 1 and results.at.session_state["treemap_area"] == "Number of targets"


def test_one_target_and_who_carries_it(results):
    problem, result = answer(results)
    name = "MA/age30-34"
    look_at(results, name)
    row = problem.matrix.toarray()[list(problem.names).index(name)]
    parts = pd.Series(row * result.weights, problem.household_ids)
    parts = parts[parts != 0].sort_values(ascending=False)
    half = int(((parts / parts.sum()).cumsum() < 0.5).sum()) + 1
    words = next(text for text in results.said("markdown") if text.startswith("Carried by"))
    assert words.startswith(f"Carried by **{len(parts)} kept household") and f"**{half} of them" in words
    listed = results.at.dataframe[0].value
    assert set(listed["household_id"]) == set(parts.index[:50])
    np.testing.assert_allclose(listed["adds"], parts.iloc[:50], rtol=1e-6)
    assert list(results.metrics)[-4:] == ["Base", "Gated", "Refitted", "Published"]
    path = state.store().error_path(results.run_id, list(problem.names).index(name))  # all targets are in use
    drawn = json.loads(results.chart("error_path"))
    assert [trace["name"] for trace in drawn["data"]] == ["In training", "Refitted"]
    assert drawn["data"][0]["customdata"] == [wording.percent(e) for e in path.errors]
    assert path.errors[-1] == pytest.approx(row @ result.gated_weights / problem.values[list(problem.names).index(name)] - 1, abs=1e-4)
    assert results.chart("profile") and not [c for c in results.at.get("plotly_chart") if c.proto.id.endswith("-tiles")]  # of one state


def test_what_leaving_it_out_would_cost_is_predicted_then_checked(results):
    problem, result = answer(results)
    look_at(results, "MA/population").press("Work it out")
    own = WhatIf.of(problem, result.config, result.weights, result.start, result.mu)
    row = list(problem.names).index("MA/population")
    assert "Check it" not in results.buttons()  # so few targets are checked at once
    words = next(text for text in results.said("markdown") if text.startswith("Without it"))
    checked = float(words.split("checked: **")[1].split("*")[0].replace("−", "-").replace(",", ""))
    assert checked == pytest.approx(own.without_target(row, check=True).ess, abs=0.006, rel=0.01)


def test_a_household_that_carries_targets_alone_is_not_said_to_cost_next_to_nothing():
    said = without(np.array([1.0, 1.0, 0.3]), -0.14)
    assert said == "Without it: no household is left for 2 targets; the effective sample size changes by -0.14"
    assert without(np.array([0.9]), 1.5) == "Without it: the effective sample size changes by +1.50"


def test_a_target_can_be_left_out(results):
    before, config = state.store().problem(results.record.problem), results.record.config
    look_at(results, "MA/population").press("Leave it out")
    assert config.budget == 200 and Config.from_dict(results.at.session_state["draft"]) == config
    assert results.title == "Calibrate" and "run" not in results.at.session_state
    after = state.store().problem(results.at.session_state["problem"])
    assert after.target_weights.tolist() == np.where(before.names == "MA/population", 0.0, before.target_weights).tolist()
    assert "without 'MA/population'" in state.store().problem_record(results.at.session_state["problem"]).title


def test_a_run_without_it_says_what_it_costs_in_households(results):
    """Held to a fit of the problem whose matrix lacks the row."""
    problem, result = answer(results)
    look_at(results, "MA/population").press("Run it without")
    assert results.title == "Results" and any(t.startswith("A run without it is at work") for t in results.said("markdown"))
    assert "Stop" in results.buttons()  # it is followed as every job is
    carry_out(state.store())
    results.rerun()
    stay = problem.names != "MA/population"
    rest = Problem.create(
        problem.matrix[stay],
        problem.values[stay],
        names=problem.names[stay],
        groups=problem.groups[stay],
        base_weights=problem.base_weights,
    )
    own = fit(rest, result.config).final
    words = next(text for text in results.said("markdown") if text.startswith("With it:"))
    with_, kept = (int(n) for n in re.findall(r"([\d,]+) kept", words.replace(",", "")))
    assert with_ == result.final.kept and kept == own.kept
    assert f"{abs(own.kept - result.final.kept)} household" in words or "as many households" in words
    first = results.run_id
    results.press("Open that run")
    assert results.run_id != first and state.store().problem_record(results.record.problem).title.endswith("without 'MA/population'")
    assert results.record.config == result.config


def test_why_a_household_is_kept_or_not(results):
    problem, result = answer(results)
    opened(results, "Households")
    for kept, word in ((True, "**Kept**"), (False, "**Dropped**")):
        household = problem.household_ids[np.flatnonzero((result.weights > 0) == kept)[0]]
        results.choose("Why is a household kept, or not?", str(household))
        assert any(text.startswith(word) for text in results.said("markdown"))
        gone = state.store().gate_path(results.run_id, list(problem.household_ids).index(household)).dropped
        assert kept <= (gone is None) and ("Dropped for good between" in results.chart("gate_path")) == (gone is not None)
    results.choose("Why is a household kept, or not?", "nobody*")
    assert results.said("warning") == ["No household has the id 'nobody\\*'."]


def test_a_household_says_where_another_set_was_chosen_than_the_gates_kept(visit, finished):
    store = state.store()
    run = store.create_run(store.run(finished).problem, Config(epochs=60, budget=250)).id
    carry_out(store)
    page = opened(visit("results", run=run), "Households")
    problem, result = answer(page)
    gated, kept = result.gated_weights > 0, result.weights > 0
    for cases, said in (
        (gated & ~kept, "not among those chosen in the end"),
        (~gated & kept, "chosen anew after the gates had dropped it"),
    ):
        page.choose("Why is a household kept, or not?", str(problem.household_ids[np.flatnonzero(cases)[0]]))
        assert any(said in text for text in page.said("markdown"))
    assert any("Refitted: the households chosen in the end, calibrated" in text for text in page.to("calibrate").said("caption"))


def test_leverage_is_worked_out_when_asked_for(results):
    opened(results, "Households").press("Work out their leverage")
    table = results.at.dataframe[1].value
    assert table["leverage"].between(0, 1).all()
    results.choose("Most leverage first", True)
    assert results.at.dataframe[1].value["leverage"].is_monotonic_decreasing


def test_doubts_are_those_of_the_engine(results):
    problem, result = answer(results)
    use = np.ones(problem.n_targets, bool)
    opened(results, "Doubts").press("Look for contradicting sets")
    own = list(set_conflicts(problem, use, result.weights))
    said = [t for t in results.said("markdown") if "cannot hold together" in t]
    assert len(said) == len(own) > 0
    ledger = results.at.dataframe[-1].value
    np.testing.assert_allclose(ledger["after"], drift(problem, result.weights, use)["after"])
    few = int(ledger["moved"].sum())
    change = wording.percent(result.weights.sum() / problem.start_weights.sum() - 1)
    assert any(f"after ({change}): every total moves with that" in text for text in results.said("caption"))
    results.at.slider(key="drift_band").set_value(50).run()
    assert results.check().at.dataframe[-1].value["moved"].sum() < few
    if own:
        results.at.button(key="relax_0").click().run()
        assert results.check().title == "Calibrate"
        relaxed = state.store().problem(results.at.session_state["problem"]).target_weights
        assert (relaxed[own[0].targets] == 0.1 * problem.target_weights[own[0].targets]).all()


def test_the_report_tab_offers_files_and_code(results):
    opened(results, "Report")
    labels = [b.label for b in results.at.download_button]
    assert labels[-6:] == ["Report (HTML)", "Report (Markdown)", "Everything (zip)", "Weights (Parquet)", "Script", "Notebook"]
    (code,) = results.at.code
    assert "WEIGHTS_SHA256" in code.value and state.facts(results.record).weights_sha256 in code.value
    assert any("hang on 1 to 4 kept households" in text for text in results.said("warning"))
    assert any("Before you publish" in text for text in results.said("caption"))  # where the weights are
    problem, result = answer(results)
    listed = results.at.dataframe[0].value.set_index("target")["kept households"]
    few = pd.Series(((problem.matrix.toarray() != 0) & (result.weights > 0)).sum(axis=1), problem.names)
    few = few[few.between(1, 4)]
    assert listed.to_dict() == few.to_dict()


def test_pictures_are_saved_as_svg_or_png(results):
    def saved():
        (picture,) = [c for c in opened(results, "Weights").at.get("plotly_chart") if c.proto.id.endswith("-concentration")]
        return json.loads(picture.proto.config)["toImageButtonOptions"]["format"]

    assert saved() == "svg"
    opened(results, "Report").choose("Pictures, saved by the camera above each", "PNG")
    assert saved() == "png"
