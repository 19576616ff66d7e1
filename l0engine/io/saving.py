"""save_problem and save_table: write a problem folder or a table, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io.folder import RECIPE
from l0engine.io.limits import clipped, readable, shown, writable
from l0engine.io.optional import RULES, details_table, rules_table
from l0engine.io.whole import write_whole

_MAX_RECIPE_BYTES = 2**20


def recipe_in(folder: Path) -> str:
    """The recipe beside a problem that was made of tables, as TOML; empty where there is none.

    Raises
    ------
    ProblemError
        It is no text of a recipe's size.
    """
    return recipe_text(folder / RECIPE) if (folder / RECIPE).is_file() else ""


def recipe_text(path: Path) -> str:
    """The text of a recipe, or a ProblemError."""
    with readable(shown(path), "a recipe"):
        if path.stat().st_size > _MAX_RECIPE_BYTES:
            raise ValueError("too long")
        return path.read_text(encoding="utf-8-sig")


def save_problem(problem: Problem, folder: str | Path) -> None:
    """Write a problem folder that `load_problem` reads back with an equal fingerprint and the same notes.

    The folder appears whole or not at all; one that is there already must be empty.

    Raises
    ------
    ProblemError
        The folder is taken or cannot be written, or the problem holds what the files cannot.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProblemError(f"The folder '{shown(folder)}' exists already: choose another or remove it.")
    for what, labels in (("target name", problem.names), ("group", problem.groups), ("household id", problem.household_ids)):
        _check_labels(what, labels)
    partial = partial_folder(folder, os.getpid())
    try:
        with writable("folder", folder):
            partial.mkdir(parents=True)
            sp.save_npz(partial / "matrix.npz", problem.matrix, compressed=False)
            targets = {"target": problem.names, "value": problem.values, "group": problem.groups, "weight": problem.target_weights}
            frame = pd.concat([pd.DataFrame(targets), details_table(problem)], axis=1)
            _write_parquet(frame, partial / "targets.parquet")
            _write_parquet(_household_frame(problem), partial / "households.parquet")
            (partial / "notes.json").write_text(json.dumps(list(problem.notes), ensure_ascii=False), encoding="utf-8")
            if problem.artifact is not None:
                (partial / "artifact.json").write_text(json.dumps(problem.artifact.to_dict(), ensure_ascii=False), encoding="utf-8")
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet.

    Raises
    ------
    ProblemError
        It cannot be written there, or holds what Parquet cannot.
    """
    with writable("file", path):
        write_whole(path, lambda file: _write_parquet(frame, path, file))


def partial_folder(folder: Path, pid: int) -> Path:
    """Where process `pid` prepares `folder`."""
    return folder.with_name(f".{folder.name}.{pid}.partial")


def _check_labels(what: str, labels: np.ndarray) -> None:
    """Refuse to write what `Table.texts` would refuse to read."""
    for i, label in enumerate(labels):
        if (not label and what != "group") or any(c < " " or c == "\x7f" for c in label):
            raise ProblemError(f"The {what} {label!r} at position {i + 1:,} is empty or holds a control character: rename it.")


def _household_frame(problem: Problem) -> pd.DataFrame:
    own = pd.DataFrame({"household_id": problem.household_ids, "base_weight": problem.base_weights})
    taken = [str(c) for c in problem.attributes.columns if str(c) in (*own.columns, *RULES)]
    if taken:
        raise ProblemError(f"The household attribute '{taken[0]}' has the name of a column of ours: rename it.")
    return pd.concat([own, rules_table(problem), problem.attributes.rename(columns=str)], axis=1)


def _write_parquet(frame: pd.DataFrame, path: Path, file: IO[bytes] | None = None) -> None:
    """Write to a path, or to the file that takes its place."""
    try:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file or path, write_page_checksum=True)
    except pa.ArrowException as e:
        why = clipped(str(e).splitlines()[0], 160)
        raise ProblemError(f"{path.name}: it cannot be written ({why}): give each column one plain type.") from e
