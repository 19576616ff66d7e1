"""Report, script and notebook of the US problem: soon written, small, whole in a browser, and the same bits again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard.report.html import html
from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store
from l0engine.report.facts import Facts, sha256_of
from l0engine.report.script import notebook, script

ROOT = Path(__file__).parents[2]
#: Seconds of the processor, and bytes.
SOON, SMALL = 10.0, 10_000_000

pytestmark = pytest.mark.slow  # a fit of 200,000 households, three times


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a fit of the US, refitted."""
    store = Store(tmp_path_factory.mktemp("us") / "home")
    sha = store.add_problem(load_problem(ROOT / "sample_data" / "us"), "United States", "sample us").sha
    store.create_run(sha, Config(epochs=40, stop_when_settled=False))
    Execution(store, store.begin(store.claim_next().id, os.getpid())).carry_out()
    return store


@pytest.fixture
def facts(store):
    return Facts.of(store, store.jobs()[0].id)


def test_the_report_is_written_soon_is_small_and_asks_for_nothing(facts, chromium, tmp_path):
    began = time.process_time()
    page = html(facts).encode()
    assert time.process_time() - began < SOON and len(page) < SMALL
    file = tmp_path / "report.html"
    file.write_bytes(page)
    asked, failed = [], []
    tab = chromium.new_page(viewport={"width": 800, "height": 900})
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: failed.append(str(error)))
    tab.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    tab.goto(file.as_uri())
    tab.wait_for_selector("#households-0 .main-svg")
    tab.wait_for_selector(".player[data-drawn] canvas")
    assert asked == [file.as_uri()] and failed == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


def own_code(book):
    """The cells of a notebook as a script."""
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(book)["cells"] if cell["cell_type"] == "code")


@pytest.mark.parametrize("code", [script, lambda facts: own_code(notebook(facts))], ids=["script", "notebook"])
def test_the_code_makes_the_same_bits(store, facts, code, tmp_path):
    text = code(facts)
    assert f'WEIGHTS_SHA256 = "{sha256_of(facts.weights)}"' in text  # what it compares its own with
    (tmp_path / "again.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "L0ENGINE_HOME": str(store.root)}
    done = subprocess.run([sys.executable, "again.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0 and "Equal, bit for bit." in done.stdout, done.stdout + done.stderr
