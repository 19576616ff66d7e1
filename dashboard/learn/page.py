"""What every lesson looks like: a question, a guess, the picture, its controls, three sentences, the formula, and the way to real data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from dashboard.kit import layout
from dashboard.learn import controls
from dashboard.state import lessons
from l0engine.errors import L0Error


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


class Lesson(NamedTuple):
    """A page of Learn.

    Attributes
    ----------
    page : str
        Path of its address.
    title, question : str
    prediction : Prediction
    draw : callable
        Draws the picture from ask and picture.
    sentences : callable
        Three, from ask and picture.
    formula : str
        In Markdown, with its source.
    onward : callable
        From ask and picture to a page of a trade, after setting it up.
    onward_words : str
        What opens there.
    """

    page: str
    title: str
    question: str
    prediction: Prediction
    draw: Callable[[Any, Any], None]
    sentences: Callable[[Any, Any], tuple[str, ...]]
    formula: str
    onward: Callable[[Any, Any], str]
    onward_words: str


def show(lesson: Lesson) -> None:
    """Draw it; a control runs this part of the page alone."""
    st.title(lesson.title)
    st.markdown(f"#### {lesson.question}")
    _body(lesson)
    _more(lesson)


@st.fragment
def _body(lesson: Lesson) -> None:
    """What follows the controls. The picture is sent first, so that nothing that takes the browser longer is in its way."""
    ask = lessons.ask(lesson.page)
    above = st.container()
    try:
        with lessons.awaited(ask):
            picture = lessons.picture(ask)
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        controls.show(lesson.page)
        return
    lesson.draw(ask, picture)
    with above:
        _predict(lesson, ask, picture)
        controls.show(lesson.page)
    st.markdown("\n".join(f"- {sentence}" for sentence in lesson.sentences(ask, picture)))
    lessons.keep_address(lesson.page)
    lessons.teacher().prepare(ask.neighbours())


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


def _predict(lesson: Lesson, ask: Any, picture: Any) -> None:
    """The guess first; then what the engine says."""
    prediction = lesson.prediction
    guess = st.segmented_control(
        f"**Guess first.** {prediction.question}", prediction.options, key=f"{lesson.page}_guess", persist_state="session"
    )
    if guess is None:
        st.caption("Choose an answer, and the engine tells.")
        return
    right, why = prediction.answer(ask, picture)
    told = prediction.options.index(guess) == right
    words = "**Right.**" if told else f"**Not this time: {prediction.options[right]}.**"
    (st.success if told else st.info)(f"{words} {why}", icon=":material/check:" if told else ":material/lightbulb:")
