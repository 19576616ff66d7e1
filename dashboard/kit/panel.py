"""Panel: controls, and what they give in a few words and numbers, as one part of the page, so that an answer costs the browser little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit.components.v2 as components

from dashboard.kit.chart import palette


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


_component = components.component(
    "panel",
    html="",
    css=Path(__file__).with_name("panel.css").read_text(encoding="utf-8"),
    js=Path(__file__).with_name("panel.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show(panel: Panel, *, key: str, answered: float | None, on_asked: Callable[[], None]) -> None:
    """Show it; what a visitor sets is seen at once, and asked of the page one question at a time, the newest first.

    Parameters
    ----------
    key : str
        Unique on the page. Its state holds 'asked': all values by name as 'values', and the number of the question as 'n'.
    answered : float or None
        The number of the question that this answers.
    on_asked : callable
        Called before the page runs anew to answer.
    """
    colours = palette()
    data = {
        "question": panel.question._asdict(), "answer": panel.answer._asdict(),
        "controls": [control._asdict() for control in panel.controls],
        "figures": [figure._asdict() for figure in panel.figures],
        "verdict": panel.verdict and panel.verdict._asdict(),
        "look": {"muted": colours.muted, "good": colours.kept, "bad": colours.error, "told": colours.held_out}, "answered": answered,
    }  # fmt: skip
    _component(data=data, key=key, on_asked_change=on_asked)
