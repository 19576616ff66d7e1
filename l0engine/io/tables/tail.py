"""The end of a table: footnotes are left out and said; a row that may be a total, or a note with a number, is asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import clipped
from l0engine.io.tables.totals import after_total

#: Rows at the end that are looked at.
_MOST = 50
_NOTE = re.compile(
    r"^\s*[\"']?\s*([*†‡§¹²³⁴©]|\(?[0-9a-z]{1,2}[)\]]\s|"
    r"(sources?|notes?|footnotes?|n\.?\s?b|quellen?|hinweise?|anmerkung(en)?|fußnoten?|fuentes?|notas?|remarques?|fonti?|bron|"
    r"last updated|updated|released?|retrieved|accessed|downloaded|extracted|copyright|disclaimer|stand|prepared by|legend|key)\b\s*[:.)]"
    r"|(copyright|last updated|retrieved|downloaded|extracted|prepared by)\b)",
    re.IGNORECASE,
)


class Ends(NamedTuple):
    """What stays of a table.

    Attributes
    ----------
    keep : int
        Rows from the first.
    texts : tuple of str
        The rows that were left out.
    first_left_out : int
        Records from this one on were left out.
    """

    keep: int
    texts: tuple[str, ...]
    first_left_out: int


class _Row(NamedTuple):
    record: int
    cells: list[str]
    text: str
    ragged: bool


def ends_of(
    data: pa.Table, records: Sequence[int] | np.ndarray, ragged: Sequence[tuple[int, int, str]], file: str, answers: Mapping[str, str]
) -> Ends:
    """Decide what of the last rows is no row of the table.

    Parameters
    ----------
    data : pyarrow.Table
    records : ndarray of int, shape (n_rows,)
        Where each row stands among all records.
    ragged : sequence of (int, int, str)
        Records with another number of cells: where they stand, how many cells, and their text.

    Raises
    ------
    AmbiguousTable
        The last row may be a total, or a note with a number.
    """
    last = _last_rows(data, records, ragged)
    if "last_rows" in answers:
        said = answers["last_rows"]
        if not (said.isdecimal() and int(said) <= len(last)):
            raise ProblemError(f"{file}: last_rows = '{clipped(said)}' is no number of rows at its end that can be left out.")
        return _left_out(data, last, int(said))
    sure = 0
    while sure < len(last) and _is_note(last[-1 - sure]):
        sure += 1
    more = sure
    while more < len(last) and (_is_note(last[-1 - more]) or _may_be_none(last[-1 - more], data, records, more - sure)):
        more += 1
    if more > sure:
        row = last[-more]
        raise AmbiguousTable(
            file,
            "last_rows",
            ((str(more), f"'{clipped(row.text, 60)}' is left out{_and_more(more)}"), (str(sure), f"it counts{_and_others(sure)}")),
            f"{file}: the row '{clipped(row.text, 60)}' at its end may be a total or a note, or one of its rows",
        )
    return _left_out(data, last, sure)


def _last_rows(data: pa.Table, records: Sequence[int] | np.ndarray, ragged: Sequence[tuple[int, int, str]]) -> list[_Row]:
    n, columns = len(data), min(data.num_columns, 30)
    tail = data.slice(max(n - _MOST, 0)).select(range(columns)).to_pylist() if columns else []
    rows = [
        _Row(int(record), [str(c or "") for c in row.values()], ", ".join(str(c) for c in row.values() if c), False)
        for record, row in zip(records[max(n - _MOST, 0) :], tail, strict=True)
    ]
    rows += [_Row(at, [text], text.strip(), True) for at, _, text in ragged]
    return [r for r in sorted(rows, key=lambda r: r.record) if r.text.strip()][-_MOST:]


def _is_note(row: _Row) -> bool:
    """Words alone that begin as notes do."""
    return bool(_NOTE.match(row.text)) and (row.ragged or (not any(c.strip() for c in row.cells[1:]) and len(row.cells) > 1))


def _may_be_none(row: _Row, data: pa.Table, records: Sequence[int] | np.ndarray, above: int) -> bool:
    """A total, a note with a number, or words of another length than the rows."""
    name = next((c for c in row.cells if c.strip()), "")
    if row.ragged:
        return len(row.text.split()) >= 3 or after_total(row.text) is not None
    if len(row.cells) < 2 or len(data) < 2:
        return False
    if _NOTE.match(row.text) and re.search(r"[^\W\d]{2}", row.text):
        return True
    more = after_total(name)
    return more is not None and (not more or _is_sum(row.cells, data, above))


def _is_sum(cells: list[str], data: pa.Table, below: int) -> bool:
    """Whether a number of the row is the sum of all above it, in any way to write numbers."""
    for j, cell in enumerate(cells):
        for other, sign in ((",", "."), (".", ",")):
            number = _float(cell, other, sign)
            above = [_float(c, other, sign) for c in data.column(j).slice(0, len(data) - 1 - below).to_pylist()] if number else []
            if above and None not in above and abs(sum(x or 0.0 for x in above) - (number or 0.0)) <= 1e-6 * abs(number or 0.0):
                return True
    return False


def _float(text: str, thousands: str, decimal: str) -> float | None:
    try:
        return float(re.sub(r"[\s'’$€£%]", "", text).replace(thousands, "").replace(decimal, "."))
    except ValueError:
        return None


def _left_out(data: pa.Table, last: list[_Row], n: int) -> Ends:
    gone = last[len(last) - n :]
    rows = sum(1 for r in gone if not r.ragged)
    return Ends(len(data) - rows, tuple(r.text for r in gone), min((r.record for r in gone), default=10**18))


def _and_more(n: int) -> str:
    return "" if n == 1 else f", with the {n - 1:,} below it"


def _and_others(sure: int) -> str:
    return "" if not sure else f", only what is below it is left out ({sure:,})"
