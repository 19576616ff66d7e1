"""Calibration logs of PolicyEngine: a run of another program to look at, as epochs x targets.

Two programs write a `calibration_log.csv` with a row per epoch and target, and columns epoch, target_name, target,
estimate, loss and others.
policyengine-us-data (`unified_calibration`) has a column rel_error, and its loss is that of the row: the squared relative error.
microcalibrate (`log_performance_over_epochs`) has none, and its loss is that of the epoch, the same in all of its rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.errors import ProblemError
from l0engine.io.limits import clipped, readable
from l0engine.io.tables import Table, read_table
from l0engine.io.whole import read_arrays, write_arrays

_NEEDED = ("epoch", "target_name", "target", "estimate", "loss")
#: Epochs x targets may be this many for each row of the file; beyond, the file is no log of the same targets again and again.
_CELLS_PER_ROW, _FREE_CELLS = 4, 1_000_000


@dataclass(frozen=True, eq=False)
class CalibrationLog:
    """What a run logged.

    Attributes
    ----------
    epochs : ndarray of int64, shape (n_epochs,)
        Rising.
    names : ndarray of str, shape (n_targets,)
        Unique; a name that stands several times in each epoch is numbered.
    values : ndarray of float64, shape (n_targets,)
        Published totals.
    estimates : ndarray of float64, shape (n_epochs, n_targets)
        nan where nothing was logged.
    loss : ndarray of float64, shape (n_epochs,)
        That of the epoch; where each target has its own, their mean.
    loss_by_target : bool
        Whether each target has its own.
    achievable : ndarray of bool, shape (n_targets,)
        False where the run knew of no household that could move the target.
    notes : tuple of str
        How the file was understood.
    """

    epochs: np.ndarray
    names: np.ndarray
    values: np.ndarray
    estimates: np.ndarray
    loss: np.ndarray
    loss_by_target: bool
    achievable: np.ndarray
    notes: tuple[str, ...] = ()

    @cached_property
    def errors(self) -> np.ndarray:
        """``(estimate - value) / abs(value)``, shape (n_epochs, n_targets); nan where the value is 0 or nothing was logged."""
        size = np.where(self.values != 0, np.abs(self.values), np.nan)
        return np.asarray((self.estimates - self.values) / size)


def read_log(path: Path) -> CalibrationLog:
    """Read a calibration log of either form.

    Raises
    ------
    ProblemError
        It is none, or it contradicts itself.
    """
    table = read_table(path)
    table.require(*_NEEDED)
    row_epoch = _epochs(table)
    epochs, at = np.unique(row_epoch, return_inverse=True)
    target, names = _targets(table, at)
    if len(epochs) * len(names) > _CELLS_PER_ROW * len(table) + _FREE_CELLS:
        raise ProblemError(
            f"{table.file}: its {len(table):,} rows name {len(epochs):,} epochs and {len(names):,} targets, of which few meet: "
            "give a log that holds the same targets in each epoch."
        )
    values = _values(table, target, names)
    estimates = np.full((len(epochs), len(names)), np.nan)
    estimates[at, target] = _numbers(table, "estimate")
    loss, by_target, notes = _loss(table, at, len(epochs))
    achievable = np.ones(len(names), bool)
    if "achievable" in table.columns:
        achievable[target] = np.asarray(pc.utf8_lower(table.data["achievable"].cast(pa.string()))) != "false"
    return CalibrationLog(epochs, names, values, estimates, loss, by_target, achievable, (*notes, *table.notes))


def save_log(log: CalibrationLog, path: Path) -> None:
    """Write what `load_log` reads back."""
    texts = json.dumps({"names": log.names.tolist(), "notes": log.notes, "loss_by_target": log.loss_by_target})
    arrays = {name: getattr(log, name) for name in ("epochs", "values", "estimates", "loss", "achievable")}
    write_arrays(path, {**arrays, "texts": np.frombuffer(texts.encode(), np.uint8)})


def load_log(path: Path) -> CalibrationLog:
    """Inverse of `save_log`."""
    with readable(path.name, "a calibration log"):
        arrays = read_arrays(path)
        texts = json.loads(arrays.pop("texts").tobytes())
        names, notes = np.array(texts["names"], object), tuple(texts["notes"])
        return CalibrationLog(names=names, notes=notes, loss_by_target=bool(texts["loss_by_target"]), **arrays)


def _epochs(table: Table) -> np.ndarray:
    given = table.numbers("epoch")
    bad = (given != np.round(given)) | (np.abs(given) > 2**53)
    if bad.any():
        row = int(np.argmax(bad))
        raise ProblemError(f"{table.place(row, 'epoch')}: {given[row]:g} is no epoch: give whole numbers.")
    falls = np.flatnonzero(np.diff(given) < 0)
    if len(falls):
        row = int(falls[0]) + 1
        raise ProblemError(
            f"{table.place(row, 'epoch')}: the epoch falls from {given[row - 1]:,.0f} to {given[row]:,.0f}, "
            "as where two runs wrote into one file: give the rows of one run."
        )
    return given.astype(np.int64)


def _targets(table: Table, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which target each row is of, and the names; a name that comes again in an epoch is another target."""
    encoded = pa.chunked_array(table.texts("target_name")).combine_chunks().dictionary_encode()
    code, names = encoded.indices.to_numpy().astype(np.int64), np.array(encoded.dictionary.to_pylist(), object)
    again = pd.DataFrame({"epoch": at, "code": code}).groupby(["epoch", "code"]).cumcount().to_numpy()
    if not again.any():
        return code, names
    keys, target = np.unique(again * len(names) + code, return_inverse=True)
    times, code = np.divmod(keys, len(names))
    return target, np.array([f"{names[c]} ({t + 1})" if t else names[c] for c, t in zip(code, times, strict=True)], object)


def _values(table: Table, target: np.ndarray, names: np.ndarray) -> np.ndarray:
    given, values = table.numbers("target").astype(np.float64), np.zeros(len(names))
    values[target] = given
    differs = np.abs(given - values[target]) > 1e-6 * np.abs(values[target])  # single precision was written by some
    if differs.any():
        row = int(np.argmax(differs))
        raise ProblemError(
            f"{table.place(row, 'target')}: '{clipped(str(names[target[row]]))}' is {given[row]:g} here and {values[target[row]]:g} in a "
            "later epoch: give the rows of one run."
        )
    return values


def _numbers(table: Table, column: str) -> np.ndarray:
    """A column in which a run that diverged leaves nan, inf or an empty cell: nan, then."""
    cells = table.data[column]
    if pa.types.is_string(cells.type):
        cells = pc.if_else(pc.is_in(pc.utf8_trim_whitespace(pc.utf8_lower(cells)), pa.array(["", "nan", "inf", "-inf"])), "nan", cells)
        with readable(f"{table.file}, column '{column}'", "numbers"):
            cells = cells.cast(pa.float64())
    found = np.array(cells.cast(pa.float64()).to_numpy(), np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def _loss(table: Table, at: np.ndarray, n_epochs: int) -> tuple[np.ndarray, bool, list[str]]:
    """The loss of each epoch, whether each target has its own, and a note where the columns say otherwise.

    The mean over an epoch's rows is right for both: of equal numbers it is the number.
    """
    given = pd.Series(_numbers(table, "loss")).groupby(at)
    varies = bool((given.max() > given.min()).any())
    by_target = "rel_error" in table.columns
    one_target = len(table) == n_epochs
    notes = []
    if varies != by_target and not one_target and (varies or bool((given.max() != 0).any())):
        by_target = varies
        notes.append(
            f"{table.file}: its columns are those of a log with one loss {'an epoch' if varies else 'a target'}, but its losses "
            f"{'differ between' if varies else 'are the same for'} the targets of an epoch, and are taken as such."
        )
    return given.mean().to_numpy(), by_target, notes
