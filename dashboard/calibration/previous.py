"""What a run goes out from, on the form: none, a run, or a file; and the price of leaving its households."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.picker import pick
from dashboard.state.opened.previous import KEY, SWITCH, WEIGHTS, origins
from l0engine.calibration.config import Config, settings
from l0engine.errors import L0Error


def show() -> bool:
    """The choice, the price, and how many of its households are in this problem; whether it can be used."""
    about = "Last year's households, or another run's: the fit starts at their weights, and can be asked to keep to them."
    if not st.toggle("Start from an earlier answer", key=SWITCH, persist_state="session", help=about):
        return True
    pick(
        WEIGHTS, origins, key=KEY, label="Start from", upload="Weights of an earlier answer",
        help="A table with the columns household_id and weight, such as weights.csv.",
    )  # fmt: skip
    try:
        previous = state.previous()
        if previous is None:
            st.caption("Choose a run that has ended, or upload its weights. Households are matched by their ids.")
            return True
        found = previous.matched(state.problem())
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        return False
    price, words = layout.columns([2, 3], key="previous_price_row", narrowest=280, gap="medium", align="bottom")
    s, key = settings()["price_change"], f"set_price_change_{state.form_version()}"
    state.hold_first(key, state.draft()["price_change"])
    price.number_input(
        s.label, min_value=s.low, max_value=s.high, step=0.01, format="%.4g", key=key, help=s.help, on_change=_take, args=(key,)
    )
    say = words.warning if found.gone or found.positions else words.caption
    say(wording.markdown(found.sentence))
    return True


def told() -> None:
    """Where the next run goes out from, for pages that start runs too."""
    try:
        if (previous := state.previous()) is not None:
            source = wording.markdown(previous.source)
            st.caption(f"Goes out from {source}, {len(previous.ids):,} households, as chosen on the Calibrate page.")
    except L0Error as error:
        st.error(str(error), icon=":material/error:")


def _take(key: str) -> None:
    value = state.held(key)
    state.draft()["price_change"] = Config().price_change if value is None else value
