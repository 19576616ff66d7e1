"""What every lesson looks like: a question, a guess, controls, the picture, three sentences, the formula, and the way to real data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.kit import layout
from dashboard.kit.browser import panel as kit_panel
from dashboard.kit.browser.panel import Control, Figure, Note, Panel
from dashboard.kit.browser.player import play
from dashboard.kit.chart import palette, theme
from dashboard.kit.figures.film import Film, to_json
from dashboard.kit.theme import Palette
from dashboard.learn import controls, told
from dashboard.state import lessons
from l0engine.errors import L0Error

_CHOOSE = Note("quiet", "", "Choose an answer, and the engine tells.")


class Prediction(NamedTuple):
    """A question before the answer.

    Attributes
    ----------
    question : str
    options : tuple of str
    answer : callable
        From ask and picture to the number of the right option, and a sentence that says why.
    """

    question: str
    options: tuple[str, ...]
    answer: Callable[[Any, Any], tuple[int, str]]


class Scene(NamedTuple):
    """The picture: its film, where that stands at first (0 to 1), what it shows for screen readers, and what keeps its place."""

    film: Film
    alt: str
    key: str
    start: float = 0.0


class Shown(NamedTuple):
    """What an answer shows beside guess and controls.

    Attributes
    ----------
    scene : Scene
    sentences : tuple of str
        Three; what stands between two pairs of stars is bold.
    figures : sequence of Figure
        Above the picture.
    verdict : Note, optional
        Of the figures.
    table : sequence of mapping
        Texts by column, a row each.
    """

    scene: Scene
    sentences: tuple[str, ...]
    figures: Sequence[Figure] = ()
    verdict: Note | None = None
    table: Sequence[Mapping[str, str]] = ()


class Lesson(NamedTuple):
    """A page of Learn.

    Attributes
    ----------
    page : str
        Path of its address.
    title, question : str
    prediction : Prediction
    show : callable
        From what the controls say, `Asked`, picture and colours to `Shown`.
    formula : str
        In Markdown, with its source.
    onward : callable
        From ask and picture to a page of a trade, after setting it up.
    onward_words : str
        What opens there.
    more : callable, optional
        Further controls, from what they say.
    below : callable, optional
        Draws what stands below, on its own.
    """

    page: str
    title: str
    question: str
    prediction: Prediction
    show: Callable[[lessons.Asked, Any, Palette], Shown]
    formula: str
    onward: Callable[[Any, Any], str]
    onward_words: str
    more: Callable[[lessons.Asked], tuple[Control, ...]] | None = None
    below: Callable[[], None] | None = None


def show(lesson: Lesson) -> None:
    """Draw it; a control runs this part of the page alone, once all is still."""
    st.title(lesson.title)
    st.markdown(f"#### {lesson.question}")
    _body(lesson)
    if lesson.below is not None:
        lesson.below()
    _more(lesson)


@st.fragment
def _body(lesson: Lesson) -> None:
    """All that follows the controls."""
    asked, number = lessons.asked(lesson.page), state.held(lessons.key(lesson.page, "answered"))
    try:  # who has set something sees the panel wait; a word here would move what is about to be pressed
        with st.empty(), lessons.awaited(asked.ask) if number is None else nullcontext():
            panel, film = answer(lesson, asked, palette())
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        panel, film = Panel(_guess(lesson, asked), _CHOOSE, _controls(lesson, asked)), None
    kit_panel.show(
        kit_panel.sent(panel, palette()), key=lessons.key(lesson.page, "panel"), answered=number,
        always={**asked.address(), "theme": theme()}, on_asked=lambda: lessons.take(lesson.page),
    )  # fmt: skip
    if film is not None:
        play(**film, key=lessons.key(lesson.page, "film"), number=number)
    lessons.keep_address(lesson.page)
    lessons.teacher().prepare(asked.ask)


def answer(lesson: Lesson, asked: lessons.Asked, colours: Palette) -> tuple[Panel, dict[str, Any]]:
    """What the controls give: the panel, and what `player.sent` takes.

    Raises
    ------
    L0Error
        The engine refuses the settings.
    """
    picture = lessons.picture(asked.ask)
    shown = lesson.show(asked, picture, colours)
    said, scene = _said(lesson, asked, picture), shown.scene
    panel = Panel(_guess(lesson, asked), said, _controls(lesson, asked), shown.figures, shown.verdict)
    below = told.markup(shown.table, shown.sentences)
    return panel, {"film": to_json(scene.film, colours), "alt": scene.alt, "start": scene.start, "scene": scene.key, "below": below}


def _controls(lesson: Lesson, asked: lessons.Asked) -> tuple[Control, ...]:
    return (*controls.shown(asked.ask, asked.hidden), *(lesson.more(asked) if lesson.more is not None else ()))


def _guess(lesson: Lesson, asked: lessons.Asked) -> Control:
    options = lesson.prediction.options
    question = f"Guess first. {lesson.prediction.question}"
    return Control("guess", "segments", question, "", tuple((o, o) for o in options), asked.guess if asked.guess in options else None)


def _said(lesson: Lesson, asked: lessons.Asked, picture: Any) -> Note:
    """What the engine says of the guess."""
    options, guess = lesson.prediction.options, _guess(lesson, asked).value
    if guess is None:
        return _CHOOSE
    right, why = lesson.prediction.answer(asked.ask, picture)
    if options[right] == guess:
        return Note("good", "Right.", why)
    return Note("told", f"Not this time: {options[right][0].lower()}{options[right][1:]}.", why)


@st.fragment
def _more(lesson: Lesson) -> None:
    """What stays while controls move; the browser loads what it needs for a fold once that opens."""
    formula, link, onward = layout.columns([2, 2, 1.4], key=f"{lesson.page}_more", narrowest=220)
    source = formula.expander("The formula", icon=":material/function:", key=f"{lesson.page}_formula", on_change="rerun")
    if source.open:
        source.markdown(lesson.formula)
    prepare = link.expander("Prepare a link for a lesson", icon=":material/link:", key=f"{lesson.page}_link", on_change="rerun")
    if prepare.open:
        with prepare:
            controls.hiding(lesson.page)
        if not lessons.address_kept(lesson.page):  # other controls are shown now
            st.rerun()
    if onward.button("Try it on real data", icon=":material/arrow_forward:", help=lesson.onward_words, width="stretch"):
        ask = lessons.ask(lesson.page)
        st.switch_page(lesson.onward(ask, lessons.picture(ask)))
