"""How asks and pictures pass between two processes: length, then MessagePack; arrays as type, shape and bytes."""

from __future__ import annotations

import struct
from typing import IO, Any, TypeVar

import msgspec
import numpy as np

Type = TypeVar("Type")
_LENGTH = struct.Struct("<Q")


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message of numbers, texts, arrays, lists, mappings and named tuples."""
    content = msgspec.msgpack.encode(message, enc_hook=_plain)
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def receive(pipe: IO[bytes], of: type[Type]) -> Type:
    """Read a message of a type.

    Raises
    ------
    EOFError
        The other side is gone.
    """
    head = pipe.read(_LENGTH.size)
    size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    content = pipe.read(size)
    if not size or len(content) < size:
        raise EOFError
    return decoded(content, of)


def decoded(content: bytes, of: type[Type]) -> Type:
    """A part of a message that was left as it came, as its type."""
    return msgspec.msgpack.decode(content, type=of, dec_hook=_array)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tobytes()]
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError


def _array(of: type[Any], value: Any) -> Any:
    if of is not np.ndarray:
        raise NotImplementedError
    kind, shape, content = value
    return np.frombuffer(content, np.dtype(kind)).reshape(shape)
