"""Ordered problems of PolicyEngine's microcosm, a whole problem in one NPZ file; and the solution that goes back.

The formats are `microcosm.calibrate.ordered-problem.v1` and `ordered-solution.v1`: CSR parts, targets and starting weights as arrays, all
else as JSON in UTF-8 bytes. Source: microcosm.calibrate.artifacts.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l0engine.calibration.metrics import active
from l0engine.calibration.problem.artifact import Artifact
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ProblemError
from l0engine.io.limits import check_shape, clipped, listed, readable, shown
from l0engine.io.matrices.npz import integers, members_of, numbers, read_array
from l0engine.io.matrices.parts import from_compressed

PROBLEM, SOLUTION = "microcosm.calibrate.ordered-problem.v1", "microcosm.calibrate.ordered-solution.v1"
_MEMBERS = {"data", "indices", "indptr", "targets", "weights", "metadata"}
_KINDS = ("design", "importance", "calibrated")
_MAX_METADATA_BYTES = 2**29
_AGAIN = "write it again with microcosm's encode_problem"


def is_ordered(path: Path) -> bool:
    """True where an NPZ file holds more than a matrix: the members of an ordered problem."""
    try:
        with readable(shown(path), "NPZ"), zipfile.ZipFile(path) as archive:
            return {"metadata.npy", "targets.npy", "weights.npy"} <= set(archive.namelist())
    except ProblemError:
        return False


def read_ordered(path: Path) -> Problem:
    """The problem of an ordered-problem file; its `artifact` says what the solution is for.

    Raises
    ------
    ProblemError
        It is not one, or its parts contradict each other.
    """
    file = shown(path)
    with readable(file, "an ordered problem"), zipfile.ZipFile(path) as archive:
        members = members_of(archive, file, path.stat().st_size)
        if set(members) != _MEMBERS:
            raise ProblemError(
                f"{file}: it holds {listed(sorted(members))}, and an ordered problem {listed(sorted(_MEMBERS))}: give an ordered problem, "
                "or a folder with matrix and targets."
            )
        if members["metadata"].file_size > _MAX_METADATA_BYTES:
            raise ProblemError(f"{file}, member 'metadata': it is larger than {_MAX_METADATA_BYTES / 2**20:,.0f} MiB: split the problem.")
        arrays = {name: read_array(archive, info, file, name) for name, info in members.items()}
        about = _metadata(file, arrays.pop("metadata"))
        with path.open("rb") as whole:
            artifact = Artifact(hashlib.file_digest(whole, "sha256").hexdigest(), _ids(file, about))
        return _problem(file, arrays, about, artifact)


def solution_bytes(problem: Problem, weights: np.ndarray) -> bytes:
    """Weights as an ordered-solution file, the same bytes each time.

    Parameters
    ----------
    problem : Problem
        One with an `artifact`.
    weights : ndarray, shape (n_households,)
    """
    if problem.artifact is None:
        raise ProblemError("This problem was not read from an ordered problem of microcosm: only such a one has an ordered solution.")
    ids = problem.artifact.entity_ids
    at = pd.Index(problem.household_ids).get_indexer(pd.Index([str(i) for i in ids]))
    metadata = {
        "schema": SOLUTION,
        "entity_ids": ids,
        "problem_sha256": problem.artifact.sha256,
        "diagnostics": {"producer": f"l0engine {version('l0engine')}", "kept": int(active(weights).sum())},
    }
    text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    arrays = {"metadata": np.frombuffer(text.encode(), np.uint8), "weights": np.where(at >= 0, weights[at], 0.0).astype("<f8")}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)  # dated 1980, as no clock was asked
    return out.getvalue()


def _metadata(file: str, raw: np.ndarray) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key of its metadata stands twice")
        return found

    def no_number(text: str) -> None:
        raise ValueError(f"its metadata hold {text}")

    if raw.dtype != np.uint8 or raw.ndim != 1:
        raise ProblemError(f"{file}, member 'metadata': it must be JSON as bytes: {_AGAIN}.")
    about = json.loads(raw.tobytes(), object_pairs_hook=once, parse_constant=no_number)
    schema = about.get("schema") if isinstance(about, dict) else None
    if schema != PROBLEM:
        raise ProblemError(f"{file}: its schema is '{clipped(str(schema), 60)}'; what can be read is '{PROBLEM}': {_AGAIN}.")
    return dict(about)


def _list(file: str, about: Mapping[str, Any], name: str, length: int | None = None) -> list[Any]:
    found = about.get(name)
    if not isinstance(found, list) or (length is not None and len(found) != length):
        many = f" of {len(found):,} entries where {length:,} are needed" if isinstance(found, list) else " missing or no list"
        raise ProblemError(f"{file}, metadata: '{name}' is{many}: {_AGAIN}.")
    return found


def _ids(file: str, about: Mapping[str, Any]) -> tuple[int | str, ...]:
    ids = _list(file, about, "entity_ids")
    bad = next((i for i in ids if isinstance(i, bool) or not isinstance(i, int | str)), None)
    if bad is not None:
        raise ProblemError(f"{file}, metadata: the entity id {clipped(repr(bad))} is no whole number and no text: {_AGAIN}.")
    return tuple(ids)


def _problem(file: str, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], artifact: Artifact) -> Problem:
    shape = _list(file, about, "shape", 2)
    if any(isinstance(n, bool) or not isinstance(n, int) for n in shape):
        raise ProblemError(f"{file}, metadata: 'shape' must be two whole numbers: {_AGAIN}.")
    q, n = shape
    check_shape(file, q, n)
    values, weights = (numbers(arrays[name], file, name, ndim=1) for name in ("targets", "weights"))
    for name, found, wanted in (("targets", len(values), q), ("weights", len(weights), n), ("entity_ids", len(artifact.entity_ids), n)):
        if found != wanted:
            raise ProblemError(f"{file}, '{name}': it has {found:,} entries where the shape says {wanted:,}: {_AGAIN}.")
    names, groups, details = _targets(file, about, values)
    indices, indptr = (integers(arrays[name], file, name) for name in ("indices", "indptr"))
    m = from_compressed(file, "csr", numbers(arrays["data"], file, "data", ndim=1), indices, indptr, (q, n))
    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        i = bad[0]
        raise ProblemError(f"{file}, 'weights': that of '{artifact.entity_ids[i]}' is {weights[i]:g}: give weights of 0 or more.")
    started = np.flatnonzero(weights > 0)
    notes = [_note(about, q, n, m.nnz), *_left_out(file, about, n - len(started))]
    ids = [str(i) for i in artifact.entity_ids]
    if len(started) < n:
        m, weights, ids = m[:, started], weights[started], [ids[i] for i in started]
    return Problem.create(
        m, values, names=names, groups=groups, base_weights=weights, household_ids=ids, target_details=details,
        notes=notes, artifact=artifact,
    )  # fmt: skip


def _targets(file: str, about: Mapping[str, Any], values: np.ndarray) -> tuple[list[str], list[str], pd.DataFrame]:
    """Names, groups and details, once the descriptions agree with the values; their tolerance is absolute, ours relative."""
    names, targets = (_list(file, about, name, len(values)) for name in ("names", "targets"))
    groups, details = [], []
    for name, target, value in zip(names, targets, values.tolist(), strict=True):
        if not isinstance(name, str) or not isinstance(target, dict):
            raise ProblemError(f"{file}, metadata: a target has no name or no description: {_AGAIN}.")
        if f"{target.get('name')}@{target.get('period')}" != name or target.get("value") != value:
            raise ProblemError(
                f"{file}: target '{clipped(name)}' is {value:g} in 'targets', and '{clipped(str(target.get('name')))}' of "
                f"{clipped(str(target.get('value')))} in its description: {_AGAIN}."
            )
        more = target.get("metadata")
        family = more.get("family") if isinstance(more, dict) else None
        source, tolerance = target.get("source"), target.get("tolerance")
        groups.append(str(family or source or "all"))
        details.append((tolerance / abs(value) if isinstance(tolerance, int | float) and value else np.nan, source, target.get("period")))
    return names, groups, pd.DataFrame(details, columns=["tolerance", "source", "year"])


def _note(about: Mapping[str, Any], q: int, n: int, entries: int) -> str:
    kind = about.get("weight_kind")
    weights = f"; its {kind} weights are the base weights" if kind in _KINDS else ""
    return f"An ordered problem of microcosm: {q:,} targets x {n:,} households, {entries:,} entries, in its own order{weights}."


def _left_out(file: str, about: Mapping[str, Any], weightless: int) -> list[str]:
    skipped = len(_list(file, about, "skipped"))
    out = [f"Targets that its writer could not compute, and that are not in it: {skipped:,}."] if skipped else []
    return out + ([f"Households of weight 0, which stay at 0: {weightless:,}."] if weightless else [])
