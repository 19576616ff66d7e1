"""Long computations that heed a request on the way: who starts one says whom to ask, and its inner loops ask."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool]] = ContextVar("asked", default=lambda: False)


class Abandoned(Exception):  # noqa: N818  # not an error: the way out of what is not wanted any more
    """What was being computed is not wanted any more."""


@contextmanager
def heeding(should_stop: Callable[[], bool]) -> Generator[None]:
    """Inside, `heed` asks this; a pause is waited for in it. `Abandoned` comes out where it says True."""
    before = _asked.set(should_stop)
    try:
        yield
    finally:
        _asked.reset(before)


@contextmanager
def finishing() -> Generator[None]:
    """Inside, what was begun comes to its end: a pause is waited for, and nothing is abandoned."""
    asked = _asked.get()
    with heeding(lambda: asked() and False):
        yield


def heed() -> None:
    """Ask, between two steps of a long computation.

    Raises
    ------
    Abandoned
        The computation is not wanted any more.
    """
    if _asked.get()():
        raise Abandoned
