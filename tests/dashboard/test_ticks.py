"""Live parts of a page: few at a time over all sessions, and the page runs anew once they are to be drawn more or less often."""

from __future__ import annotations

import threading

import pytest

from dashboard.state import ticks


class Again(Exception):  # noqa: N818 - stands for Streamlit's own
    """The page runs anew."""


@pytest.fixture
def asked(monkeypatch):
    """How often fragments were asked to be drawn again; each stands as the function it is made of."""
    found = []

    def fragment(*, run_every):
        found.append(run_every)
        return lambda draw: draw

    def rerun():
        raise Again

    monkeypatch.setattr(ticks.st, "fragment", fragment)
    monkeypatch.setattr(ticks.st, "rerun", rerun)
    return found


def test_two_are_drawn_at_a_time_and_all_in_the_end(monkeypatch, asked):
    monkeypatch.setattr(ticks, "_seconds", lambda: 1.0)
    lock, at_once, most, drawn, both = threading.Lock(), 0, 0, 0, threading.Barrier(2, timeout=60)

    @ticks.ticking()
    def part():
        nonlocal at_once, most, drawn
        with lock:
            at_once, drawn = at_once + 1, drawn + 1
            most = max(most, at_once)
        both.wait()  # which takes two
        with lock:
            at_once -= 1

    threads = [threading.Thread(target=part) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, drawn, asked) == (2, 8, [1.0])


def test_the_page_runs_anew_once_others_come_or_go(monkeypatch, asked):
    seconds, drawn = [2.0], []
    monkeypatch.setattr(ticks, "_seconds", lambda: seconds[0])
    part = ticks.ticking()(lambda: drawn.append(1))
    for now, anew in ((2.0, False), (2.9, False), (1.4, False), (3.1, True), (1.2, True)):
        seconds[0] = now
        if anew:
            with pytest.raises(Again):
                part()
        else:
            part()
    assert len(drawn) == 3
    ticks.ticking(live=False)(lambda: drawn.append(1))()
    seconds[0] = 1.0
    ticks.ticking(least=15.0)(lambda: drawn.append(1))()
    assert asked == [2.0, None, 15.0] and len(drawn) == 5


def test_sessions_above_ten_share_the_seconds(monkeypatch):
    now = [100.0]
    viewers = {str(i): 99.0 for i in range(39)} | {"gone": 60.0}
    monkeypatch.setattr(ticks, "_viewers", lambda: viewers)
    monkeypatch.setattr(ticks.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(ticks.st, "session_state", {})
    assert ticks._seconds() == 4.0 and len(viewers) == 41
