"""How soon Results opens on the US problem: `python tests/benchmarks/results_page.py [--home FOLDER] [--visits 4]`.

Fits the US problem once (500 epochs, with refit), starts a server, opens Results of the run in a browser that has been here before, and
prints for each visit: milliseconds from navigation to the verdict, to the picture of all targets and to the table below, kilobytes that came
over the wire, and seconds of the processor that the server took; then the same of a click that opens a part of the picture: milliseconds
until the page has followed. The first visit reads the run; the later ones find it in the server's memory.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright
from server import SWITCHES, Server, find_chromium
from tabs import received, settle
from uploads import SAMPLES

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

#: Notes when the verdict was there and a picture drawn, in milliseconds since navigation. An animation frame follows what it notes.
NOTE = """
window.moments = {};
const look = () => {
  const there = {
    verdict: document.querySelector('h3')?.textContent.includes('households'),
    picture: document.querySelector('[data-testid=stMain] .player[data-drawn]'),
    all: document.querySelector('[data-testid=stDataFrame] canvas'),
  };
  for (const [name, found] of Object.entries(there)) if (found) window.moments[name] ??= performance.now();
  requestAnimationFrame(look);
};
look();
"""
#: The picture, and the largest part of it that a click opens.
TREE = "document.querySelector('.player')"
LARGEST = f"(() => {{const t = {TREE}.targets.find(t => t.mark.parts[t.opens]); return {{x: t.x, y: t.y - t.half[1] + 4}}}})()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="A store that has a run of the US problem, or is to keep one.")
    parser.add_argument("--visits", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server((given.home or Path(folder) / "home").resolve())
        run = made(server.home)
        server.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        try:
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            context.set_default_timeout(60_000)
            warm(context, server)
            print(
                f"{'visit':8}{'verdict ms':>12}{'picture ms':>12}{'table ms':>12}{'kB':>8}{'server s':>10}{'click ms':>10}{'kB':>8}{'server s':>10}"
            )
            for i in range(given.visits):
                print(f"{'first' if i == 0 else 'again':8}{visit(context, server, run)}", flush=True)
        finally:
            server.kill()


def made(home: Path) -> str:
    """A finished run of the US problem in the store."""
    store = Store(home)
    ready = [run for run in store.runs(limit=200) if run.status.has_result]
    if ready:
        return str(ready[0].id)
    sha = store.add_problem(load_problem(SAMPLES / "us"), "United States", "sample us").sha
    run = store.create_run(sha, Config(epochs=500, stop_when_settled=False)).id
    Execution(store, store.begin(store.claim_next().id, os.getpid())).carry_out()
    return str(run)


def warm(context: BrowserContext, server: Server) -> None:
    """The server has read its code and the problem, the browser has the files and has drawn a picture."""
    page = context.new_page()
    page.goto(f"{server.url}/")
    page.wait_for_selector(".main-svg")
    settle(page)
    page.close()


def visit(context: BrowserContext, server: Server, run: str) -> str:
    """What one visit, and a click in the treemap, took: a line of the table."""
    assert server.process is not None
    process, page = psutil.Process(server.process.pid), context.new_page()
    page.add_init_script(NOTE)
    sizes = received(page)
    before = sum(process.cpu_times()[:2])
    page.goto(f"{server.url}/results?run={run}", wait_until="commit")
    page.wait_for_function("window.moments.verdict && window.moments.picture && window.moments.all", polling=50)
    settle(page)
    moments, opened = page.evaluate("window.moments"), (sum(sizes), sum(process.cpu_times()[:2]) - before)
    time.sleep(2)  # what is in sight has been drawn
    sizes.clear()
    before = sum(process.cpu_times()[:2])
    took = click(page)
    settle(page)
    clicked = (sum(sizes), sum(process.cpu_times()[:2]) - before)
    page.close()
    first = f"{moments['verdict']:12.0f}{moments['picture']:12.0f}{moments['all']:12.0f}{opened[0] / 1000:8.0f}{opened[1]:10.2f}"
    return f"{first}{took:10.0f}{clicked[0] / 1000:8.0f}{clicked[1]:10.2f}"


def click(page: Page) -> float:
    """Milliseconds from a click on the largest part of the picture until the page says what is in it."""
    began = page.evaluate("performance.now()")
    page.locator(".player canvas").click(position=page.evaluate(LARGEST))
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stCaptionContainer]')].some(e => / targets of .* in use/.test(e.textContent))",
        polling="raf",
    )
    return float(page.evaluate("performance.now()")) - float(began)


if __name__ == "__main__":
    main()
