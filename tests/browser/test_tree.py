"""The picture of all targets in a browser without a server: what is on its tiles, and how large they are."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from dashboard.kit.browser import player
from dashboard.kit.figures.film import to_json
from dashboard.kit.theme import LIGHT
from dashboard.results.figures import treemap
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.explain.targets import tree

#: Estimates of unit weights: the part 'met' is met exactly, of 'missed' one target by 10 % and one by 20 %.
TARGETS = {"met/a": (1, 1), "met/b//c": (2, 2), "met|d": (3, 3), "missed/e": (1, 1.1), "missed/f": (1, 1.2), "odd|one": (1, 1)}

#: Where the upper left corner of a tile is, by what stands on it.
CORNER = """word => {
  const t = document.querySelector('.player').targets.find(t => t.mark.words[t.i] === word);
  return {x: t.x - t.half[0] + 4, y: t.y - t.half[1] + 4};
}"""


@pytest.fixture
def draw(chromium):
    """Shows the targets in a new picture, in which a part may be open; areas are shares of the loss unless they are not to be."""
    contexts = []

    def shown(opened=0, by_loss=True):
        estimates, values = np.array(list(TARGETS.values())).T
        problem = Problem.create(estimates[:, None], values, names=list(TARGETS), base_weights=np.ones(1))
        parts = tree(problem, Config(), np.ones(1), np.ones(len(TARGETS), bool))
        info = treemap.info(parts, by_loss)
        data = player.sent(to_json(treemap.film(info, LIGHT), LIGHT), alt="Targets") | {"open": opened and info.labels.index(opened)}
        contexts.append(chromium.new_context(viewport={"width": 800, "height": 600}))
        page = contexts[-1].new_page()
        script = player.JS.replace("export default function", "window.play = function")
        page.set_content(f'<style>{player.CSS}</style><div id="here"></div><script type="module">{script}</script>')
        page.wait_for_function("!!window.play")
        page.evaluate(f"play({{data: window.sent = {json.dumps(data)}, parentElement: document.getElementById('here')}})")
        page.wait_for_function("document.querySelector('.player').targets?.length")
        return page

    yield shown
    for context in contexts:
        context.close()


def tiles(page):
    """Area and middle of each tile by what stands on it."""
    found = "document.querySelector('.player').targets.map(t => [t.mark.words[t.i], 4 * t.half[0] * t.half[1], {x: t.x, y: t.y}])"
    return {word: (area, middle) for word, area, middle in page.evaluate(found)}


def test_a_part_that_is_met_exactly_shows_how_many_targets_it_has(draw):
    first = tiles(draw())
    assert set(first) == {"missed", "e", "f"}  # areas are shares of the loss
    missed = {name: (estimate / value - 1) ** 2 for name, (estimate, value) in TARGETS.items() if "missed" in name}
    assert first["f"][0] / first["e"][0] == pytest.approx(missed["missed/f"] / missed["missed/e"], rel=0.05)
    shown = tiles(draw("met"))
    assert set(shown) == {"met", "a", "b//c", "d"}
    areas = [shown[name][0] for name in ("a", "b//c", "d")]
    assert max(areas) / min(areas) == pytest.approx(1, rel=0.05)


def test_the_pointer_reads_a_target_by_its_name(draw):
    page, read = draw("met", by_loss=False), []
    for _, middle in tiles(page).values():
        page.locator("canvas").hover(position=middle)
        read.append(page.locator(".tip").inner_text().partition(": targets")[0])
    assert read == ["met", "met/a", "met/b//c", "met|d"]
    page = draw(by_loss=False)
    page.locator("canvas").hover(position=tiles(page)["odd|one"][1])
    assert page.locator(".tip").inner_text().startswith("odd|one: targets 1, ")


def test_the_picture_is_saved_as_svg_with_its_tiles_and_words(draw, tmp_path):
    page = draw(by_loss=False)
    shown = page.evaluate(
        "document.querySelector('.player').targets.map(t => [t.x - t.half[0], t.y - t.half[1], 2 * t.half[0], 2 * t.half[1]])"
    )
    page.locator(".player").hover()
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    saved.value.save_as(tmp_path / saved.value.suggested_filename)
    root = ElementTree.parse(tmp_path / "l0engine.svg").getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    rects = [[float(rect.get(name)) for name in ("x", "y", "width", "height")] for rect in root.findall("svg:rect", space)]
    assert rects[0] == [0, 0, float(root.get("width")), float(root.get("height"))]  # the ground
    for tile in shown:
        assert any(np.allclose(tile, rect, atol=1e-6) for rect in rects)
    words = [text.text for text in root.findall("svg:text", space)]
    assert {"met", "missed", "odd|one", "a", "b//c", "d", "e", "f"} <= set(words)
    again = page.evaluate("document.querySelector('.player').targets.length")
    assert again == len(shown), "what the pointer meets is what it met"


def test_a_picture_that_is_built_anew_opens_what_was_open(draw):
    """Streamlit may do so where something above comes or goes; what is sent is what was open at first."""
    page = draw(by_loss=False)
    again = """data => {
      const here = document.getElementById('here');
      here.replaceChildren();
      play({data, parentElement: here});
      return new Promise(done => setTimeout(() => done(document.querySelector('.player').open), 50));
    }"""
    sent = page.evaluate("window.sent")
    page.locator("canvas").click(position=page.evaluate(CORNER, "met"))
    opened = page.evaluate("document.querySelector('.player').open")
    assert opened > 0 and page.evaluate(again, sent) == opened
    page.locator("canvas").click(position=page.evaluate(CORNER, "met"))  # on what is open: back
    assert page.evaluate(again, sent) == 0
    assert page.evaluate(again, sent | {"open": opened}) == opened  # the page has shown another one meanwhile, and says what is open now
    assert page.evaluate(again, sent) == 0
