"""Dialect: which sign separates the cells of a text, and which of its lines names the columns."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import MAX_COLUMNS, clipped, listed
from l0engine.io.tables.heads import n_known
from l0engine.io.tables.reading import DELIMITERS, KNOWN

#: Lines that are looked at; the header stands in one of the first `_ABOVE` records.
_LINES, _ABOVE = 100, 30
_SEP = re.compile(r'^"?sep=(.)"?\s*$', re.IGNORECASE)
_COMMENTS = ("#", "%", "//")
NUMBER = re.compile(r"^\s*[+\-−–(]?\s*[$€£¥]?\s*(\d[\d.,'’\u00a0\u202f\u2009 ]*|[.,]\d+)([eE][+-]?\d+)?\s*[%)$€£¥]?\s*$")


class Record(NamedTuple):
    """One record: cells, and the lines it stands on, counted from 0, the end excluded."""

    cells: list[str]
    first: int
    end: int

    @property
    def filled(self) -> int:
        return sum(1 for c in self.cells if c.strip())


@dataclass(frozen=True)
class Dialect:
    """How a text is cut into cells.

    Attributes
    ----------
    delimiter : str
    names : tuple of str
        Heads; 'column 1', ... where none are given.
    header : int or None
        Line of the heads, counted from 0.
    line : int
        First line that is read, with the header.
    offset : int
        Bytes before that line.
    skipped : tuple of str
        What stands above, blank lines apart.
    comment : str
        Sign that begins comments, where some stand above.
    row_names : bool
        Rows have one cell more than the header, as R writes them.
    """

    delimiter: str
    names: tuple[str, ...]
    header: int | None
    line: int
    offset: int
    skipped: tuple[str, ...]
    comment: str = ""
    row_names: bool = False


def find_dialect(head: str, file: str, answers: Mapping[str, str]) -> Dialect:
    """Look at the first lines of a text.

    Raises
    ------
    AmbiguousTable
        Two signs separate the cells equally well, or the first line may name the columns or be data.
    ProblemError
        There is no usable header.
    """
    lines = list(itertools.islice(io.StringIO(head, newline=""), _LINES))
    if len(lines) > 1 and not lines[-1].endswith(("\n", "\r")):
        lines.pop()  # perhaps cut off
    sep = _SEP.match(lines[0]) if lines else None
    start = 1 if sep else 0
    comment = _comment(lines[start:], answers)
    said = answers.get("delimiter") or (sep[1] if sep and sep[1] in DELIMITERS else "")
    tried: dict[str, list[Record]] = {}
    for d in [said] if said else DELIMITERS:
        tried[d] = _records(lines, start, d, comment)
        if tried[d] and len(set(KNOWN) & set(tried[d][0].cells)) > 1 and _width(tried[d])[1] == 1:
            said = d  # no other fits better
            break
    delimiter = said or _delimiter(tried, file)
    records = tried[delimiter]
    if not records:
        raise ProblemError(f"{file}, line 1: the header cannot be read: let the first row name the columns, each shortly.")
    at = _header(records, file, answers)
    found = _cut(lines, records, at, delimiter, comment, answers.get("comment", ""))
    if len(found.names) > MAX_COLUMNS:
        raise ProblemError(
            f"{file}: it has {len(found.names):,} columns; the limit is {MAX_COLUMNS:,}: "
            "give the matrix as a long table (target, household_id, value) or as NPZ."
        )
    return found


def _comment(lines: list[str], answers: Mapping[str, str]) -> str:
    if "comment" in answers:
        return "" if answers["comment"] == "none" else answers["comment"]
    first = next((line for line in lines if line.strip()), "")
    sign = next((c for c in _COMMENTS if first.startswith(c)), "")
    # A header that begins with the sign itself is no comment.
    return "" if any(n_known(next(csv.reader([first[:4096].rstrip()], delimiter=d), [])) >= 2 for d in DELIMITERS) else sign


def _records(lines: list[str], start: int, delimiter: str, comment: str) -> list[Record]:
    """Records that are neither blank nor comments."""
    out, first = [], start
    reader = csv.reader(lines[start:], delimiter=delimiter, skipinitialspace=delimiter == " ")
    try:
        for cells in reader:
            end = start + reader.line_num
            if delimiter == " " and cells and not cells[-1]:
                cells = cells[:-1]
            if any(c.strip() for c in cells) and not (comment and lines[first].startswith(comment)):
                out.append(Record(cells, first, end))
            first = end
    except csv.Error:  # one cell of more than csv.field_size_limit(): not this delimiter
        pass
    return out


def _width(records: list[Record]) -> tuple[int, float]:
    """The usual number of cells, and the share of records that have it."""
    several = Counter(len(r.cells) for r in records if len(r.cells) > 1)
    titled = several and max(several.values()) > 1 and 4 * several.total() >= len(records)  # titles and notes have one cell
    counts = several if titled else Counter(len(r.cells) for r in records)
    width, n = max(counts.items(), key=lambda item: (item[1], item[0])) if counts else (0, 0)
    named = width > 2 and len(records) > 1 and len(records[0].cells) == width - 1  # R gives the column of row names no head
    return width, (n + named) / max(len(records), 1)


def _delimiter(tried: Mapping[str, list[Record]], file: str) -> str:
    def score(d: str) -> tuple[int, float, int]:
        width, share = _width(tried[d])
        known = max((n_known(r.cells) for r in tried[d][:_ABOVE] if len(r.cells) >= 2), default=0)
        return (known, share, width) if width >= 2 else (known if known >= 2 else 0, 0.0, 1)

    scores = {d: score(d) for d in DELIMITERS}
    real = {d: s for d, s in scores.items() if d != " "}
    best = max(real, key=lambda d: (*real[d], d == ","))
    if real[best][2] < 2 and scores[" "][1] >= 0.9:
        return " "
    rivals = [d for d in real if d != best and real[d][0] == real[best][0] == 0 and real[d][1] == real[best][1] == 1.0]
    if rivals:
        options = tuple((d, f"{len(tried[d][-1].cells)} cells in a row, the last {listed(tried[d][-1].cells, 4)}") for d in (best, *rivals))
        signs = " or ".join(DELIMITERS[d] for d, _ in options)
        raise AmbiguousTable(file, "delimiter", options, f"{file}: its cells may be separated by {signs}")
    return best


def _header(records: list[Record], file: str, answers: Mapping[str, str]) -> int | None:
    """Index of the record that names the columns; None where none does."""
    said = answers.get("header", "")
    if said == "none":
        return None
    if said:
        found = next((i for i, r in enumerate(records) if said.isdecimal() and r.first <= int(said) < r.end), None)
        if found is None:
            raise ProblemError(f"{file}: header = '{clipped(said)}' is the number of no line with cells near its beginning: count from 0.")
        return found
    width, _ = _width(records)
    fitting = [i for i, r in enumerate(records[:_ABOVE]) if len(r.cells) in (width, width - 1) or i == 0]
    known = {i: n_known(records[i].cells) for i in fitting}
    best = max(known, key=lambda i: (known[i], -i))
    if known[best] and (known[best] > 1 or width < 2 or records[best].filled > 1):
        return best
    usable = [i for i in fitting if records[i].filled >= max(1, min(2, width)) and len(records[i].cells) >= width - 1]
    at = usable[0] if usable else 0
    _ask_for_header(records, at, file)
    return at


def _ask_for_header(records: list[Record], at: int, file: str) -> None:
    """A first row with numbers is a header only where a name stands above a column of numbers."""
    first, below = records[at].cells, [r.cells for r in records[at + 1 :] if len(r.cells) == len(records[at].cells)]
    if not below or not any(NUMBER.match(c) for c in first):
        return
    for j, name in enumerate(first):
        if name.strip() and not NUMBER.match(name) and all(NUMBER.match(r[j]) or not r[j].strip() for r in below):
            return
    line = records[at].first
    raise AmbiguousTable(
        file,
        "header",
        ((str(line), f"it names the columns {listed(first, 3)}"), ("none", "it is data, and no line names the columns")),
        f"{file}, line {line + 1:,}: {listed(first, 3)} may be names or data",
    )


def _cut(lines: list[str], records: list[Record], at: int | None, delimiter: str, comment: str, said: str) -> Dialect:
    width, share = _width(records)
    if at is None:
        first = next(i for i, r in enumerate(records) if len(r.cells) == width)
        names, line, header = [f"column {i + 1}" for i in range(width)], records[first].first, None
    else:
        names, line = list(records[at].cells), records[at].first
        header = line
    if not comment and said != "none" and any(text.startswith("#") for text in lines[:line]):
        comment = "#"
    above = tuple(s for text in lines[:line] if (s := text.strip().strip(delimiter).strip()) and not _SEP.match(text))
    found = Dialect(delimiter, tuple(names), header, line, len("".join(lines[:line]).encode()), above, comment)
    more = at is not None and width == len(names) + 1 and share > 0.5
    return replace(found, names=("", *found.names), row_names=True) if more else found
