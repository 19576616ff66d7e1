"""Pruning in a real browser: a network is trained before one's eyes, pruned, and runs by itself after its download."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from tabs import POINTS, asked, download, once, press, settle
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


def check_download(page, folder, tmp_path):
    """The downloaded network runs without this library and answers as the page says."""
    zipfile.ZipFile(io.BytesIO(download(page, "Download (ZIP)"))).extractall(tmp_path)
    subprocess.run([sys.executable, "-I", "model.py", "images.npy", "scores.npy"], cwd=tmp_path, check=True, timeout=180)
    answers = np.load(tmp_path / "scores.npy").argmax(axis=1)
    np.testing.assert_array_equal(answers, read_arrays(folder / "examples.npz")["compact"])


@pytest.mark.slow  # to the end without a browser: tests/dashboard/test_pruning_page.py
def test_from_the_digits_to_a_script_that_runs(server, open_tab, tmp_path):
    store = Store(server.home)
    page = open_tab(f"{server.url}/pruning")
    page.get_by_role("button", name="Train and prune").wait_for()
    settle(page)
    set_number(page, "Hidden units", 64)
    set_number(page, "Epochs", 60)
    press(page, "Train and prune")
    name = asked(page, "pruning")
    until(lambda: store.job(name).status.ended, 300, lambda: store.job(name))
    page.get_by_text("of the weights are gone").wait_for()
    result = store.job(name).result
    settle(page)
    once(page, "document.querySelectorAll('.js-plotly-plot').length >= 7")
    page.get_by_text(f"{result.test} test images").wait_for()
    check_download(page, store.folder(name), tmp_path)
    page.reload()
    page.get_by_text("of the weights are gone").wait_for()  # the address says it all


@pytest.mark.slow  # the same without a browser: tests/dashboard/test_pruning_page.py
def test_a_stop_keeps_what_there_is(server, open_tab, tmp_path):
    store = Store(server.home)
    page = open_tab(f"{server.url}/pruning")
    page.get_by_role("button", name="Train and prune").wait_for()
    settle(page)
    set_number(page, "Hidden units", 16)
    set_number(page, "Epochs", 2000)
    press(page, "Train and prune")
    name = asked(page, "pruning")
    once(page, f"{LIVE} > 2")
    before = page.evaluate(LIVE)
    once(page, f"{LIVE} > {before}")
    press(page, "Stop")
    page.get_by_text(Status.STOPPED.sentence).wait_for()
    until(lambda: store.job(name).status.ended)
    assert 1 < store.job(name).result.epochs < 2000
    page.get_by_text("Stopped before the small networks").wait_for()
    settle(page)
    once(page, "document.querySelectorAll('.js-plotly-plot').length >= 7")
    check_download(page, store.folder(name), tmp_path)
