"""Generators that yield snapshots on the way and return a value at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Seen = TypeVar("Seen")
Told = TypeVar("Told")
Value = TypeVar("Value")


def translated(run: Generator[Seen, None, Value], into: Callable[[Seen], Told]) -> Generator[Told, None, Value]:
    """The same generator, with what it yields put into other words."""
    while True:
        try:
            seen = next(run)
        except StopIteration as end:
            value: Value = end.value
            return value
        yield into(seen)


def drain(run: Generator[Seen, None, Value], watch: Callable[[Seen], Any] = lambda _: None) -> Value:
    """The value of a generator that is run to its end; `watch` gets what it yields."""
    while True:
        try:
            seen = next(run)
        except StopIteration as end:
            value: Value = end.value
            return value
        watch(seen)
