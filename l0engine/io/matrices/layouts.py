"""The matrix as a table: long, wide, or wide the other way round; recognised from its column names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse as sp

from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import check_shape, clipped, listed
from l0engine.io.matrices.parts import from_coo
from l0engine.io.tables import Table

_LONG = ("target", "household_id", "value")


class TableMatrix(NamedTuple):
    """Matrix with rows in the order of the targets and columns in that of `household_ids`; duplicates stand."""

    matrix: sp.csr_array
    household_ids: list[str]
    layout: str


def with_our_heads(table: Table) -> Table:
    """The table with the columns that a matrix is matched by under our names; the others of a wide one are names themselves."""
    table = table.known("target", "household_id")
    return table.known("value") if {"target", "household_id"} <= set(table.columns) else table


def matrix_from_table(table: Table, targets: list[str], household_ids: list[str] | None) -> TableMatrix:
    """Match a matrix table by name.

    Parameters
    ----------
    targets : list of str
        Row order, from the targets file.
    household_ids : list of str or None
        Column order, from the households file; None takes the table's own order of first appearance.

    Raises
    ------
    ProblemError
        A name the other files do not know, or one of theirs that a wide table lacks.
    """
    has_target, has_id = "target" in table.columns, "household_id" in table.columns
    if has_target and has_id:
        table.require(*_LONG)
        return _long(table, targets, household_ids)
    if has_id:
        return _wide(table, "household_id", targets, household_ids)
    if has_target:
        return _wide(table, "target", targets, household_ids)
    raise ProblemError(
        f"{table.file}: found are the columns {listed(table.columns)}; needed are 'target', 'household_id', 'value' "
        "(one entry a row), or 'household_id' and one column a target: let the first row name the columns."
    )


def _long(table: Table, targets: list[str], household_ids: list[str] | None) -> TableMatrix:
    ids = table.coded("household_id")[1].to_pylist() if household_ids is None else household_ids
    check_shape(table.file, len(targets), len(ids))
    row = _found(table, "target", targets, "targets")
    column = _found(table, "household_id", ids, "households")
    return TableMatrix(from_coo(table.file, table.numbers("value"), row, column, (len(targets), len(ids))), ids, "long table")


def _wide(table: Table, key: str, targets: list[str], household_ids: list[str] | None) -> TableMatrix:
    """A table with a row for each household, or each target, by the column that names them, and a column for each of the others."""
    table.require(key)
    own, names = table.texts(key, unique=True).combine_chunks(), [c for c in table.columns if c != key]
    turned = key == "household_id"
    ids = household_ids if household_ids is not None else own.to_pylist() if turned else names
    check_shape(table.file, len(targets), len(ids))
    (what, down), (other, across) = (("household", ids), ("target", targets)) if turned else (("target", targets), ("household", ids))
    position = _matched(table, names, across, other)
    at = _positions(table, key, np.arange(len(own)), own, down, f"{what}s")
    if len(at) < len(down):
        raise _lacks(table, f"a row for {what}", sorted(set(range(len(down))) - set(at.tolist())), down)
    row, column, data = _entries(table, names, at, position)
    row, column = (column, row) if turned else (row, column)
    return TableMatrix(from_coo(table.file, data, row, column, (len(targets), len(ids))), ids, f"wide table, a row per {what}")


def _found(table: Table, column: str, known: list[str], what: str) -> np.ndarray:
    """Where each row's name stands among the known ones: at once where all are known as they stand in the file."""
    cells = table.data[column]
    if cells.type in (pa.string(), pa.large_string()):
        at = pc.index_in(cells.cast(pa.string()), value_set=pa.array(known, pa.string()))
        if not at.null_count:
            return np.asarray(at.to_numpy(), np.int64)
    return _positions(table, column, *table.coded(column), known, what)


def _positions(table: Table, column: str, codes: np.ndarray, names: pa.Array, known: list[str], what: str) -> np.ndarray:
    """Where each row's name stands among the known ones, shape (n_rows,)."""
    found = pc.index_in(_with_zeros(table, names, known, what), value_set=pa.array(known, pa.string()))
    if found.null_count:
        row = int(np.argmax(found.is_null().to_numpy(zero_copy_only=False)[codes]))
        raise ProblemError(
            f"{table.place(row, column)}: '{clipped(str(names[codes[row]]))}' is not among the {what}: "
            f"add it to the {what} file or remove the row."
        )
    at: np.ndarray = found.to_numpy().astype(np.int64)[codes]
    return at


def _with_zeros(table: Table, names: pa.Array, known: list[str], what: str) -> pa.Array:
    """The names as `known` writes them where they differ by leading zeros only, which spreadsheets take off; asked, unless it was said."""
    theirs = pa.array(known, pa.string())
    strange = pc.invert(pc.is_in(names, value_set=theirs))
    if not pc.any(strange).as_py():
        return names
    short, shorts = pc.utf8_ltrim(names, "0"), pc.utf8_ltrim(theirs, "0")
    at = pc.index_in(short, value_set=shorts)
    if at.null_count or len(pc.unique(shorts)) < len(known) or len(pc.unique(short)) < len(names):
        return names
    if table.answers.get("leading_zeros") == "ignore":
        return theirs.take(pc.cast(at, pa.int64()))
    row = int(np.argmax(strange.to_numpy(zero_copy_only=False)))
    mine, other = clipped(str(names[row])), clipped(str(theirs[at[row].as_py()]))
    ways = (("ignore", f"'{mine}' is '{other}'"),)
    raise AmbiguousTable(table.file, "leading_zeros", ways, f"{table.file}: '{mine}' is not among the {what}, but '{other}' is")


def _matched(table: Table, names: list[str], known: list[str], what: str) -> dict[str, int]:
    """Position of each column; every column must be known and every known name a column."""
    at = {n: i for i, n in enumerate(known)}
    position = {n: at[k] for n, k in zip(names, _with_zeros(table, pa.array(names), known, f"{what}s").to_pylist(), strict=True) if k in at}
    strange = [name for name in names if name not in position]
    if len(position) == len(known) < len(names):
        if table.answers.get("other_columns") == "leave out":
            return position
        ways = (("leave out", f"{listed(strange, 3)} {'is' if len(strange) == 1 else 'are'} left out"),)
        raise AmbiguousTable(table.file, "other_columns", ways, f"{table.file}: {listed(strange, 3)} is no {what}")
    for name in names:
        if name not in position:
            raise ProblemError(
                f"{table.file}, column '{clipped(name)}': no {what} has that name: add it to the {what}s file or remove the column."
            )
    if len(names) < len(known):
        raise _lacks(table, f"a column for {what}", sorted(set(range(len(known))) - set(position.values())), known)
    return position


def _lacks(table: Table, what: str, missing: list[int], names: list[str]) -> ProblemError:
    return ProblemError(
        f"{table.file}: it lacks {what} '{clipped(names[missing[0]])}' ({len(missing):,} such): add it, or remove it from the other file."
    )


def _entries(table: Table, names: list[str], at: np.ndarray, position: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-zero cells of a wide table: position of their row, of their column, and value."""
    across, along, data = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    for name in (n for n in names if n in position):
        values = table.numbers(name)
        k = np.flatnonzero(values)
        across.append(at[k])
        along.append(np.full(len(k), position[name]))
        data.append(values[k])
    return np.concatenate(across), np.concatenate(along), np.concatenate(data) if data else np.empty(0)
