"""How soon a page of Learn shows its picture, and answers a control: `python tests/benchmarks/learn_pages.py [page ...]`.

Starts a server and a browser, opens every page once so that the server is warm, and prints a table in milliseconds. First pictures: from
navigation to the first drawing, in a browser that was never here, in one that has the files, and by a click in the menu; median of
`VISITS`. Answers: from the key to the drawing of the picture that the control asks for, median and least of `ANSWERS` for each slider,
choice and switch; values were not asked for before, unless the page prepared them by itself. Films: pictures drawn a second while one
plays, the longest time between two of them, and how often its canvas was replaced or emptied by a new size, which would flicker.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from server import SWITCHES, Server, find_chromium

from dashboard.state.lessons import LESSONS
from l0engine.lessons.ask import Choice

VISITS, ANSWERS = 3, 9
#: Seconds between answers, in which the page prepares what may be asked for next.
PAUSE = 1.5
PLAYER = "document.querySelector('.player')"
DRAWN = f"{PLAYER}?.dataset.drawn > 0"
#: Notes when the first picture of a page was drawn, in milliseconds since navigation or the last click.
NOTE = f"""
let since = 0;
addEventListener('click', () => {{ window.first = undefined; since = performance.now(); document.querySelector('.player')?.remove(); }}, true);
const look = () => {{ if (window.first === undefined && {DRAWN}) window.first = performance.now() - since; requestAnimationFrame(look); }};
look();
"""
#: Does something, and says after how many milliseconds another picture was drawn; null where it stays the same.
ANSWER = f"""async ([element, key]) => {{
  const source = () => {PLAYER}?.source, before = source(), start = performance.now(), same = () => [before, undefined].includes(source());
  if (key) element.dispatchEvent(new KeyboardEvent('keydown', {{key, bubbles: true}})); else element.click();
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
    pages = sys.argv[1:] or list(LESSONS)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "home")
        server.start()
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=SWITCHES)
        try:
            for name in pages:  # the server is warm from here on
                context, _ = arrive(browser, server, name)
                context.close()
            print(f"{'first picture':24}{'never here':>12}{'has files':>12}{'by the menu':>12}")
            for name in pages:
                print(f"{name:24}" + "".join(f"{ms:12.0f}" for ms in first_pictures(browser, server, name)), flush=True)
            print(f"\n{'answer of':24}{'control':28}{'median':>8}{'least':>8}{'of':>5}")
            for name in pages:
                for control, times in answers(browser, server, name):
                    print(f"{name:24}{control[:26]:28}{statistics.median(times):8.0f}{min(times):8.0f}{len(times):5}", flush=True)
            print(f"\n{'film of':24}{'pictures a second':>20}{'longest gap':>14}{'flickers':>10}")
            for name in pages:
                if (found := film(browser, server, name)) is not None:
                    print(f"{name:24}{found[0]:20.1f}{found[1]:14.0f}{found[2]:10.0f}", flush=True)
        finally:
            server.kill()


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


def answers(browser: Browser, server: Server, name: str) -> list[tuple[str, list[float]]]:
    """Times of each control that changed the picture."""
    page, _ = arrive(browser, server, name)
    page.wait_for_timeout(1000 * PAUSE)
    found = []
    for control in LESSONS[name].choices().values():
        times = []
        for turn in range(ANSWERS):
            element, key = _lever(page, control, turn)
            ms = page.evaluate(ANSWER, [element.element_handle(), key])
            page.wait_for_timeout(1000 * PAUSE)
            if ms is not None:
                times.append(float(ms))
        found.append((control.label, times or [float("nan")]))
    page.close()
    return found


def film(browser: Browser, server: Server, name: str) -> list[float] | None:
    """Pictures a second, the longest gap, and changes of the canvas; None where the picture stands still."""
    page, _ = arrive(browser, server, name)
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_timeout(1000 * PAUSE)
    moves = page.evaluate(f"{PLAYER}.film.captions.length > 1")
    found: list[float] | None = page.evaluate(PLAYED) if moves else None
    page.close()
    return found


def _lever(page: Page, control: Choice, turn: int) -> tuple[Locator, str | None]:
    """What to press for another value, and the key; three steps on, three back."""
    on = turn % 6 < 3
    if isinstance(control.options[0], bool):
        return page.get_by_role("switch", name=control.label).or_(page.get_by_role("checkbox", name=control.label)), None
    if isinstance(control.options[0], str):
        return page.get_by_role("radio", name=str(control.options[(turn + 1) % len(control.options)])), None
    if isinstance(control.options[0], int) and len(control.options) > 30:
        field = page.locator("[data-testid=stNumberInput]", has_text=control.label)
        return field.get_by_test_id("stNumberInputStepUp" if on else "stNumberInputStepDown"), None
    slider = page.get_by_role("slider", name=control.label)
    slider.focus()
    return slider, "ArrowRight" if on else "ArrowLeft"


if __name__ == "__main__":
    main()
