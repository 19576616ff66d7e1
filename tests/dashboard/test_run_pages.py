"""Calibrate and Results with runs; where a process matters, real supervisor and worker processes behind the pages."""

from __future__ import annotations

import io
import json
import re
import time

import numpy as np
import pandas as pd
import pytest
import uploads
from further import further
from waiting import until

from dashboard import state
from dashboard.calibration import downloads
from l0engine.calibration.config import Config
from l0engine.calibration.problem.preflight import targets_in_use
from l0engine.calibration.results import Status
from l0engine.calibration.training.iteration import fit
from l0engine.explain.verdict import headline
from l0engine.io import write_run
from l0engine.jobs.job import Request

#: More steps than any test waits for.
#: What follows the stop is quick without a refit.
ENDLESS = {"epochs": 200_000, "stop_when_settled": False, "refit": False}


def weights_of(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype={"household_id": str})


def estimates_of(weights: pd.DataFrame, plain: uploads.Plain) -> np.ndarray:
    """M w by plain NumPy, from the ids and weights of an export."""
    column = pd.Index(plain.households["household_id"]).get_indexer(weights["household_id"])
    assert (column >= 0).all()
    return plain.matrix[:, column] @ weights["weight"].to_numpy()


def endless(page):
    page.choose("Advanced settings", True)
    for name, value in ENDLESS.items():
        page.set(name, value)
    return page.press("Start").until_training()


# -- Calibrate


def test_before_a_run_the_page_says_what_to_do(visit):
    page = visit("calibrate")
    assert any("Press **Start**" in text for text in page.said("info"))
    assert not page.at.metric and page.buttons() == ["Start"]
    assert any("Keep few of 3,044 households so that 35 totals of **Massachusetts**" in text for text in page.said("markdown"))


def test_a_started_run_waits_in_the_queue(visit):
    page = visit("calibrate").press("Start")
    assert page.record.status is Status.QUEUED and page.at.query_params["run"] == page.run_id
    assert any(text.startswith("**Queued.** Waiting for a free place") for text in page.said("markdown"))
    assert page.button("Pause").disabled and page.button("Pause").help == "Only what is running can be paused."
    assert set(page.metrics.values()) == {"–"} and page.button("Start another")
    assert any("in progress" in text for text in page.said("markdown"))
    page.press("Stop")  # takes it out of the queue
    page.rerun()
    assert page.record.status is Status.INTERRUPTED
    assert any("Taken out of the queue" in text for text in page.said("warning"))


def test_from_start_to_weights_that_are_the_engines_own(visit, working, tmp_path):
    page = visit().upload(uploads.files("npz")).to("calibrate")
    page.choose("Preset", "Fast look").choose("Advanced settings", True).set("epochs", 40).set("seed", 5)
    page.press("Start")
    assert page.record.status in (Status.QUEUED, Status.RUNNING)
    page.until_ended()
    record = page.record
    assert record.status is Status.STEP_LIMIT and record.config == Config(epochs=40, seed=5)

    problem = state.store().problem(record.problem)
    own = fit(problem, record.config)
    write_run(tmp_path / "own", problem, own, targets_in_use(problem, record.config))
    for name in ("weights.csv", "targets.csv"):
        given = downloads.contents(record, name)
        assert given == (tmp_path / "own" / name).read_bytes() == (state.store().folder(record.id) / name).read_bytes()
    summary, expected = json.loads(downloads.contents(record, "run.json")), json.loads((tmp_path / "own" / "run.json").read_text())
    timed = ("seconds", "fit_seconds", "refit_seconds")
    assert {k: v for k, v in summary.items() if k not in timed} == {k: v for k, v in expected.items() if k not in timed}

    kept = len(weights_of(downloads.contents(record, "weights.csv")))
    verdict = next(text for text in page.said("markdown") if text.startswith("### "))
    assert verdict == f"### {headline(own.final, problem.n_households)}" and f"Kept **{kept:,} of {problem.n_households:,}" in verdict
    assert any("finished" in text for text in page.said("markdown")) and not page.said("error", "warning")
    assert [b.label for b in page.at.download_button] == ["Weights (weights.csv)"]
    assert page.press("All results").title == "Results"
    page.to("calibrate")
    assert page.button("Start") and page.widget("Epochs").value == 40  # the next run starts from the same settings


def test_the_verdict_and_the_table_agree_with_the_exported_weights(visit, finished):
    page = visit("calibrate", run=finished)
    plain, weights = uploads.massachusetts(), weights_of(downloads.contents(page.record, "weights.csv"))
    values = plain.targets["value"].to_numpy()
    error = np.abs(estimates_of(weights, plain) / values - 1)
    w = weights["weight"].to_numpy()
    table = page.at.dataframe[0].value.set_index("")
    assert list(table.columns) == ["Gated", "Refitted"]
    assert table["Refitted"]["Households kept"] == f"{len(w):,}"
    assert table["Refitted"]["Effective sample size"] == f"{w.sum() ** 2 / (w**2).sum():,.0f}"
    assert float(table["Refitted"]["Largest weight"].replace(",", "")) == pytest.approx(w.max(), abs=0.6)
    ratio = float(table["Refitted"]["Largest weight / base weight"].replace(",", "").split()[0])
    assert ratio == pytest.approx((w / weights["base_weight"]).max(), rel=5e-3)
    shown = table["Refitted"]["Median error"]
    if shown.startswith("<"):  # too small for two digits: a bound is shown
        assert np.median(error) < _share(shown)
    else:
        assert _share(shown) == pytest.approx(np.median(error), rel=0.06)
    assert _share(table["Refitted"]["Targets within 10 %"]) == pytest.approx((error <= 0.1).mean(), abs=6e-4)
    assert _share(table["Gated"]["Median error"]) > _share(table["Refitted"]["Median error"])  # that is what the refit is for
    (verdict,) = (text for text in page.said("markdown") if text.startswith("### "))
    said = shown.removeprefix("< ")  # the verdict says "within" before it
    assert f"Kept **{len(w):,} of 3,044" in verdict and f"Half of the targets are within **{said}**" in verdict


def _share(text: str) -> float:
    return float(re.search(r"[\d.]+", text).group()) / 100  # type: ignore[union-attr]


def test_stop_keeps_the_weights_found_so_far(visit, working):
    page = endless(visit("calibrate"))
    assert set(page.metrics) == {"Households kept", "Median error", "Effective sample size", "Steps a second", "Time left"}
    step = state.store().snapshots(page.run_id)[-1]
    assert "Device: CPU, 1 thread." in page.rerun().said("caption")
    assert any(f"of {ENDLESS['epochs']:,}" in p.proto.text for p in page.rerun().at.get("progress"))
    page.press("Stop").until_ended()
    assert page.record.status is Status.STOPPED and page.record.request is Request.STOP
    last = state.store().snapshots(page.run_id)[-1]
    assert step.step <= last.step < ENDLESS["epochs"]
    plain, weights = uploads.massachusetts(), weights_of(downloads.contents(page.record, "weights.csv"))
    told = pd.read_csv(io.BytesIO(downloads.contents(page.record, "targets.csv")))
    np.testing.assert_allclose(estimates_of(weights, plain), told["estimate"], rtol=1e-9)
    assert any(text.startswith("### Kept") for text in page.said("markdown"))
    assert "Device: CPU, 1 thread." in page.said("caption")
    assert any("stopped" in text for text in page.said("markdown"))
    assert page.to("results").metrics["Households kept"] == f"{len(weights):,}"


def test_pause_holds_and_resume_goes_on(visit, working):
    page = endless(visit("calibrate"))
    page.press("Pause")
    until(lambda: page.record.status is Status.PAUSED, story=lambda: page.record)
    page.rerun()
    assert any(text.startswith("**Paused.**") for text in page.said("markdown")) and "Pause" not in page.buttons()
    step = state.store().snapshots(page.run_id)[-1].step
    time.sleep(0.5)
    assert state.store().snapshots(page.run_id)[-1].step == step
    page.press("Resume")
    until(lambda: state.store().snapshots(page.run_id)[-1].step > step, story=lambda: page.record)
    assert "Pause" in page.rerun().buttons() and page.record.status is Status.RUNNING
    page.press("Stop").until_ended()
    assert page.record.status is Status.STOPPED


@pytest.mark.slow
def test_a_fit_that_keeps_nobody_says_why(visit, working):
    page = visit("calibrate").type_exact("price_l0", "1000000").choose("Advanced settings", True).set("epochs", 100)
    page.press("Start").until_ended()
    assert page.record.status is Status.DIVERGED
    (said,) = page.said("error")
    assert said == page.record.message and said.endswith(".") and "price of a household" in said
    assert not page.at.download_button and "All results" not in page.buttons() and not page.button("Start").disabled
    page.to("results")
    assert any(said in text for text in page.said("info")) and page.press("Go to Calibrate").title == "Calibrate"


def test_a_run_that_fails_says_why(visit, working, monkeypatch):
    page = visit("calibrate")
    folder = state.store().root / "problems" / page.at.session_state["problem"]
    (folder / "matrix.npz").write_bytes(b"not a matrix")
    page.press("Start").until_ended()
    assert page.record.status is Status.FAILED
    (said,) = page.said("error")
    assert "matrix.npz" in said and "Traceback" not in said
    assert "Resume from the last checkpoint" not in page.buttons()


@pytest.mark.slow  # the resume itself: tests/jobs/test_runs.py
def test_an_interrupted_run_can_be_resumed_from_the_page(visit, processes):
    page = visit("calibrate").choose("Advanced settings", True)
    for name, value in {**ENDLESS, "epochs": 4000}.items():  # long enough to be paused on the way
        page.set(name, value)
    page.press("Start").until_training()
    page.press("Pause")
    until(lambda: page.record.status is Status.PAUSED or page.record.status.ended, story=lambda: page.record)
    step = page.record.checkpoint
    state.supervisor()._children[page.record.pid].kill()
    page.until_ended()
    assert page.record.status is Status.INTERRUPTED and step
    (said,) = page.said("warning")
    assert "killed" in said and not page.said("error")
    page.press("Resume from the last checkpoint")
    assert not page.record.status.ended or page.record.status.has_result
    page.until_ended()
    assert page.record.status is Status.STEP_LIMIT, page.record
    assert "It goes on from step" in (state.store().folder(page.run_id) / "worker.log").read_text()
    assert any(text.startswith("### Kept") for text in page.said("markdown"))


# -- the address, other sessions, earlier runs


def test_a_run_opens_from_its_address_in_a_new_session(visit, finished):
    page = visit("data", run=finished)
    assert page.at.session_state["run"] == finished and page.at.query_params["run"] == finished
    assert page.at.header[0].value == "Massachusetts" and not page.said("warning")
    kept = len(weights_of(downloads.contents(page.record, "weights.csv")))
    assert page.to("results").metrics["Households kept"] == f"{kept:,}"


def test_a_problem_opens_from_its_address(visit):
    first = visit().upload(uploads.files("npz"))
    sha = first.at.session_state["problem"]
    second = visit("data", problem=sha)
    assert second.at.session_state["problem"] == sha and second.at.header[0].value == first.at.header[0].value


@pytest.mark.parametrize(
    "query", [{"run": "../../etc/passwd"}, {"problem": "0" * 64}, *further({"run": "20200101-000000-abcd"}, {"problem": "<b>x</b>"})]
)
def test_an_address_that_leads_nowhere_is_said_once(visit, query):
    page = visit("data", **query)
    (said,) = page.said("warning")
    assert said.startswith("This address does not open here: ") and page.title == "Data"
    assert page.at.header[0].value == "Massachusetts"
    assert page.at.query_params.get("run") is None
    assert not page.rerun().said("warning")


def test_two_sessions_do_not_disturb_each_other(visit, finished):
    one, two = visit("calibrate", run=finished), visit("calibrate")
    assert "run" not in two.at.session_state
    two.type_exact("price_l0", "0.5")
    assert one.rerun().slider("price_l0").value == 0.1
    two.press("Start")
    assert one.rerun().run_id == finished != two.run_id
    assert one.widget("Earlier runs")  # but it can see it


def test_earlier_runs_are_a_click_away(visit, finished):
    page = visit("calibrate")
    menu = page.widget("Earlier runs")
    assert menu.value is None and len(menu.options) == 1 and menu.options[0].endswith("finished")
    page.choose("Earlier runs", finished)
    assert page.run_id == finished and any(text.startswith("### Kept") for text in page.said("markdown"))
    assert not [s for s in page.at.selectbox if s.label == "Earlier runs"]  # it is the current one now
    page.press("Start")  # a second run, which waits
    second = page.run_id
    assert second != finished
    page.choose("Earlier runs", finished)
    assert page.run_id == finished and page.widget("Earlier runs").value is None
    page.choose("Earlier runs", second)
    assert page.run_id == second
    page.to("data")
    page.at.button(key="sample_new_england").click().run()
    assert not [s for s in page.check().at.selectbox if s.label == "Earlier runs"]  # those of another problem


# -- Results


def test_results_before_a_run_lead_to_calibrate(visit):
    page = visit("results")
    assert page.title == "Results" and page.said("info") == ["No run yet. Results appear here when a run ends with weights."]
    assert not page.at.metric and not page.at.dataframe and not page.at.download_button
    assert page.press("Go to Calibrate").title == "Calibrate"


def test_results_of_a_waiting_run_say_so(visit):
    page = visit("calibrate").press("Start").to("results")
    assert page.said("info")[0].startswith("Waiting for a free place")


def opened(page, tab):
    """A tab of Results, as a click opens it."""
    page.at.session_state["results_tab"] = tab
    return page.rerun()


@pytest.fixture
def results(visit, finished):
    return visit("results", run=finished)


def test_results_show_figures_files_and_pictures(results):
    weights = weights_of(downloads.contents(results.record, "weights.csv"))
    w = weights["weight"].to_numpy()
    assert list(results.metrics) == ["Households kept", "Median error", "Within 10 %", "Effective sample size", "Largest weight"]
    assert results.metrics["Households kept"] == f"{len(w):,}"
    assert float(results.metrics["Largest weight"].replace(",", "")) == pytest.approx(w.max(), abs=0.6)
    assert [b.label for b in results.at.download_button] == ["Weights (weights.csv)", "Targets (targets.csv)", "Run (run.json)"]
    assert [t.label for t in results.at.tabs] == ["Targets", "Households", "Weights", "Doubts", "Report"]
    assert not results.at.get("plotly_chart") and len(results.at.dataframe) == 1  # of what is not looked at nothing is worked out


def test_every_target_is_in_the_table(results):
    results.choose("Look at", "Table")
    table, told = results.at.tabs[0].dataframe[0].value, pd.read_csv(io.BytesIO(downloads.contents(results.record, "targets.csv")))
    plain, weights = uploads.massachusetts(), weights_of(downloads.contents(results.record, "weights.csv"))
    np.testing.assert_allclose(table["estimate"], estimates_of(weights, plain), rtol=1e-9)
    np.testing.assert_allclose(table["error_percent"], 100 * told["relative_error"], atol=1e-4)
    assert not np.signbit(table["error_percent"])[table["error_percent"] == 0].any(), "'-0 %' stands there"
    assert list(table["target"]) == list(plain.targets["target"]) == list(told["target"])
    assert set(table["used"]) == {"yes"}


def test_the_search_and_the_group_narrow_the_table(results):
    targets = uploads.massachusetts().targets
    name, group = targets["target"][0], targets["group"].iloc[-1]
    results.choose("Look at", "Table")
    for text in (name, "AGI", "[", "no such thing"):
        results.choose("Search targets", text)
        wanted = [t for t in targets["target"] if text.lower() in t.lower()]
        shown = results.at.tabs[0].dataframe[0].value
        assert list(shown["target"]) == wanted
        assert any(c.startswith(f"{len(wanted)} target") for c in results.said("caption"))
    results.choose("Search targets", "").choose("Group", group)
    assert list(results.at.tabs[0].dataframe[0].value["target"]) == list(targets["target"][targets["group"] == group])
    results.choose("Search targets", "no such thing")
    assert len(results.at.tabs[0].dataframe[0].value) == 0
    results.choose("Search targets", "").choose("Group", None)
    assert len(results.at.tabs[0].dataframe[0].value) == len(targets)


def test_kept_households_are_listed_heaviest_first(results):
    shown = opened(results, "Households").at.tabs[1].dataframe[1].value
    weights = weights_of(downloads.contents(results.record, "weights.csv"))
    heaviest = weights.sort_values("weight", ascending=False).head(1000)
    assert set(shown["household_id"]) == set(heaviest["household_id"]) and list(shown["weight"]) == list(heaviest["weight"])


def test_households_can_be_compared_by_every_attribute(results):
    attributes = [c for c in uploads.massachusetts().households.columns if c not in ("household_id", "base_weight")]
    assert list(opened(results, "Households").widget("Compare by").options) == attributes
    for attribute in attributes:
        assert results.choose("Compare by", attribute).chart("composition")


def test_the_result_of_a_problem_without_attributes(visit, working):
    _, targets, _ = uploads.small()
    bare = {"matrix.npz": uploads.files("npz")["matrix.npz"], "targets.csv": targets[["target", "value"]].to_csv(index=False).encode()}
    page = visit().upload(bare).to("calibrate").choose("Advanced settings", True).set("epochs", 30)
    page.press("Start").until_ended()
    assert page.record.status.has_result, page.record
    page.to("results").choose("Look at", "Table")
    assert page.widget("Group").options == ["all"]
    assert any("without columns to compare" in text for text in opened(page, "Households").said("info"))
    assert any("without further columns" in text for text in opened(page, "Doubts").said("markdown"))
