"""Plain: frozen dataclasses that go into JSON and come back equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self


class Plain:
    """For frozen dataclasses of numbers, texts, tuples, mappings and such dataclasses."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # every subclass is a dataclass

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; JSON's lists become tuples where the field is one, fields that are not there their defaults.

        Raises
        ------
        msgspec.ValidationError
            A value is not of its field's type, or one without a default is not there.
        """
        import msgspec  # what only fits needs none

        return msgspec.convert(values, cls)
