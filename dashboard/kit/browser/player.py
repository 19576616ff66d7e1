"""Plays a film in the browser: stages that the server has worked out, drawn thirty times a second without running the page again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit.components.v2 as components

from dashboard import state
from dashboard.kit.browser import code

CSS = code("player.css")
#: A module whose default export draws what `sent` gives.
JS = f"{code('tree.js')}\n{code('svg.js')}\n{code('player.js')}"
_component = components.component("player", html="", css=CSS, js=JS, isolate_styles=False)


def sent(film: str, *, alt: str, start: float = 0.0, scene: str = "", below: str = "") -> dict[str, Any]:
    """What the browser is sent of a film, see `play`."""
    return {"film": film, "alt": alt, "start": start, "scene": scene, "below": below}


def play(
    film: str,
    *,
    key: str,
    number: float | None = None,
    opened: int = 0,
    on_drawn: Callable[[], None] | None = None,
    on_click: Callable[[int], None] | None = None,
    **how: Any,
) -> None:
    """Show a film; the same key keeps the element, and how far it was played, while its film changes.

    Parameters
    ----------
    film : str
        As `film.to_json` writes it.
    key : str
        Unique on the page.
    number : float, optional
        Of the question that it answers, where `panel.show` asks: an older one than is shown already is left aside.
    opened : int, optional
        The part of a tree that is open in a new one.
    on_drawn : callable, optional
        Called once the browser has drawn it for the first time, before the page runs anew.
    on_click : callable, optional
        Gets the number of the part of a tree that a click leads to, before the page runs anew; the picture has opened it by then.
    alt : str
        What the picture shows, for screen readers.
    start : float, optional
        Where a new one stands, from 0, its first stage, to 1, its last.
    scene : str, optional
        Another one starts anew.
    below : str, optional
        HTML that stands below, in which all texts are escaped.
    """

    def clicked() -> None:
        part = (state.held(key) or {}).get("clicked")
        if on_click is not None and part is not None:
            on_click(int(part))

    begun = f"{key}_begun"
    if state.held(key) is None:  # it was not on the page before
        state.hold(begun, {"open": opened, "tells": on_drawn is not None})
    # Only a new one heeds what it begins with. Sent as it was, the whole is what it was, which Streamlit says by its hash.
    data = sent(film, **how) | state.held(begun) | {"number": number, "clicks": on_click is not None}
    _component(data=data, key=key, on_drawn_change=on_drawn or (lambda: None), on_clicked_change=clicked)
