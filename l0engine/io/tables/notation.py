"""Numbers as people write them: decimal signs, separators of thousands, currencies, per cent, parentheses, and cells without a value.

A column is read by what its own cells prove. 41.580 proves nothing: it is 41,580 where points stand between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Cells that stand for a value that is withheld, unknown, or nothing.
MISSING = (
    *("", "..", "...", ".", "…", "-", "--", "–", "—", "−", "*", "**", ":", "/", "?", "x", "X", "s", "S", "c", "C", "D", "z", "Z"),
    *("(D)", "(S)", "(X)", "NA", "N/A", "n/a", "na", "n.a.", "N.A.", "n.d.", "#N/A", "NaN", "nan", "NAN", "-nan", "NULL", "null"),
    *("None", "suppressed"),
)  # fmt: skip
_GAP = "[ '’`\u00a0\u2009\u202f]"
_MINUS = "[−–﹣－]"
_UNITS = r"(?:[$€£¥₹]|US\$|USD|EUR|GBP|CHF|CAD|AUD|JPY|persons?|people|households?|personen|haushalte|hab\.?|pers\.?)"
#: What offices put behind a number: marks of footnotes, and letters for provisional, revised, estimated, broken, or unreliable. A letter
#: with nothing between needs three digits before it: '1p' is rather a name.
_MARKED = (
    r"(\d)(?:\s*(?:\*{1,3}|[†‡§]+|\([prebu]\)|\[(?:[a-z]|\d{1,2})\])|\s+[pre])$",
    r"(\d{3})[pre]$",
)
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_SAMPLE_ROWS, _SAMPLE_COLUMNS, _CHUNK = 50, 200, 4096
_BEGINS = re.compile(r"[\s\"'(+−–\-$€£¥₹A-Z]{0,6}[\d.,]")


def _certain(sign: str, other: str) -> str:
    """Cells that are numbers in one way only, and show which sign is the decimal one."""
    d, t = re.escape(sign), re.escape(other)
    decimals = rf"\d*{d}(?:\d{{0,2}}|\d{{4,}})|(?:0\d*|\d{{4,}})?{d}\d{{3}}|\d*{d}\d*[eE][+-]?\d+"
    both = rf"[1-9]\d{{0,2}}(?:{t}\d{{3}})+{d}\d*|[1-9]\d{{0,2}}(?:{_GAP}\d{{3}})+{d}\d+"
    thousands = rf"[1-9]\d{{0,2}}(?:{t}\d{{3}}){{2,}}|[1-9]\d?(?:{t}\d\d)+{t}\d{{3}}"
    return rf"^[+-]?(?:{decimals}|{both}|{thousands})$"


def _valid(sign: str, other: str) -> str:
    """All that is a number where `sign` is the decimal sign."""
    d, t = re.escape(sign), re.escape(other)
    whole = rf"\d+|[1-9]\d{{0,2}}(?:{t}\d{{3}})+|[1-9]\d?(?:{t}\d\d)+{t}\d{{3}}|[1-9]\d{{0,2}}(?:{_GAP}\d{{3}})+"
    return rf"^[+-]?(?:(?:{whole})(?:{d}\d*)?|{d}\d+){_EXPONENT}$"


_OTHER = {".": ",", ",": "."}
CERTAIN = {sign: _certain(sign, other) for sign, other in _OTHER.items()}
VALID = {sign: _valid(sign, other) for sign, other in _OTHER.items()}
_SURE = {sign: re.compile(pattern) for sign, pattern in CERTAIN.items()}
_FITS = {sign: re.compile(pattern) for sign, pattern in VALID.items()}


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of text, with what stands around its numbers taken off.

    Attributes
    ----------
    core : pyarrow.ChunkedArray of string
    percent, parentheses : ndarray of bool, shape (n,), or None
        Cells that carried a %, and cells in parentheses; None where none do.
    """

    core: pa.ChunkedArray
    percent: np.ndarray | None
    parentheses: np.ndarray | None


def plain(a: pa.ChunkedArray) -> np.ndarray | None:
    """The numbers, float64, where all cells are finite ones as programs write them."""
    try:
        out = np.asarray(a.cast(pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        return None
    return out if np.isfinite(out).all() else None


def missing(a: pa.ChunkedArray) -> pa.ChunkedArray:
    """True for cells that hold no value."""
    trimmed = pc.utf8_trim_whitespace(a)
    return pc.or_(pc.is_null(a), pc.fill_null(pc.is_in(trimmed, value_set=pa.array(MISSING, a.type)), False))


def marks(a: pa.ChunkedArray) -> list[str]:
    """The cells of a column of numbers that carry the mark of a footnote; none where most do, which are rather names."""
    if plain(a) is not None:
        return []
    a = pc.utf8_trim_whitespace(a.filter(pc.invert(missing(a))))
    found = a.filter(pc.match_substring_regex(a, "|".join(_MARKED)))
    if not 0 < 2 * len(found) <= len(a):
        return []
    cells = stripped(a, marks=True)
    numbers = cells.percent is None and any(invalid(cells.core, sign) is None for sign in _OTHER)
    return list(map(str, found.to_pylist())) if numbers else []


def stripped(a: pa.ChunkedArray, *, marks: bool = False) -> Cells:
    """Take off spaces, quotes, currencies, units, % and parentheses; and the marks of footnotes, where asked."""
    a = pc.utf8_trim(a, characters=" \t\"'\u00a0\u202f\u2009")
    for mark in _MARKED if marks else ():
        a = pc.replace_substring_regex(a, mark, r"\1")
    a = pc.replace_substring_regex(a, rf"^([(]?\s*){_MINUS}\s*", r"\1-")
    a = _without_units(a)
    marked = _where(pc.match_substring_regex(a, r"^\(.*\)$"))
    if marked is not None:
        a = _without_units(pc.replace_substring_regex(a, r"^\(\s*(.*?)\s*\)$", r"\1"))
    percent = _where(pc.match_substring_regex(a, r"\s*[%٪]$"))
    if percent is not None:
        a = pc.replace_substring_regex(a, r"\s*[%٪]$", "")
    return Cells(a, percent, marked)


def _without_units(a: pa.ChunkedArray) -> pa.ChunkedArray:
    a = pc.replace_substring_regex(a, rf"(?i)^([+-]?)\s*{_UNITS}\s*([+-]?[\d.,(])", r"\1\2")
    return pc.replace_substring_regex(a, rf"(?i)([\d.,)])\s*{_UNITS}$", r"\1")


def _where(mask: pa.ChunkedArray) -> np.ndarray | None:
    return mask.to_numpy().astype(bool) if pc.any(mask).as_py() else None


def proves(a: pa.ChunkedArray, sign: str) -> bool:
    """Whether some cell shows that `sign` is the decimal sign; most columns show it in their first rows."""
    done = 0
    for n in (_CHUNK, len(a)):
        if pc.any(pc.match_substring_regex(a.slice(done, n - done), CERTAIN[sign])).as_py():
            return True
        done = n
    return False


def has(a: pa.ChunkedArray, sign: str) -> bool:
    """Whether some cell holds a sign."""
    return bool(pc.any(pc.match_substring(a, sign)).as_py())


def has_percent(a: pa.ChunkedArray) -> bool:
    """Whether some cell ends in a per cent sign."""
    return bool(pc.any(pc.match_substring_regex(a, r"\d\s*[%٪]\s*\)?\s*$")).as_py())


def invalid(a: pa.ChunkedArray, sign: str) -> int | None:
    """The first cell that is no number where `sign` is the decimal sign."""
    ok = pc.match_substring_regex(a, VALID[sign])
    return None if pc.all(ok).as_py() else int(np.argmin(ok.to_numpy()))


def to_float(a: pa.ChunkedArray, sign: str) -> np.ndarray:
    """Cells that are numbers, float64."""
    a = pc.replace_substring_regex(a, rf"{re.escape(_OTHER[sign])}|{_GAP}", "")
    a = pc.replace_substring(a, ",", ".") if sign == "," else a
    return np.asarray(a.cast(pa.float64()).to_numpy())


def decimal_of(data: pa.Table, answers: Mapping[str, str]) -> tuple[str, str]:
    """Decimal sign and thousands separator that the first rows show, by the columns that are numbers throughout; empty where none does."""
    votes: dict[str, int] = {}
    gaps: set[str] = set()
    for column in data.slice(0, _SAMPLE_ROWS).columns[:_SAMPLE_COLUMNS]:
        cells = _numbers_of(column)
        for sign in _OTHER:
            if cells and all(_FITS[sign].match(c) for c in cells):
                if any(_SURE[sign].match(c) for c in cells):
                    votes[sign] = votes.get(sign, 0) + 1
                gaps |= {g for c in cells for g in (_OTHER[sign] if _SURE[sign].match(c) else "") + " '’\u00a0\u202f\u2009" if g in c}
    sign = answers.get("decimal") or (next(iter(votes)) if len(votes) == 1 else "")
    found = {" " if g in "\u00a0\u202f\u2009" else "'" if g == "’" else g for g in gaps} - {sign}
    return sign, answers.get("thousands") or (found.pop() if len(found) == 1 else "")


def _numbers_of(column: pa.ChunkedArray) -> list[str]:
    """Cells of a column that seems to hold numbers, bare; none of another."""
    if not pa.types.is_string(column.type):
        return []
    cells = [c for c in column.to_pylist() if c and c not in MISSING]
    if not cells or not _BEGINS.match(cells[0]):
        return []
    if all(_FITS["."].match(c) or _FITS[","].match(c) for c in cells):
        return cells
    return [c for c in stripped(column, marks=True).core.to_pylist() if c and c not in MISSING]
