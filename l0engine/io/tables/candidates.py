"""Which columns of a table may be one of the known ones, where none has its name."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from l0engine.io.tables import notation
from l0engine.io.tables.reading import KNOWN

_MOST_COLUMNS = 50


def candidates(data: pa.Table, name: str) -> list[str]:
    """Columns that may be the known one of that name: numbers, or names that stand there once, words before numbers."""
    free = [c for c in data.column_names if c and c not in KNOWN]
    if len(free) > _MOST_COLUMNS or not len(data):
        return []
    numeric = [c for c in free if is_numeric(data[c])]
    if name in ("value", "weight", "base_weight"):
        return numeric
    once = [c for c in free if len(pc.unique(data[c])) == len(data)]
    return [c for c in once if c not in numeric] or once


def is_numeric(column: pa.ChunkedArray) -> bool:
    """Whether a column holds numbers, or text that begins with numbers as people write them."""
    if not is_text(column.type):
        return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
    some = notation.stripped(column.slice(0, 200).cast(pa.string()), marks=True).core
    some = some.filter(pc.invert(notation.missing(some)))
    return len(some) > 0 and any(notation.invalid(some, sign) is None for sign in ".,")


def is_text(t: pa.DataType) -> bool:
    """Whether a type is one of text."""
    return bool(pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t))
