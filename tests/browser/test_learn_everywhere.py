"""Learn for everyone: the same picture in a second browser, by keyboard, on a narrow screen, and without findings of axe-core."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from tabs import PLAYER, caption, once, ready, settle, stages

from dashboard.state.lessons import LESSONS

pytestmark = pytest.mark.slow  # a page or two each, six of them

#: What Streamlit's own navigation does: a list with groups in it.
OWN = {"list", "listitem"}
#: A slider among the controls; the film has one of its own.
SLIDER = ".panel input[type=range]"
#: Words of controls that do not fit their box.
CLIPPED = """[...document.querySelectorAll('[data-testid=stMain] :is(button, [role=radio], [role=tab], [data-testid=stMetricLabel], .panel :is(label, dt, dd, .head, output))')].filter(
  e => e.offsetWidth && [e, ...e.querySelectorAll('*')].some(part => part.scrollWidth > part.clientWidth + 1 && part.clientWidth)
  || e.offsetParent && e.parentElement.scrollWidth > e.parentElement.clientWidth + 1).map(e => e.textContent)"""


def differing(first, second):
    """Share of the pixels of the film that differ between two tabs."""
    pictures = []
    for tab in (first, second):
        tab.evaluate("document.fonts.ready")
        tab.wait_for_timeout(500)
        shot = tab.locator(".player canvas").screenshot()
        pictures.append(np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float))
    assert pictures[0].shape == pictures[1].shape and pictures[0].std() > 5
    return (np.abs(pictures[0] - pictures[1]).max(axis=2) > 16).mean()


def step_on(page):
    """Move the first slider of the lesson by a key, until the film and the address have followed; the address before."""
    before = page.url
    slider = page.locator(SLIDER).first
    slider.focus()
    page.evaluate(f"{PLAYER}.was = {PLAYER}.source")
    slider.press("ArrowRight")
    once(page, f"{PLAYER}.source !== {PLAYER}.was && location.href !== {before!r}")
    settle(page)
    return before


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_link_shows_the_same_picture_in_another_browser(server, open_tab, lesson):
    page = open_tab(f"{server.url}/{lesson}?seed=3")
    ready(page)
    before = step_on(page)
    other = open_tab(page.url)
    ready(other)
    assert other.url == page.url and caption(other) == caption(page) and differing(page, other) < 0.01
    usual = open_tab(before)  # another link, another picture
    ready(usual)
    assert differing(page, usual) > 0
    last = stages(page) - 1
    if last:
        for tab in (page, other):
            tab.locator(".player input").focus()
            tab.keyboard.press("End")
            once(tab, f"{PLAYER}.dataset.stage === '{last}'")
        assert caption(other) == caption(page) and differing(page, other) < 0.01


def test_a_teacher_hides_a_control_and_sends_the_link(server, open_tab):
    page = open_tab(f"{server.url}/learn_truth")
    ready(page)
    page.get_by_role("slider", name="Noise").focus()
    page.keyboard.press("ArrowRight")
    once(page, "location.search.includes('noise=0.75')")
    settle(page)
    page.get_by_text("Prepare a link for a lesson").click()
    field = page.locator("[data-testid=stMultiSelect] input")
    field.scroll_into_view_if_needed()  # a menu closes where the page scrolls under it
    settle(page)
    page.wait_for_timeout(500)
    field.click()
    page.get_by_role("option", name="Seed", exact=True).wait_for()
    page.keyboard.type("Seed")
    page.keyboard.press("Enter")
    once(page, "location.search.includes('hide=seed')")
    link = page.url
    other = open_tab(link)
    ready(other)
    assert other.get_by_role("spinbutton", name="Seed").count() == 0
    assert differing(page, other) < 0.01


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_gone_through_by_keyboard(server, open_tab, lesson):
    page = open_tab(f"{server.url}/{lesson}")
    page.emulate_media(reduced_motion="no-preference")
    ready(page)
    element = page.evaluate_handle(PLAYER)
    step_on(page)
    assert page.evaluate("element => element.isConnected", element)
    last = stages(page) - 1
    if not last:  # the challenge stands still, and shows no buttons that would do nothing
        assert not page.locator(".player .buttons").is_visible()
        return
    page.locator(".player .play").focus()
    page.keyboard.press("Home")
    assert page.evaluate(f"{PLAYER}.dataset.stage") == "0"
    for name, stage in (("on", 1), ("on", 2), ("back", 1)):
        for _ in range(3):  # buttons stand one Tab apart
            if not page.evaluate(f"document.activeElement.classList.contains('{name}')"):
                page.keyboard.press("Tab" if name == "on" else "Shift+Tab")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{PLAYER}.dataset.stage") == str(stage)
    page.evaluate(f"{PLAYER}.film.seconds = 60")
    page.locator(".player .play").focus()
    page.keyboard.press("Enter")
    once(page, f"{PLAYER}.dataset.playing === 'yes' && {PLAYER}.place > 1.1")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{PLAYER}.dataset.playing") == "no"
    place = page.evaluate(f"{PLAYER}.place")
    page.wait_for_timeout(300)
    assert page.evaluate(f"{PLAYER}.place") == place  # it stands where it was stopped
    page.locator(".player input").focus()
    for key, stage in (("End", last), ("ArrowLeft", last - 1), ("ArrowRight", last), ("Home", 0)):
        page.keyboard.press(key)
        assert page.evaluate(f"{PLAYER}.dataset.stage") == str(stage), key


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lesson", [*LESSONS, "learn_lessons"])
def test_nothing_of_ours_fails_axe(server, open_tab, lesson, scheme):
    page = open_tab(f"{server.url}/{lesson}", scheme)
    if lesson in LESSONS:
        ready(page)
        page.locator(".panel .choices label").first.click()  # a guess
        page.get_by_text(re.compile("Right.|Not this time")).first.wait_for()
        for fold in ("The formula", "Prepare a link for a lesson"):
            page.get_by_text(fold, exact=True).click()
            settle(page)
    settle(page)
    for width in (1440, 800):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(1000)
        found = Axe().run(page).response["violations"]
        said = [
            (v["id"], n["html"][:150]) for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"] if v["id"] not in OWN
        ]
        assert said == [], width


@pytest.mark.parametrize("lesson", [*LESSONS, "pruning"])
def test_words_of_controls_fit_a_narrow_screen(server, open_tab, lesson):
    page = open_tab(f"{server.url}/{lesson}")
    page.locator(".panel .choices, [data-testid=stButtonGroup]").first.wait_for()
    settle(page)
    page.set_viewport_size({"width": 800, "height": 1000})
    page.wait_for_timeout(800)
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('[data-testid=stMain]'))")
