"""The controls of a lesson, made from what it may be asked; those that a teacher hides are left out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from dashboard.kit.browser.panel import Control
from dashboard.state import lessons
from l0engine.lessons.ask import Ask, Choice, text


def shown(ask: Ask, hidden: Collection[str]) -> tuple[Control, ...]:
    """One for each field that is not hidden."""
    return tuple(_control(name, choice, getattr(ask, name)) for name, choice in ask.choices().items() if name not in hidden)


def hiding(page: str) -> None:
    """Which controls a link leaves out."""
    of = lessons.LESSONS[page].choices()
    st.multiselect(
        "Hide these controls", list(of), format_func=lambda name: of[name].label, key=lessons.key(page, "hide"), persist_state="session",
        placeholder="none", help="Their values stay as they are. A seed that is hidden is fixed.",
    )  # fmt: skip
    st.caption("The address of this page carries every control, and what is hidden. Copy it: it opens the same picture anywhere.")


def _control(name: str, choice: Choice, value: Any) -> Control:
    options = choice.options
    kind = "slider"
    if isinstance(options[0], bool):
        kind = "switch"
    elif isinstance(options[0], str) and len(options) <= 3:
        kind = "segments"
    elif isinstance(options[0], int) and len(options) > 30:
        kind, options = "number", (options[0], options[-1])
    return Control(name, kind, choice.label, choice.help, tuple((text(option), _words(option)) for option in options), text(value))


def _words(option: Any) -> str:
    """A number as people read it, without exponents; the minus is the true sign."""
    if isinstance(option, bool) or not isinstance(option, float | int):
        return str(option)
    plain = f"{option:.10f}"
    return plain.rstrip("0").rstrip(".").replace("-", "−")
