"""Learn in a real browser: films play, step and answer to keys."""

from __future__ import annotations

import re

import pytest
from tabs import PLAYER, caption, once, ready, settle, stages

from dashboard.learn.figures import network, survey
from dashboard.state.lessons import LESSONS
from l0engine.lessons.made import gate as made_gate
from l0engine.lessons.made import households as made_households
from l0engine.lessons.made import network as made_network
from l0engine.lessons.shown.gate import GateAsk
from l0engine.lessons.shown.households import HouseholdsAsk
from l0engine.lessons.shown.network import NetworkAsk


def test_choosing_households_plays_to_the_end(server, open_tab):
    page = open_tab(f"{server.url}/learn_households?price=0.8&seed=2", "light")
    page.emulate_media(reduced_motion="no-preference")
    ready(page)
    told = survey.info(made_households.show(HouseholdsAsk(price=0.8, seed=2)).survey).captions
    assert caption(page) == told[0]
    page.get_by_role("button", name="One step on").click()
    assert caption(page) == told[1]
    page.evaluate(f"{PLAYER}.film.seconds = 1")  # the rest a little faster
    page.get_by_role("button", name="Play").click()
    once(page, f"{PLAYER}.dataset.playing === 'yes'")
    once(page, f"{PLAYER}.dataset.playing === 'no' && {PLAYER}.dataset.stage === '{len(told) - 1}'")
    assert caption(page) == told[-1]
    element = page.evaluate_handle(PLAYER)
    slider = page.get_by_role("slider", name="Price of a household, λ L0")
    slider.focus()
    slider.press("ArrowRight")  # by keyboard; the picture stays at its end
    dearer = survey.info(made_households.show(HouseholdsAsk(price=1.6, seed=2)).survey).captions
    once(
        page, f"{PLAYER}.dataset.stage === '{len(dearer) - 1}' && document.querySelector('.player .caption').textContent === {dearer[-1]!r}"
    )
    once(page, "location.search.includes('price=1.6')")
    assert page.evaluate("element => element.isConnected", element)


@pytest.mark.slow
def test_no_motion_is_shown_to_whom_it_is_not_welcome(server, open_tab):
    page = open_tab(f"{server.url}/learn_network?price=2&hidden=8")
    ready(page)
    told = network.info(made_network.show(NetworkAsk(price=2.0, hidden=8))).captions
    drawn = int(page.evaluate(f"{PLAYER}.dataset.drawn"))
    page.get_by_role("button", name="Play").click()
    assert caption(page) == told[-1] and int(page.evaluate(f"{PLAYER}.dataset.drawn")) == drawn + 1
    page.locator(".player .back").focus()
    for key, stage in (("ArrowLeft", -2), ("Home", 0), ("ArrowRight", 1), ("End", -1)):
        page.keyboard.press(key)
        assert caption(page) == told[stage], key


@pytest.mark.slow
@pytest.mark.parametrize("page_name", LESSONS)
def test_every_lesson_plays_in_both_themes_and_on_a_narrow_screen(server, open_tab, page_name):
    page = open_tab(f"{server.url}/{page_name}", "dark")
    page.emulate_media(reduced_motion="no-preference")
    ready(page)
    page.set_viewport_size({"width": 800, "height": 1000})
    page.wait_for_timeout(300)
    assert page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= document.querySelector('[data-testid=stMain]').clientWidth"
    )
    if stages(page) > 1:
        page.evaluate(f"{PLAYER}.film.seconds = 4")
        page.get_by_role("button", name="Play").click()
        once(page, f"{PLAYER}.dataset.playing === 'no' && {PLAYER}.dataset.stage === '{stages(page) - 1}'")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.player button, .player input, .player canvas')].filter(e => !(e.ariaLabel || e.textContent)).length"
    )
    assert unnamed == 0


@pytest.mark.slow
def test_the_board_shows_names_as_text(server, open_tab):
    page = open_tab(f"{server.url}/learn_challenge?price=1.6&uneven=0.001")
    ready(page)
    page.get_by_role("textbox", name="Nickname").fill("<img src=x>")
    page.get_by_role("textbox", name="Nickname").press("Enter")
    enter = page.get_by_role("button", name=re.compile("Enter"))
    settle(page)
    enter.click()
    once(page, f"{PLAYER}.film.panels[0].legend.length === 2")
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.slow
def test_who_drags_sees_the_newest_and_asks_one_question_at_a_time(server, open_tab):
    """Twelve values in a row, faster than any answer: the last stands in panel, film and address, and most were never asked for."""
    page = open_tab(f"{server.url}/learn_gate?log_alpha=-1")
    ready(page)
    questions = []
    page.on("request", lambda request: questions.append(request.url) if "/answer?" in request.url else None)
    page.evaluate("""async () => {
        const input = document.querySelector('.panel input[type=range]');
        for (let i = 0; i < 12; i++) {
            input.stepUp();
            input.dispatchEvent(new Event('input', {bubbles: true}));
            await new Promise(resolve => setTimeout(resolve, 3));
        }
    }""")
    once(page, "location.search.includes('log_alpha=0.2')")
    settle(page)
    assert 1 <= len(questions) < 8 and "log_alpha=0.2" in questions[-1]
    stands_at(page, 0.2)


def stands_at(page, log_alpha):
    """Control, numbers and film of a gate are those of the engine."""
    slider = page.get_by_role("slider", name="log α")
    assert slider.get_attribute("aria-valuetext") == f"{log_alpha:g}".replace("-", "−")
    shown = made_gate.show(GateAsk(log_alpha=log_alpha))
    assert page.locator(".panel dd").first.inner_text() == f"{shown.gate:.3f}"
    at = page.evaluate(f"{PLAYER}.film.marks.filter(m => m.kind === 'dots').at(-1).values.x.data[0]")
    assert at == pytest.approx(log_alpha)
    assert f"is {shown.gate:.2f}." in page.locator(".player .below").inner_text()


@pytest.mark.slow
def test_an_answer_comes_before_the_page_hears_of_it_and_without_it_the_page_answers(server, open_tab):
    page = open_tab(f"{server.url}/learn_gate?log_alpha=-1")
    ready(page)
    slider = page.get_by_role("slider", name="log α")
    slider.focus()
    page.evaluate("document.querySelector('.panel').send = () => {}")  # the page hears nothing
    slider.press("ArrowRight")
    once(page, f"{PLAYER}.film.marks.filter(m => m.kind === 'dots').at(-1).values.x.data[0] > -0.95")
    stands_at(page, -0.9)
    assert "log_alpha=-1" in page.url
    page = open_tab(f"{server.url}/learn_gate?log_alpha=-1")
    ready(page)
    page.route("**/answer?*", lambda route: route.abort())
    slider = page.get_by_role("slider", name="log α")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    once(page, "location.search.includes('log_alpha=-0.7')")
    settle(page)
    stands_at(page, -0.7)
    assert all("/answer?" in complaint for complaint in open_tab.complaints)
    open_tab.complaints.clear()


@pytest.mark.slow
def test_who_leaves_at_once_takes_along_what_was_set(server, open_tab):
    page = open_tab(f"{server.url}/learn_households?price=0.4")
    ready(page)
    slider = page.get_by_role("slider", name="Price of a household, λ L0")
    slider.focus()
    slider.press("ArrowRight")
    page.get_by_role("button", name="Try it on real data").click(
        delay=100
    )  # a person's press; Streamlit takes what comes at once for one part
    page.wait_for_selector("h1:has-text('Calibrate')")
    settle(page)
    page.locator("[data-testid=stSidebarNav] a[href$='/learn_households']").click()
    ready(page)
    once(page, "location.search.includes('price=0.8')")
    assert page.get_by_role("slider", name="Price of a household, λ L0").get_attribute("aria-valuetext") == "0.8"


@pytest.mark.slow
def test_a_seed_is_typed_and_what_is_none_is_let_go(server, open_tab):
    page = open_tab(f"{server.url}/learn_gate")
    ready(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("12")
    once(page, "location.search.includes('seed=12')")
    seed.fill("120")  # there are a hundred
    seed.blur()
    assert seed.input_value() == "12"
    seed.fill("")
    seed.press("3")
    once(page, "location.search.includes('seed=3')")
    page.get_by_role("button", name="Seed: one more").click()
    once(page, "location.search.includes('seed=4')")
    settle(page)
    assert seed.input_value() == "4"
