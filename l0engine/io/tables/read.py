"""read_table and column_names: a file of rows and columns, of whatever kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_COLUMNS, check_unpacked, clipped, readable, shown
from l0engine.io.tables.csvfile import read_csv, read_heads
from l0engine.io.tables.foreign.programs import FOREIGN, read_foreign
from l0engine.io.tables.reading import Reading, checked_answers
from l0engine.io.tables.table import Table

#: Endings of text; each may be followed by .gz.
TEXT = (".csv", ".tsv", ".txt", ".tab")
#: Endings of all files that are read as tables.
TABLES = (".parquet", *TEXT, *(f"{ending}.gz" for ending in TEXT), *FOREIGN)
#: Columns of a Parquet file that are read at once: each of them takes room for itself.
_AT_ONCE = 100


def ending(name: str) -> str:
    """'.csv', '.csv.gz', '.parquet' of a file name, in small letters; empty where it has none."""
    parts = name.lower().rsplit(".", 2)
    if len(parts) == 3 and parts[2] == "gz" and f".{parts[1]}" in TEXT:
        return f".{parts[1]}.gz"
    return f".{parts[-1]}" if len(parts) > 1 else ""


def read_table(path: Path, answers: Mapping[str, str] | None = None) -> Table:
    """Read a file of text, a Parquet file, or one of the kinds of `FOREIGN`.

    Parameters
    ----------
    path : Path
    answers : mapping of str to str, optional
        Fields of `Reading`, or names of known columns, where they are not to be found out.

    Raises
    ------
    AmbiguousTable
        It can be read in several ways: one of `options` has to be said of `setting`.
    ProblemError
        Unreadable, too large, duplicate column names; names the file and the place.
    """
    file, said = shown(path), checked_answers(shown(path), answers)
    table = _read(path, file, said)
    table.check_factor()
    return replace(table, reading=table.reading.told(said)) if said else table


def _read(path: Path, file: str, said: dict[str, str]) -> Table:
    if path.suffix.lower() in FOREIGN:
        data, reading, origin = read_foreign(path, file, said)
        return Table(path, _named(file, data), reading, origin, answers=said)
    if path.suffix.lower() == ".parquet":
        return Table(path, _named(file, _read_parquet(path, file)), Reading("Parquet"), answers=said)
    data, reading, origin = read_csv(path, file, said)
    return Table(path, _named(file, data), reading, origin, answers=said)


def column_names(path: Path, file: str, answers: Mapping[str, str] | None = None) -> list[str]:
    """Column names of a table, without reading its rows where that can be."""
    said = checked_answers(file, answers)
    if path.suffix.lower() in FOREIGN:
        return list(read_foreign(path, file, said)[0].column_names)
    if path.suffix.lower() == ".parquet":
        with readable(file, "Parquet"), pq.ParquetFile(path) as f:
            return list(f.schema_arrow.names)
    return [_neat(name) for name in read_heads(path, file, said)]


def _read_parquet(path: Path, file: str) -> pa.Table:
    with readable(file, "Parquet"), pq.ParquetFile(path, page_checksum_verification=True) as f:
        m = f.metadata
        if m.num_columns > MAX_COLUMNS:
            raise ProblemError(f"{file}: it has {m.num_columns:,} columns; the limit is {MAX_COLUMNS:,}: use a long table.")
        groups = [m.row_group(i) for i in range(m.num_row_groups)]
        if sum(g.num_rows for g in groups) != m.num_rows or min([m.num_rows, *(g.num_rows for g in groups)]) < 0:
            raise ProblemError(f"{file}: its footer contradicts itself about the number of rows: save it again.")
        nested = next((x.name for x in f.schema_arrow if pa.types.is_nested(x.type)), None)
        if nested is not None:
            raise ProblemError(f"{file}, column '{clipped(nested)}': it holds lists or records: give one plain value a row.")
        size = max(m.num_rows * m.num_columns * 8, sum(g.total_byte_size for g in groups))
        check_unpacked(file, size, size)  # runs and repeats pack well in Parquet: no limit on the ratio
        names = f.schema_arrow.names
        if len(set(names)) < len(names):
            return f.read(use_threads=False)  # which is refused
        parts = [f.read(columns=names[i : i + _AT_ONCE], use_threads=False) for i in range(0, len(names), _AT_ONCE)]
        return pa.table(dict(zip(names, (c for part in parts for c in part.columns), strict=True)))


def _neat(name: str) -> str:
    """A head without spaces around it, in NFC, as `Table.texts` hands out names."""
    return unicodedata.normalize("NFC", name.strip()) if not name.isascii() or name != name.strip() else name


def _named(file: str, data: pa.Table) -> pa.Table:
    """The table without an index of pandas; a head that stands there twice is refused."""
    if data.column_names[:1] in ([""], ["__index_level_0__"]):
        data = data.remove_column(0)
    names = [_neat(name) for name in data.column_names]
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise ProblemError(f"{file}, column {i + 1}: the header '{clipped(name)}' stands there a second time: rename one.")
        seen.add(name)
    return data.rename_columns(names)
