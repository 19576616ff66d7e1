"""Live parts of a page: drawn again and again, few at a time over all sessions, the less often the more there are."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from functools import wraps

import streamlit as st

#: So many are drawn at a time. With more, the server's one loop waits for all of them at each message that it takes from any.
_TURNS = threading.BoundedSemaphore(2)
#: The page runs anew, and asks again how often, once that has changed by this factor.
_CHANGED = 1.5


def ticking(*, live: bool = True, least: float = 0.0) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Makes a part of a page of a function: drawn where it is called, and again every second, less often with more than ten sessions.

    Parameters
    ----------
    live : bool
        Whether it is drawn again at all.
    least : float
        Seconds between two times at least.
    """

    def decorate(draw: Callable[[], None]) -> Callable[[], None]:
        every = max(least, _seconds()) if live else None

        @st.fragment(run_every=every)
        @wraps(draw)
        def part() -> None:
            with _TURNS:
                if every is not None and not every / _CHANGED <= max(least, _seconds()) <= every * _CHANGED:
                    st.rerun()
                draw()

        return part

    return decorate


@st.cache_resource
def _viewers() -> dict[str, float]:
    """When each session last polled, by session."""
    return {}


def _seconds() -> float:
    """How often this session polls."""
    now, mine = time.monotonic(), st.session_state.setdefault("viewer", uuid.uuid4().hex)
    viewers = _viewers()
    viewers[mine] = now
    return max(1.0, sum(now - seen < 30 for seen in list(viewers.values())) / 10)
