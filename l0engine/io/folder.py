"""load_problem: a problem as a folder of matrix, targets and households."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse as sp

from l0engine.calibration.problem.artifact import Artifact
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import AmbiguousTable, ProblemError
from l0engine.io.limits import MAX_HOUSEHOLDS, MAX_TARGETS, listed, readable, shown
from l0engine.io.matrices.layouts import matrix_from_table, with_our_heads
from l0engine.io.matrices.mtx import read_mtx
from l0engine.io.matrices.npz import read_npz
from l0engine.io.matrices.ordered import read_ordered
from l0engine.io.matrices.oriented import orientation, single
from l0engine.io.optional import RULES, details_of, optional_numbers, rules_note, rules_of
from l0engine.io.pickles import refuse_pickle
from l0engine.io.tables import TABLES, Table, attributes, ending, read_table
from l0engine.io.tables.heads import WEIGHTS, plain

#: Which files may play which role, in a problem folder.
ROLES = {
    "matrix": (".npz", ".mtx", *TABLES),
    "targets": TABLES,
    "households": TABLES,
    "problem": (".npz",),
}
#: Answers to what is unclear about the files, by their names; and the recipe of a problem that was made of tables.
ANSWERS, RECIPE = "reading.toml", "recipe.toml"
_MAX_NOTES_BYTES = 2**20


class _Targets(NamedTuple):
    names: list[str]
    values: np.ndarray
    groups: list[str] | None
    weights: np.ndarray | None
    scales: np.ndarray | None
    details: pd.DataFrame
    table: Table


class _Households(NamedTuple):
    ids: list[str]
    base_weights: np.ndarray | None
    attributes: pd.DataFrame
    rules: dict[str, np.ndarray | None]
    table: Table


def load_problem(path: str | Path, *, ours: bool = False) -> Problem:
    """Read a problem folder.

    Parameters
    ----------
    path : str or Path
        Folder with ``matrix.(npz|mtx)`` or a table, the table ``targets`` with columns ``target,value[,group][,weight][,scale]``
        and those of `details.COLUMNS` and, optionally, the table ``households`` with ``household_id[,base_weight]``, those of
        `optional.RULES` and attributes. Cells of optional columns may be empty. Tables may be ``.parquet``, text (``.csv``,
        ``.tsv``, ``.txt``, also ``.gz``) or of another program.
        Or ``problem.npz`` alone, an ordered problem of microcosm, which may be given itself.
        NPZ and MTX follow the order of the other files; tables are matched by name.
        ``reading.toml`` may say how a file is to be read: ``["targets.csv"]``, then lines such as ``decimal = ","``.
    ours : bool
        `save_problem` wrote the folder, and nobody else can have: its notes, and what it says of its origin, are taken over.

    Returns
    -------
    Problem
        Its notes say how the files were understood.

    Raises
    ------
    AmbiguousTable
        A file can be read in several ways: which, and what each would mean.
    ProblemError
        One sentence: which file, where in it, and what to do.
    """
    folder = Path(path)
    if folder.suffix == ".npz" and folder.is_file():
        return read_ordered(folder)
    refuse_pickle(folder.name)
    if not folder.is_dir():
        raise ProblemError(f"'{shown(folder)}' is not a folder: give the folder that holds matrix, targets and households.")
    if (whole := _only(folder, "problem")) is not None:
        return read_ordered(whole)
    matrix_file, targets_file = (_required(folder, role) for role in ("matrix", "targets"))
    households_file = _only(folder, "households")
    answers = answers_in(folder)
    targets = _targets(read_table(targets_file, answers.get(targets_file.name)), ours)
    households = None if households_file is None else _households(read_table(households_file, answers.get(households_file.name)))
    m, ids, note = _matrix(matrix_file, targets, households, answers.get(matrix_file.name))
    notes = [note]
    entries = m.nnz
    m.sum_duplicates()
    if m.nnz < entries:
        notes.append(f"Matrix: {entries - m.nnz:,} repeated entries were added to their first.")
    for table in (targets.table, *([] if households is None else [households.table])):
        notes.extend(table.notes)
    rules = {} if households is None else households.rules
    notes.extend(rules_note(rules))
    stored = _stored_notes(folder) if ours else None
    with readable(shown(folder), "a problem"):
        return Problem.create(
            m,
            targets.values,
            names=targets.names,
            groups=targets.groups,
            target_weights=targets.weights,
            base_weights=None if households is None else households.base_weights,
            household_ids=ids,
            attributes=None if households is None else households.attributes,
            scales=targets.scales,
            target_details=targets.details,
            **rules,
            notes=notes if stored is None else stored,
            artifact=_stored_artifact(folder) if ours else None,
        )


def _only(folder: Path, role: str) -> Path | None:
    found = [f for f in (folder / f"{role}{suffix}" for suffix in ROLES[role]) if f.is_file()]
    if len(found) > 1:
        raise ProblemError(f"There are {listed([f.name for f in found])} for the {role}: keep one of them.")
    return found[0] if found else None


def _required(folder: Path, role: str) -> Path:
    found = _only(folder, role)
    if found is None:
        choices = " or ".join(f"{role}{suffix}" for suffix in ROLES[role] if suffix in (".npz", ".mtx", ".parquet", ".csv"))
        raise ProblemError(f"The folder '{shown(folder)}' has no {role} file: add {choices}.")
    return found


def answers_in(folder: Path) -> Mapping[str, Mapping[str, str]]:
    path = folder / ANSWERS
    if not path.is_file():
        return {}
    with readable(path.name, "TOML"):
        if path.stat().st_size > _MAX_NOTES_BYTES:
            raise ValueError("too long")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    if not all(isinstance(said, dict) for said in found.values()):
        raise ProblemError(f'{path.name}: give answers by file: a line ["targets.csv"], then lines such as decimal = ",".')
    return found


def _targets(table: Table, ours: bool) -> _Targets:
    table = table.known("target", "value", "group", "weight")
    table.require("target", "value")
    table = table.with_values("value")
    if len(table) > MAX_TARGETS:
        raise ProblemError(f"{table.file}: it has {len(table):,} rows; the limit is {MAX_TARGETS:,} targets: split the problem.")
    has = table.columns
    weights = table.numbers("weight") if "weight" in has else None
    if weights is not None and (weights < 0).any():
        place = table.place(int(np.argmax(weights < 0)), "weight")
        raise ProblemError(f"{place}: the weight is negative: set it to 0 (left out) or more.")
    groups = table.texts("group", empty=True).to_pylist() if "group" in has else None
    names, scales = table.texts("target", unique=True).to_pylist(), optional_numbers(table, "scale")
    return _Targets(names, table.numbers("value"), groups, weights, scales, details_of(table, ours), table)


def _households(table: Table) -> _Households:
    table = _with_weight(table.known("household_id", "base_weight"))
    table.require("household_id")
    if len(table) > MAX_HOUSEHOLDS:
        raise ProblemError(f"{table.file}: it has {len(table):,} rows; the limit is {MAX_HOUSEHOLDS:,} households: take a sample.")
    base = table.numbers("base_weight") if "base_weight" in table.columns else None
    if base is not None and (base <= 0).any():
        row = int(np.argmax(base <= 0))
        place = table.place(row, "base_weight")
        raise ProblemError(f"{place}: it is {base[row]:g}; base weights must be positive: remove the household or give it a weight.")
    ids = table.texts("household_id", unique=True).to_pylist()
    rest = [c for c in table.columns if c not in ("household_id", "base_weight", *RULES)]
    return _Households(ids, base, attributes(table, rest), rules_of(table, base), table)


def _with_weight(table: Table) -> Table:
    """The table with a column that keeps the weights under another name taken as the base weights; asked where there are several."""
    found = [c for c in table.columns if WEIGHTS.fullmatch(plain(c))]
    if "base_weight" in table.columns or "base_weight" in table.answers or not found:
        return table
    if len(found) > 1:
        options = (*((c, f"it begins {listed(map(str, table.data[c][:2].to_pylist()))}") for c in found), ("none", "all start alike"))
        raise AmbiguousTable(table.file, "base_weight", options, f"{table.file}: {listed(found)} may all be the base weights")
    return replace(table, answers={**table.answers, "base_weight": found[0]}).known("base_weight")


def _matrix(
    path: Path, targets: _Targets, households: _Households | None, answers: Mapping[str, str] | None
) -> tuple[sp.csr_array, list[str] | None, str]:
    """Matrix as targets x households, the household ids, and the note on how it was understood."""
    ids = None if households is None else households.ids
    if ending(path.name) in TABLES:
        table = with_our_heads(read_table(path, answers))
        m, ids, layout = matrix_from_table(table, targets.names, ids)
        note = f"Matrix: {layout}, {m.nnz:,} entries; targets and households matched by name."
        if table.notes:
            note = f"{note[:-1]}; {table.notes[0]}"
        return (single(m) if path.suffix == ".csv" else m), ids, note
    q, n = len(targets.names), None if ids is None else len(ids)

    def fits(rows: int, columns: int, entries: int) -> None:
        orientation(shown(path), (rows, columns), entries, q, n, targets.table.file)

    m, kind = read_npz(path, fits) if path.suffix == ".npz" else read_mtx(path, fits)
    turn, how = orientation(shown(path), m.shape, m.nnz, q, n, targets.table.file)
    m = sp.csr_array(m.T) if turn else m
    note = f"Matrix: {kind}, {m.shape[0]:,} targets x {m.shape[1]:,} households, {m.nnz:,} entries, {how}."
    return (m if path.suffix == ".npz" else single(m)), ids, note


def _stored_notes(folder: Path) -> list[str] | None:
    """Notes of a folder that `save_problem` wrote; they replace those of reading it back."""
    path = folder / "notes.json"
    if not path.is_file():
        return None
    with readable(path.name, "a list of notes"):
        if path.stat().st_size > _MAX_NOTES_BYTES:
            raise ValueError("too long")
        notes = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(notes, list) and all(isinstance(n, str) for n in notes)):
            raise ValueError("not a list of texts")
    return notes


def _stored_artifact(folder: Path) -> Artifact | None:
    """What a problem that `save_problem` wrote had been read from."""
    path = folder / "artifact.json"
    if not path.is_file():
        return None
    with readable(path.name, "what a problem was read from"):
        return Artifact.from_dict(json.loads(path.read_text(encoding="utf-8")))
