"""Tables of other programs: Excel, Stata, SAS, SPSS, R and Arrow, as columns of text and numbers; `FOREIGN` names their endings.

They are parsed by code that others wrote, in part in C: what was uploaded is read in the guarded child only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import MAX_COLUMNS, check_unpacked, clipped, listed, readable
from l0engine.io.tables.csvfile import Origin, read_csv
from l0engine.io.tables.foreign import labels, rds, sheets
from l0engine.io.tables.reading import Reading

Read = tuple[pa.Table, Reading, Origin | None]


def read_foreign(path: Path, file: str, answers: Mapping[str, str]) -> Read:
    """Read a file whose ending is one of `FOREIGN`: its table, how it was understood, and where rows of a sheet stand.

    Parameters
    ----------
    file : str
        Its name for messages.
    answers : mapping of str to str
        'sheet' of a workbook, 'encoding' of SAS, SPSS and Stata files, where they do not tell.

    Raises
    ------
    ProblemError
        Unreadable or too large.
    AmbiguousTable
        A workbook has several sheets with something in them.
    """
    kind, read = FOREIGN[path.suffix.lower()]
    with readable(file, kind), _theirs():
        return read(path, file, kind, answers)


@contextmanager
def _theirs() -> Iterator[None]:
    """Errors of the readers as ours: theirs have bases of their own, and a panic in Rust is no Exception at all.

    A length that is damaged makes Arrow ask for all memory there is.
    """
    try:
        yield
    except pa.ArrowMemoryError as e:
        raise ValueError("it asks for more memory than there is") from e
    except BaseException as e:
        if type(e).__module__.split(".")[0] not in ("python_calamine", "pyreadstat", "pyo3_runtime"):
            raise
        raise ValueError(str(e)) from e


def _workbook(path: Path, file: str, kind: str, answers: Mapping[str, str]) -> Read:
    sheets.check_workbook(path, file)
    found = sheets.sheets(path)
    if not found:
        raise ProblemError(f"{file}: its sheets are empty: save it again.")
    sheet = answers.get("sheet") or (next(iter(found)) if len(found) == 1 else None)
    if sheet is None:
        raise AmbiguousTable(file, "sheet", tuple(found.items()), f"{file}: it has {len(found):,} sheets with something in them")
    if sheet not in found:
        raise ProblemError(f"{file}: it has no sheet '{clipped(sheet)}': choose one of {listed(found)}.")
    text, powers = sheets.sheet_text(path, sheet, answers.get("decimal", ""))
    as_text = {**({} if powers else {"decimal": "."}), **answers, "encoding": "utf-8", "delimiter": ","}
    try:
        data, reading, origin = read_csv(text, file, as_text)
    except AmbiguousTable as e:
        options = tuple((value, sheets.plainly(what)) for value, what in e.options)
        raise AmbiguousTable(e.file, e.setting, options, sheets.plainly(e.question)) from None
    reading = replace(reading, kind=kind, sheet=sheet, delimiter="")
    if powers:
        skipped, last = (tuple(map(sheets.plainly, rows)) for rows in (reading.skipped, reading.last_rows))
        names = [sheets.plainly(name) for name in data.column_names]
        data = pa.table([sheets.without_powers(column) for column in data.columns], names=names)
        reading = replace(reading, skipped=skipped, last_rows=last)
    return data, reading, origin


def _statistics(path: Path, file: str, kind: str, answers: Mapping[str, str]) -> Read:
    """Stata, SAS and SPSS: dimensions first, then the columns, with the labels of their values."""
    import pyreadstat

    readers: dict[str, Any] = {"Stata": pyreadstat.read_dta, "SAS": pyreadstat.read_sas7bdat, "SPSS": pyreadstat.read_sav}
    read = readers[kind]
    encoding = {"encoding": answers.get("encoding")}
    _, meta = read(str(path), metadataonly=True, **encoding)
    _check_size(file, meta.number_rows, meta.number_columns, path.stat().st_size)
    columns, meta = read(str(path), output_format="dict", **encoding)
    if any(not isinstance(name, str) for name in columns):
        raise ProblemError(f"{file}: a column has no name that can be read: save it anew from {kind}.")
    remarks, out = _declared(path, list(columns), answers) if kind == "SPSS" else [], {}
    for name, values in columns.items():
        out[name] = labels.column(values)
        known = meta.variable_value_labels.get(name)
        if known:
            out[name], remark = labels.labelled(name, out[name], known)
            remarks += [remark] if remark else []
    return pa.table(out), Reading(kind, remarks=tuple(remarks)), None


def _declared(path: Path, columns: list[str], answers: Mapping[str, str]) -> list[str]:
    """What an SPSS file declares to be missing, and is read so: codes such as -9 for 'refused', a remark each column."""
    import pyreadstat

    _, meta = pyreadstat.read_sav(str(path), metadataonly=True, user_missing=True, encoding=answers.get("encoding"))
    return [
        f"{_ranges(meta.missing_ranges[name])} of column '{clipped(name)}' taken as no value, as the file declares"
        for name in columns
        if meta.missing_ranges.get(name)
    ]


def _ranges(ranges: Sequence[Any]) -> str:
    """Values and ranges of them: '-9 to -8, 99'."""
    both = [(r["lo"], r["hi"]) if isinstance(r, Mapping) else (r, r) for r in ranges]
    ends = [[clipped(f"{end:g}" if isinstance(end, float) else str(end), 20) for end in pair] for pair in both]
    return ", ".join(low if low == high else f"{low} to {high}" for low, high in ends)


def _check_size(file: str, rows: int | None, columns: int, size: int) -> None:
    """Refuse more rows than a file of this size holds, a byte each at least unless packed, and more than memory should hold."""
    if columns > MAX_COLUMNS:
        raise ProblemError(f"{file}: it has {columns:,} columns; the limit is {MAX_COLUMNS:,}: give a long table.")
    check_unpacked(file, (rows or 0) * columns * 8, size)


def _frame(path: Path, file: str, kind: str, answers: Mapping[str, str]) -> Read:
    """A data frame of R."""
    frame = rds.read_rds(path, file)
    names = frame.texts("names")
    if "data.frame" not in frame.texts("class") or not isinstance(frame.value, list) or len(names) != len(frame.value):
        raise ProblemError(f"{file}: it is not a data frame: save one, with saveRDS(as.data.frame(x), file).")
    remarks, out = [], {}
    for name, item in zip(names, frame.value, strict=True):
        name = str(name)
        if name in out:
            raise ProblemError(f"{file}: the column '{clipped(name)}' stands there a second time: rename one.")
        out[name] = _vector(file, name, item)
        known = item.attributes.get("labels")
        if known is not None and isinstance(known.value, np.ndarray):
            codes = labels.column(known.value).to_pylist()
            out[name], remark = labels.labelled(name, out[name], dict(zip(codes, map(str, known.texts("names")), strict=False)))
            remarks += [remark] if remark else []
    if len({len(a) for a in out.values()}) > 1:
        raise ProblemError(f"{file}: its columns differ in length: save it again.")
    return pa.table(out), Reading(kind, remarks=tuple(remarks)), None


def _vector(file: str, name: str, item: rds.Item) -> pa.Array:
    """A column of a data frame of R."""
    values, kinds = item.value, item.texts("class")
    if isinstance(values, list) and all(v is None or isinstance(v, str) for v in values):
        return pa.array(values, pa.string())
    if not isinstance(values, np.ndarray) or "dim" in item.attributes:
        raise ProblemError(f"{file}, column '{clipped(name)}': it holds lists, tables or complex numbers: give one plain value a row.")
    missing = values == rds.NA if values.dtype.kind == "i" else np.zeros(len(values), bool)
    if "factor" in kinds:
        return _factor(values, missing, item.texts("levels"))
    if "integer64" in kinds and values.dtype.kind == "f":
        values = values.view(np.int64)
        return pa.array(values, mask=values == np.iinfo(np.int64).min)
    if "Date" in kinds:
        days = labels.column(values)
        return days.cast(pa.int32()).cast(pa.date32()).cast(pa.string())
    if "POSIXct" in kinds:
        return pa.array(np.floor(values), from_pandas=True).cast(pa.int64()).cast(pa.timestamp("s")).cast(pa.string())
    return labels.column(values) if values.dtype.kind == "f" else pa.array(values, mask=missing)


def _factor(codes: np.ndarray, missing: np.ndarray, levels: list[Any]) -> pa.Array:
    if not (missing | ((codes >= 1) & (codes <= len(levels)))).all():
        raise ValueError("a factor refers to a level that it does not have")
    indices = pa.array(np.where(missing, 1, codes).astype(np.int32) - 1, mask=missing)
    return pa.array(levels, pa.string()).take(indices)


def _arrow(path: Path, file: str, kind: str, answers: Mapping[str, str]) -> Read:
    """An Arrow or Feather file or stream; what it says of its buffers is not trusted."""
    with pa.OSFile(str(path)) as source:
        magic = source.read(6)
        source.seek(0)
        if magic[:4] == b"FEA1":
            raise ProblemError(f"{file}: it is Feather of version 1: save it as version 2, or as Parquet.")
        reader = pa.ipc.open_file(source) if magic == b"ARROW1" else pa.ipc.open_stream(source)
        nested = next((f.name for f in reader.schema if pa.types.is_nested(f.type)), None)
        if nested is not None:
            raise ProblemError(f"{file}, column '{clipped(nested)}': it holds lists or records: give one plain value a row.")
        _check_size(file, 0, len(reader.schema.names), 0)  # which are decoded here
        batches, size = [], 0
        for batch in (reader.get_batch(i) for i in range(reader.num_record_batches)) if magic == b"ARROW1" else reader:
            batch.validate(full=True)
            size += batch.nbytes + 8 * batch.num_rows  # rows of nothing, too
            check_unpacked(file, size, size)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema), Reading(kind), None


#: Endings: what their files are, and how they are read.
FOREIGN: dict[str, tuple[str, Callable[[Path, str, str, Mapping[str, str]], Read]]] = {
    ".xlsx": ("Excel", _workbook),
    ".dta": ("Stata", _statistics),
    ".sas7bdat": ("SAS", _statistics),
    ".sav": ("SPSS", _statistics),
    ".zsav": ("SPSS", _statistics),
    ".rds": ("R", _frame),
    ".arrow": ("Arrow", _arrow),
    ".feather": ("Feather", _arrow),
}
