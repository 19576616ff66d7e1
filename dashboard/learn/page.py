"""What every lesson looks like: a question, a guess, controls, the picture, three sentences, the formula, and the way to real data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import streamlit as st

from dashboard import state
from dashboard.kit import layout, panel
from dashboard.kit.chart import palette
from dashboard.kit.figures.film import Film, to_json
from dashboard.kit.panel import Control, Figure, Note
from dashboard.kit.player import play
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
        From ask and picture to `Shown`.
    formula : str
        In Markdown, with its source.
    onward : callable
        From ask and picture to a page of a trade, after setting it up.
    onward_words : str
        What opens there.
    more : callable, optional
        Further controls, from the ask.
    below : callable, optional
        Draws what stands below, on its own.
    """

    page: str
    title: str
    question: str
    prediction: Prediction
    show: Callable[[Any, Any], Shown]
    formula: str
    onward: Callable[[Any, Any], str]
    onward_words: str
    more: Callable[[Any], tuple[Control, ...]] | None = None
    below: Callable[[], None] | None = None


def show(lesson: Lesson) -> None:
    """Draw it; a control runs this part of the page alone."""
    st.title(lesson.title)
    st.markdown(f"#### {lesson.question}")
    ask = lessons.ask(lesson.page)
    with st.empty(), lessons.awaited(ask), suppress(L0Error):  # which the body says
        lessons.picture(ask)
    _body(lesson)
    if lesson.below is not None:
        lesson.below()
    _more(lesson)


@st.fragment
def _body(lesson: Lesson) -> None:
    """What follows the controls: as few parts as can be, as each takes the browser several milliseconds."""
    ask = lessons.ask(lesson.page)
    try:
        picture = lessons.picture(ask)
        shown, answer = lesson.show(ask, picture), _answer(lesson, ask, picture)
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        _panel(lesson, ask, _CHOOSE, None)
        return
    film = to_json(shown.scene.film, palette())  # before anything is sent, so that all of it is sent at once
    _panel(lesson, ask, answer, shown)
    play(film, key=shown.scene.key, alt=shown.scene.alt, start=shown.scene.start)
    st.html(told.markup(shown.table, shown.sentences))
    lessons.keep_address(lesson.page)
    lessons.teacher().prepare(ask.neighbours())


def _panel(lesson: Lesson, ask: Any, answer: Note, shown: Shown | None) -> None:
    figures, verdict = ((), None) if shown is None else (shown.figures, shown.verdict)
    more = () if lesson.more is None else lesson.more(ask)
    all_controls = (*controls.shown(lesson.page, ask), *more)
    whole = panel.Panel(_guess(lesson), answer, all_controls, figures, verdict)
    key, answered = lessons.key(lesson.page, "panel"), state.held(lessons.key(lesson.page, "answered"))
    panel.show(whole, key=key, answered=answered, on_asked=lambda: lessons.take(lesson.page))


def _guess(lesson: Lesson) -> Control:
    options = lesson.prediction.options
    held = state.held(lessons.key(lesson.page, "guess"))
    question = f"Guess first. {lesson.prediction.question}"
    return Control("guess", "segments", question, "", tuple((o, o) for o in options), held if held in options else None)


def _answer(lesson: Lesson, ask: Any, picture: Any) -> Note:
    """What the engine says of the guess."""
    options, guess = lesson.prediction.options, _guess(lesson).value
    if guess is None:
        return _CHOOSE
    right, why = lesson.prediction.answer(ask, picture)
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
