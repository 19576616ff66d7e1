"""Generators that yield snapshots on the way and return a value at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Seen = TypeVar("Seen")
Value = TypeVar("Value")


def drain(run: Generator[Seen, None, Value], watch: Callable[[Seen], Any] = lambda _: None) -> Value:
    """The value of a generator that is run to its end; `watch` gets what it yields."""
    while True:
        try:
            seen = next(run)
        except StopIteration as end:
            value: Value = end.value
            return value
        watch(seen)
