"""CSV as text: sniffed, its delimiter found, its header checked, every cell kept as it stands."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_BYTES, MAX_COLUMNS, MAX_HEADER_BYTES, readable

#: Column names with a meaning of their own.
KNOWN = ("target", "value", "group", "weight", "household_id", "base_weight")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or ZIP archive: export the sheet as CSV (UTF-8)",
    b"PK\x05\x06": "an empty ZIP archive: export the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: export the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "gzip-compressed: unpack it first",
    b"PAR1": "a Parquet file: rename it to .parquet",
    b"%%MatrixMarket": "a MatrixMarket file: rename it to matrix.mtx",
    b"\xff\xfe": "UTF-16 text: save it as CSV in UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as CSV in UTF-8",
}
_CHUNK = 2**20


def read_csv(path: Path, file: str) -> tuple[pa.Table, str]:
    """All cells as text, and the delimiter.

    Raises
    ------
    ProblemError
        Not CSV, not UTF-8, no usable header, rows of unequal length, or too large.
    """
    sniff(path, file)
    _check_utf8(path, file)
    names, delimiter = header(path, file)
    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    try:
        with readable(file, "CSV"):
            data = pcsv.read_csv(
                str(path),
                read_options=pcsv.ReadOptions(use_threads=False, block_size=2 * MAX_HEADER_BYTES, column_names=_unique(names), skip_rows=0),
                parse_options=pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                convert_options=pcsv.ConvertOptions(column_types=dict.fromkeys(_unique(names), pa.string()), strings_can_be_null=False),
            ).slice(1)
    except ProblemError:
        if not ragged:
            raise
        place = f"line {line_of(path, ragged[0].number, delimiter):,}"
        hint = " or write decimals with a point" if delimiter == "," else ""
        raise ProblemError(
            f"{file}, {place}: it has {ragged[0].actual_columns:,} cells but the header has {len(names):,}: "
            f"give every row one cell a column, quote text that holds a delimiter{hint}."
        ) from None
    return data.rename_columns(names), delimiter


def sniff(path: Path, file: str) -> None:
    """Refuse what is not CSV by its first bytes, saying what it is."""
    if path.stat().st_size > MAX_BYTES:
        raise ProblemError(f"{file}: it is larger than {MAX_BYTES / 2**30:g} GiB: give the matrix as NPZ or Parquet.")
    with path.open("rb") as f:
        head = f.read(64)
    if not head.strip():
        raise ProblemError(f"{file}: it is empty: export it again.")
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise ProblemError(f"{file}: it is not CSV but {what}.")


def header(path: Path, file: str) -> tuple[list[str], str]:
    """Column names and delimiter: the first under which a known column name stands alone, else the most columns."""
    with path.open("rb") as f:
        raw = f.read(MAX_HEADER_BYTES)
    text = raw.decode("utf-8-sig", errors="replace")
    found = {d: _first_record(text, d) for d in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: (any(n in KNOWN for n in found[d]), len(found[d]) - (d != ",") / 2))
    names = found[delimiter]
    if not names:
        raise ProblemError(f"{file}, line 1: the header cannot be read: let the first row name the columns, each shortly.")
    if len(names) > MAX_COLUMNS:
        raise ProblemError(
            f"{file}: it has {len(names):,} columns; the limit is {MAX_COLUMNS:,}: "
            "give the matrix as a long table (target, household_id, value) or as NPZ."
        )
    return names, delimiter


def line_of(path: Path, record: int, delimiter: str) -> int:
    """1-based line on which the n-th record that is not blank ends; the header is record 1."""
    with path.open(encoding="utf-8-sig", newline="") as f:
        reader = csv.reader(f, delimiter=delimiter)
        try:
            next(itertools.islice((row for row in reader if row), record - 1, None))
        except (csv.Error, StopIteration):
            return record
        return reader.line_num


def _first_record(text: str, delimiter: str) -> list[str]:
    try:
        row = next((r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r), [])
    except csv.Error:  # one cell of more than csv.field_size_limit(): not this delimiter
        row = []
    return [n.strip() if n.strip() in KNOWN else n for n in row]


def _unique(names: list[str]) -> list[str]:
    """Stand-ins for column names, which may repeat until the caller has checked them."""
    return [f"c{i}" for i in range(len(names))]


def _check_utf8(path: Path, file: str) -> None:
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as f:
        while True:
            chunk = f.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as e:
                line = lines + e.object[: e.start].count(b"\n")
                raise ProblemError(f"{file}, line {line:,}: it is not UTF-8 text (perhaps Latin-1): save it as CSV in UTF-8.") from None
            if "\0" in text:
                line = lines + text[: text.index("\0")].count("\n")
                raise ProblemError(f"{file}, line {line:,}: it holds binary data: save it as CSV in UTF-8.")
            if not chunk:
                return
            lines += text.count("\n")
