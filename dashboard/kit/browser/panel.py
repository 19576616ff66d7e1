"""Panel: controls, and what they give in a few words and numbers, as one part of the page, so that an answer costs the browser little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import streamlit.components.v2 as components

from dashboard.kit.browser import code
from dashboard.kit.theme import Palette


class Control(NamedTuple):
    """One control.

    Attributes
    ----------
    name : str
        By which its value is sent.
    kind : str
        'slider', 'switch', 'segments' or 'number'.
    label, help : str
    options : tuple of (str, str)
        Each value as it is sent, and in words; of a switch off and on, of a number the least and the largest.
    value : str or None
        What it holds; only segments may hold none.
    """

    name: str
    kind: str
    label: str
    help: str
    options: tuple[tuple[str, str], ...]
    value: str | None


class Note(NamedTuple):
    """A sentence after its first words: 'quiet', 'good', 'bad' or 'told'."""

    kind: str
    first: str
    text: str


class Figure(NamedTuple):
    """A number in words, and how to read it."""

    label: str
    value: str
    help: str


class Panel(NamedTuple):
    """A question with what is said of its answer, controls, figures, and what is said of these."""

    question: Control
    answer: Note
    controls: Sequence[Control]
    figures: Sequence[Figure] = ()
    verdict: Note | None = None


_component = components.component("panel", html="", css=code("panel.css"), js=code("panel.js"), isolate_styles=False)


def sent(panel: Panel, colours: Palette) -> dict[str, Any]:
    """What the browser is sent of a panel."""
    return {
        "question": panel.question._asdict(), "answer": panel.answer._asdict(),
        "controls": [control._asdict() for control in panel.controls],
        "figures": [figure._asdict() for figure in panel.figures],
        "verdict": panel.verdict and panel.verdict._asdict(),
        "look": {"muted": colours.muted, "good": colours.kept, "bad": colours.error, "told": colours.held_out},
    }  # fmt: skip


def show(data: Mapping[str, Any], *, key: str, always: Mapping[str, str], answered: float | None, on_asked: Callable[[], None]) -> None:
    """Show it; what a visitor sets is seen at once, asked of the server, and told to the page when all is still.

    The browser asks one question at a time, the newest values next, at 'answer' below the address of the page, with `always` and all values
    as the query. What comes is {"panel": as `sent`, "player": as `player.sent`}, and stands at once in this panel and in the player of the
    page. Where nothing comes, or there is no player, the page answers.

    Parameters
    ----------
    data : mapping
        As `sent` gives it.
    key : str
        Unique on the page. Its state holds 'asked': all values by name as 'values', and the number of the question as 'n'.
    always : mapping of str to str
        What each question says beside the values.
    answered : float or None
        The number of the question that this answers; older ones than are shown already are left aside.
    on_asked : callable
        Called before the page runs anew.
    """
    _component(data={**data, "always": {**always}, "answered": answered}, key=key, on_asked_change=on_asked)
