"""Bundles: jobs in one .zip, out of a store and into another; what comes in is checked as if an enemy had made it."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l0engine.errors import L0Error, ProblemError
from l0engine.io import load_problem
from l0engine.io.build.recipe import Recipe
from l0engine.io.limits import clipped, shown
from l0engine.io.saving import recipe_in
from l0engine.io.whole import read_arrays, write_whole
from l0engine.jobs.bundles.parcels import (
    CHECKPOINT,
    FORMAT,
    PLAIN,
    Entry,
    Manifest,
    Named,
    checked_arrays,
    checked_files,
    checked_manifest,
    reading,
)
from l0engine.jobs.disk.edge import at_the_edge
from l0engine.jobs.disk.room import Needs
from l0engine.jobs.job import titled
from l0engine.jobs.records import Calibration, ProblemRecord
from l0engine.jobs.shelves.keeping import NAME
from l0engine.jobs.store import Store
from l0engine.jobs.task import task_of

#: Files of a job that hold no microdata, by kind; weights go by the ids of households.
_FILES = {
    "calibration": ("config.json", "run.json", "weights.csv", "targets.csv", "solution.npz", "result.npz", "previous.npz", "points/*.npz"),
    "samples": ("selected.npz",),
}
#: What names this machine stays; what a job goes on from does so unless it is asked for.
_LEFT = ("worker.log", CHECKPOINT)


@at_the_edge()
def export_jobs(store: Store, ids: Sequence[str], path: str | Path, *, microdata: bool = False, checkpoint: bool = False) -> None:
    """Write jobs that have ended into one .zip: settings, snapshots, measures, weights, notes and events.

    Parameters
    ----------
    store : Store
    ids : sequence of str
    path : str or Path
        Written whole or not at all.
    microdata : bool
        With the problems and their recipes, and all other files of the jobs: households, matrices, uploaded tables and images.
    checkpoint : bool
        With the states that calibrations go on from, bit for bit, where their problems are; 32 bytes for a household.

    Raises
    ------
    L0Error
        A job is unknown or has not ended, or the file cannot be written.
    """
    jobs = [store.job(job_id) for job_id in dict.fromkeys(ids)]
    if waiting := [job.id for job in jobs if not job.status.ended]:
        raise L0Error(f"Job {waiting[0]} has not ended: stop it, or leave it out.")
    problems = {p.sha: p for p in store.problems() if any(getattr(job.task, "problem", None) == p.sha for job in jobs)}
    if not jobs:
        raise L0Error("No job is chosen: name one or more.")

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
            manifest = {"format": FORMAT, "jobs": [_entry(store, job) for job in jobs], "problems": _records(problems)}
            z.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False))
            for job in jobs:
                folder = store.folder(job.id)
                for found in _files(folder, job.task.kind, microdata, checkpoint):
                    z.write(found, f"jobs/{job.id}/{found.relative_to(folder).as_posix()}")
            for sha in problems if microdata else ():
                for found in sorted((store.root / "problems" / sha).iterdir()):
                    z.write(found, f"problems/{sha}/{found.name}")

    try:
        write_whole(Path(path), write)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise L0Error(f"{shown(path)} cannot be written ({error.strerror}): choose another place.") from error


def import_jobs(store: Store, path: str | Path, *, again: bool = False) -> list[str]:
    """Take in the jobs of a .zip that `export_jobs` wrote, marked as such; their ids, which are new ones where a job has the id already.

    The problem of a run comes along where its microdata do; without, a run shows its results once the same problem is there. A job that
    is there already gets a second one beside it, with '(2)' at the end of its name.

    Parameters
    ----------
    store : Store
    path : str or Path
    again : bool
        Also where this very file was taken in before.

    Raises
    ------
    L0Error
        The file is none of these, is damaged, asks for too much, or was taken in before; nothing is taken in.
    """
    staging = store.root / "runs" / f".new-{secrets.token_hex(8)}"
    with reading(Path(path)) as (archive, file), at_the_edge():
        with open(path, "rb") as whole:
            sha = hashlib.file_digest(whole, "sha256").hexdigest()
        if not again:
            _check_new(store, sha, file)
        manifest = checked_manifest(archive, file)
        files = checked_files(archive, file, manifest)
        store.admit(Needs(sum(info.file_size for info, _ in files), 0))
        try:
            staging.mkdir()
            for info, place in files:
                (staging / place).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, (staging / place).open("xb") as target:
                    shutil.copyfileobj(source, target)
            problems = _problems(store, staging, manifest)
            sizes = {p.sha: p.n_households for p in store.problems()} | {p.record.sha: p.households for p in problems}
            for entry in manifest.jobs:
                if entry.kind == "calibration" and entry.result and not (staging / "jobs" / entry.id / "result.npz").is_file():
                    raise ProblemError(f"{file}: the weights of job {entry.id} are missing: export it again.")
                epochs = entry.epochs if entry.kind == Calibration.kind else None
                checked_arrays(staging / "jobs" / entry.id, file, sizes.get(entry.task.get("problem", "")), epochs)
            for p in problems:
                store.adopt_problem(p.folder, p.record.title, p.record.source, p.recipe)
            return [_take_job(store, staging / "jobs" / entry.id, entry, sha) for entry in manifest.jobs]
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _entry(store: Store, job: Any) -> dict[str, Any]:
    plain = {name: getattr(job, name) for name in PLAIN}
    return {
        **plain,
        "kind": job.task.kind,
        "task": job.task.to_dict(),
        "result": None if job.result is None else job.result.to_dict(),
        "snapshots": [s.to_dict() for s in store.snapshots(job.id)],
        "points": [p.to_dict() for p in store.points(job.id)],
        "events": [event._asdict() for event in store.events(job.id)],
    }


def _records(problems: dict[str, ProblemRecord]) -> list[dict[str, str]]:
    return [{"sha": p.sha, "title": p.title, "source": p.source} for p in problems.values()]


def _files(folder: Path, kind: str, microdata: bool, checkpoint: bool) -> Iterator[Path]:
    """The files of a job that go along."""
    found = folder.rglob("*") if microdata else (f for pattern in _FILES.get(kind, ()) for f in folder.glob(pattern))
    if checkpoint and (folder / CHECKPOINT).is_file():
        yield folder / CHECKPOINT
    for file in sorted(found):
        if file.is_file() and not file.is_symlink() and not file.name.startswith(".") and file.name not in _LEFT:
            yield file


class Brought(NamedTuple):
    """A problem of a bundle that is not in the store yet, read and found to be what it is called."""

    record: Named
    folder: Path
    households: int
    recipe: str


def _problems(store: Store, staging: Path, manifest: Manifest) -> list[Brought]:
    """Read the problems in a process with limits, as uploads are."""
    from l0engine.io.guarded import load_guarded

    found = []
    for record in manifest.problems:
        raw = staging / "problems" / record.sha
        if raw.is_dir() and not (store.root / "problems" / record.sha).is_dir():
            clean = staging / "problems" / f"{record.sha}-clean"
            load_guarded(raw, clean)
            problem = load_problem(clean, ours=True)
            if problem.fingerprint != record.sha:
                raise ProblemError(f"The problem '{clipped(record.title)}' is not the one its runs were made of: export them again.")
            if recipe := recipe_in(raw):
                Recipe.from_toml(recipe)  # refuses what is none
            found.append(Brought(record, clean, problem.n_households, recipe))
    return found


def _check_new(store: Store, sha: str, file: str) -> None:
    """Refuse a file that was taken in before."""
    if there := store.imports(sha):
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        trashed = ", in the trash" if store.job(there[0]).deleted is not None else ""
        raise L0Error(
            f"{file}: already here as {there[0]}{trashed}{more}: 'jobs import --again', or the box on the Runs page, takes it in once more."
        )


def _take_job(store: Store, staged: Path, entry: Entry, bundle: str) -> str:
    """Move the files of a job to their place, and enter it; under a new id where there is one of its own already."""
    job_id, row = entry.id, {**entry.row(), "imported": time.time(), "bundle": bundle}
    staged.mkdir(parents=True, exist_ok=True)
    if (staged / CHECKPOINT).is_file():
        row["checkpoint"] = int(read_arrays(staged / CHECKPOINT)["step"])
    if copies := store.copies(entry.kind, entry.created):
        end = f" ({copies + 1})"
        row["name"] = titled(entry.name, entry.created, task_of(entry.kind, entry.task))[: NAME - len(end)] + end
    while not store.enter(job_id, row, staged, entry.said()):
        job_id = f"{entry.id[:-4]}{secrets.token_hex(2)}"
    return job_id
