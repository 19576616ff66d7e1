"""Results in a real browser: a click opens a part, a target is explained, the report opens alone; nothing of ours fails axe-core."""

from __future__ import annotations

import base64
import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from further import further
from server import ROOT
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tabs import download, settle
from waiting import until

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

#: What Streamlit's own navigation does: a list with groups in it.
OWN = {"list", "listitem"}
PAGES = ("", "build", "calibrate", "frontier", "results", "runs", "log", "samples", "features", "pruning")
#: Tabs, and looks at targets.
PLACES = [
    ("Targets", "Table"), ("Targets", "Estimates"), ("Targets", "One target"), ("Households", ""), ("Weights", ""), ("Doubts", ""), ("Report", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def run(server):
    """A finished run of Massachusetts in the server's store."""
    store = Store(server.home)
    sha = store.add_problem(load_problem(ROOT / "sample_data" / "massachusetts"), "Massachusetts", "sample massachusetts").sha
    made = store.create_run(sha, Config(epochs=60))
    claimed = store.claim_next()
    if claimed is not None:  # the server has not begun to look yet
        Execution(store, store.begin(claimed.id, os.getpid())).carry_out()
    until(lambda: store.run(made.id).status.ended, 120, lambda: store.run(made.id))
    return made.id


def findings(page):
    return [
        (v["id"], n["html"][:150]) for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")
        for n in v["nodes"] if v["id"] not in OWN
    ]  # fmt: skip


def click(page, label):
    """On a tile of the picture of all targets, once it is there: at its upper left corner."""
    tile = "label => document.querySelector('.player')?.targets?.find(t => t.mark.words[t.i] === label)"
    corner = page.wait_for_function(
        f"label => {{const t = ({tile})(label); return t && {{x: t.x - t.half[0] + 4, y: t.y - t.half[1] + 4}}}}", arg=label
    )
    page.locator(".player canvas").click(position=corner.json_value())


def heard(page):
    """The messages that come from now on: the list grows."""
    messages, devtools = [], page.context.new_cdp_session(page)
    devtools.on("Network.webSocketFrameReceived", lambda e: messages.append(base64.b64decode(e["response"]["payloadData"])))
    devtools.send("Network.enable")
    return messages


def runs(messages):
    """Of each run that ended, whether it was one of a part of the page."""
    read = map(ForwardMsg.FromString, messages)
    return [m.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY for m in read if m.WhichOneof("type") == "script_finished"]


def narrow_enough(page):
    return page.evaluate("[...document.querySelectorAll('html, [data-testid=stMain]')].every(e => e.scrollWidth <= e.clientWidth)")


@pytest.mark.slow  # without a browser: tests/dashboard/test_results_page.py
@pytest.mark.parametrize("scheme", ["light", *further("dark")])
def test_from_a_click_to_a_report(server, open_tab, run, scheme, tmp_path):
    store = Store(server.home)
    household = str(store.problem(store.run(run).problem).household_ids[0])
    page = open_tab(f"{server.url}/results?run={run}", scheme)
    page.get_by_text("equally weighted households").wait_for()
    settle(page)
    page.evaluate("document.querySelector('.player').same = true")
    came = heard(page)
    for part in ("MA", "agi[1,10000)"):
        click(page, part)
    page.get_by_text("2 targets of MA/agi[1,10000) in use").wait_for()
    assert page.evaluate("document.querySelector('.player').same")  # it was not built anew
    settle(page)
    assert 0 < max(map(len, came)) < 20_000  # the picture did not come again
    click(page, "agi[1,10000)")  # on what is open: back
    page.get_by_text("targets of MA in use").wait_for()
    click(page, "agi[1,10000)")
    settle(page)
    click(page, "count")
    page.get_by_text("Carried by").wait_for()
    settle(page)
    page.get_by_text("Error over the training").wait_for()
    for tab, look in PLACES:
        page.get_by_role("tab", name=tab).click()
        if look:
            page.get_by_role("radio", name=look).click()
        settle(page)
        page.wait_for_timeout(500)
        assert findings(page) == [], (tab, look)
        page.set_viewport_size({"width": 800, "height": 900})
        until(lambda: narrow_enough(page), 10, lambda tab=tab: f"{tab} scrolls sideways")  # pictures follow a moment later
        page.set_viewport_size({"width": 1400, "height": 1000})
    page.get_by_role("tab", name="Households").click()
    page.get_by_label("Why is a household kept, or not?").fill(household)
    page.keyboard.press("Enter")
    page.get_by_text("Its gate over the training").wait_for()
    settle(page)
    page.wait_for_timeout(500)
    assert findings(page) == [] and narrow_enough(page)
    page.get_by_role("tab", name="Report").click()
    report = tmp_path / "report.html"
    report.write_bytes(download(page, "Report (HTML)"))
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    page.goto(report.as_uri())
    page.wait_for_selector("#households-0 .main-svg")
    click(page, "MA")
    page.wait_for_function("document.querySelector('.player').open > 0")
    assert page.locator(".js-plotly-plot").count() >= 7 and findings(page) == []
    assert asked == [report.as_uri()] and failed == []  # all is in the one file


@pytest.mark.slow
def test_the_picture_of_targets_is_walked_by_keys_and_saved(server, open_tab, run, tmp_path):
    page = open_tab(f"{server.url}/results?run={run}")
    page.get_by_text("equally weighted households").wait_for()
    settle(page)

    def opened():
        return page.evaluate("document.querySelector('.player').open ?? 0")

    page.locator(".player canvas").focus()
    for key in ("Backspace", "Enter", "ArrowLeft", "Home"):  # the first two have nothing to do yet
        page.keyboard.press(key)
    assert opened() == 0 and "median error" in page.locator(".player .tip").inner_text()
    page.keyboard.press("Enter")
    page.get_by_text("targets of MA in use").wait_for()
    assert opened() > 0
    page.keyboard.press("Backspace")
    page.get_by_text("targets of MA in use").wait_for(state="detached")
    assert opened() == 0
    page.locator(".player").hover()
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    saved.value.save_as(tmp_path / saved.value.suggested_filename)
    picture = tmp_path / "l0engine.png"
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5_000


@pytest.mark.slow
def test_a_search_in_the_table_runs_the_table_alone(server, open_tab, run):
    page = open_tab(f"{server.url}/results?run={run}")
    page.get_by_text("equally weighted households").wait_for()
    page.get_by_text("click a column head to sort").wait_for()
    settle(page)
    came = heard(page)
    page.get_by_label("Search targets").fill("age30-34")
    page.keyboard.press("Enter")
    page.get_by_text("1 target; click a column head to sort").wait_for()
    settle(page)
    assert runs(came) == [True]
    click(page, "MA")  # the page follows that as a whole
    page.get_by_text("targets of MA in use").wait_for()
    settle(page)
    assert runs(came) == [True, False]


@pytest.mark.slow  # ten pages, twice
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_ours_fails_axe(server, open_tab, run, scheme):
    for path in PAGES:
        page = open_tab(f"{server.url}/{path}?run={run}", scheme)
        settle(page)
        page.wait_for_timeout(1000)
        assert findings(page) == [], path or "data"
        page.set_viewport_size({"width": 800, "height": 900})
        until(lambda page=page: narrow_enough(page), 10, lambda path=path: f"{path or 'data'} scrolls sideways")
        page.context.close()
