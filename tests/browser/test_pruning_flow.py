"""Pruning in a real browser: a network is trained before one's eyes, pruned, and runs by itself after its download."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import numpy as np
from tabs import POINTS, download, press, settle
from waiting import until

from l0engine.calibration.results import Status
from l0engine.io.whole import read_arrays
from l0engine.jobs.store import Store

#: Epochs that the live picture of the accuracy shows.
LIVE = f"(({POINTS})['Accuracy by epoch'] ?? 0)"


def set_number(page, name, value):
    field = page.get_by_role("spinbutton", name=name)
    field.fill(str(value))
    field.press("Enter")
    settle(page)


def test_from_the_digits_to_a_script_that_runs(server, open_tab, tmp_path):
    store = Store(server.home)
    page = open_tab(f"{server.url}/pruning")
    page.get_by_role("button", name="Train and prune").wait_for()
    settle(page)
    set_number(page, "Hidden units", 64)
    set_number(page, "Epochs", 60)
    press(page, "Train and prune")
    page.wait_for_function(f"{LIVE} > 2")
    before = page.evaluate(LIVE)
    page.wait_for_function(f"{LIVE} > {before}")
    name = page.wait_for_function("new URLSearchParams(location.search).get('pruning')").json_value()
    until(lambda: store.job(name).status.ended, 300, lambda: store.job(name))
    page.get_by_text("of the weights are gone").wait_for()
    result = store.job(name).result
    settle(page)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 7")
    page.get_by_text(f"{result.test} test images").wait_for()
    zipfile.ZipFile(io.BytesIO(download(page, "Download (ZIP)"))).extractall(tmp_path)
    subprocess.run([sys.executable, "-I", "model.py", "images.npy", "scores.npy"], cwd=tmp_path, check=True, timeout=60)
    answers = np.load(tmp_path / "scores.npy").argmax(axis=1)
    np.testing.assert_array_equal(answers, read_arrays(store.folder(name) / "examples.npz")["compact"])
    page.reload()
    page.get_by_text("of the weights are gone").wait_for()  # the address says it all


def test_a_stop_keeps_what_there_is(server, open_tab):
    store = Store(server.home)
    page = open_tab(f"{server.url}/pruning")
    page.get_by_role("button", name="Train and prune").wait_for()
    settle(page)
    set_number(page, "Hidden units", 16)
    set_number(page, "Epochs", 2000)
    press(page, "Train and prune")
    name = page.wait_for_function("new URLSearchParams(location.search).get('pruning')").json_value()
    until(lambda: store.snapshots(name), story=lambda: store.job(name))
    page.wait_for_function(f"{LIVE} > 1")
    press(page, "Stop")
    page.get_by_text(Status.STOPPED.sentence).wait_for()
    until(lambda: store.job(name).status.ended)
    assert 1 < store.job(name).result.epochs < 2000
    page.get_by_text("Stopped before the small networks").wait_for()
