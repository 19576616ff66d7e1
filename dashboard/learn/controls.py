"""The controls of a lesson, made from what it may be asked; those that a teacher hides are left out."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import state
from dashboard.kit import layout
from dashboard.state import lessons
from l0engine.lessons.ask import Choice


def show(page: str) -> None:
    """A widget for each field that is not hidden."""
    of = lessons.LESSONS[page].choices()
    asked = lessons.ask(page)
    shown = [name for name in of if name not in lessons.hidden(page)]
    for name in shown:
        state.hold_first(lessons.key(page, name), getattr(asked, name))
    if shown:
        widths = [1.5 if isinstance(of[name].options[0], bool | str) else 1.0 for name in shown]
        narrowest = 230 if any(isinstance(of[name].options[0], str) for name in shown) else 130  # words side by side need room
        columns = layout.columns(widths, key=f"{page}_controls", narrowest=narrowest, gap="medium", align="bottom")
        for column, name in zip(columns, shown, strict=True):
            _widget(column, lessons.key(page, name), of[name])


def hiding(page: str) -> None:
    """Which controls a link leaves out."""
    of = lessons.LESSONS[page].choices()
    st.multiselect(
        "Hide these controls", list(of), format_func=lambda name: of[name].label, key=lessons.key(page, "hide"), persist_state="session",
        placeholder="none", help="Their values stay as they are. A seed that is hidden is fixed.",
    )  # fmt: skip
    st.caption("The address of this page carries every control, and what is hidden. Copy it: it opens the same picture anywhere.")


def _widget(place: DeltaGenerator, key: str, choice: Choice) -> None:
    options, keep = choice.options, {"key": key, "help": choice.help, "persist_state": "session"}
    if isinstance(options[0], bool):
        place.toggle(choice.label, **keep)
    elif isinstance(options[0], str) and len(options) <= 3:
        place.segmented_control(choice.label, options, required=True, **keep)
    elif isinstance(options[0], int) and len(options) > 30:
        place.number_input(choice.label, options[0], options[-1], step=1, **keep)
    else:
        place.select_slider(choice.label, options, format_func=_words, **keep)


def _words(option: Any) -> str:
    """A number as people read it, without exponents; the minus is the true sign."""
    if not isinstance(option, float | int):
        return str(option)
    plain = f"{option:.10f}".rstrip("0").rstrip(".")
    return plain.replace("-", "−")
