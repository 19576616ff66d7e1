"""The frontier in a real browser: points arrive, a click chooses one, Results shows it, its weights come out."""

from __future__ import annotations

import dataclasses
import io
import os

import numpy as np
import pandas as pd
import pytest
import uploads
from tabs import asked, download, once, press, run_id, settle
from waiting import until

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate, Result, Status
from l0engine.calibration.training.iteration import fit
from l0engine.io import csv_bytes, weights_table
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store

#: Every marker of the picture: its key and its place on the screen.
MARKERS = """(() => { const chart = document.querySelector('.js-plotly-plot'); const found = [];
chart.querySelectorAll('.scatterlayer .trace').forEach((trace, t) => trace.querySelectorAll('path.point').forEach(point => {
  const {x, y, width, height} = point.getBoundingClientRect(), data = point.__data__?.data ?? point.__data__?.customdata;
  found.push([String(data?.[0] ?? data), x + width / 2, y + height / 2]); })); return found; })()"""


@pytest.fixture
def store(server):
    return Store(server.home)


def the_problem(store):
    matrix, targets, households = uploads.small()
    parts = {"names": targets["target"], "groups": targets["group"], "household_ids": households["household_id"]}
    return store.add_problem(Problem.create(matrix, targets["value"], base_weights=households["base_weight"], **parts), "Small").sha


@pytest.mark.slow  # without a browser: tests/dashboard/test_frontier_page.py
def test_from_budgets_to_the_weights_of_a_clicked_point(server, open_tab, store):
    sha = the_problem(store)
    n = store.problem_record(sha).n_households
    page = open_tab(f"{server.url}/frontier?problem={sha}")
    numbers = page.get_by_role("textbox", name="Numbers of households")
    numbers.wait_for()
    settle(page)
    budgets = [n // 2, n // 4, n // 8]
    numbers.fill(", ".join(map(str, budgets)))
    numbers.press("Enter")
    settle(page)
    press(page, "Compute the frontier")
    run = run_id(page)
    until(lambda: store.run(run).status.ended, story=lambda: store.run(run))
    assert store.run(run).status.has_result, store.run(run)
    assert store.run(run).plan.budgets == tuple(budgets)
    press_point = page.get_by_role("button", name="Use this point", exact=True)
    press_point.wait_for()
    page.get_by_text(f"The frontier has {len(budgets)} points").wait_for()
    settle(page)
    points = {p.key: p for p in store.points(run)}
    assert {f"l0engine-{k}" for k in budgets} < set(points)

    wanted = f"l0engine-{budgets[0]}"
    x, y = max(page.evaluate(MARKERS), key=lambda m: m[1])[1:]  # the one furthest to the right keeps most
    page.mouse.click(x, y)
    once(page, f"new URLSearchParams(location.search).get('point') === '{wanted}'")
    page.get_by_role("heading", name=f"At {budgets[0]:,} households").wait_for()
    settle(page)
    press_point.click()
    page.wait_for_selector("h1:has-text('Results')")
    page.get_by_text(f"Kept {budgets[0]:,} of {n:,}").wait_for()
    content = download(page, f"weights_{budgets[0]}.csv")
    weights = pd.read_csv(io.BytesIO(content))
    problem = store.problem(sha)
    column = pd.Index(problem.household_ids).get_indexer(weights["household_id"].astype(str))
    full = np.zeros(n)
    full[column] = weights["weight"]
    np.testing.assert_array_equal(full, store.point_weights(run, wanted, n))
    assert content == csv_bytes(weights_table(problem, full))


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_frontier_page.py
def test_points_arrive_and_a_stop_keeps_them(server, open_tab, store):
    sha = the_problem(store)
    n = store.problem_record(sha).n_households
    source = finished(store, sha, fit(store.problem(sha), Config(epochs=60)))
    run = store.create_run(sha, Config(epochs=60), Plan(tuple(range(n, 5, -1)), source=source)).id
    page = open_tab(f"{server.url}/frontier?run={run}")
    drawn = "(document.querySelector('.js-plotly-plot')?.data ?? []).find(t => t.name === 'l0engine')?.x.length ?? 0"
    once(page, f"({drawn}) > 1")
    before = page.evaluate(drawn)
    once(page, f"({drawn}) > {before}")
    assert not store.run(run).status.ended
    press(page, "Stop")
    page.get_by_text(" points; they can be used.").wait_for()
    kept = len(store.points(run))
    assert store.run(run).status is Status.STOPPED and before < kept < n - 5
    once(page, f"({drawn}) === {kept}")
    once(page, "document.querySelectorAll('.js-plotly-plot').length > 1")
    settle(page)
    x, y = min(page.evaluate(MARKERS), key=lambda m: m[1])[1:]  # the one furthest to the left, or a neighbour: they overlap
    page.mouse.click(x, y)
    key = asked(page, "point")
    (chosen,) = (p.measures.kept for p in store.points(run) if p.key == key)
    assert chosen < n
    page.get_by_role("heading", name=f"At {chosen:,} households").wait_for()
    once(page, f"JSON.stringify(document.querySelector('.js-plotly-plot').layout.title).includes('Chosen: {chosen:,} households')")


def finished(store, sha, result, plan=None):
    """A run that has ended with this result."""
    run = store.create_run(sha, result.config, plan).id
    store.begin(run, os.getpid())
    store.save_result(run, result)
    store.set_status(run, result.status, "")
    return run


def put(store, sha, config, errors, certificate=None):
    """A finished frontier whose points have these errors, by number of households."""
    problem = store.problem(sha)
    use, weights = np.ones(problem.n_targets, bool), np.ones(problem.n_households)
    result = Result(Status.CONVERGED, "", config, weights, weights, None, measure(problem, weights, use), (), "cpu", 1.0, 0.1)
    run = finished(store, sha, result, Plan(tuple(errors)))
    for k, error in errors.items():
        m = dataclasses.replace(
            result.final, kept=k, median_abs_rel_error=error, ess=k / (1 if config.max_ratio else 2)
        )  # apart, so that a click means one of them
        store.save_point(run, FrontierPoint("l0engine", k, np.arange(k), weights[:k], weights[:k], m, None, certificate=certificate))
    return run


@pytest.mark.slow  # what is drawn stands in tests/dashboard/test_frontier_figures.py
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_error_and_sample_size_in_one_picture(server, open_tab, store, scheme):
    sha = the_problem(store)
    put(store, sha, Config(max_ratio=10), {8: 0.03, 4: 0.2, 2: 0.6})
    run = put(store, sha, Config(), {8: 0.001, 4: 0.0012, 2: 0.3}, Certificate(4, 1.0, 1.02, 1.0))
    page = open_tab(f"{server.url}/frontier?run={run}", scheme)
    page.get_by_role("heading", name="At 4 households").wait_for()
    settle(page)
    once(page, "document.querySelector('.js-plotly-plot')?.data?.length > 0")
    traces = "document.querySelector('.js-plotly-plot').data.map(t => [t.name, t.yaxis ?? 'y'])"
    drawn = {tuple(t) for t in page.evaluate(traces)}
    for panel in ("y", "y2"):
        assert {("l0engine, no cap", panel), ("l0engine, weights ≤ 10 × base", panel), ("Chosen", panel)} <= drawn
    assert ("Proven: at most so far above the best", "y") in drawn
    page.get_by_text("this is 2 % above it").wait_for()
    page.get_by_text("With weights ≤ 10 × base").wait_for()
    page.evaluate("document.querySelector('.js-plotly-plot').scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    x, y = max((m for m in page.evaluate(MARKERS) if m[0] == "l0engine-8"), key=lambda m: m[2])[1:]  # that of the lower panel
    page.mouse.click(x, y)
    page.get_by_role("heading", name="At 8 households").wait_for()
    once(page, "new URLSearchParams(location.search).get('point') === 'l0engine-8'")
    settle(page)
    box = page.locator(".js-plotly-plot").first.bounding_box()
    assert box["width"] > 700 and page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_frontier_page.py
def test_a_stop_before_the_first_point_says_so(server, open_tab, store):
    sha = the_problem(store)
    n = store.problem_record(sha).n_households
    run = store.create_run(sha, Config(epochs=300_000, stop_when_settled=False), Plan((n // 2,))).id
    page = open_tab(f"{server.url}/frontier?run={run}")
    page.get_by_text("First the fit that all points come from: step").wait_for()
    press(page, "Stop")
    until(lambda: store.run(run).status.ended, story=lambda: store.run(run))
    page.get_by_text("There are no points yet").wait_for()
    assert page.locator(".js-plotly-plot").count() == 0
