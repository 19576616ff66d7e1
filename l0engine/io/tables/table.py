"""Table: a CSV or Parquet file whose columns are handed out only as checked text or checked numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from l0engine.errors import ProblemError
from l0engine.io.csvfile import DELIMITERS, header, line_of, read_csv, sniff
from l0engine.io.limits import MAX_COLUMNS, check_unpacked, clipped, listed, readable, shown
from l0engine.io.tables.foreign import FOREIGN, read_foreign

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_CONTROL = r"[\x00-\x1f\x7f]"


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read.

    Attributes
    ----------
    data : pyarrow.Table
        CSV: all columns text. Parquet: as stored.
    delimiter : str
        Of a CSV file; empty for Parquet.
    """

    path: Path
    data: pa.Table
    delimiter: str

    @property
    def file(self) -> str:
        return shown(self.path)

    @property
    def columns(self) -> list[str]:
        return list(self.data.column_names)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was understood, where that is not plain."""
        if self.delimiter in ("", ","):
            return ()
        return (f"{self.file}: read as separated by {DELIMITERS[self.delimiter]}, with decimal points.",)

    def __len__(self) -> int:
        return int(self.data.num_rows)

    def place(self, row: int, column: str) -> str:
        """'file, line 7, column 'value'' of the 0-based row; Parquet has rows in place of lines."""
        where = f"line {line_of(self.path, row + 2, self.delimiter):,}" if self.delimiter else f"row {row + 1:,}"
        return f"{self.file}, {where}, column '{clipped(column)}'"

    def require(self, *columns: str) -> None:
        """Refuse a table without rows or without one of these columns."""
        missing = [c for c in columns if c not in self.columns]
        if missing:
            raise ProblemError(
                f"{self.file}: column '{missing[0]}' is missing; needed are {listed(columns)}, found are "
                f"{listed(self.columns)}: let the first row name the columns."
            )
        if not len(self):
            raise ProblemError(f"{self.file}: it has no rows below its header: export it again.")

    def texts(self, column: str, *, unique: bool = False, empty: bool = False) -> pa.ChunkedArray:
        """A column of names as text, without nulls or control characters.

        Parameters
        ----------
        unique : bool
            Refuse a second appearance.
        empty : bool
            Let empty cells and nulls pass, as ''.
        """
        a = _flat(self.data[column])
        if not (_is_text(a.type) or pa.types.is_integer(a.type)):
            raise ProblemError(
                f"{self.file}, column '{clipped(column)}': it holds {a.type}, which does not keep names exactly: store it as text."
            )
        a = a.cast(pa.string())
        a = pc.fill_null(a, "") if a.null_count else a
        if not empty:
            self._refuse(column, pc.equal(a, ""), "the name is empty: fill it in or remove the row")
        self._refuse(column, pc.match_substring_regex(a, _CONTROL), "the name holds a control character: remove it")
        if unique and len(pc.unique(a)) < len(a):
            row = int(np.argmax(pd.Series(a.to_numpy()).duplicated().to_numpy()))
            raise ProblemError(f"{self.place(row, column)}: '{clipped(str(a[row]))}' stands there a second time: keep one.")
        return a

    def numbers(self, column: str) -> np.ndarray:
        """A column of finite numbers, float64 (float32 where Parquet stores that), shape (n_rows,)."""
        a = _flat(self.data[column])
        t = a.type
        if a.null_count:
            self._refuse(column, pc.is_null(a), "the cell is empty: write a number (0 where nothing is meant)")
        if _is_text(t):
            out = self._parsed(column, a.cast(pa.string()))
        elif pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t) or pa.types.is_boolean(t):
            kind = pa.float32() if t in (pa.float32(), pa.float16()) else pa.float64()
            with readable(self.file, "numbers"):
                a = a.cast(pa.int8()) if pa.types.is_boolean(t) else a
                out = a.cast(kind, safe=False).to_numpy()
        else:
            raise ProblemError(f"{self.file}, column '{clipped(column)}': it holds {t}: give numbers.")
        bad = ~np.isfinite(out)
        if bad.any():
            row = int(np.argmax(bad))
            raise ProblemError(f"{self.place(row, column)}: '{clipped(str(a[row]))}' is not a finite number: replace it or remove the row.")
        return out

    def attributes(self, columns: list[str]) -> pd.DataFrame:
        """Further columns for the user's own use; text of a CSV turns to numbers only where nothing is lost."""
        with readable(self.file, "a table"):
            frame = self.data.select(columns).replace_schema_metadata(None).to_pandas()
        if self.delimiter:
            for name in columns:
                frame[name] = _plain_numbers(frame[name])
        return pd.DataFrame(frame, index=pd.RangeIndex(len(self)))

    def _refuse(self, column: str, mask: pa.ChunkedArray, why: str) -> None:
        if pc.any(mask).as_py():
            row = int(np.argmax(mask.to_numpy()))
            raise ProblemError(f"{self.place(row, column)}: {why}.")

    def _parsed(self, column: str, a: pa.ChunkedArray) -> np.ndarray:
        try:
            return np.asarray(a.cast(pa.float64()).to_numpy())
        except pa.ArrowInvalid:
            ok = pc.match_substring_regex(a, _NUMBER)
        if pc.all(ok).as_py():
            return np.array([float(x) for x in a.to_pylist()])
        row = int(np.argmin(ok.to_numpy()))
        text = str(a[row])
        if not text.strip():
            why = "the cell is empty: write a number (0 where nothing is meant)"
        elif set(text.strip()) <= set("0123456789.,+-'  "):
            why = f"'{clipped(text)}' has a decimal comma or thousands separators: write it with a decimal point only"
        else:
            why = f"'{clipped(text)}' is not a number: correct it or remove the row"
        raise ProblemError(f"{self.place(row, column)}: {why}.")


def read_table(path: Path) -> Table:
    """Read a CSV or Parquet file.

    Raises
    ------
    ProblemError
        Unreadable, too large, duplicate column names; names the file and the place.
    """
    file = shown(path)
    if path.suffix in FOREIGN:
        data, delimiter = read_foreign(path, file, {}).data, ""
    else:
        data, delimiter = (_read_parquet(path, file), "") if path.suffix == ".parquet" else read_csv(path, file)
    if data.column_names[:1] in ([""], ["__index_level_0__"]):
        data = data.remove_column(0)
    _check_names(file, data.column_names)
    return Table(path, data, delimiter)


def column_names(path: Path, file: str) -> list[str]:
    """Column names of a CSV or Parquet file, without reading its rows."""
    if path.suffix in FOREIGN:
        return list(read_foreign(path, file, {}).data.column_names)
    if path.suffix != ".parquet":
        sniff(path, file)
        return header(path, file)[0]
    with readable(file, "Parquet"):
        return list(pq.ParquetFile(path).schema_arrow.names)


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
        return f.read(use_threads=False)


def _check_names(file: str, names: list[str]) -> None:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise ProblemError(f"{file}, column {i + 1}: the header '{clipped(name)}' stands there a second time: rename one.")
        seen.add(name)


def _is_text(t: pa.DataType) -> bool:
    return bool(pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t))


def _flat(a: pa.ChunkedArray) -> pa.ChunkedArray:
    return a.cast(a.type.value_type) if pa.types.is_dictionary(a.type) else a


def _plain_numbers(cells: pd.Series) -> pd.Series:
    """Numbers where every cell is one, without leading zeros; else text."""
    text = cells.astype(str)
    if text.str.fullmatch(r"-?(0|[1-9]\d{0,14})").all():
        return text.astype(np.int64)
    if text.str.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d{1,3})?|").all() and (text != "").any():
        return pd.to_numeric(text.where(text != "")).astype(np.float64)
    return cells
