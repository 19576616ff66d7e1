"""Table: a file of rows and columns whose columns are handed out only as checked text or checked numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import clipped, listed, readable, shown
from l0engine.io.tables import notation
from l0engine.io.tables.candidates import candidates, is_text
from l0engine.io.tables.csvfile import Origin
from l0engine.io.tables.heads import factor_of, factor_of_title, is_scaled, known_heads
from l0engine.io.tables.numbers import Written
from l0engine.io.tables.reading import Reading

_CONTROL = r"[\x00-\x1f\x7f]"
#: What is not a plain sign: names without such are as they should be.
_ODD = r"[^\x21-\x7e]"


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read.

    Attributes
    ----------
    data : pyarrow.Table
        Text: all columns text. Other kinds: as stored.
    reading : Reading
        How the file was understood.
    origin : Origin or None
        Where the rows of a text stand.
    rows : ndarray of int or None, shape (n_rows,)
        Row of the file each row is, where some were taken out since.
    answers : mapping of str to str
        What was said about the file.
    """

    path: Path
    data: pa.Table
    reading: Reading
    origin: Origin | None = None
    rows: np.ndarray | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return shown(self.path)

    @property
    def columns(self) -> list[str]:
        return list(self.data.column_names)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was understood, where that is not plain."""
        return (f"{self.file}: {self.reading.sentence}.",) if self.reading.sentence else ()

    def __len__(self) -> int:
        return int(self.data.num_rows)

    def place(self, row: int, column: str) -> str:
        """'file, line 7, column 'value'' of the 0-based row; what is no text has rows in place of lines."""
        at = row if self.rows is None else int(self.rows[row])
        number = at + 1 if self.origin is None else self.origin.line(at)
        where = f"{'row' if self.origin is None or self.reading.sheet else 'line'} {number:,}"
        theirs = dict(self.reading.columns).get(column, column)
        return f"{self.file}, {where}, column '{clipped(theirs)}'"

    def known(self, *names: str) -> Table:
        """The same table with its known columns under our names: as said, else by their heads but for decorations."""
        heads = known_heads(self.columns, names, self.answers)
        if self.reading.header is None and {"target", "value"} <= set(names):
            heads = {**{name: found[0] for name in ("target", "value") if len(found := candidates(self.data, name)) == 1}, **heads}
        other = {theirs: ours for ours, theirs in heads.items() if ours != theirs}
        for name in names:
            said = self.answers.get(name, "")
            if said not in ("", "none", *self.columns):
                raise ProblemError(f"{self.file}: {name} = '{clipped(said)}' is no column; found are {listed(self.columns)}.")
        if not other:
            return self
        renamed = [other.get(c, f"{c} (as given)" if c in other.values() else c) for c in self.columns]
        reading = replace(self.reading, columns=(*self.reading.columns, *((ours, theirs) for theirs, ours in other.items())))
        return replace(self, data=self.data.rename_columns(renamed), reading=reading)

    def require(self, *columns: str) -> None:
        """Refuse a table without rows or without one of these columns."""
        missing = [c for c in columns if c not in self.columns]
        if missing:
            raise self._lacks(missing[0], columns)
        if not len(self):
            raise ProblemError(f"{self.file}: it has no rows below its header: export it again.")

    def _lacks(self, name: str, needed: tuple[str, ...]) -> ProblemError:
        """A question where some columns may be the one that is missing."""
        sentence = f"{self.file}: column '{name}' is missing; needed are {listed(needed)}, found are {listed(self.columns)}"
        fitting = candidates(self.data, name)
        if not fitting:
            return ProblemError(f"{sentence}: let the first row name the columns.")
        options = tuple((c, f"it begins {listed(map(str, self.data[c][:2].to_pylist()))}") for c in fitting[:8])
        return AmbiguousTable(self.file, name, options, sentence)

    def texts(self, column: str, *, unique: bool = False, empty: bool = False) -> pa.ChunkedArray:
        """A column of names as text, without nulls, control characters, or spaces around them; in NFC.

        Parameters
        ----------
        unique : bool
            Refuse a second appearance.
        empty : bool
            Let empty cells and nulls pass, as ''.
        """
        codes, names = self.coded(column, empty=empty)
        if unique and len(names) < len(codes):
            row = int(np.argmax(pd.Series(codes).duplicated().to_numpy()))
            raise ProblemError(f"{self.place(row, column)}: '{clipped(str(names[codes[row]]))}' stands there a second time: keep one.")
        return pa.chunked_array([names if unique else names.take(pa.array(codes))])

    def coded(self, column: str, *, empty: bool = False) -> tuple[np.ndarray, pa.Array]:
        """A column of names as `texts` gives them: which name each row has, int of shape (n_rows,), and each name once, as they appear."""
        a = flat(self.data[column])
        if not (is_text(a.type) or pa.types.is_integer(a.type)):
            raise ProblemError(
                f"{self.file}, column '{clipped(column)}': it holds {a.type}, which does not keep names exactly: store it as text."
            )
        a = a.cast(pa.string())
        a = pc.fill_null(a, "") if a.null_count else a
        encoded = a.dictionary_encode().unify_dictionaries()
        codes = np.concatenate([np.empty(0, np.int32), *(chunk.indices.to_numpy() for chunk in encoded.chunks)])
        names = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], pa.string())
        if pc.any(pc.match_substring_regex(names, _ODD)).as_py():
            self._refuse(column, codes, pc.match_substring_regex(names, _CONTROL), "the name holds a control character: remove it")
            neat = pc.utf8_normalize(pc.utf8_trim_whitespace(names), "NFC")
            names = pc.unique(neat)
            codes = pc.index_in(neat, value_set=names).to_numpy()[codes]
        if not empty:
            self._refuse(column, codes, pc.equal(names, ""), "the name is empty: fill it in or remove the row")
        return codes, names

    def numbers(self, column: str) -> np.ndarray:
        """A column of finite numbers, float64 (float32 where Parquet stores that), shape (n_rows,).

        Raises
        ------
        AmbiguousTable
            The cells can be read in two ways.
        """
        a = flat(self.data[column])
        if is_text(a.type):
            return self._as_text(column, a.cast(pa.string())).numbers()
        return self._stored(column, a)

    def _as_text(self, column: str, cells: pa.ChunkedArray) -> Written:
        theirs, factor = dict(self.reading.columns).get(column, column), self.factor(column)
        return Written(
            cells,
            self.file,
            column,
            lambda row: self.place(row, column),
            self.reading.decimal,
            factor,
            self.answers,
            title=self.reading.title if factor and not factor_of(theirs) else "",
            marked=theirs in self.reading.marks,
        )

    def factor(self, column: str) -> str:
        """What a column's numbers are multiplied by: as the head of a known column says, of any where just that was said, or a title."""
        head = dict(self.reading.columns).get(column, column)
        factor, title = factor_of(head), factor_of_title(self.reading.title)
        if factor or not title or not (is_scaled(head) and is_scaled(column)):
            return factor if head != column or (factor == self.answers.get("factor") and not title) else ""
        return title

    def check_factor(self) -> None:
        """Refuse a factor that was said of a file without a unit."""
        said = self.answers.get("factor")
        if not said:
            return
        units = {factor for c in self.columns if (factor := factor_of(c))} | {factor_of_title(self.reading.title)} - {""}
        texts = (a.cast(pa.string()) for a in map(flat, self.data.columns) if is_text(a.type))
        if not (said in units or (said == "1" and units)) and not any(map(notation.has_percent, texts)):
            raise ProblemError(
                f"{self.file}: factor = '{clipped(said)}' has no effect, as no cell has a % and no head names that unit, "
                "as 'value (thousands)' does: take it out, or write the unit into the head."
            )

    def _stored(self, column: str, a: pa.ChunkedArray) -> np.ndarray:
        t = a.type
        if not (pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t) or pa.types.is_boolean(t)):
            raise ProblemError(f"{self.file}, column '{clipped(column)}': it holds {t}: give numbers.")
        if a.null_count:
            empty = self._as_text(column, pc.cast(a, pa.string()))
            if self.answers.get("missing") != "0":
                raise empty.lacks(int(np.argmax(a.is_null().to_numpy())), a.null_count, ("0", "such cells are 0"))
            a = pc.fill_null(a, pa.scalar(0).cast(t))
        kind = pa.float32() if t in (pa.float32(), pa.float16()) else pa.float64()
        with readable(self.file, "numbers"):
            a = a.cast(pa.int8()) if pa.types.is_boolean(t) else a
            out = np.asarray(a.cast(kind, safe=False).to_numpy())
        bad = ~np.isfinite(out)
        if bad.any():
            row = int(np.argmax(bad))
            raise ProblemError(f"{self.place(row, column)}: '{clipped(str(a[row]))}' is not a finite number: replace it or remove the row.")
        factor = self.factor(column)
        return self._as_text(column, pc.cast(a, pa.string())).times(out, factor, 0) if factor else out

    def with_values(self, column: str) -> Table:
        """The table without the rows whose cell in a column of numbers is empty or withheld, as said; asked where nothing was said."""
        a = flat(self.data[column])
        if is_text(a.type):
            if notation.plain(a) is not None:
                return self
            gone = notation.missing(a.cast(pa.string()))
        elif a.null_count:
            gone = a.is_null()
        else:
            return self
        n = pc.sum(gone).as_py() or 0
        if not n or self.answers.get("missing") == "0":
            return self
        row = int(np.argmax(gone.to_numpy()))
        if self.answers.get("missing") != "leave out":
            cells = self._as_text(column, a.cast(pa.string()))
            raise cells.lacks(row, n, ("leave out", "rows without a value are left out"), ("0", "such cells are 0"))
        keep = np.flatnonzero(~gone.to_numpy().astype(bool))
        rows = keep if self.rows is None else self.rows[keep]
        return replace(self, data=self.data.take(keep), rows=rows, reading=replace(self.reading, missing="leave out"))

    def _refuse(self, column: str, codes: np.ndarray, bad: pa.Array, why: str) -> None:
        """Name the first row with a bad name."""
        if pc.any(bad).as_py():
            row = int(np.argmax(bad.to_numpy(zero_copy_only=False).astype(bool)[codes]))
            raise ProblemError(f"{self.place(row, column)}: {why}.")


def flat(a: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without a dictionary."""
    return a.cast(a.type.value_type) if pa.types.is_dictionary(a.type) else a
