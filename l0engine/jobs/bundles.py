"""Bundles: jobs in one .zip, out of a store and into another; what comes in is checked as if an enemy had made it."""

from __future__ import annotations

import json
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from l0engine.errors import L0Error, ProblemError
from l0engine.io import load_problem
from l0engine.io.limits import clipped, shown
from l0engine.io.whole import write_whole
from l0engine.jobs.edge import at_the_edge
from l0engine.jobs.parcels import FORMAT, PLAIN, Entry, Manifest, checked_arrays, checked_files, checked_manifest, reading
from l0engine.jobs.records import ProblemRecord
from l0engine.jobs.store import Store

#: Files of a job that hold no microdata, by kind; weights go by the ids of households.
_FILES = {
    "calibration": ("config.json", "run.json", "weights.csv", "targets.csv", "solution.npz", "result.npz", "previous.npz", "points/*.npz"),
    "samples": ("selected.npz",),
}
#: Files of a job that stay: what it goes on from, and what names this machine.
_LEFT = ("checkpoint.npz", "worker.log")


@at_the_edge()
def export_jobs(store: Store, ids: Sequence[str], path: str | Path, *, microdata: bool = False) -> None:
    """Write jobs that have ended into one .zip: settings, snapshots, measures, weights, notes and events.

    Parameters
    ----------
    store : Store
    ids : sequence of str
    path : str or Path
        Written whole or not at all.
    microdata : bool
        With the problems, and all other files of the jobs: households, matrices, uploaded tables and images.

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
                for found in _files(folder, job.task.kind, microdata):
                    z.write(found, f"jobs/{job.id}/{found.relative_to(folder).as_posix()}")
            for sha in problems if microdata else ():
                for found in sorted((store.root / "problems" / sha).iterdir()):
                    z.write(found, f"problems/{sha}/{found.name}")

    try:
        write_whole(Path(path), write)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise L0Error(f"{shown(path)} cannot be written ({error.strerror}): choose another place.") from error


def import_jobs(store: Store, path: str | Path) -> list[str]:
    """Take in the jobs of a .zip that `export_jobs` wrote; their ids, which are new ones where a job has the id already.

    The problem of a run comes along where its microdata do; without, a run shows its results once the same problem is there.

    Raises
    ------
    L0Error
        The file is none of these, is damaged, or asks for too much; nothing is taken in.
    """
    staging = store.root / "runs" / f".new-{secrets.token_hex(8)}"
    with reading(Path(path)) as (archive, file), at_the_edge():
        manifest = checked_manifest(archive, file)
        files = checked_files(archive, file, manifest)
        try:
            staging.mkdir()
            for info, place in files:
                (staging / place).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, (staging / place).open("xb") as target:
                    shutil.copyfileobj(source, target)
            sizes = _take_problems(store, staging, manifest)
            for entry in manifest.jobs:
                if entry.kind == "calibration" and entry.result and not (staging / "jobs" / entry.id / "result.npz").is_file():
                    raise ProblemError(f"{file}: the weights of job {entry.id} are missing: export it again.")
                checked_arrays(staging / "jobs" / entry.id, file, sizes.get(entry.task.get("problem", "")))
            return [_take_job(store, staging / "jobs" / entry.id, entry) for entry in manifest.jobs]
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


def _files(folder: Path, kind: str, microdata: bool) -> Iterator[Path]:
    """The files of a job that go along."""
    found = folder.rglob("*") if microdata else (f for pattern in _FILES.get(kind, ()) for f in folder.glob(pattern))
    for file in sorted(found):
        if file.is_file() and not file.is_symlink() and not file.name.startswith(".") and file.name not in _LEFT:
            yield file


def _take_problems(store: Store, staging: Path, manifest: Manifest) -> dict[str, int]:
    """Read problems in a process with limits, as uploads are, and keep those that are what they are called; households by problem."""
    from l0engine.io.guarded import load_guarded

    for record in manifest.problems:
        raw = staging / "problems" / record.sha
        if raw.is_dir() and not (store.root / "problems" / record.sha).is_dir():
            clean = staging / "problems" / f"{record.sha}-clean"
            load_guarded(raw, clean)
            if load_problem(clean, ours=True).fingerprint != record.sha:
                raise ProblemError(f"The problem '{clipped(record.title)}' is not the one its runs were made of: export them again.")
            store.adopt_problem(clean, record.title, record.source)
    return {problem.sha: problem.n_households for problem in store.problems()}


def _take_job(store: Store, staged: Path, entry: Entry) -> str:
    """Move the files of a job to their place, and enter it; under a new id where there is one of its own already."""
    job_id = entry.id
    staged.mkdir(parents=True, exist_ok=True)
    while not store.enter(job_id, entry.row(), staged, entry.said()):
        job_id = f"{entry.id[:-4]}{secrets.token_hex(2)}"
    return job_id
