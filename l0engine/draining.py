"""Generators that yield snapshots on the way and return a value at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

Seen = TypeVar("Seen")
Told = TypeVar("Told")
Value = TypeVar("Value")


class _Steps(Generic[Seen, Value]):
    """What a generator yields; its value once all was taken."""

    value: Value

    def __init__(self, run: Generator[Seen, None, Value]) -> None:
        self._run = run

    def __iter__(self) -> Generator[Seen]:
        self.value = yield from self._run


def translated(run: Generator[Seen, None, Value], into: Callable[[Seen], Told]) -> Generator[Told, None, Value]:
    """The same generator, with what it yields put into other words."""
    steps = _Steps(run)
    for seen in steps:
        yield into(seen)
    return steps.value


def drain(run: Generator[Seen, None, Value], watch: Callable[[Seen], Any] = lambda _: None) -> Value:
    """The value of a generator that is run to its end; `watch` gets what it yields."""
    steps = _Steps(run)
    for seen in steps:
        watch(seen)
    return steps.value
