"""Text as a table of text: every cell kept as it stands, and what is no row left out and said."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import MAX_HEADER_BYTES, clipped, readable
from l0engine.io.tables.candidates import is_numeric
from l0engine.io.tables.dialect import Dialect, find_dialect
from l0engine.io.tables.notation import decimal_of, marks
from l0engine.io.tables.reading import Reading
from l0engine.io.tables.tail import Ends, ends_of
from l0engine.io.tables.text import Text, line_of, read_text

Records = Sequence[int] | np.ndarray
_MOST_RAGGED = 1000


class Ragged(NamedTuple):
    """A row with another number of cells: its record, counted from 0 with the header, its cells and text."""

    record: int
    cells: int
    text: str


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the rows of a table stand in their text.

    Attributes
    ----------
    records : sequence of int, shape (n_rows,)
        Record of each row, counted from 0 at the first line that is read.
    """

    text: Text
    dialect: Dialect
    records: Records

    def line(self, row: int) -> int:
        """Line of the file, counted from 1."""
        return self.dialect.line + line_of(self.text, self.dialect.offset, self.dialect.delimiter, int(self.records[row]) + 1)


def read_heads(path: Path, file: str, answers: Mapping[str, str]) -> list[str]:
    """Column names, without reading the rows."""
    _, dialect = _opened(path, file, answers)
    return list(dialect.names)


def read_csv(source: Path | bytes, file: str, answers: Mapping[str, str]) -> tuple[pa.Table, Reading, Origin]:
    """All cells as text, how they were understood, and where they stand.

    Raises
    ------
    AmbiguousTable
        It can be read in two ways.
    ProblemError
        Not text, no usable header, rows of unequal length, or too large.
    """
    text, dialect = _opened(source, file, answers)
    data, ragged = _parsed(text, dialect, file)
    every = range(len(data) + len(ragged))
    records: Records = np.delete(every, [r.record for r in ragged]) if ragged else every
    head = dialect.header is not None
    data, records = data.slice(int(head)), records[int(head) :]
    data, records, ragged, comment = _without_comments(data, records, ragged, dialect, file, answers)
    ends = ends_of(data, records, [(r.record, r.cells, r.text) for r in ragged], file, answers)
    _refuse_ragged(ragged, ends, text, dialect, file)
    data, records = data.slice(0, ends.keep), records[: ends.keep]
    data, records = _without_blanks(data, records)
    names, data = _without_edges(dialect, data)
    reading = Reading(
        kind="text", encoding=text.encoding, packed=text.packed, delimiter=dialect.delimiter, header=dialect.header,
        skipped=dialect.skipped, comment=comment, last_rows=ends.texts,
    )  # fmt: skip
    sign, thousands = decimal_of(data, answers)
    data = data.rename_columns(names)
    found = {name: cells[0] for name, column in zip(names, data.columns, strict=True) if is_numeric(column) and (cells := marks(column))}
    return data, replace(reading, decimal=sign, thousands=thousands, marks=found), Origin(text, dialect, records)


def _opened(source: Path | bytes, file: str, answers: Mapping[str, str]) -> tuple[Text, Dialect]:
    text = read_text(source, file, answers)
    dialect = find_dialect(text.head(MAX_HEADER_BYTES), file, answers)
    return (_one_space(text, dialect), replace(dialect, line=dialect.line, offset=0)) if dialect.delimiter == " " else (text, dialect)


def _one_space(text: Text, dialect: Dialect) -> Text:
    """From the first line that is read on, with single spaces between cells."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=" ", lineterminator="\n")
    for cells in csv.reader(text.lines(dialect.offset), delimiter=" ", skipinitialspace=True):
        writer.writerow(cells[:-1] if cells and not cells[-1] else cells)
    buffer = pa.py_buffer(out.getvalue().encode())
    return replace(text, content=buffer, start=0, size=buffer.size)


def _parsed(text: Text, dialect: Dialect, file: str) -> tuple[pa.Table, list[Ragged]]:
    """Every row as text, the header with them, and the rows of another length apart."""
    ragged: list[Ragged] = []
    columns = [f"c{i}" for i in range(len(dialect.names))]  # names may repeat until the caller has checked them

    def apart(row: Any) -> str:
        ragged.append(Ragged(row.number - 1, row.actual_columns, row.text))
        return "skip" if len(ragged) < _MOST_RAGGED else "error"

    try:
        with readable(file, "CSV"), text.open(dialect.offset) as f:
            data = pcsv.read_csv(
                f,
                read_options=pcsv.ReadOptions(use_threads=False, block_size=2 * MAX_HEADER_BYTES, column_names=columns, skip_rows=0),
                parse_options=pcsv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=apart),
                convert_options=pcsv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
            )
    except ProblemError:
        if len(ragged) < _MOST_RAGGED:
            raise
        _refuse_ragged([r for r in ragged if r.record], Ends(0, (), 10**18), text, dialect, file)
        raise
    if dialect.row_names and ragged and ragged[0].record == 0:
        data = pa.concat_tables([pa.table({c: [n] for c, n in zip(columns, dialect.names, strict=True)}), data])
        ragged = ragged[1:]
    return data, ragged


def _refuse_ragged(ragged: list[Ragged], ends: Ends, text: Text, dialect: Dialect, file: str) -> None:
    """The first row of another length, unless it was left out at the end."""
    first = next((r for r in ragged if r.record < ends.first_left_out), None)
    if first is None:
        return
    line = dialect.line + line_of(text, dialect.offset, dialect.delimiter, first.record + 1)
    hint = " or write decimals with a point" if dialect.delimiter == "," else ""
    raise ProblemError(
        f"{file}, line {line:,}: it has {first.cells:,} cells but the header has {len(dialect.names):,}: "
        f"give every row one cell a column, quote text that holds a delimiter{hint}."
    )


def _without_comments(
    data: pa.Table, records: Records, ragged: list[Ragged], dialect: Dialect, file: str, answers: Mapping[str, str]
) -> tuple[pa.Table, Records, list[Ragged], str]:
    """Lines that begin with the sign of comments: those of another length, and where the sign is sure the others too."""
    sign = dialect.comment or ("#" if "comment" not in answers else "")
    if not sign:
        return data, records, ragged, ""
    rest = [r for r in ragged if not r.text.lstrip().startswith(sign)]
    found = len(rest) < len(ragged)
    first = pc.starts_with(data.column(0), sign) if data.num_columns else pa.chunked_array([], pa.bool_())
    n = pc.sum(first).as_py() or 0
    if 0 < n < len(data) and not (dialect.comment or found or "comment" in answers):
        text = clipped(str(data.column(0)[pc.index(first, True).as_py()]))
        ways = (("#", "such rows are left out"), ("none", "they count"))
        raise AmbiguousTable(file, "comment", ways, f"{file}: the row '{text}' may be a comment")
    if (dialect.comment or found) and 0 < n < len(data):
        keep = pc.invert(first)
        data, records, found = data.filter(keep), np.asarray(records)[keep.to_numpy().astype(bool)], True
    return data, records, rest, sign if dialect.comment or found else ""


def _without_blanks(data: pa.Table, records: Records) -> tuple[pa.Table, Records]:
    """Rows whose cells are all empty say nothing."""
    if not (data.num_columns > 1 and len(data)):
        return data, records
    at = np.flatnonzero(pc.equal(data.column(0), "").to_numpy())
    if not len(at):
        return data, records
    some = data.take(at)
    blank = np.ones(len(at), bool)
    for column in some.columns:
        blank &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy().astype(bool)
    if not blank.any():
        return data, records
    keep = np.ones(len(data), bool)
    keep[at[blank]] = False
    return data.filter(pa.array(keep)), np.asarray(records)[keep]


def _without_edges(dialect: Dialect, data: pa.Table) -> tuple[list[str], pa.Table]:
    """Heads, and the table without a last column of nothing that a delimiter at the end of each line makes."""
    names = list(dialect.names)
    if dialect.row_names and _empty(data.column(data.num_columns - 1)):
        names = [*names[1:], ""]
    while len(names) > 1 and not names[-1].strip() and _empty(data.column(len(names) - 1)):
        data, names = data.remove_column(len(names) - 1), names[:-1]
    if dialect.row_names and names[0] == "" and data.column(0).to_pylist() != [str(i + 1) for i in range(len(data))]:
        names[0] = "row name"
    return names, data


def _empty(column: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(column, "")).as_py())
