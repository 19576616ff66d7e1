"""All targets in one picture, by the parts of their names: a click opens a part, or shows a single target."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.browser.player import play
from dashboard.kit.chart import palette
from dashboard.kit.figures.film import to_json
from dashboard.results.figures import treemap
from dashboard.state import first
from l0engine.explain.targets import ALL
from l0engine.report.facts import Facts

_AREAS = {"Number of targets": False, "Share of the loss": True}


def show(facts: Facts) -> None:
    """The picture; with it alone a browser begins that arrives."""
    state.hold_one_of("treemap_area", _AREAS)
    waits, by = first.waits(), state.hold_first("treemap_area", "Number of targets")
    info = treemap.info(facts.parts, by_loss=_AREAS[by])
    level = info.at(state.held("part"))

    def clicked(part: int) -> None:
        if info.rows[part] >= 0:
            look_at(str(facts.problem.names[info.rows[part]]))
        else:
            state.hold("part", str(info.ids[part]))

    key = f"treemap_{facts.run.id}_{facts.point.key if facts.point else ''}"
    alt = "Targets by the parts of their names; a click opens a part"
    film = to_json(treemap.film(info, palette()), palette())
    play(film, key=key, alt=alt, opened=level, on_click=clicked, on_drawn=first.drawn if waits else None)
    if waits:
        return
    part = wording.markdown(inside(str(info.ids[level])))
    within = f"{wording.plural(int(info.targets[level]), 'target')}{f' of {part}' if part else ''}"
    st.caption(f"{within} in use; a click opens a part, on what is open it goes back, and on a single target it shows that below.")
    st.segmented_control("Area", list(_AREAS), key="treemap_area", required=True, label_visibility="collapsed")


def inside(part: str) -> str:
    """The names of a part, without that of the whole."""
    return part.removeprefix(ALL).strip("/")


def look_at(target: str) -> None:
    """Show the page of one target when the page runs next."""
    state.hold("one_target", target)
    state.hold("targets_look", "One target")
    state.hold("results_tab", "Targets")
