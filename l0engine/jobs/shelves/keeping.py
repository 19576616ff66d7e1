"""KeepingShelf: what a person does with jobs that are there: name, note, pin, trash, clear."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.disk.room import Room, quota, size_of
from l0engine.jobs.job import JobRecord, checked_id
from l0engine.jobs.records import ProblemRecord
from l0engine.jobs.shelves.checkpoints import CheckpointShelf
from l0engine.jobs.shelves.rows import one_job, update_row

#: Characters of a name, and of a note, at most.
NAME, NOTE = 120, 10_000
#: More jobs than any store has.
ALL = 1_000_000
_ENDED = tuple(status for status in Status if status.ended)
_DAY = 86_400.0
_TABLES = (("snapshots", "run"), ("looks", "run"), ("points", "run"), ("events", "job"), ("jobs", "id"))


class KeepingShelf(CheckpointShelf):
    """The part of `Store` that names jobs and clears them away."""

    def rename(self, job_id: str, name: str) -> JobRecord[Any, Any]:
        """Give a job a name, on one line; an empty one takes it back."""
        name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
        if len(name) > NAME:
            raise L0Error(f"The name has {len(name):,} characters: use {NAME} at most, and the note for more.")
        return self._set(job_id, name=name)

    def set_note(self, job_id: str, text: str) -> JobRecord[Any, Any]:
        """Keep a note with a job, in the place of its last one."""
        if len(text) > NOTE:
            raise L0Error(f"The note has {len(text):,} characters: use {NOTE:,} at most.")
        return self._set(job_id, note=text.strip())

    def pin(self, job_id: str, pinned: bool = True) -> JobRecord[Any, Any]:
        """Pin a job, so that `older_than` leaves it out, or take the pin off."""
        return self._set(job_id, pinned=int(pinned))

    # The trash

    def trash(self, ids: Sequence[str]) -> None:
        """Put jobs into the trash, where `restore` finds them; all of them, or none.

        Raises
        ------
        L0Error
            One has not ended, or is there already.
        """
        with self._database.write() as db:
            for job_id in ids:
                row = _status(db, job_id)
                if not Status(row["status"]).ended:
                    raise L0Error(f"Job {job_id} is {row['status']}: stop it first, then delete it.")
                if row["deleted"] is not None:
                    raise L0Error(f"Job {job_id} is in the trash already: restore it, or remove it for good.")
                update_row(db, job_id, deleted=time.time())

    def restore(self, ids: Sequence[str]) -> None:
        """Take jobs out of the trash; all of them, or none.

        Raises
        ------
        L0Error
            One is not in the trash.
        """
        with self._database.write() as db:
            for job_id in ids:
                if _status(db, job_id)["deleted"] is None:
                    raise L0Error(f"Job {job_id} is not in the trash: there is nothing to restore.")
                update_row(db, job_id, deleted=None)

    def purge(self, ids: Sequence[str]) -> None:
        """Remove jobs for good that are in the trash: rows, and folders.

        Raises
        ------
        L0Error
            One is not in the trash; it and those after it are left.
        """
        for job_id in ids:
            folder = self.folder(job_id)
            gone = folder.with_name(f".gone-{job_id}")
            with self._database.write() as db:
                if _status(db, job_id)["deleted"] is None:
                    raise L0Error(f"Job {job_id} is not in the trash: delete it first.")
                for table, column in _TABLES:
                    db.execute(f"DELETE FROM {table} WHERE {column} = ?", (job_id,))
                with suppress(FileNotFoundError):
                    os.rename(folder, gone)
            shutil.rmtree(gone, ignore_errors=True)  # what is left of it the supervisor clears

    def trashed(self) -> list[JobRecord[Any, Any]]:
        """The jobs in the trash, newest first."""
        return self.jobs(trashed=True, limit=ALL)

    def older_than(self, days: float) -> list[JobRecord[Any, Any]]:
        """The jobs that ended so many days ago or earlier and are not pinned, newest first."""
        before = time.time() - days * _DAY
        return [job for job in self.jobs(statuses=_ENDED, limit=ALL) if not job.pinned and (job.ended or job.created) <= before]

    # What it costs

    def costs(self, ids: Sequence[str]) -> dict[str, int]:
        """Bytes of the files of jobs, by id; rows of the database are not counted."""
        return {job_id: size_of(self.folder(job_id)) for job_id in ids}

    def room(self) -> Room:
        """What the store takes up, and what is left."""
        trash = sum(size_of(self.folder(job.id)) for job in self.trashed())
        jobs = size_of(self.root / "runs") + size_of(self.root / "studies") - trash
        return Room(jobs, trash, size_of(self.root / "problems"), shutil.disk_usage(self.root).free, quota())

    def unused_problems(self) -> list[tuple[ProblemRecord, int]]:
        """The problems that no job refers to, also none in the trash, and their bytes; samples that come with the library are left out."""
        query = (
            "SELECT * FROM problems WHERE source != 'sample' AND source NOT LIKE 'sample %' "
            "AND sha NOT IN (SELECT problem FROM jobs WHERE problem IS NOT NULL) ORDER BY created DESC, sha"
        )
        found = [ProblemRecord(**row) for row in self._database.rows(query)]
        return [(record, size_of(self._problem_folder(record.sha))) for record in found]

    def drop_problem(self, sha: str) -> None:
        """Remove a problem for good that no job refers to.

        Raises
        ------
        L0Error
            A job refers to it, or there is no such problem.
        """
        self.problem_record(sha)
        folder = self._problem_folder(sha)
        gone = folder.with_name(f".gone-{sha}")
        with self._database.write() as db:
            used = db.execute("SELECT id FROM jobs WHERE problem = ? LIMIT 1", (sha,)).fetchone()
            if used is not None:
                raise L0Error(f"The problem is used by job {used['id']}: delete its jobs first, and empty the trash.")
            db.execute("DELETE FROM problems WHERE sha = ?", (sha,))
            with suppress(FileNotFoundError):
                os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

    def copies(self, kind: str, created: float) -> int:
        """How many jobs there are, in the trash too, that were made at this moment: a job and what was taken in of it again."""
        return len(self._database.rows("SELECT id FROM jobs WHERE kind = ? AND created = ?", kind, created))

    def imports(self, bundle: str) -> list[str]:
        """Ids of the jobs that were taken in from a bundle, by the SHA-256 of its file, first to last; those in the trash too."""
        return [row["id"] for row in self._database.rows("SELECT id FROM jobs WHERE bundle = ? ORDER BY imported, rowid", bundle)]

    def _set(self, job_id: str, **values: Any) -> JobRecord[Any, Any]:
        with self._database.write() as db:
            one_job(db, job_id)
            update_row(db, job_id, **values)
            return one_job(db, job_id)


def _status(db: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """Status and trash of a job of any version."""
    row: sqlite3.Row | None = db.execute("SELECT status, deleted FROM jobs WHERE id = ?", (checked_id(job_id),)).fetchone()
    if row is None:
        raise L0Error(f"There is no job {job_id}: choose one from the list.")
    return row
