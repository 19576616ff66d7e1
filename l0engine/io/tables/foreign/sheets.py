"""Excel workbooks (.xlsx): the sheets they hold, and one of them as rows of text."""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineWorkbook, SheetTypeEnum

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_COLUMNS, check_unpacked, clipped, listed
from l0engine.io.tables import notation

#: Cells of a sheet, with the empty ones up to its last row and column.
MAX_CELLS = 50_000_000
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]{1,3})(\d{1,7})["']|<(?:\w+:)?row\s[^>]*?\br=["']()(\d{1,7})["']""")
_CHUNK = 2**20
#: Text that may be a number with a sign in it.
_SIGNED = re.compile(r"[^a-z\d]{0,8}[\d.,'’ \u00a0\u2009\u202f]{0,30}[.,]\d")
#: A fraction that is stored as a number, in powers of ten.
POWER = r"^-?\d{1,17}e[+-]\d{4}$"


def check_workbook(path: Path, file: str) -> None:
    """Refuse what is no workbook, or would take too much memory, before it is read.

    Raises
    ------
    ProblemError
    """
    with zipfile.ZipFile(path) as z:
        names = z.namelist()
        if "xl/workbook.xml" not in names:
            raise ProblemError(f"{file}: it is not an Excel workbook (.xlsx): save the sheet as .xlsx or as CSV.")
        if any(i.flag_bits & 1 for i in z.infolist()):
            raise ProblemError(f"{file}: it has a password: save it without one.")
        check_unpacked(file, sum(i.file_size for i in z.infolist()), path.stat().st_size)
        for info in z.infolist():
            with z.open(info) as member:  # to the end: what it holds is what it says, and not a byte more
                _check_extent(member, file, info.filename)


def _check_extent(member: Any, file: str, name: str) -> None:
    """Refuse a sheet whose last row times its last column is beyond all measure: readers make room for all of it."""
    rows = columns = 0
    rest = b""
    while chunk := member.read(_CHUNK):
        if not name.startswith("xl/worksheets/"):
            continue
        text = rest + chunk
        for letters, row, _, alone in _CELL.findall(text):
            rows = max(rows, int(row or alone))
            columns = max(columns, _number(letters))
        rest = text[-256:]
    if rows * columns > MAX_CELLS or columns > MAX_COLUMNS:
        raise ProblemError(
            f"{file}: a sheet reaches to row {rows:,} and column {columns:,}; the limit is {MAX_CELLS:,} cells: "
            "delete the empty rows and columns, or save it as CSV."
        )


def _number(letters: bytes) -> int:
    out = 0
    for letter in letters:
        out = out * 26 + letter - 64
    return out


def sheets(path: Path) -> dict[str, str]:
    """The visible sheets that hold anything, and a sentence on each."""
    out = {}
    with CalamineWorkbook.from_path(str(path)) as book:
        for meta in book.sheets_metadata:
            if meta.typ == SheetTypeEnum.WorkSheet:
                sheet = book.get_sheet_by_name(meta.name)
                if sheet.start is not None:
                    first = next((r for r in sheet.iter_rows() if any(c != "" for c in r)), [])
                    cells = listed([_text(c) for c in first if c != ""], 4)
                    out[meta.name] = f"sheet '{clipped(meta.name)}' of {(sheet.end or (0, 0))[0] + 1:,} rows, which begins with {cells}"
    return out


def sheet_text(path: Path, name: str, said: str) -> tuple[bytes, bool]:
    """A sheet as CSV (UTF-8, commas, decimal points), each row on the line of its number in the sheet; empty columns are left out.

    Where cells of text seem to hold numbers, or something was `said` of decimal signs, fractions among the cells of numbers stand there
    in powers of ten: 1.5 is 15e-0001, a number whatever the decimal sign of the text is, and shows none. True where that is so.
    """
    with CalamineWorkbook.from_path(str(path)) as book:
        rows = list(book.get_sheet_by_name(name).iter_rows())
    powers = bool(said) or any(isinstance(c, str) and _SIGNED.match(c) for row in rows for c in row)
    used = [j for j in range(max(map(len, rows), default=0)) if any(row[j] != "" for row in rows)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        cells = [_power(row[j]) if powers and _is_fraction(row[j]) else _text(row[j]) for j in used]
        writer.writerow(cells if any(cells) else [])
    return out.getvalue().encode(), powers


def without_powers(a: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of `sheet_text` where fractions stand in powers of ten: as numbers where all its cells are.

    They stay such powers among text that holds numbers; elsewhere they are written plainly.
    """
    power = pc.match_substring_regex(a, POWER)
    if not pc.any(power).as_py():
        return a
    rest = a.filter(pc.invert(power))
    if not pc.any(pc.invert(pc.match_substring_regex(rest, r"^(?:-?(?:0|[1-9]\d*))?$"))).as_py():
        return pc.if_else(pc.equal(a, ""), pa.scalar(None, pa.string()), a).cast(pa.float64())
    cells = notation.stripped(rest.filter(pc.invert(notation.missing(rest)))).core
    codes = pc.any(pc.match_substring_regex(cells, r"^[+-]?0\d")).as_py()
    if not len(cells) or (not codes and any(notation.invalid(cells, sign) is None for sign in ".,")):
        return a
    return pa.array([plainly(cell) for cell in a.to_pylist()], pa.string())


def plainly(text: str) -> str:
    """Text of a sheet, with its powers of ten as plain numbers."""
    return re.sub(POWER.strip("^$"), lambda found: repr(float(found[0])), text)


def _is_fraction(cell: Any) -> bool:
    return isinstance(cell, float) and math.isfinite(cell) and not (cell.is_integer() and abs(cell) < 2**53)


def _power(cell: Any) -> str:
    sign, digits, exponent = Decimal(repr(cell)).as_tuple()
    return f"{'-' * sign}{''.join(map(str, digits))}e{exponent:+05d}"


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return " ".join(str(cell).split()) if isinstance(cell, str) else str(cell)
