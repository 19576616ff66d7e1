"""Excel workbooks (.xlsx): the sheets they hold, and one of them as rows of text."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum

from l0engine.errors import ProblemError
from l0engine.io.limits import MAX_COLUMNS, check_unpacked, clipped, listed

#: Cells of a sheet, with the empty ones up to its last row and column.
MAX_CELLS = 50_000_000
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]{1,3})(\d{1,7})["']|<(?:\w+:)?row\s[^>]*?\br=["']()(\d{1,7})["']""")
_CHUNK = 2**20


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


def sheet_text(path: Path, name: str) -> bytes:
    """A sheet as CSV (UTF-8, commas, decimal points), each row on the line of its number in the sheet; empty columns are left out."""
    with CalamineWorkbook.from_path(str(path)) as book:
        rows = list(book.get_sheet_by_name(name).iter_rows())
    used = [j for j in range(max(map(len, rows), default=0)) if any(row[j] != "" for row in rows)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        cells = [_text(row[j]) for j in used]
        writer.writerow(cells if any(cells) else [])
    return out.getvalue().encode()


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return " ".join(str(cell).split()) if isinstance(cell, str) else str(cell)
