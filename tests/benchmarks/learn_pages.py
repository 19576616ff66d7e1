"""How soon a page of Learn shows its picture, and answers a control: `python tests/benchmarks/learn_pages.py [first|answers|films] [page ...]`.

Starts a server and a browser, opens every page once so that the server is warm, and prints a table in milliseconds, line by line. First
pictures: from navigation to the first drawing, in a browser that was never here, in one that has the files, and by a click in the menu;
median of `VISITS`. Answers: from what the visitor does to the drawing of the picture that the control asks for, median and least of
`ANSWERS` for each control, a step at a time, `REST` seconds after the answer before; and of one jump to where no step leads. Films: pictures
drawn a second while one plays, the longest time between two of them, and how often its canvas was replaced or emptied by a new size, which
would flicker. All six pages on two quiet cores: below four minutes.
"""

# ruff: noqa: E402 -- the path comes first
from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "browser"), str(Path(__file__).parents[1])]

from playwright.sync_api import Browser, Page, sync_playwright
from server import SWITCHES, Server, find_chromium

from dashboard.state.lessons import LESSONS

VISITS, ANSWERS = 3, 4
#: Seconds between an answer and the next question, as of someone who looks at it.
REST = 0.8
PLAYER = "document.querySelector('.player')"
DRAWN = f"{PLAYER}?.dataset.drawn > 0"
#: Notes when the first picture of a page was drawn, in milliseconds since navigation or the last click in the menu.
NOTE = f"""
let since = 0;
addEventListener('click', event => {{
  if (!event.target.closest('[data-testid=stSidebarNav]')) return;
  window.first = undefined; since = performance.now(); document.querySelector('.player')?.remove();
}}, true);
const look = () => {{ if (window.first === undefined && {DRAWN}) window.first = performance.now() - since; requestAnimationFrame(look); }};
look();
"""
#: Moves a control, by its label, a step 'on' or 'back', or 'far'; after how many milliseconds another picture was drawn, null for none.
ANSWER = f"""async ([label, how]) => {{
  const source = () => {PLAYER}?.source, before = source(), same = () => [before, undefined].includes(source());
  const control = [...document.querySelectorAll('.panel .control')].find(e => e.querySelector('.head').textContent.startsWith(label));
  const input = control.querySelector('input'), start = performance.now(), far = how === 'far';
  if (['range', 'number'].includes(input.type)) {{
    const from = input.value;
    if (far) input.value = from > (Number(input.min) + Number(input.max)) / 2 ? input.min : input.max;
    else if (how === 'on') input.stepUp(); else input.stepDown();
    if (input.value === from) return null;
    input.dispatchEvent(new Event('input', {{bubbles: true}}));
  }} else if (far) return null;
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
    print(f"\n{'answer of':24}{'control':28}{'median':>8}{'least':>8}{'of':>5}{'jump':>8}")
    for name in pages:
        for control, times, jump in answers(browser, server, name):
            median, least = (f(times) if times else float("nan") for f in (statistics.median, min))
            print(f"{name:24}{control[:26]:28}{median:8.0f}{least:8.0f}{len(times):5}{'' if jump is None else round(jump):>8}", flush=True)


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
    page.wait_for_timeout(300)
    return ms


def first_pictures(browser: Browser, server: Server, name: str) -> list[float]:
    """Medians of three ways to come."""
    other = "learn_truth" if name != "learn_truth" else "learn_gate"
    ways: list[list[float]] = [[], [], []]
    for _ in range(VISITS):
        page, ms = arrive(browser, server, name)
        ways[0].append(ms)
        ways[1].append(opened(page, page.reload))
        for to in (other, name):
            ms = opened(page, page.locator(f"[data-testid=stSidebarNav] a[href$='/{to}']").click)
        ways[2].append(ms)
        page.close()
    return [statistics.median(way) for way in ways]


def answers(browser: Browser, server: Server, name: str) -> Iterator[tuple[str, list[float], float | None]]:
    """Times of each control that changed the picture, steps on and then back, and of one jump."""
    page, _ = arrive(browser, server, name)
    for control in LESSONS[name].choices().values():
        page.wait_for_timeout(2000 * REST)  # to go for another control takes longer
        found = []
        for turn in range(ANSWERS + 1):
            page.wait_for_timeout(1000 * REST)
            found.append(page.evaluate(ANSWER, [control.label, "far" if turn == ANSWERS else "on" if turn < ANSWERS / 2 else "back"]))
        yield control.label, [ms for ms in found[:-1] if ms is not None], found[-1]
    page.close()


def film(browser: Browser, server: Server, name: str) -> list[float] | None:
    """Pictures a second, the longest gap, and changes of the canvas; None where the picture stands still."""
    page, _ = arrive(browser, server, name)
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_timeout(500)
    moves = page.evaluate(f"{PLAYER}.film.captions.length > 1")
    found: list[float] | None = page.evaluate(PLAYED) if moves else None
    page.close()
    return found


if __name__ == "__main__":
    main()
