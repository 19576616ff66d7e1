"""R's .rds files: the value that ``saveRDS`` wrote, read item by item (R Internals, section 1.8); nothing in them is ever run."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np

from l0engine.errors import ProblemError
from l0engine.io.limits import check_unpacked

#: Types of items: R's SEXPTYPE, and codes that only files use.
_SYMBOL, _PAIRS, _TEXT, _TEXTS, _LIST, _POINTER = 1, 2, 9, 16, 19, 22
_COMPACT, _NULL, _REFERENCE = 238, 254, 255
_NUMBERS: dict[int, np.dtype[Any]] = {10: np.dtype(">i4"), 13: np.dtype(">i4"), 14: np.dtype(">f8"), 24: np.dtype("u1")}
_HAS_ATTRIBUTES, _HAS_TAG = 0x200, 0x400
_LATIN1, _UTF8 = 1 << 14, 1 << 15
#: Elements of a sequence, which takes no room in the file.
_MAX_SEQUENCE = 10_000_000
_WORD, _TWO_WORDS = struct.Struct(">i"), struct.Struct(">ii")
_PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}

#: What stands for a missing integer, logical or factor.
NA = -(2**31)


class Item(NamedTuple):
    """A value of R.

    Attributes
    ----------
    value : ndarray, list or None
        Numbers as stored (logicals as int32), texts and lists as a list, pairs as a list of (tag, Item); a missing text is None.
    attributes : dict of str to Item
    """

    value: Any
    attributes: dict[str, Item]

    def texts(self, attribute: str) -> list[Any]:
        """An attribute that is a list, of names for instance; empty where it is missing."""
        found = self.attributes.get(attribute)
        return found.value if found is not None and isinstance(found.value, list) else []


def read_rds(path: Path, file: str) -> Item:
    """The value in an .rds file.

    Raises
    ------
    ProblemError
        Not such a file, larger than the limits, or with parts that no data frame needs (functions, environments).
    ValueError, EOFError, OSError, struct.error, lzma.LZMAError
        Damaged.
    """
    content = _unpacked(path, file)
    if content[:2] != b"X\n":
        raise ProblemError(f"{file}: it is not in R's binary format: save it with saveRDS(frame, file).")
    reader = _Reader(content, file)
    version, _, _ = reader.word(), reader.word(), reader.word()
    if version not in (2, 3):
        raise ProblemError(f"{file}: it is in version {version} of R's format: save it with saveRDS(frame, file, version = 3).")
    if version == 3:
        reader.encoding = reader.take(reader.word()).decode("ascii")
    return reader.item()


def _unpacked(path: Path, file: str) -> bytes:
    with path.open("rb") as f:
        opened = _PACKED.get(f.read(2))
    parts, size, packed = [], 0, path.stat().st_size
    with cast("IO[bytes]", path.open("rb") if opened is None else opened(path, "rb")) as stream:
        while part := stream.read(2**20):
            parts.append(part)
            size += len(part)
            check_unpacked(file, size, packed)
    return b"".join(parts)


class _Reader:
    """A place in the content, and the symbols met so far, to which later items refer."""

    def __init__(self, content: bytes, file: str) -> None:
        self.content, self.file, self.at, self.encoding = content, file, 2, "utf-8"
        self.known: list[Any] = []
        self.decoded: dict[tuple[bytes, int], str] = {}

    def word(self) -> int:
        (out,) = _WORD.unpack_from(self.content, self.at)
        self.at += 4
        return int(out)

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.content) - self.at:
            raise EOFError(f"it announces {size:,} bytes and holds {len(self.content) - self.at:,}")
        self.at += size
        return self.content[self.at - size : self.at]

    def length(self, size: int) -> int:
        """Elements of a vector that needs `size` bytes or more for each."""
        n = self.word()
        if n == -1:  # a long vector
            n = self.word() * 2**32 + (self.word() & 0xFFFFFFFF)
        if not 0 <= n * size <= len(self.content) - self.at:
            raise EOFError(f"it announces {n:,} elements and holds {len(self.content) - self.at:,} bytes")
        return n

    def item(self) -> Item:
        flags = self.word()
        kind = flags & 0xFF
        value: Any = None
        if kind == _REFERENCE:
            return Item(self.known[(flags >> 8 or self.word()) - 1], {})
        if kind == _SYMBOL:
            value = self.item().value
            self.known.append(value)
            return Item(value, {})
        if kind == _PAIRS:
            return self.pairs(flags)
        if kind == _COMPACT:
            return self.compact()
        if kind == _TEXT:
            return Item(self.text(flags, self.word()), {})
        if kind == _POINTER:  # data.table keeps one: two items follow
            self.known.append(None)
            _ = self.item(), self.item()
        elif kind in _NUMBERS:
            dtype = _NUMBERS[kind]
            value = np.frombuffer(self.take(self.length(dtype.itemsize) * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))
        elif kind == _TEXTS:
            value = self.texts(self.length(8))
        elif kind == _LIST:
            value = [self.item() for _ in range(self.length(4))]
        elif kind != _NULL:
            raise ProblemError(f"{self.file}: it holds more than a plain data frame (R's type {kind}): save as.data.frame(x) of it.")
        return Item(value, self.attributes(flags))

    def attributes(self, flags: int) -> dict[str, Item]:
        return {str(tag): item for tag, item in self.item().value or ()} if flags & _HAS_ATTRIBUTES else {}

    def pairs(self, flags: int) -> Item:
        out, first = [], None
        while flags & 0xFF == _PAIRS:
            own = self.attributes(flags)
            first = own if first is None else first
            tag = self.item().value if flags & _HAS_TAG else None
            out.append((tag, self.item()))
            flags = self.word()
        if flags & 0xFF != _NULL:
            raise ValueError("a list of pairs has no end")
        return Item(out, first or {})

    def text(self, flags: int, size: int) -> str | None:
        if size == -1:
            return None
        key = self.take(size), flags & (_LATIN1 | _UTF8)
        if key not in self.decoded:
            self.decoded[key] = key[0].decode({_LATIN1: "latin-1", _UTF8: "utf-8"}.get(key[1], self.encoding))
        return self.decoded[key]

    def texts(self, n: int) -> list[str | None]:
        out: list[str | None] = []
        for _ in range(n):
            flags, size = _TWO_WORDS.unpack_from(self.content, self.at)
            if flags & 0xFF != _TEXT:
                raise ValueError("a text is missing")
            self.at += 8
            out.append(self.text(flags, size))
        return out

    def compact(self) -> Item:
        """A vector that R keeps in fewer bytes: a sequence, numbers as text, or a vector with what is known of it."""
        described, state = self.item(), self.item()
        own = {str(tag): item for tag, item in self.item().value or ()}
        name = str(described.value[0][1].value)
        if name in ("compact_intseq", "compact_realseq"):
            n, start, step = (float(x) for x in state.value)
            if not 0 <= n <= max(_MAX_SEQUENCE, len(self.content)):
                raise ValueError(f"a sequence of {n:g} elements")
            return Item(start + step * np.arange(int(n)), own)
        if name.startswith("wrap_") or name == "deferred_string":
            inner = state.value[0] if isinstance(state.value[0], Item) else state.value[0][1]
            if name != "deferred_string":
                return Item(inner.value, {**inner.attributes, **own})
            if inner.value.dtype.kind == "i":
                return Item([None if x == NA else str(x) for x in inner.value.tolist()], own)
        raise ProblemError(f"{self.file}: it holds a vector kept as '{name[:40]}': save it after x <- x[seq_along(x)], or as CSV.")
