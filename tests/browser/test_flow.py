"""The whole way in a real browser: files in, a curve that moves, stop, weights out; reloads, tabs, restarts, themes."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import uploads
from tabs import LOSS, VERDICT, download, epochs, once, picture, points, press, run_id, settle, start, to_calibrate, upload, wait_for_points
from waiting import until

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Status
from l0engine.calibration.training.iteration import fit
from l0engine.io import csv_bytes, load_problem, weights_table
from l0engine.jobs.job import Request
from l0engine.jobs.store import Store

#: So many steps that a run is still going when it has been looked at.
LONG = 150_000


def check_weights(content: bytes, told: bytes) -> None:
    """M w of the downloaded weights, by plain NumPy, is what targets.csv says, and the table is of the upload's households."""
    plain = uploads.small()
    weights, targets = pd.read_csv(io.BytesIO(content)), pd.read_csv(io.BytesIO(told))
    column = pd.Index(plain.households["household_id"]).get_indexer(weights["household_id"].astype(str))
    assert (column >= 0).all() and len(set(column)) == len(column) and (weights["weight"] > 0).all()
    assert list(targets["target"]) == list(plain.targets["target"])
    np.testing.assert_allclose(plain.matrix[:, column] @ weights["weight"], targets["estimate"], rtol=1e-6)
    np.testing.assert_allclose(weights["base_weight"], plain.households["base_weight"].to_numpy()[column])


#: Formats without a browser: tests/dashboard/test_data_page.py, tests/io.
MORE = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("long csv", "mtx", "wide csv", "parquet")]


@pytest.mark.parametrize("kind", ["npz", *MORE])
def test_from_files_to_weights(server, open_tab, kind):
    # A small problem is open at first: the one of the United States takes seconds (tests/dashboard/test_data_page.py opens it).
    first = Store(server.home).add_problem(load_problem(uploads.SAMPLES / "massachusetts"), "Massachusetts").sha
    page = open_tab(f"{server.url}/?problem={first}")
    upload(page, uploads.files(kind))
    to_calibrate(page)
    stop_it = kind == "npz"
    epochs(page, LONG if stop_it else 400)
    run = start(page)
    store = Store(server.home)
    if stop_it:
        wait_for_points(page, 1)
        before = points(page)
        wait_for_points(page, before[LOSS] + 2)  # the curve moves
        assert len(before) == 4
        # All do but the histogram, which has bins; they are drawn one after the other.
        until(lambda: (now := points(page)) and sum(now[label] > before[label] for label in before) == 3, story=lambda: points(page))
        assert store.run(run).status is Status.RUNNING
        press(page, "Stop")
    page.get_by_text(VERDICT).wait_for()
    record = store.run(run)
    assert record.status is (Status.STOPPED if stop_it else Status.STEP_LIMIT) or record.status is Status.CONVERGED
    content = download(page, "weights.csv")
    assert content == (store.folder(run) / "weights.csv").read_bytes()
    press(page, "All results")
    page.wait_for_selector("h1:has-text('Results')")
    told = download(page, "targets.csv")
    assert told == (store.folder(run) / "targets.csv").read_bytes()
    check_weights(content, told)
    kept = len(pd.read_csv(io.BytesIO(content)))
    assert page.get_by_text(f"Kept {kept:,} of {len(uploads.small().households):,}").count() == 1
    if not stop_it:  # the engine's own fit of the same problem gives the same bytes
        problem = store.problem(record.problem)
        assert record.config == Config(epochs=400, stop_when_settled=False)
        assert content == csv_bytes(weights_table(problem, fit(problem, record.config).weights))


def the_problem(store: Store) -> str:
    """The small problem, put into the store without the pages."""
    matrix, targets, households = uploads.small()
    parts = {"names": targets["target"], "groups": targets["group"], "household_ids": households["household_id"]}
    problem = Problem.create(matrix, targets["value"], base_weights=households["base_weight"], **parts)
    return store.add_problem(problem, "Small").sha


def check_that_a_zoom_stays(page) -> None:
    """Drawn by the mouse, it survives what arrives; a double click ends it."""
    page.evaluate(f"{picture()}.dataset.mark = 'the same element'")
    plot = page.locator(f".live-plot[aria-label='{LOSS}'] .nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    y = box["y"] + box["height"] / 2
    zoom, other = f"{picture()}.layout.xaxis", f"{picture('Households kept by step')}.layout.xaxis"
    wait_for_points(page, 3)
    whole = page.evaluate(f"{zoom}.range")
    page.mouse.move(box["x"] + box["width"] * 0.1, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=5)
    page.mouse.up()
    once(page, f"{zoom}.autorange === false && {zoom}.range[1] < {whole[1]}")
    zoomed, seen = page.evaluate(f"{zoom}.range"), points(page)[LOSS]
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]
    updates = 0
    while updates < 3:
        wait_for_points(page, seen)
        seen, updates = points(page)[LOSS], updates + 1
    assert page.evaluate(f"{zoom}.range") == zoomed
    assert page.evaluate(f"{picture()}.dataset.mark") == "the same element"
    end = page.evaluate(f"{other}.range[1]")
    once(page, f"{other}.range[1] > {end}")  # the others follow the fit
    page.mouse.dblclick(box["x"] + box["width"] / 2, y)  # and so does this one again, after a double click
    once(page, f"{zoom}.range[1] > {end}")


@pytest.mark.slow  # without a browser: tests/jobs/test_runs.py, tests/dashboard/test_run_pages.py
def test_a_run_outlives_zooms_reloads_tabs_and_the_server(server, open_tab):
    store = Store(server.home)
    run = store.create_run(the_problem(store), Config(epochs=LONG, stop_when_settled=False)).id
    try:
        page = open_tab(f"{server.url}/calibrate?run={run}")
        wait_for_points(page, 1)
        check_that_a_zoom_stays(page)
        address, pid = page.url, store.run(run).pid
        server.kill()
        try:
            step = store.snapshots(run)[-1].step
            until(lambda: store.snapshots(run)[-1].step > step, story=lambda: store.run(run))  # it goes on alone
            page.goto("about:blank")
            open_tab.complaints.clear()  # a tab whose server dies complains with reason
        finally:
            server.start()
        page.goto(address)
        wait_for_points(page, 1)
        assert store.run(run).pid == pid and store.run(run).status is Status.RUNNING and run_id(page) == run
        other = open_tab(address)
        wait_for_points(other, 1)
        assert run_id(other) == run and other.get_by_role("button", name="Stop", exact=True).is_enabled()
        page.reload()
        wait_for_points(page, 1)
        assert run_id(page) == run
        press(other, "Stop")  # what one does the other sees
        page.get_by_text(VERDICT).wait_for()
        other.get_by_text(VERDICT).wait_for()
        assert store.run(run).status is Status.STOPPED
    finally:
        if not store.run(run).status.ended:
            store.request(run, Request.STOP)
            until(lambda: store.run(run).status.ended, story=lambda: store.run(run))


COLOURS = {
    "light": {"background": "rgb(255, 255, 255)", "text": "rgb(31, 41, 55)", "kept": "#0B7A75"},
    "dark": {"background": "rgb(15, 20, 27)", "text": "rgb(229, 231, 235)", "kept": "#3CC8BF"},
}


@pytest.mark.slow
def test_a_page_follows_a_run_that_goes_on_elsewhere(server, open_tab):
    page = open_tab(server.url)
    upload(page, uploads.files("npz"))
    to_calibrate(page)
    epochs(page, 100)
    run = start(page)
    page.get_by_text(VERDICT).wait_for()
    Store(server.home).continue_for(run, 60)
    page.get_by_text("Changed once it had begun, after step").wait_for()
    assert Store(server.home).snapshots(run)[-1].epochs > 100


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_page_and_figures_follow_the_theme(server, open_tab, scheme):
    wanted, other = COLOURS[scheme], COLOURS["dark" if scheme == "light" else "light"]
    store = Store(server.home)
    run = store.create_run(the_problem(store), Config(epochs=50)).id
    page = open_tab(f"{server.url}/?run={run}", scheme)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    background = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    once(page, f"{background} === '{wanted['background']}'")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == wanted["text"]
    once(page, f"getComputedStyle(document.querySelector('.js-plotly-plot .gtitle')).fill === '{wanted['text']}'")
    press(page, "Calibrate")
    page.wait_for_selector("h1:has-text('Calibrate')")
    page.get_by_text(VERDICT).wait_for()
    settle(page)
    assert page.get_by_role("button", name="Start", exact=True).is_enabled()
    wait_for_points(page, 1)
    texts = "[...document.querySelectorAll('.live-plot')].map(e => JSON.stringify([e.data, e.layout]).toUpperCase())"
    once(page, f"{texts}.length === 4 && {texts}.some(text => text.includes('{wanted['kept']}'))")  # drawn one by one
    drawn = page.evaluate(texts)
    assert not any(other["kept"] in text for text in drawn)
