"""What may stand in a bundle of jobs, and the checks it goes through before anything of it is kept."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from l0engine.calibration.results import Status
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.steering import steered
from l0engine.errors import L0Error, ProblemError
from l0engine.io.limits import MAX_BYTES, MAX_HOUSEHOLDS, check_unpacked, clipped, readable, shown
from l0engine.io.matrices.npz import members_of, read_array
from l0engine.jobs.job import checked_id
from l0engine.jobs.records import Calibration, PointRecord
from l0engine.jobs.shelves.keeping import NAME, NOTE
from l0engine.jobs.shelves.points import KEY
from l0engine.jobs.shelves.problems import SHA
from l0engine.jobs.task import KINDS, task_class, task_of

FORMAT = "l0engine jobs 1"
#: Attributes of a job that go along as they are.
PLAIN = ("id", "status", "message", "created", "started", "ended", "sweep", "name", "note", "pinned")
#: Files of a bundle, and bytes of its manifest, at most.
_MOST_FILES, _MOST_BYTES = 50_000, 512 * 2**20
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}"
_FILE = re.compile(rf"jobs/[0-9]{{8}}-[0-9]{{6}}-[0-9a-f]{{4}}/({_NAME}/)?{_NAME}")
_PROBLEM = re.compile(r"problems/[0-9a-f]{64}/(matrix.npz|targets.parquet|households.parquet|(notes|artifact).json|recipe.toml)")
_SWEEP = re.compile(r"[0-9a-f]{1,32}")
#: What would be run, or names another machine, is not taken in.
_REFUSED = re.compile(r"(worker\.log|.*\.py)", re.IGNORECASE)
#: The state a calibration goes on from.
CHECKPOINT = "checkpoint.npz"


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """An `Event`."""

    step: int | None
    changes: dict[str, Any]
    time: float


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A job, as in `JobRecord`, with all it said."""

    id: str
    kind: str
    task: dict[str, Any]
    status: Status
    message: str
    created: float
    started: float | None
    ended: float | None
    sweep: str | None
    name: str
    note: str
    pinned: bool
    result: dict[str, Any] | None
    snapshots: list[dict[str, Any]]
    points: list[dict[str, Any]]
    events: list[Said]

    @property
    def epochs(self) -> int:
        """The steps of a calibration in all, with those it went on for."""
        begun = Calibration.from_dict(self.task).config.epochs
        return max([begun, *(int(e.changes.get("epochs", 0)) for e in self.events)])

    def row(self) -> dict[str, Any]:
        """Its row, once checked; what had not ended is interrupted."""
        ended = self.status.ended
        return {
            **{name: getattr(self, name) for name in PLAIN if name != "id"},
            "status": self.status if ended else Status.INTERRUPTED,
            "kind": self.kind,
            "problem": self.task.get("problem") if self.kind == Calibration.kind else None,
            "task": json.dumps(self.task),
            "result": None if self.result is None else json.dumps(self.result),
        }

    def said(self) -> dict[str, list[tuple[Any, ...]]]:
        """What it said, by table."""
        return {
            "snapshots": [(s["step"], json.dumps(s)) for s in self.snapshots],
            "points": [(PointRecord.from_dict(p).key, json.dumps(p)) for p in self.points],
            "events": [(e.step, json.dumps(e.changes), e.time) for e in self.events],
        }


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A problem."""

    sha: str
    title: str
    source: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a bundle says of itself."""

    format: str
    jobs: list[Entry]
    problems: list[Named]


@contextmanager
def reading(path: Path) -> Iterator[tuple[zipfile.ZipFile, str]]:
    """A .zip that may be anything, and its name for messages."""
    file = shown(path)
    with readable(file, "a bundle of jobs"), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_FILES or len({i.filename.lower() for i in infos}) < len(infos):
            raise ProblemError(f"{file}: it holds {len(infos):,} files, some twice or too many: export the jobs again.")
        if any(i.flag_bits & 1 for i in infos):
            raise ProblemError(f"{file}: it is encrypted: pack it without a password.")
        check_unpacked(file, sum(i.file_size for i in infos), path.stat().st_size)
        yield archive, file


def checked_manifest(archive: zipfile.ZipFile, file: str) -> Manifest:
    """The jobs of a bundle, each part read as the store would read it.

    Raises
    ------
    L0Error
        It is no bundle, or a part is not what it should be.
    """
    if "manifest.json" not in archive.namelist() or archive.getinfo("manifest.json").file_size > _MOST_BYTES:
        raise ProblemError(f"{file}: it is no bundle of jobs: export them on the Runs page or with 'jobs export'.")
    try:
        manifest = msgspec.json.decode(archive.read("manifest.json"), type=Manifest)
        if manifest.format != FORMAT:
            raise ProblemError(f"{file}: its format is '{clipped(manifest.format)}' but this version reads '{FORMAT}': update l0engine.")
        for entry in manifest.jobs:
            _check(entry)
        if not all(SHA.fullmatch(p.sha) and len(p.title) <= 200 and len(p.source) <= 200 for p in manifest.problems):
            raise ValueError("a problem has no proper name")
        if len({entry.id for entry in manifest.jobs}) < len(manifest.jobs):
            raise ValueError("a job stands in it twice")
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, L0Error):
            raise
        reason = clipped(str(error), 160)
        raise ProblemError(f"{file}: what it says of its jobs cannot be read ({reason}): export them again.") from error
    return manifest


def checked_files(archive: zipfile.ZipFile, file: str, manifest: Manifest) -> list[tuple[zipfile.ZipInfo, str]]:
    """The files of a bundle and their places, which are names known to be harmless; any other refuses the bundle."""
    kinds, problems, found = {e.id: e.kind for e in manifest.jobs}, {p.sha for p in manifest.problems}, []
    for info in archive.infolist():
        name = info.filename
        if name == "manifest.json":
            continue
        parts = name.split("/")
        known = (_FILE.fullmatch(name) and parts[1] in kinds) or (_PROBLEM.fullmatch(name) and parts[1] in problems)
        fits = known and not _REFUSED.fullmatch(parts[-1])
        if fits and parts[-1].lower() == CHECKPOINT:
            fits = name == f"jobs/{parts[1]}/{CHECKPOINT}" and kinds[parts[1]] == Calibration.kind
        if not fits:
            raise ProblemError(f"{file}: '{clipped(name, 80)}' has no place in a bundle of jobs: export them again.")
        found.append((info, name))
    return found


def checked_arrays(folder: Path, file: str, households: int | None, epochs: int | None) -> None:
    """Refuse arrays of a job that hold objects, lie about their size, or cannot be of so many households, or so many steps."""
    for path in sorted(folder.rglob("*.npz")):
        with readable(file, "a bundle of jobs"), zipfile.ZipFile(path) as archive:
            members = members_of(archive, file, path.stat().st_size)
            arrays = {name: read_array(archive, info, file, name, MAX_BYTES) for name, info in members.items()}
        n = MAX_HOUSEHOLDS if households is None else households
        if path.name == "result.npz":
            sizes = {len(_weights(arrays, name, file)) for name in ("weights", "gated_weights")}
            if len(sizes) > 1 or (households is not None and sizes != {households}):
                raise ProblemError(f"{file}: weights of {path.parent.name} are not one for each household: export the job again.")
        elif path.name == CHECKPOINT:
            _check_state(arrays, n, epochs or 0, file, path.parent.name)
        elif path.parent.name == "points":
            at = arrays.get("households", np.zeros(0))
            fits = at.ndim == 1 and at.dtype.kind in "iu" and len(at) == len(_weights(arrays, "weights", file))
            if not fits or (len(at) and (at.min() < 0 or at.max() >= n)):
                raise ProblemError(f"{file}: a point of {path.parent.parent.name} has households that are not there: export it again.")


def _check_state(arrays: Mapping[str, np.ndarray], n: int, epochs: int, file: str, job: str) -> None:
    """Refuse what no fit of n households over so many steps can have come to."""
    try:
        state = TrainingState.from_arrays(arrays)
        alive, tensors = state.alive, (state.parameters, state.exp_avg, state.exp_avg_sq)
        sound = (
            set(arrays) == set(state.to_arrays())
            and all(a.dtype.kind == "i" for a in (state.step, alive))
            and state.step.shape == ()
            and 0 <= int(state.step) <= epochs
            and alive.ndim == 1
            and bool((np.diff(alive, prepend=-1, append=n) > 0).all())
            and all(t.dtype == np.float32 and t.shape == (2, len(alive)) and bool(np.isfinite(t).all()) for t in tensors)
            and bool((state.exp_avg_sq >= 0).all())
            and state.settled.dtype == np.float64
            and state.settled.shape in ((3,), (4,))
        )
    except KeyError:
        sound = False
    if not sound:
        raise ProblemError(f"{file}: the checkpoint of job {job} is not the state of such a fit: export the job again, or without it.")


def _weights(arrays: Mapping[str, np.ndarray], name: str, file: str) -> np.ndarray:
    found = arrays.get(name)
    if found is None or found.ndim != 1 or found.dtype.kind != "f" or not (np.isfinite(found) & (found >= 0)).all():
        raise ProblemError(f"{file}: '{name}' are no weights, which are numbers of 0 or more: export the job again.")
    return found


def _check(entry: Entry) -> None:
    """Read every part of a job, and bound what a person may have written."""
    checked_id(entry.id)
    if entry.kind not in KINDS:
        raise ProblemError(f"Job {entry.id} is of another version: update l0engine.")
    task = task_of(entry.kind, entry.task)
    of = task_class(entry.kind)
    if entry.result is not None:
        of.result.from_dict(entry.result)
    steps = [of.snapshot.from_dict(s).step for s in entry.snapshots]
    points = [PointRecord.from_dict(p).key for p in entry.points]
    if len(set(steps)) < len(steps) or len(set(points)) < len(points) or min(steps, default=0) < 0:
        raise ValueError("a snapshot or point stands in it twice")
    if not all(KEY.fullmatch(key) for key in points):
        raise ValueError("a point has no proper name")
    if len(entry.name) > NAME or max(len(entry.note), len(entry.message)) > NOTE or not entry.name.isprintable():
        raise ValueError("a text is too long")
    if entry.sweep is not None and not _SWEEP.fullmatch(entry.sweep):
        raise ValueError("a sweep has no proper name")
    if isinstance(task, Calibration):
        if not SHA.fullmatch(task.problem):
            raise ValueError("a problem has no proper name")
        config = task.config
        for event in entry.events:
            for name, value in event.changes.items():
                config = steered(config, name, value)
    elif entry.events:
        raise ValueError("a study has no events")
