"""A file that can be read in several ways: the question, and how a file was read, to be changed."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from l0engine.errors import AmbiguousTable
from l0engine.io.tables.reading import DECIMALS, DELIMITERS, ENCODINGS, KNOWN

_FOUND = "as found"


def ask(question: AmbiguousTable, key: str) -> str | None:
    """What a file leaves open, with the answers there are; the one that was given."""
    with st.container(border=True):
        st.markdown(f":material/help: **{question.question}**")
        named = question.setting in (*KNOWN, "sheet")  # of a column or a sheet the name says more than what is in it
        meanings = {value: f"{value}: {meaning}" if named else f"{meaning[0].upper()}{meaning[1:]}" for value, meaning in question.options}
        chosen = st.radio("It means", list(meanings), index=None, format_func=meanings.get, key=f"{key}_means")
        why = None if chosen is not None else "Choose one of them first."
        return chosen if st.button("Read it so", key=f"{key}_so", type="primary", disabled=why is not None, help=why) else None


def change(answers: Mapping[str, str], key: str) -> dict[str, str] | None:
    """How a file is to be read in place of what was found; None where nothing was asked for."""
    said = {}
    choices = {"delimiter": DELIMITERS, "decimal": DECIMALS, "encoding": ENCODINGS}
    with st.form(f"{key}_form", border=False):
        for setting, meanings in choices.items():
            values = ["", *meanings]
            at = values.index(answers[setting]) if answers.get(setting) in meanings else 0
            show = {"format_func": lambda v, known=meanings: str(known[v]).capitalize() if v else _FOUND, "key": f"{key}_{setting}"}
            said[setting] = st.selectbox(setting.capitalize(), values, at, **show)  # type: ignore[arg-type]
        head, tail = st.columns(2)
        said["header"] = head.text_input("Line of names", answers.get("header", ""), placeholder=_FOUND, key=f"{key}_header", help=_HEADER)
        said["last_rows"] = tail.text_input(
            "Last rows left out",
            answers.get("last_rows", ""),
            placeholder=_FOUND,
            key=f"{key}_last",
            help="How many rows at the end are totals or notes.",
        )
        if not st.form_submit_button("Read it again", icon=":material/refresh:"):
            return None
    others = {setting: value for setting, value in answers.items() if setting not in said}
    return others | {setting: value.strip() or value for setting, value in said.items() if value}


_HEADER = "Counted from 0; none where no line names the columns."
