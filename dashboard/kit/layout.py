"""Columns that wrap: side by side where there is room, below each other on a narrow screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def columns(spec: int | Sequence[float], *, key: str, narrowest: int, gap: str = "small", align: str = "top") -> list[DeltaGenerator]:
    """`st.columns` whose columns wrap to a new line before they get narrower than `narrowest` pixels.

    `key` is unique on the page.
    """
    row = f".st-key-{key} > * > [data-testid='stHorizontalBlock'], .st-key-{key} > [data-testid='stHorizontalBlock']"
    cell = ", ".join(f"{r} > [data-testid='stColumn']" for r in row.split(", "))
    st.html(f"<style>{row} {{flex-wrap: wrap}} {cell} {{min-width: min({narrowest}px, 100%)}}</style>")
    with st.container(key=key):
        return st.columns(spec, gap=gap, vertical_alignment=align)


def metrics(figures: Mapping[str, tuple[str, str]], *, key: str, narrowest: int) -> None:
    """A row of figures: a value and a help by label."""
    for column, (label, (value, help_)) in zip(columns(len(figures), key=key, narrowest=narrowest), figures.items(), strict=True):
        column.metric(label, value, help=help_)
