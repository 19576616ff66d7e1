"""Many browser tabs watch two runs: `python tests/benchmarks/sessions.py [--sessions 50] [--seconds 45] [--sample us]`.

Starts a server and two runs of the sample, opens so many tabs of one Chromium on the page Calibrate, half of them on each run, and prints
errors seen in the tabs, how often a tab's page ran beside how often it asks to (once a second, less often above ten tabs), and the
server's memory and share of a processor; every ten tabs and seconds, how far it is. Tabs of one browser share its processes, and so stand for
sessions, not for machines: they get the pictures but do not draw them, and what the browser cannot keep up with shows as late ticks all the
same. On a machine of two cores the second run waits in the queue.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

import psutil
from playwright.sync_api import Page, sync_playwright
from server import SWITCHES, Server, find_chromium
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from uploads import SAMPLES
from waiting import end_workers

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.store import Store

#: Stands for Plotly: fifty machines would draw, this one need not.
UNDRAWN = "window.Plotly = {react: element => { element.on = () => {}; return Promise.resolve(); }};"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--sample", default="us")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home")
        server.start()
        try:
            watch(server, given.sample, given.sessions, given.seconds)
        finally:
            server.kill()
            end_workers(server.home)


def watch(server: Server, sample: str, sessions: int, seconds: int) -> None:
    """Open the tabs, let them watch, and print what was seen."""
    store = Store(server.home)
    sha = store.add_problem(load_problem(SAMPLES / sample), sample).sha
    config = Config(epochs=100_000, stop_when_settled=False)
    runs = [store.create_run(sha, config).id for _ in range(2)]
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        tabs, ends, errors, opened = [], [], [], time.monotonic()
        for i in range(sessions):
            page = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
            page.add_init_script(UNDRAWN)
            ends.append(listen(page, errors))
            page.goto(f"{server.url}/calibrate?run={runs[i % 2]}", timeout=120_000, wait_until="commit")
            tabs.append(page)
            if (i + 1) % 10 == 0:
                print(f"{i + 1} tabs asked for after {time.monotonic() - opened:.0f} s", flush=True)
        for page in tabs:
            page.get_by_role("button", name="Stop", exact=True).wait_for(timeout=120_000)
        for times in ends:
            times.clear()
        print(f"all of them show their run after {time.monotonic() - opened:.0f} s", flush=True)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            tabs[0].wait_for_timeout(min(10.0, seconds - passed) * 1000)  # messages are noted while it waits
            print(f"{sum(map(len, ends))} ticks in {time.monotonic() - began:.0f} s", flush=True)
        used = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
        errors += [f"{page.url}: {said}" for page in tabs for said in page.locator("[data-testid='stException']").all_inner_texts()]
        browser.close()
    for run in runs:
        print(f"run {run}: {store.run(run).status}, step {[s.step for s in store.snapshots(run)][-1:]}")
    asked = max(1.0, sessions / 10)
    gaps = sorted(b - a for times in ends for a, b in pairwise(times))
    few = sum(len(times) < 2 for times in ends)
    print(f"{sessions} tabs, {len(errors)} errors{''.join(f'{chr(10)}  {e}' for e in errors[:10])}; {few} tabs with fewer than two ticks")
    if gaps:
        median, late = gaps[len(gaps) // 2], gaps[int(0.95 * (len(gaps) - 1))]
        print(
            f"between ticks: asked {asked:.1f} s, median {median:.2f} s, 95 % within {late:.2f} s: {late / asked:.2f} times ({len(gaps)} ticks)"
        )
    print(f"server: {process.memory_info().rss / 1e6:.0f} MB, {used:.2f} processors")


def listen(page: Page, errors: list[str]) -> list[float]:
    """When the page's script came to its end, in seconds; exceptions of the page go to `errors`."""
    ends: list[float] = []

    def note(frame: bytes | str) -> None:
        if isinstance(frame, bytes) and ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished":
            ends.append(time.monotonic())

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return ends


if __name__ == "__main__":
    main()
