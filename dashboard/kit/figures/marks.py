"""Marks on curves over steps: settings that were changed while a fit ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.kit import setting_names, theme, wording
from l0engine.jobs.job import Event


class Mark(NamedTuple):
    """A change that took effect after a step; of one of several runs in its colour."""

    step: int
    words: str
    colour: str = ""


def marks(events: Sequence[Event], colour: str = "") -> tuple[Mark, ...]:
    """Of the changes that have taken effect."""
    return tuple(Mark(e.step, words(e), colour) for e in events if e.step is not None)


def words(event: Event) -> str:
    """A change as people read it: 'Temperature 0.2', 'on to step 800'."""
    parts = (
        f"on to step {wording.count(value)}" if name == "epochs" else f"{setting_names.name(name)} {setting_names.value(value)}"
        for name, value in event.changes.items()
        if name != "stop_when_settled"
    )
    return ", ".join(parts)


def told(events: Sequence[Event]) -> str:
    """All changes that have taken effect: 'after step 120: Temperature 0.2; ...'; empty without any."""
    return "; ".join(f"after step {wording.count(e.step)}: {words(e)}" for e in events if e.step is not None)


def add_marks(fig: go.Figure, marks: Sequence[Mark], palette: theme.Palette) -> None:
    """A dashed line at each, with its words at the top, one below the other."""
    end = fig.layout.xaxis.range[1] if fig.layout.xaxis.range else None
    for i, mark in enumerate(marks):
        colour = mark.colour or palette.undecided
        fig.add_vline(x=mark.step, line={"color": colour, "width": 1.4, "dash": "dash"})
        right = end is not None and mark.step > 0.6 * end
        side = {"xanchor": "right", "xshift": -4} if right else {"xanchor": "left", "xshift": 4}
        text = theme.label(mark.words, 60)
        font = {"size": 11, "color": palette.text}
        ground = palette.faded(palette.surface, 0.6)  # what lies below the words can be seen
        fig.add_annotation(x=mark.step, y=1 - 0.075 * (i % 5), yref="paper", yanchor="top", text=text, font=font, bgcolor=ground, **side)
