"""How soon a page of Learn shows its picture, and answers a control: `python tests/benchmarks/learn_pages.py [first|answers|films] [page ...]`.

Starts a server and a browser, opens every page once so that the server is warm, and prints a table in milliseconds, line by line. First
pictures: from navigation to the first drawing, in a browser that was never here, in one that has the files, and by a click in the menu;
median of `VISITS`. Answers: from what the visitor does to the drawing of the picture that the control asks for, median and least of
`ANSWERS` for each control; between them it waits until the page has prepared what lies one step away, `PATIENCE` seconds at most. Films:
pictures drawn a second while one plays, the longest time between two of them, and how often its canvas was replaced or emptied by a new
size, which would flicker. All six pages: a few minutes.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from server import SWITCHES, Server, find_chromium

from dashboard.state.lessons import LESSONS

VISITS, ANSWERS = 3, 5
#: Seconds between answers at most, in which the page prepares what may be asked for next.
PATIENCE = 6.0
PLAYER = "document.querySelector('.player')"
DRAWN = f"{PLAYER}?.dataset.drawn > 0"
#: Notes when the first picture of a page was drawn, in milliseconds since navigation or the last click.
NOTE = f"""
let since = 0;
addEventListener('click', () => {{ window.first = undefined; since = performance.now(); document.querySelector('.player')?.remove(); }}, true);
const look = () => {{ if (window.first === undefined && {DRAWN}) window.first = performance.now() - since; requestAnimationFrame(look); }};
look();
"""
#: Sets a control by its label, and says after how many milliseconds another picture was drawn; null where it stays the same.
ANSWER = f"""async ([label, on]) => {{
  const source = () => {PLAYER}?.source, before = source(), same = () => [before, undefined].includes(source());
  const control = [...document.querySelectorAll('.panel .control')].find(e => e.querySelector('.head').textContent.startsWith(label));
  const input = control.querySelector('input'), start = performance.now();
  if (input.type === 'range') {{
    const from = input.value;
    if (on) input.stepUp(); else input.stepDown();
    if (input.value === from) return null;
    input.dispatchEvent(new Event('input', {{bubbles: true}}));
  }} else if (input.type === 'number') control.querySelector(`.field button:nth-of-type(${{on ? 2 : 1}})`).click();
  else if (input.type === 'radio') {{
    const all = [...control.querySelectorAll('input')]; all[(all.findIndex(e => e.checked) + 1) % all.length].click();
  }} else input.click();
  while (same() && performance.now() - start < 3000) await new Promise(resolve => setTimeout(resolve, 1));
  return same() ? null : performance.now() - start;
}}"""
#: Plays the film from its start for three seconds; pictures a second, the longest gap in milliseconds, and changes of the canvas.
PLAYED = f"""async () => {{
  const element = {PLAYER}, times = [], start = performance.now();
  let drawn = element.dataset.drawn, changed = 0;
  new MutationObserver(found => {{ changed += found.length; }}).observe(element, {{childList: true}});
  new MutationObserver(found => {{ changed += found.length; }}).observe(element.canvas, {{attributeFilter: ['width', 'height']}});
  element.film.seconds = 6;
  element.play.onclick();
  await new Promise(resolve => {{
    const look = now => {{
      if (element.dataset.drawn !== drawn) {{ times.push(now); drawn = element.dataset.drawn; }}
      if (performance.now() - start < 3000) requestAnimationFrame(look); else resolve();
    }};
    requestAnimationFrame(look);
  }});
  element.play.onclick();
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  return [1000 * gaps.length / (times.at(-1) - times[0]), Math.max(...gaps), changed];
}}"""


def main() -> None:
    parts = [name for name in sys.argv[1:] if name in PARTS] or list(PARTS)
    pages = [name for name in sys.argv[1:] if name not in PARTS] or list(LESSONS)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "home")
        server.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        try:
            for name in pages:  # the server is warm from here on
                page, ms = arrive(browser, server, name)
                page.close()
                print(f"{name:24} opened for the first time: {ms:.0f}", flush=True)
            for part in parts:
                PARTS[part](browser, server, pages)
        finally:
            server.kill()


def show_first(browser: Browser, server: Server, pages: Sequence[str]) -> None:
    print(f"\n{'first picture':24}{'never here':>12}{'has files':>12}{'by the menu':>12}")
    for name in pages:
        print(f"{name:24}" + "".join(f"{ms:12.0f}" for ms in first_pictures(browser, server, name)), flush=True)


def show_answers(browser: Browser, server: Server, pages: Sequence[str]) -> None:
    print(f"\n{'answer of':24}{'control':28}{'median':>8}{'least':>8}{'of':>5}")
    for name in pages:
        for control, times in answers(browser, server, name):
            print(f"{name:24}{control[:26]:28}{statistics.median(times):8.0f}{min(times):8.0f}{len(times):5}", flush=True)


def show_films(browser: Browser, server: Server, pages: Sequence[str]) -> None:
    print(f"\n{'film of':24}{'pictures a second':>20}{'longest gap':>14}{'flickers':>10}")
    for name in pages:
        if (found := film(browser, server, name)) is not None:
            print(f"{name:24}{found[0]:20.1f}{found[1]:14.0f}{found[2]:10.0f}", flush=True)


PARTS = {"first": show_first, "answers": show_answers, "films": show_films}


def arrive(browser: Browser, server: Server, name: str) -> tuple[Page, float]:
    """A tab of a browser that was never here, and when its picture was drawn."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    page.set_default_timeout(60_000)
    page.add_init_script(NOTE)
    return page, opened(page, lambda: page.goto(f"{server.url}/{name}", wait_until="commit"))


def opened(page: Page, act: Callable[[], object]) -> float:
    """What is done to come to a page, and when its picture was drawn."""
    act()
    ms = float(page.wait_for_function("window.first", polling=50).json_value())
    page.wait_for_timeout(500)
    return ms


def first_pictures(browser: Browser, server: Server, name: str) -> list[float]:
    """Medians of three ways to come."""
    other = "learn_truth" if name != "learn_truth" else "learn_gate"
    ways: list[list[float]] = [[], [], []]
    for _ in range(VISITS):
        page, ms = arrive(browser, server, name)
        ways[0].append(ms)
        ways[1].append(opened(page, page.reload))
        opened(page, partial(page.goto, f"{server.url}/{other}"))
        link = page.locator(f"[data-testid=stSidebarNav] a[href$='/{name}']")
        ways[2].append(opened(page, link.click))
        page.close()
    return [statistics.median(way) for way in ways]


def answers(browser: Browser, server: Server, name: str) -> Iterator[tuple[str, list[float]]]:
    """Times of each control that changed the picture; three steps on, then back."""
    page, _ = arrive(browser, server, name)
    for control in LESSONS[name].choices().values():
        times = []
        for turn in range(ANSWERS):
            prepared(page, server)
            ms = page.evaluate(ANSWER, [control.label, turn % 6 < 3])
            if ms is not None:
                times.append(float(ms))
        yield control.label, times or [float("nan")]
    page.close()


def prepared(page: Page, server: Server) -> None:
    """Wait until the server and what it started have nothing to do."""
    page.wait_for_timeout(400)  # it begins a moment after the answer
    assert server.process is not None
    all_of_it = psutil.Process(server.process.pid)
    end, before = time.monotonic() + PATIENCE, -1.0
    while time.monotonic() < end:
        spent = sum(sum(p.cpu_times()[:2]) for p in (all_of_it, *all_of_it.children(recursive=True)))
        if spent - before < 0.03:
            return
        before = spent
        page.wait_for_timeout(200)


def film(browser: Browser, server: Server, name: str) -> list[float] | None:
    """Pictures a second, the longest gap, and changes of the canvas; None where the picture stands still."""
    page, _ = arrive(browser, server, name)
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_timeout(1500)
    moves = page.evaluate(f"{PLAYER}.film.captions.length > 1")
    found: list[float] | None = page.evaluate(PLAYED) if moves else None
    page.close()
    return found


if __name__ == "__main__":
    main()
