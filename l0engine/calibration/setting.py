"""One setting: how a field of `Config` is bounded, shown and explained, and what its values are held to."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import field
from types import MappingProxyType
from typing import Any, NamedTuple

from l0engine.errors import ConfigError


class Setting(NamedTuple):
    """How one field of `Config` is bounded, shown and explained."""

    label: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    log: bool = False
    choices: Collection[str] = ()
    advanced: bool = True
    optional: bool = False
    whole: bool = False


def setting(default: Any, label: str, help: str, **how: Any) -> Any:
    """A field of a dataclass that is a setting: its default, and what `Setting` says of it."""
    return field(default=default, metadata={"setting": Setting(label, help, **how)})


def checked(name: str, s: Setting, default: Any, value: Any) -> Any:
    """The value in the field's own type and within its bounds, or a ConfigError."""
    if value is None and s.optional:
        return None
    if name == "group_multipliers":
        return MappingProxyType({str(k): _number(f"{name}[{k}]", s, v) for k, v in dict(value).items()})
    if isinstance(default, tuple):
        values = (value,) if isinstance(value, str) else value
        return tuple(_choice(name, s, v) if s.choices else str(v) for v in values)
    if s.choices:
        return _choice(name, s, value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{name} is {value!r}: set it to true or false.")
        return value
    number = _number(name, s, value)
    if s.whole:
        if number != int(number):
            raise ConfigError(f"{name} is {value!r}: set it to a whole number.")
        return int(number)
    return number


def _choice(name: str, s: Setting, value: Any) -> str:
    if not isinstance(value, str) or value not in s.choices:
        raise ConfigError(f"{name} is {value!r}: choose one of {', '.join(s.choices)}.")
    return str(value)


def _number(name: str, s: Setting, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and s.low <= number <= s.high):
        bounds = f"at least {s.low:g}" if s.high == math.inf else f"between {s.low:g} and {s.high:g}"
        raise ConfigError(f"{name} is {value!r}: set it to a number {bounds}.")
    return number
