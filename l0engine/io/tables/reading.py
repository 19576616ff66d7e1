"""Reading: how a file was understood, in fields that can be answered otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from l0engine.errors import ProblemError
from l0engine.io.limits import clipped, listed
from l0engine.io.tables.heads import factor_of_title
from l0engine.plain import Plain

#: Columns with a meaning of their own; an answer of that name says which column of the file it is.
KNOWN = ("target", "value", "group", "weight", "household_id", "base_weight")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
DECIMALS = {".": "points", ",": "commas"}
THOUSANDS = {"": "none", ",": "commas", ".": "points", " ": "spaces", "'": "apostrophes"}


@dataclass(frozen=True)
class Reading(Plain):
    """How a file was understood. Each field can be set by an answer of the same name, in text.

    Attributes
    ----------
    kind : str
        'text', 'Parquet', or the name of a foreign kind.
    encoding : str
        Of text, by Python's name.
    packed : str
        'gzip' or nothing.
    delimiter : str
        Of text: one of `DELIMITERS`.
    decimal, thousands : str
        Decimal sign and thousands separator of its numbers; empty where no number shows one.
    sheet : str
        Of a workbook.
    header : int or None
        Line, counted from 0, that names the columns; None where none does ('none' as an answer).
    skipped : tuple of str
        Lines above the header that were left out.
    comment : str
        Lines that begin with it were left out.
    last_rows : tuple of str
        Rows at the end that were left out (totals, footnotes); as an answer their number, '0' for none.
    missing : str
        What is done about values that are withheld or empty: 'leave out' the row, '0', or empty where nothing was said.
    factor : str
        What numbers are multiplied by that carry a % or stand under a head such as 'value (thousands)'.
    parentheses : str
        What (1,234) is: 'negative' or 'positive'.
    leading_zeros : str
        'ignore': names are matched without them.
    other_columns : str
        'leave out': columns of a wide matrix that are no targets, or no households, are.
    columns : tuple of (str, str)
        Known columns by another name in the file: (ours, the file's). As answers: one of `KNOWN` = a name of the file.
    marks : mapping of str
        Columns of text whose numbers carry the marks of footnotes, and the first such cell; the marks are left out.
    remarks : tuple of str
        What else is not plain; nothing that can be answered.
    """

    kind: str = "text"
    encoding: str = ""
    packed: str = ""
    delimiter: str = ""
    decimal: str = ""
    thousands: str = ""
    sheet: str = ""
    header: int | None = 0
    skipped: tuple[str, ...] = ()
    comment: str = ""
    last_rows: tuple[str, ...] = ()
    missing: str = ""
    factor: str = ""
    parentheses: str = ""
    leading_zeros: str = ""
    other_columns: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def told(self, answers: Mapping[str, str]) -> Self:
        """The same with what can only be said."""
        missing, factor, parentheses, zeros, others = (
            answers.get(name, "") for name in ("missing", "factor", "parentheses", "leading_zeros", "other_columns")
        )
        told = replace(self, missing=missing, factor=factor, parentheses=parentheses, leading_zeros=zeros, other_columns=others)
        return replace(told, decimal=answers.get("decimal", self.decimal))

    @cached_property
    def title(self) -> str:
        """The line above or below the table that says in which unit it is; empty where none does."""
        return next((line for line in (*self.skipped, *self.last_rows) if factor_of_title(line)), "")

    @property
    def sentence(self) -> str:
        """What is not plain about the file, without its name; empty for UTF-8 with commas and for kinds that know types."""
        parts = []
        if self.packed:
            parts.append(f"unpacked from {self.packed}")
        if self.encoding not in ("", "utf-8"):
            parts.append(f"read as {ENCODINGS.get(self.encoding, self.encoding)} text")
        if self.sheet:
            parts.append(f"read from the sheet '{clipped(self.sheet)}'")
        plain = self.delimiter in ("", ",") and self.decimal != ","
        if not plain:
            delimiter = f"read as separated by {DELIMITERS[self.delimiter]}, " if self.delimiter else "read "
            parts.append(f"{delimiter}with decimal {DECIMALS[self.decimal or '.']}")
        if self.thousands:
            parts.append(f"{THOUSANDS[self.thousands]} between thousands")
        if self.header is None:
            parts.append("without a line that names the columns")
        for what, rows in (("above its head", self.skipped), ("at its end", self.last_rows)):
            if rows:
                parts.append(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'} {what} left out ({listed(rows, 2)})")
        if self.comment:
            parts.append(f"lines that begin with '{self.comment}' left out")
        if self.missing:
            parts.append("rows without a value left out" if self.missing == "leave out" else "cells without a value read as 0")
        if self.factor:
            parts.append(f"numbers with a unit multiplied by {self.factor}")
        if self.parentheses:
            parts.append(f"numbers in parentheses {self.parentheses}")
        if self.leading_zeros:
            parts.append("names matched without leading zeros")
        if self.other_columns:
            parts.append("further columns left out")
        parts += [
            f"marks of footnotes behind numbers of column '{clipped(c)}' left out ('{clipped(x, 20)}')" for c, x in self.marks.items()
        ]
        parts += [f"column '{clipped(theirs)}' taken as '{ours}'" for ours, theirs in self.columns]
        return "; ".join([*parts, *self.remarks])


#: Encodings of text, and what people call them.
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Latin-1 (Windows-1252)",
    "cp1250": "Windows-1250 (Central Europe)", "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)", "iso8859-2": "Latin-2", "iso8859-15": "Latin-9", "mac-roman": "Mac Roman", "cp850": "DOS 850",
    "shift_jis": "Shift JIS", "gb18030": "GB 18030", "big5": "Big5", "euc-kr": "EUC-KR",
}  # fmt: skip

#: What may be answered, and the values that may be given; None: any text.
SETTINGS: dict[str, tuple[str, ...] | None] = {
    "encoding": tuple(ENCODINGS),
    "delimiter": tuple(DELIMITERS),
    "decimal": tuple(DECIMALS),
    "thousands": tuple(THOUSANDS),
    "sheet": None,
    "header": None,
    "comment": None,
    "last_rows": None,
    "missing": ("leave out", "0"),
    "factor": None,
    "parentheses": ("negative", "positive"),
    "leading_zeros": ("ignore",),
    "other_columns": ("leave out",),
    **dict.fromkeys(KNOWN),
}


def checked_answers(file: str, answers: Mapping[str, str] | None) -> dict[str, str]:
    """Answers about a file, or a ProblemError that names what is not known."""
    out = dict(answers or {})
    for setting, value in out.items():
        if setting not in SETTINGS or not isinstance(value, str):
            raise ProblemError(f"{file}: '{clipped(str(setting))}' is no setting: use one of {listed(SETTINGS, 20)}.")
        allowed = SETTINGS[setting]
        if allowed is not None and value not in allowed:
            raise ProblemError(f"{file}: {setting} = '{clipped(value)}' is not known: use one of {listed(allowed, 20)}.")
    return out
