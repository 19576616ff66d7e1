"""What a file may ask of us at most, and how a file is named in a message."""

from __future__ import annotations

import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from l0engine.errors import ProblemError

MAX_TARGETS = 1_000_000
MAX_HOUSEHOLDS = 100_000_000
#: Columns of a wide matrix table.
MAX_COLUMNS = 50_000
#: Decoded size of one file, in bytes.
MAX_BYTES = 4 * 2**30
#: Size of the first record of a CSV file, in bytes.
MAX_HEADER_BYTES = 8 * 2**20
#: Households may be so many more than the entries of their matrix: who has none stands for nothing.
MAX_IDLE = 500_000
#: An archive above `RATIO_FREE_BYTES` may unpack to at most this many times its size.
MAX_RATIO = 200
RATIO_FREE_BYTES = 64 * 2**20
#: What readers raise about broken content.
_BROKEN = (
    *(pa.ArrowException, zipfile.BadZipFile, zlib.error),
    *(lzma.LZMAError, struct.error, tokenize.TokenError, SyntaxError, LookupError),
    *(OSError, ValueError, OverflowError, EOFError, RuntimeError, TypeError),
)

#: An object of ours by its place in memory, which says nothing and differs each time.
_OBJECT = re.compile(r"<[^<>]* at 0x[0-9a-f]+>")


def shown(name: str | Path) -> str:
    """Base name of an untrusted file name, fit for a message: printable, at most 60 characters."""
    base = str(name).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return clipped("".join(c if c.isprintable() else "?" for c in base), 60) or "(no name)"


def clipped(text: str, length: int = 40) -> str:
    """`text` in printable characters, cut to `length` with an ellipsis."""
    text = text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= length else text[: length - 1] + "…"


def listed(names: Iterable[str], most: int = 6) -> str:
    """The first names, quoted and separated by commas, and how many more there are."""
    names = list(names)
    head = ", ".join(f"'{clipped(n)}'" for n in names[:most])
    return head + (f" and {len(names) - most:,} more" if len(names) > most else "")


def check_shape(file: str, n_targets: int, n_households: int) -> None:
    """Refuse an empty or unreasonable shape before anything is allocated for it."""
    if n_targets < 1 or n_households < 1:
        raise ProblemError(f"{file}: the matrix is {n_targets:,} x {n_households:,}: it needs at least one target and one household.")
    small, large = sorted((n_targets, n_households))
    if small > MAX_TARGETS or large > MAX_HOUSEHOLDS:
        raise ProblemError(
            f"{file}: the matrix claims {n_targets:,} x {n_households:,}; the limits are {MAX_TARGETS:,} targets and "
            f"{MAX_HOUSEHOLDS:,} households: split the problem or correct the shape."
        )


def check_unpacked(file: str, unpacked: int, packed: int) -> None:
    """Refuse a file that decodes to more than memory should hold."""
    if unpacked > MAX_BYTES:
        raise ProblemError(
            f"{file}: it unpacks to {unpacked / 2**30:,.1f} GiB; the limit is {MAX_BYTES / 2**30:g} GiB: give a smaller or sparse matrix."
        )
    if unpacked > RATIO_FREE_BYTES and unpacked > MAX_RATIO * max(packed, 1):
        raise ProblemError(f"{file}: {packed:,} bytes unpack to {unpacked:,}, more than {MAX_RATIO} times as much: save it uncompressed.")


@contextmanager
def readable(file: str, kind: str) -> Iterator[None]:
    """Turn what readers raise about broken content into one sentence that names the file."""
    try:
        yield
    except (ProblemError, MemoryError):
        raise
    except _BROKEN as e:
        told = e.args[0] if isinstance(e, tokenize.TokenError) else _OBJECT.sub("something else", str(e))
        lines = str(told).splitlines()
        reason = clipped(lines[0].strip().rstrip(".:") if lines else type(e).__name__, 160)
        raise ProblemError(f"{file}: it cannot be read as {kind} ({reason}): save it again.") from e


@contextmanager
def writable(what: str, path: Path) -> Iterator[None]:
    """Turn what the system says of a place that cannot be written to into one sentence that names the file or folder."""
    try:
        yield
    except OSError as e:
        raise ProblemError(f"The {what} '{shown(path)}' cannot be written ({e.strerror}): choose another place.") from e
