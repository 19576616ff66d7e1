"""A file of text as UTF-8: unpacked and recoded where it is something else; where it stands and what it begins with."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_BYTES, check_unpacked, readable

_GZIP = b"\x1f\x8b"
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or ZIP archive: give the workbook as .xlsx, or export the sheet as CSV (UTF-8)",
    b"PK\x05\x06": "an empty ZIP archive: export the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: export the sheet as CSV (UTF-8)",
    b"PAR1": "a Parquet file: rename it to .parquet",
    b"ARROW1": "an Arrow file: rename it to .arrow",
    b"%%MatrixMarket": "a MatrixMarket file: rename it to matrix.mtx",
    b"\x93NUMPY": "a NumPy array: save it as NPZ",
    b"%PDF": "a PDF document: export the table as CSV (UTF-8)",
    b"BZh": "bzip2-compressed: unpack it first",
    b"\xfd7zXZ": "xz-compressed: unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd-compressed: unpack it first",
}
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CHUNK = 2**20


@dataclass(frozen=True)
class Text:
    """Text in UTF-8 without a byte order mark.

    Attributes
    ----------
    content : Path or pyarrow.Buffer
        The file itself where it is UTF-8; else what was made of it.
    start : int
        Bytes before the text.
    encoding, packed : str
        As in `Reading`.
    size : int
        Bytes of the whole content.
    """

    content: Path | pa.Buffer
    start: int
    encoding: str
    packed: str
    size: int

    def open(self, offset: int = 0) -> IO[bytes]:
        """The bytes of the text, from an offset."""
        f: IO[bytes] = self.content.open("rb") if isinstance(self.content, Path) else pa.BufferReader(self.content)
        f.seek(self.start + offset)
        return f

    def head(self, n: int) -> str:
        """The first n bytes as text; a character that is cut off at their end is left out."""
        with self.open() as f:
            return codecs.getincrementaldecoder("utf-8")().decode(f.read(n))

    def lines(self, offset: int = 0) -> Iterator[str]:
        """Line by line, ends included."""
        with io.TextIOWrapper(self.open(offset), encoding="utf-8", newline="") as f:
            yield from f


def read_text(source: Path | bytes, file: str, answers: Mapping[str, str]) -> Text:
    """A file, or what was made of one, as UTF-8 text.

    Raises
    ------
    ProblemError
        Not text, too large, or in an encoding that is not known; says what it is.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MAX_BYTES:
        raise ProblemError(f"{file}: it is larger than {MAX_BYTES / 2**30:g} GiB: give the matrix as NPZ or Parquet.")
    packed = isinstance(source, Path) and _first(source, 2) == _GZIP
    raw = _unpacked(source, file, size) if isinstance(source, Path) and packed else source
    start = _first(raw, 64)
    if not start.strip():
        raise ProblemError(f"{file}: it is empty: export it again.")
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise ProblemError(f"{file}: it is not CSV but {what}.")
    mark = next((m for m in _MARKS if start.startswith(m)), b"")
    encoding = answers.get("encoding") or _MARKS.get(mark) or _without_mark(start)
    how = "gzip" if packed else ""
    if encoding == "utf-8" and _is_utf8(raw, file, sure="encoding" in answers or bool(mark)):
        content = raw if isinstance(raw, Path) else pa.py_buffer(raw)
        return Text(content, len(mark), encoding, how, size if isinstance(raw, Path) else len(raw))
    encoding = "cp1252" if encoding == "utf-8" else encoding
    buffer = _recoded(raw, file, encoding, len(mark))
    return Text(buffer, 0, "utf-16" if encoding.startswith("utf-16") else encoding, how, buffer.size)


def _first(raw: Path | bytes, n: int) -> bytes:
    if isinstance(raw, bytes):
        return raw[:n]
    with raw.open("rb") as f:
        return f.read(n)


def _unpacked(path: Path, file: str, size: int) -> bytes:
    out = io.BytesIO()
    with readable(file, "gzip"), gzip.open(path) as f:
        while chunk := f.read(_CHUNK):
            out.write(chunk)
            check_unpacked(file, out.tell(), size)
    return out.getvalue()


def _without_mark(start: bytes) -> str:
    """UTF-16 where every other byte of the beginning is 0; UTF-8 elsewhere."""
    even, odd = start[0 : len(start) // 2 * 2 : 2], start[1::2]
    if len(odd) >= 4 and odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if len(even) >= 4 and even.count(0) > 0.7 * len(even) and not odd.count(0) else "utf-8"


def _chunks(raw: Path | bytes, start: int = 0) -> Iterator[bytes]:
    """Pieces of the content, the last one empty."""
    f: IO[bytes] = io.BytesIO(raw) if isinstance(raw, bytes) else raw.open("rb")
    with f:
        f.seek(start)
        while chunk := f.read(_CHUNK):
            yield chunk
    yield b""


def _is_utf8(raw: Path | bytes, file: str, *, sure: bool) -> bool:
    """Whether all is UTF-8; refused where most is and something is not, or where zeros stand in it."""
    decoder, lines, beyond = codecs.getincrementaldecoder("utf-8")(), 1, False
    for chunk in _chunks(raw):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as e:
            before = e.object[: e.start]
            if not (sure or beyond or not before.isascii()):
                return False
            line = lines + before.count(b"\n")
            raise ProblemError(f"{file}, line {line:,}: it is not UTF-8 text, though the rest is: save it again as CSV in UTF-8.") from None
        _refuse_binary(file, text, lines)
        beyond = beyond or not text.isascii()
        lines += text.count("\n")
    return True


def _recoded(raw: Path | bytes, file: str, encoding: str, start: int) -> pa.Buffer:
    decoder: Any = codecs.getincrementaldecoder(encoding)()
    out, lines = pa.BufferOutputStream(), 1
    for chunk in _chunks(raw, start):
        try:
            text = decoder.decode(chunk, final=not chunk)
            data = text.encode()
        except UnicodeError:
            raise ProblemError(f"{file}, near line {lines:,}: it is not text in {encoding}: save it as CSV in UTF-8.") from None
        _refuse_binary(file, text, lines)
        out.write(data)
        lines += text.count("\n")
    return out.getvalue()


def _refuse_binary(file: str, text: str, lines: int) -> None:
    if "\0" in text:
        line = lines + text[: text.index("\0")].count("\n")
        raise ProblemError(f"{file}, line {line:,}: it holds binary data: save it as CSV in UTF-8.")


def line_of(text: Text, offset: int, delimiter: str, record: int) -> int:
    """Line, counted from 1 at an offset, on which the n-th record that is not blank ends."""
    reader = csv.reader(text.lines(offset), delimiter=delimiter)
    try:
        next(itertools.islice((row for row in reader if row), record - 1, None))
    except (csv.Error, StopIteration):
        return record
    return reader.line_num
