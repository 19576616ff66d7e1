"""read_previous: the weights of an earlier answer, from a file."""

from __future__ import annotations

from pathlib import Path

from l0engine.calibration.problem.previous import Previous
from l0engine.errors import ProblemError
from l0engine.io.exports import FORMULA
from l0engine.io.limits import MAX_HOUSEHOLDS, shown
from l0engine.io.tables import read_table


def read_previous(path: Path) -> Previous:
    """Households and weights of a table with the columns household_id and weight, as `weights_table` has them.

    Parameters
    ----------
    path : Path
        Any kind of file that `read_table` takes.

    Raises
    ------
    AmbiguousTable
        It can be read in several ways.
    ProblemError
        A column is missing, an id stands twice, or a weight is negative or no number.
    """
    table = read_table(path).known("household_id", "weight")
    table.require("household_id", "weight")
    if len(table) > MAX_HOUSEHOLDS:
        raise ProblemError(f"{table.file}: it has {len(table):,} rows; the limit is {MAX_HOUSEHOLDS:,} households: take a sample.")
    ids = [_plain(i) for i in table.texts("household_id", unique=True).to_pylist()]
    return Previous.create(ids, table.numbers("weight"), shown(path))


def _plain(name: str) -> str:
    """An id without the apostrophe by which `csv_bytes` keeps spreadsheets from running it."""
    return name[1:] if name[:1] == "'" and name[1:].startswith(FORMULA) else name
