"""How soon 12 runs stand side by side: `python tests/benchmarks/compare_page.py [--runs 12] [--epochs 400] [--home FOLDER]`.

Fits the US problem once, copies the run under other prices and seeds (to read a copy costs what to read a run costs), and opens the link
of the comparison in a browser that has been here before: once as the first page that a server is asked for ('cold'), once when it has read
its code but none of these runs ('first'), and then again and again. It prints for each visit: milliseconds from navigation to the first and to the last picture that can be seen, kilobytes of pictures that
came over the wire, and seconds of the processor that the server took.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

import psutil
from playwright.sync_api import BrowserContext, sync_playwright
from server import SWITCHES, Server, find_chromium
from tabs import received, settle
from uploads import SAMPLES

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

VISITS = 3
#: Notes when the first and the latest picture was drawn, in milliseconds since navigation.
NOTE = """
window.drawings = {};
const look = () => {
  const note = name => { window.drawings[name] ??= performance.now(); };
  document.querySelectorAll('.player[data-drawn] canvas').forEach(canvas => note(canvas.getAttribute('aria-label')));
  document.querySelectorAll('.live-plot .main-svg').forEach(svg => note(svg.closest('.live-plot').getAttribute('aria-label')));
  requestAnimationFrame(look);
};
look();
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--home", type=Path, help="Keeps the runs, and takes those that are there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server((given.home or Path(folder)) / "home")
        ids = make(server.home, given.runs, given.epochs)
        server.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        try:
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            context.set_default_timeout(60_000)
            warm(context, server)
            server.kill()
            server.start()
            print(f"{'visit':10}{'first ms':>10}{'seen ms':>10}{'kB':>8}{'server s':>10}")
            for name in ("cold", "first", *["again"] * VISITS):
                if name == "first":
                    server.kill()
                    server.start()
                    warm(context, server)
                first, seen, size, seconds = visit(context, server, ids)
                print(f"{name:10}{first:10.0f}{seen:10.0f}{size / 1000:8.0f}{seconds:10.2f}", flush=True)
        finally:
            server.kill()


def make(home: Path, runs: int, epochs: int) -> list[str]:
    """Ids of `runs` copies of one finished run of the US, under other prices and seeds."""
    store = Store(home)
    ids = [f"20250101-{i:06d}-{i:04x}" for i in range(runs)]
    if all(store.folder(run).exists() for run in ids):
        return ids
    sha = store.add_problem(load_problem(SAMPLES / "us"), "United States", "sample us").sha
    first = store.create_run(sha, Config(epochs=epochs, stop_when_settled=False, refit=False)).id
    Execution(store, store.begin(store.claim_next().id, os.getpid())).carry_out()
    with sqlite3.connect(home / "store.sqlite") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM jobs WHERE id = ?", (first,)).fetchone())
        for i, run in enumerate(ids):
            settings = json.loads(row["task"])
            settings["config"] |= {"price_l0": 0.1 * (1 + i // 2), "seed": i % 2}
            new = {**row, "id": run, "task": json.dumps(settings)}
            db.execute(f"INSERT INTO jobs ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})", tuple(new.values()))
            db.execute("INSERT INTO snapshots SELECT ?, step, body FROM snapshots WHERE run = ?", (run, first))
            shutil.copytree(store.folder(first), store.folder(run), dirs_exist_ok=True)
    return ids


def warm(context: BrowserContext, server: Server) -> None:
    """The server has read its code, the browser has the files."""
    page = context.new_page()
    page.goto(f"{server.url}/runs")
    page.wait_for_selector("h1:has-text('Runs')")
    settle(page)
    page.close()


def visit(context: BrowserContext, server: Server, ids: list[str]) -> tuple[float, float, int, float]:
    """Milliseconds to the first and to the last picture in sight, bytes received, and the server's seconds of the processor."""
    assert server.process is not None
    process, page = psutil.Process(server.process.pid), context.new_page()
    page.add_init_script(NOTE)
    sizes = received(page)
    before = sum(process.cpu_times()[:2])
    page.goto(f"{server.url}/runs?compare={','.join(ids)}", wait_until="commit")
    page.wait_for_function("Object.keys(window.drawings).length > 0", polling=50)
    settle(page)
    time.sleep(3)  # whatever is in sight has been drawn
    drawn = [float(t) for t in page.evaluate("Object.values(window.drawings)")]
    seconds = sum(process.cpu_times()[:2]) - before
    page.close()
    return min(drawn), max(drawn), sum(sizes), seconds


if __name__ == "__main__":
    main()
