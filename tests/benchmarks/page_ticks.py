"""How long one live update takes while a run trains: `python tests/benchmarks/page_ticks.py [--sample us] [--ticks 30]`.

Starts a server and a browser, trains the sample, and prints median and 90th percentile, in milliseconds, of the time from the page's
rerun request to (a) the server's message that the script has finished and (b) the last picture drawn.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

from playwright.sync_api import WebSocket, sync_playwright
from server import SWITCHES, Server, find_chromium
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tabs import LOSS, wait_for_points
from uploads import SAMPLES
from waiting import end_workers

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.store import Store

#: Notes when each live picture was drawn, in seconds since the epoch.
NOTE_DRAWINGS = """
window.drawings = [];
setInterval(() => document.querySelectorAll('.live-plot').forEach(e => {
  if (e.on && !e.noted) { e.noted = true; e.on('plotly_afterplot', () => window.drawings.push(Date.now() / 1000)); }
}), 50);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", default="us")
    parser.add_argument("--ticks", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home")
        server.start()
        try:
            sent, finished, drawn = measure(server, given.sample, given.ticks)
        finally:
            server.kill()
            end_workers(server.home)
    report("request to script finished", spans(sent, finished, last=False))
    report("request to last picture drawn", spans(sent, drawn, last=True))


def measure(server: Server, sample: str, ticks: int) -> tuple[list[float], list[float], list[float]]:
    """Times, in seconds since the epoch, of rerun requests, ends of script and drawings while the run trains."""
    sent: list[float] = []
    finished: list[float] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: note(sent, BackMsg, frame, "rerun_script"))
        socket.on("framereceived", lambda frame: note(finished, ForwardMsg, frame, "script_finished"))

    store = Store(server.home)
    sha = store.add_problem(load_problem(SAMPLES / sample), sample).sha
    run = store.create_run(sha, Config(epochs=100_000, stop_when_settled=False))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.add_init_script(NOTE_DRAWINGS)
        page.on("websocket", watch)
        page.goto(f"{server.url}/calibrate?run={run.id}")
        wait_for_points(page, 1)
        del sent[:], finished[:]
        while len(finished) <= ticks:
            page.wait_for_timeout(100)
            if store.run(run.id).status.ended:
                sys.exit(f"The run ended after {len(finished)} ticks: {store.run(run.id).sentence}")
        drawn = [float(t) for t in page.evaluate("window.drawings")]
        browser.close()
    assert drawn, f"no drawing of '{LOSS}' was seen"
    return sent, finished, drawn


def note(times: list[float], kind: type, frame: bytes | str, wanted: str) -> None:
    if isinstance(frame, bytes) and kind.FromString(frame).WhichOneof("type") == wanted:  # type: ignore[attr-defined]
        times.append(time.time())


def spans(sent: list[float], answered: list[float], *, last: bool) -> list[float]:
    """From each request to the first, or last, answer before the next request."""
    out = []
    for began, ended in pairwise(sent):
        inside = [t for t in answered if began <= t < ended]
        if inside:
            out.append(inside[-1 if last else 0] - began)
    return out


def report(what: str, times: list[float]) -> None:
    ms = sorted(1000 * t for t in times)
    print(f"{what}: median {statistics.median(ms):.0f} ms, 90 % within {ms[int(0.9 * (len(ms) - 1))]:.0f} ms ({len(ms)} ticks)")


if __name__ == "__main__":
    main()
