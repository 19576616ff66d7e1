"""The Runs page in a real browser: two runs chosen, compared, one deleted and brought back."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import suppress

import numpy as np
import pytest
from playwright.sync_api import TimeoutError
from tabs import asked, once, press, settle

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store


def two_runs(store: Store) -> list[str]:
    """Finished, and alone in the store, which other tests use as well."""
    others = [job.id for job in store.jobs()]
    store.trash(others)
    store.purge(others)
    matrix = np.random.default_rng(4).random((6, 300))
    sha = store.add_problem(Problem.create(matrix, matrix.sum(axis=1) * 3), "Three hundred").sha
    runs = [store.create_run(sha, Config(epochs=60, seed=seed, price_l0=price)).id for seed, price in ((0, 0.1), (1, 0.3))]
    for run in runs:
        Execution(store, store.begin(run, os.getpid())).carry_out()
    store.rename(runs[0], "Many households")
    store.rename(runs[1], "Few households")
    return runs


def tick(page, row: int, ready: str) -> None:
    """Click the box of a row until a button is there to press; the table is drawn on a canvas, where boxes are found by their place."""
    button = page.locator(".st-key-runs_actions").get_by_role("button", name=ready, exact=True, disabled=False)
    while True:
        settle(page)
        box = page.locator("[data-testid='stDataFrame']").first.bounding_box()
        page.mouse.click(box["x"] + 16, box["y"] + 35 * (row + 1) + 17)
        with suppress(TimeoutError):
            return button.wait_for(timeout=10_000)


@pytest.mark.slow  # without a browser: tests/dashboard/test_runs_page.py
def test_two_runs_are_compared_and_one_is_deleted_and_comes_back(server, open_tab):
    store = Store(server.home)
    many, few = two_runs(store)
    page = open_tab(f"{server.url}/runs")
    tick(page, 0, "Open")
    tick(page, 1, "Compare 2")
    press(page, "Compare 2")
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    assert asked(page, "compare") == f"{few},{many}"
    legend = page.locator("[data-testid='stHtml']", has_text="Many households").first
    legend.wait_for()
    assert legend.get_by_text("Few households").is_visible()
    lines = "document.querySelector('.live-plot[aria-label=\"Households kept by step\"]')?.data?.map(t => t.name)"
    once(page, f'JSON.stringify({lines}) === \'["Few households","Many households"]\'')
    press(page, "Clear")
    page.get_by_role("heading", name="Compare 2 runs").wait_for(state="detached")
    tick(page, 0, "Open")  # no longer that one
    press(page, "Delete")
    page.get_by_text("1 job put into the trash").wait_for()
    assert [job.id for job in store.trashed()] == [many]
    press(page, "Undo")
    page.get_by_text("1 job put into the trash").wait_for(state="detached")
    assert not store.trashed()


@pytest.mark.slow
def test_errors_are_sorted_as_numbers_and_the_row_that_is_chosen_is_the_one_that_is_seen(server, open_tab):
    store = Store(server.home)
    first, second = two_runs(store)
    errors = {first: 0.095, second: 0.2}  # as words '20 %' comes before '9.5 %'
    with sqlite3.connect(server.home / "store.sqlite") as db:
        for run, error in errors.items():
            outcome = json.loads(db.execute("SELECT result FROM jobs WHERE id = ?", (run,)).fetchone()[0])
            for measures in filter(None, (outcome["gated"], outcome["refitted"])):
                measures["median_abs_rel_error"] = error
            db.execute("UPDATE jobs SET result = ? WHERE id = ?", (json.dumps(outcome), run))
    page = open_tab(f"{server.url}/runs")
    frame = page.locator("[data-testid='stDataFrame']").first
    frame.wait_for()
    settle(page)
    cells = "[...(document.querySelector('[data-testid=stDataFrame] table')?.rows ?? [])].map(r => [...r.cells].map(c => c.textContent))"
    once(page, f"({cells}).length === 3")
    column = page.evaluate(cells)[0].index("Median error")
    seen = f"({cells}).slice(1).map(r => Number(r[{column}])).join()"
    box = frame.bounding_box()
    at = 33 + 170 + 100 + 118 + 66 + 45  # widths of the columns before
    for order in ("0.095,0.2", "0.2,0.095"):
        page.mouse.click(box["x"] + at, box["y"] + 17)
        once(page, f"{seen} === '{order}'")
    tick(page, 0, "Delete")
    press(page, "Delete")
    page.get_by_text("1 job put into the trash").wait_for()
    assert [job.id for job in store.trashed()] == [second]


@pytest.mark.slow  # without a browser: tests/dashboard/test_runs_page.py
def test_a_link_to_a_comparison_shows_the_film_which_plays_steps_and_heeds_keys(server, open_tab):
    many, few = two_runs(Store(server.home))
    page = open_tab(f"{server.url}/runs?compare={few},{many}")
    page.emulate_media(reduced_motion="no-preference")
    player, caption = page.locator(".player"), page.locator(".player .caption")
    player.wait_for()
    page.get_by_text("Settings that differ").wait_for()  # the rest comes once the film is drawn
    page.locator("[data-testid='stDataFrame']").first.wait_for()
    settle(page)
    stage = "Number(document.querySelector('.player').dataset.stage)"
    last, at_the_end = page.evaluate(stage), caption.inner_text()
    assert last > 10 and re.match(r"Step 60 of 60: .* households kept, median error", at_the_end)
    page.locator(".player .back").click()
    once(page, f"{stage} === {last - 1}")
    assert caption.inner_text() != at_the_end
    page.keyboard.press("ArrowLeft")
    once(page, f"{stage} === {last - 2}")
    page.keyboard.press("Home")
    once(page, f"{stage} === 0")
    assert caption.inner_text().startswith("Step 1 of 60")
    page.get_by_role("button", name="Play", exact=True).click()
    once(page, f"document.querySelector('.player').dataset.playing === 'yes' && {stage} > 1")
    page.get_by_role("button", name="Pause", exact=True).click()
    once(page, "document.querySelector('.player').dataset.playing === 'no'")
    assert 0 < page.evaluate(stage) < last
    page.keyboard.press("End")
    once(page, f"{stage} === {last}")
    assert caption.inner_text() == at_the_end


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_button_that_cannot_be_pressed_yet_can_be_read(server, open_tab, theme):
    two_runs(Store(server.home))
    page = open_tab(f"{server.url}/runs", theme)
    button = page.locator(".st-key-runs_actions").get_by_role("button", name="Compare", exact=True)
    button.wait_for()
    assert button.is_disabled()
    words = button.locator("p").evaluate("p => getComputedStyle(p).color")
    ground = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    light = [sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3 for colour in (words, ground)]
    assert abs(light[0] - light[1]) > 20, (words, ground)
