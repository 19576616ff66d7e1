"""Tables as frames: columns of text turn to numbers where they hold such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import readable
from l0engine.io.tables import notation
from l0engine.io.tables.candidates import is_numeric, is_text
from l0engine.io.tables.table import Table, flat

_WHOLE = r"^-?(?:0|[1-9]\d{0,14})$"
#: Digits that are a name: a postal code, a long number.
_CODE = r"^[+-]?0\d|^[+-]?\d{16,}$"
_REAL = r"^(?:-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)?$"


def attributes(table: Table, columns: list[str]) -> pd.DataFrame:
    """Further columns for the user's own use; text of text files turns to numbers where nothing is lost."""
    return _frame(table, columns, typed=False)


def frame(table: Table) -> pd.DataFrame:
    """All columns, as `attributes` gives them, with text that shows decimal signs as numbers in files that know types too.

    Raises
    ------
    AmbiguousTable
        Such text can be read in two ways.
    """
    return _frame(table, table.columns, typed=True)


def _frame(table: Table, columns: list[str], typed: bool) -> pd.DataFrame:
    data = table.data.select(columns).replace_schema_metadata(None)
    for i, name in enumerate(columns):
        a, factor = flat(data[name]), table.factor(name)
        if is_text(a.type):
            a = a.cast(pa.string())
            if table.origin is not None or (typed and (factor or notation.has(a, ".") or notation.has(a, ","))):
                data = data.set_column(i, name, _plain(replace(table, data=data.set_column(i, name, a)), name))
        elif factor:
            data = data.set_column(i, name, _filled(table, name, a.is_null()))
    with readable(table.file, "a table"):
        out = data.to_pandas()
    return pd.DataFrame(out, index=pd.RangeIndex(len(table)))


def _plain(table: Table, column: str) -> pa.ChunkedArray:
    """Numbers where every cell is one, without leading zeros; else text."""
    a, factor = table.data[column], table.factor(column)
    if not factor and pc.all(pc.match_substring_regex(a, _WHOLE)).as_py():
        return a.cast(pa.int64())
    if pc.all(pc.equal(a, "")).as_py():
        return a
    filled = pc.if_else(pc.equal(a, ""), pa.scalar(None, pa.string()), a)
    if not factor and pc.all(pc.match_substring_regex(a, _REAL)).as_py() and not notation.has(a, "."):
        return filled.cast(pa.float64())
    return _written(table, column, filled)


def _written(table: Table, column: str, filled: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as people write them, where they are such throughout; else text. Cells without a value are null."""
    if not is_numeric(table.data[column]):
        return table.data[column]
    if pc.any(pc.match_substring_regex(filled, _CODE)).as_py():
        return table.data[column]
    try:
        return _filled(table, column, notation.missing(filled))
    except AmbiguousTable:
        raise
    except ProblemError:
        return table.data[column]


def _filled(table: Table, column: str, gone: pa.ChunkedArray) -> pa.ChunkedArray:
    """The numbers of a column; null in the cells that are `gone`."""
    keep = np.flatnonzero(~gone.to_numpy().astype(bool))
    rows = keep if table.rows is None else table.rows[keep]
    values = replace(table, data=table.data.take(keep), rows=rows).numbers(column)
    out = np.full(len(table), np.nan)
    out[keep] = values
    return pa.chunked_array([pa.array(out, from_pandas=True)])
