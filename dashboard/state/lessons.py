"""Lessons: what their controls hold, the address that carries them, and the teacher who shows the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any, NamedTuple

import streamlit as st

from dashboard.state.resources import store
from l0engine.errors import L0Error
from l0engine.jobs.shelves.problems import default_root
from l0engine.lessons.ask import Ask
from l0engine.lessons.board import Board
from l0engine.lessons.shown.challenge import ChallengeAsk
from l0engine.lessons.shown.evenness import EvennessAsk
from l0engine.lessons.shown.gate import GateAsk
from l0engine.lessons.shown.households import HouseholdsAsk
from l0engine.lessons.shown.network import NetworkAsk
from l0engine.lessons.shown.truth import TruthAsk
from l0engine.lessons.teacher import Teacher

#: What each page of a lesson asks, by the path of its address.
LESSONS: Mapping[str, type[Ask]] = {
    "learn_gate": GateAsk,
    "learn_households": HouseholdsAsk,
    "learn_truth": TruthAsk,
    "learn_evenness": EvennessAsk,
    "learn_network": NetworkAsk,
    "learn_challenge": ChallengeAsk,
}
#: Controls of a lesson that are none of its settings, and not in its address: the guess, and what is revealed.
OTHERS = ("guess", "reveal")


class Asked(NamedTuple):
    """What the controls of a page say.

    Attributes
    ----------
    ask : Ask
    guess, reveal : str or None
        `OTHERS`.
    hidden : frozenset of str
        Controls that are not shown.
    """

    ask: Ask
    guess: str | None = None
    reveal: str | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def revealed(self) -> bool:
        """Whether the answer to this seed is to be seen; that of another is hidden."""
        return self.reveal == str(self.ask.seed)

    def address(self) -> dict[str, str]:
        """What the address of the lesson says: all its controls, and those that are hidden."""
        hide = ",".join(name for name in self.ask.choices() if name in self.hidden)
        return self.ask.texts() | ({"hide": hide} if hide else {})


@st.cache_resource(show_spinner=False, on_release=lambda shown: shown.close())  # it is asked for without a page, too
def teacher() -> Teacher:
    """Who shows the pictures, one for the server."""
    return Teacher()


def awaited(ask: Ask) -> AbstractContextManager[None]:
    """Says that the engine is at work where a picture is not there yet; nothing is drawn where it is."""
    return nullcontext() if teacher().keeps(ask) else st.spinner("The engine computes this picture …")


def picture(ask: Ask) -> Any:
    """What an ask shows.

    Raises
    ------
    L0Error
        The engine refuses the settings.
    """
    return teacher().show(ask)


def key(page: str, name: str) -> str:
    """Under which the page keeps something: a control's value by the name of the control, or what a widget holds."""
    return f"{page}_{name}"


def ask(page: str) -> Ask:
    """The settings that the controls of a page say now."""
    of = LESSONS[page]
    return of(**{name: st.session_state[key(page, name)] for name in of.choices() if key(page, name) in st.session_state})


def asked(page: str) -> Asked:
    """All that the controls of a page say now."""
    hidden = frozenset(st.session_state.get(key(page, "hide"), ()))
    return Asked(ask(page), *(st.session_state.get(key(page, name)) for name in OTHERS), hidden)


def asked_by(page: str, query: Mapping[str, str]) -> Asked:
    """The same from a question of the panel.

    Raises
    ------
    L0Error
        A value is none of its options.
    """
    return Asked(LESSONS[page].from_texts(query), *(query.get(name) for name in OTHERS), frozenset(query.get("hide", "").split(",")))


def take(page: str) -> None:
    """Take what the panel of a page asks for; a value that a control does not have changes nothing."""
    asked = st.session_state[key(page, "panel")].get("asked")
    number, values = (asked.get("n"), asked.get("values")) if isinstance(asked, Mapping) else (None, None)
    st.session_state[key(page, "answered")] = number if isinstance(number, float | int) else None
    of = LESSONS[page]
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if name in of.choices():
            with suppress(L0Error):
                st.session_state[key(page, name)] = getattr(of.from_texts({name: str(value)}), name)
        elif name in OTHERS:
            st.session_state[key(page, name)] = str(value)


def arrive(page: str, others: Iterable[str]) -> None:
    """Take controls from the address on arrival at the page of a lesson; who comes to any of Learn will ask soon.

    `others` are names in an address that other pages read.
    """
    if page.startswith("learn_"):
        teacher().wake()
    came_from = st.session_state.get("lesson")
    st.session_state.lesson = page
    if page not in LESSONS or came_from == page:
        return
    query, of = st.query_params.to_dict(), LESSONS[page]
    known = {*of.choices(), "hide"}
    unknown = set(query) - known - {*others}
    wrong = [f"{name[:40]!r} is no control of this lesson: choose from {', '.join(of.choices())}." for name in unknown]
    if set(query) & known:
        wrong += _take(page, query)
    if wrong:
        st.session_state.notice = f"Part of this lesson's address does not count: {' '.join(sorted(wrong)[:3])}"


def _take(page: str, query: Mapping[str, str]) -> list[str]:
    """Set the controls that an address names, the others as they are at first; what is wrong with it."""
    of = LESSONS[page]
    found, wrong = of(), []
    for name in set(query) & {*of.choices()}:
        try:
            found = replace(found, **{name: getattr(of.from_texts({name: query[name]}), name)})
        except L0Error as error:  # the others are as the address says
            wrong.append(str(error))
    hide = [name for name in query.get("hide", "").split(",") if name]
    wrong += [f"hide names {name[:40]!r}: choose from {', '.join(of.choices())}." for name in hide if name not in of.choices()]
    for name in of.choices():
        st.session_state[key(page, name)] = getattr(found, name)
    for name in OTHERS:  # who opens a link guesses anew
        st.session_state.pop(key(page, name), None)
    st.session_state[key(page, "hide")] = [name for name in of.choices() if name in hide]
    return wrong


def address_kept(page: str) -> bool:
    """Whether the address says what the lesson shows."""
    return st.query_params.to_dict() == asked(page).address()


def keep_address(page: str) -> None:
    """Keep the address current after a control changed."""
    if not address_kept(page):
        st.query_params.from_dict(asked(page).address())


def board() -> Board:
    """The best at the challenge, kept in the store."""
    return Board(default_root())


def first_visit() -> bool:
    """Whether nothing has been computed here yet, and the tour was not put away."""
    return not (default_root() / "tour").exists() and not any(run.status.has_result for run in store().runs(limit=5))


def end_tour() -> None:
    """Put the tour away for good."""
    default_root().mkdir(parents=True, exist_ok=True)
    (default_root() / "tour").touch()
