"""Many sessions watch two runs: `python tests/benchmarks/sessions.py [--sessions 50] [--seconds 45] [--sample us]`.

Starts a server and two runs of the sample, opens so many sessions on the page Calibrate, half of them on each run, and prints errors, how
often a session's page ran beside how often it asks to (once a second, less often above ten sessions), and the server's memory and share of a
processor. Two of the sessions are tabs of Chromium. The others speak to the server as a browser does, over its WebSocket: they ask for the
page, read and unpack all that comes, and let each fragment run again when it is due; they draw nothing, as fifty browsers would draw on fifty
machines and not on this one. On a machine of two cores the second run waits in the queue.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

import psutil
from playwright.async_api import Page, async_playwright
from server import SWITCHES, Server, find_chromium
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from uploads import SAMPLES
from waiting import end_workers
from websockets.asyncio.client import connect

from l0engine.calibration.config import Config
from l0engine.io import load_problem
from l0engine.jobs.store import Store

#: Sessions that are tabs of a browser.
TABS = 2
#: Seconds that the first answers may take.
PATIENCE = 180


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
            asyncio.run(watch(server, given.sample, given.sessions, given.seconds))
        finally:
            server.kill()
            end_workers(server.home)


class Session:
    """One session on a page: what it saw and when its scripts came to their end, in seconds."""

    def __init__(self, port: int, page: str, query: str) -> None:
        self._url, self._page, self._query = f"ws://127.0.0.1:{port}/_stcore/stream", page, query
        self._hash = ""
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self.ends: list[float] = []
        self.errors: list[str] = []
        self.received = 0
        self.ticks = asyncio.Event()  # set once all of the page is there, and a fragment of it runs again and again

    async def stay(self) -> None:
        """Ask for the page, and read until cancelled."""
        async with connect(self._url, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
            self._socket = socket
            await self._ask()
            try:
                async for frame in socket:
                    self.received += len(frame)
                    self._read(ForwardMsg.FromString(frame))  # type: ignore[arg-type]
            finally:
                for fragment in list(self._timers):
                    self._forget(fragment)

    async def _ask(self, fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.page_name = self._query, self._hash, "" if self._hash else self._page
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        await self._socket.send(message.SerializeToString())

    def _read(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._hash = message.new_session.page_script_hash
        elif kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._every(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._forget(fragment)
        elif kind == "script_finished":
            self.ends.append(time.monotonic())
            if self._timers:
                self.ticks.set()
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            self.errors.append(message.delta.new_element.exception.message)

    def _every(self, fragment: str, seconds: float) -> None:
        async def again() -> None:
            while True:
                await asyncio.sleep(seconds)
                await self._ask(fragment)

        if fragment not in self._timers or self._timers[fragment][0] != seconds:
            self._forget(fragment)
            self._timers[fragment] = seconds, asyncio.create_task(again())

    def _forget(self, fragment: str) -> None:
        if fragment in self._timers:
            self._timers.pop(fragment)[1].cancel()


async def watch(server: Server, sample: str, sessions: int, seconds: int) -> None:
    """Open the sessions, let them watch, and print what was seen."""
    store = Store(server.home)
    sha = store.add_problem(load_problem(SAMPLES / sample), sample).sha
    config = Config(epochs=100_000, stop_when_settled=False)
    runs = [store.create_run(sha, config).id for _ in range(2)]
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        opened, errors, ends = time.monotonic(), list[str](), list[list[float]]()
        tabs = [await tab(browser, server, runs[i % 2], errors, ends) for i in range(TABS)]
        others = [Session(server.port, "calibrate", f"run={runs[i % 2]}") for i in range(sessions - TABS)]
        staying = [asyncio.create_task(session.stay()) for session in others]
        shown = asyncio.gather(*(session.ticks.wait() for session in others))
        await asyncio.wait([*staying, asyncio.ensure_future(shown)], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert shown.done(), f"not all sessions came to see their run: {[task.exception() for task in staying if task.done()][:1]}"
        for page in tabs:
            await page.get_by_role("button", name="Stop", exact=True).wait_for(timeout=PATIENCE * 1000)
        print(f"all of them show their run after {time.monotonic() - opened:.0f} s", flush=True)
        ends += [session.ends for session in others]
        for times in ends:
            times.clear()
        before, began, memory = sum(process.cpu_times()[:2]), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            await asyncio.sleep(1)
            memory = max(memory, process.memory_info().rss)
        used = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
        for page in tabs:
            errors += await page.locator("[data-testid='stException']").all_inner_texts()
        errors += [said for session in others for said in session.errors]
        errors += [f"the connection ended: {task.exception()}" for task in staying if task.done()]
        for task in staying:
            task.cancel()
        await browser.close()
    for run in runs:
        print(f"run {run}: {store.run(run).status}, step {[s.step for s in store.snapshots(run)][-1:]}")
    said(ends, errors, max(1.0, sessions / 10))
    print(f"{sum(session.received for session in others) / max(len(others), 1) / 1000:.0f} kB came to a session in the middle of all")
    print(f"server: {memory / 1e6:.0f} MB at most, {used:.2f} processors")


async def tab(browser: Any, server: Server, run: str, errors: list[str], ends: list[list[float]]) -> Page:
    """A tab on a run, whose exceptions and ends of scripts are noted."""
    page: Page = await browser.new_page(viewport={"width": 1200, "height": 800})
    times: list[float] = []

    def note(frame: bytes | str) -> None:
        if isinstance(frame, bytes) and ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished":
            times.append(time.monotonic())

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{server.url}/calibrate?run={run}", timeout=PATIENCE * 1000, wait_until="commit")
    ends.append(times)
    return page


def said(ends: list[list[float]], errors: list[str], asked: float) -> None:
    """Print errors, and how far apart the ends of scripts were."""
    gaps = sorted(b - a for times in ends for a, b in pairwise(times))
    few = sum(len(times) < 2 for times in ends)
    print(f"{len(ends)} sessions, {len(errors)} errors{''.join(f'{chr(10)}  {e}' for e in errors[:10])}; {few} with fewer than two ticks")
    if gaps:
        median, late = gaps[len(gaps) // 2], gaps[int(0.95 * (len(gaps) - 1))]
        print(
            f"between ticks: asked {asked:.1f} s, median {median:.2f} s, 95 % within {late:.2f} s: {late / asked:.2f} times ({len(gaps)} ticks)"
        )


if __name__ == "__main__":
    main()
