"""Ask: the settings of a lesson, a choice among few values each, which an address can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

from l0engine.errors import ConfigError

#: So many options of a field are seen all at once.
FEW = 3


class Choice(NamedTuple):
    """How one field of an `Ask` is shown, and what it may be.

    Attributes
    ----------
    label, help : str
    options : tuple
        All values there are, in order; two, False and True, for a switch.
    """

    label: str
    help: str
    options: tuple[Any, ...]


def choice(default: Any, label: str, help: str, options: tuple[Any, ...] = (False, True)) -> Any:
    """A field of an `Ask`."""
    return field(default=default, metadata={"choice": Choice(label, help, options)})


def seeds() -> Any:
    """The field of the random numbers."""
    return choice(0, "Seed", "Another one makes another example of the same kind.", tuple(range(100)))


@dataclass(frozen=True)
class Ask:
    """Settings of a lesson; every field is a `choice`.

    Raises
    ------
    ConfigError
        A value is none of its options.
    """

    #: What computes the picture, as 'module:function', and the class of it.
    made: ClassVar[str]
    picture: ClassVar[type[Any]]

    def __post_init__(self) -> None:
        for name, known in self.choices().items():
            if getattr(self, name) not in known.options:
                raise ConfigError(_refusal(name, getattr(self, name), known))

    @classmethod
    def choices(cls) -> dict[str, Choice]:
        """The choice of every field, by name, in order."""
        return {f.name: f.metadata["choice"] for f in fields(cls)}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Inverse of `texts`; fields that are not there keep their defaults, other names are left aside."""
        values = {}
        for name, known in cls.choices().items():
            if name in texts:
                by_text = {text(option): option for option in known.options}
                if texts[name] not in by_text:
                    raise ConfigError(_refusal(name, texts[name], known))
                values[name] = by_text[texts[name]]
        return cls(**values)

    def texts(self) -> dict[str, str]:
        """All values as short texts, for an address."""
        return {name: text(getattr(self, name)) for name in self.choices()}

    def neighbours(self, before: Ask | None = None) -> list[Self]:
        """Those that differ in one field by one step, or in any way where there are `FEW` options: likely to be asked for next.

        Parameters
        ----------
        before : Ask, optional
            What was asked for before. The field that has changed since comes first, and two steps further in the same direction.
        """
        first: list[Self] = []
        others: list[Self] = []
        for name, known in self.choices().items():
            at = known.options.index(getattr(self, name))
            steps, into = (1, -1) if len(known.options) > FEW else (1, -1, 2, -2), others
            if type(before) is type(self) and (came := known.options.index(getattr(before, name))) != at:
                ahead = 1 if at > came else -1
                steps, into = (ahead, 2 * ahead, 3 * ahead, -ahead), first
            into += [replace(self, **{name: known.options[at + by]}) for by in steps if 0 <= at + by < len(known.options)]
        return first + others


def text(option: Any) -> str:
    """A value as a short text, other values as others."""
    return {True: "on", False: "off"}[option] if isinstance(option, bool) else f"{option:g}" if isinstance(option, float) else str(option)


def _refusal(name: str, value: Any, known: Choice) -> str:
    options = [text(option) for option in known.options]
    listed = ", ".join(options) if len(options) <= 8 else f"{options[0]} to {options[-1]}"
    return f"{name} is {str(value)[:40]!r} in this lesson: choose from {listed}."
