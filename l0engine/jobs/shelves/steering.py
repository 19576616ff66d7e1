"""SteeringShelf: runs whose settings change on the way, and runs that go on after their end."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.calibration.training.steering import STEERED, Change, all_steered
from l0engine.errors import ConfigError, L0Error
from l0engine.jobs.job import Event, JobRecord, checked_id
from l0engine.jobs.records import RunRecord
from l0engine.jobs.shelves.keeping import KeepingShelf
from l0engine.jobs.shelves.rows import one_job, take_up


class SteeringShelf(KeepingShelf):
    """The part of `Store` that keeps events: what a person changed in a run after it had begun."""

    def steer(self, run_id: str, **changes: Any) -> Event:
        """Change settings of a run that is at work or paused; they take effect within a few steps, see `events`.

        Parameters
        ----------
        run_id : str
        **changes
            New values by setting: price_l0, lambda_l0, price_l2, lambda_l2, temperature, learning_rate.

        Raises
        ------
        L0Error
            The run is not at work, or a setting cannot be changed, plays no part in it, or is out of its bounds.
        """
        if unknown := [name for name in changes if name not in STEERED] or ([""] if not changes else []):
            raise ConfigError(f"{unknown[0] or 'Nothing'} cannot be changed in a running fit: what can is {', '.join(STEERED)}.")
        with self._database.write() as db:
            run = _calibration(one_job(db, run_id))
            if run.status not in (Status.RUNNING, Status.PAUSED):
                raise L0Error(f"Run {run_id} is {run.status}: only one that is at work can be steered.")
            config = all_steered(self._settings(db, run), changes.items())
            return _add(db, run_id, None, {name: getattr(config, name) for name in changes})

    def continue_for(self, run_id: str, epochs: int) -> RunRecord:
        """Queue a run that has ended with weights again, to go on from its last step for so many more.

        Raises
        ------
        L0Error
            It has not ended with weights, its last state was not kept, or it sought its number of households by itself.
        """
        with self._database.write() as db:
            run = _calibration(one_job(db, run_id))
            done = self.last_step(run)
            config = self._settings(db, run)
            changes = {"epochs": done + int(epochs), "stop_when_settled": False}
            if epochs < 1:
                raise ConfigError(f"epochs is {epochs}: give a whole number of 1 or more.")
            all_steered(config, changes.items())
            # What was asked for but did not take effect before it ended.
            db.execute("DELETE FROM events WHERE job = ? AND (step IS NULL OR step > ?)", (run_id, done))
            _add(db, run_id, done, changes)
            take_up(db, run_id, done)
            return _calibration(one_job(db, run_id))

    def events(self, job_id: str) -> list[Event]:
        """What was changed in a job after it had begun, in order."""
        rows = self._database.rows("SELECT step, body, time FROM events WHERE job = ? ORDER BY number", checked_id(job_id))
        return [Event(row["step"], json.loads(row["body"]), row["time"]) for row in rows]

    def changes(self, job_id: str, step: int | None = None) -> list[Change]:
        """All changes that have a step; with `step`, those still without one get it first, and so take effect after it."""
        query = "SELECT 1 FROM events WHERE job = ? AND step IS NULL LIMIT 1"
        if step is not None and self._database.rows(query, checked_id(job_id)):
            with self._database.write() as db:
                db.execute("UPDATE events SET step = ? WHERE job = ? AND step IS NULL", (step, job_id))
        found = [Change(e.step, *change) for e in self.events(job_id) if e.step is not None for change in e.changes.items()]
        return sorted(found, key=lambda change: change.step)

    def as_they_are(self, jobs: Sequence[JobRecord[Any, Any]], *, asked: bool = False) -> list[JobRecord[Any, Any]]:
        """Jobs with the settings they have now: a run that was steered or went on has others than it began with.

        With `asked`, changes count that were asked for and have not taken effect yet.
        """
        changes: dict[str, list[tuple[str, Any]]] = {}
        for row in self._database.rows("SELECT job, body FROM events WHERE step IS NOT NULL OR ? ORDER BY number", asked):
            changes.setdefault(row["job"], []).extend(json.loads(row["body"]).items())

        def now(job: JobRecord[Any, Any]) -> JobRecord[Any, Any]:
            if not isinstance(job, RunRecord) or job.id not in changes:
                return job
            task: Any = replace(job.task, config=all_steered(job.config, changes[job.id]))
            return replace(job, task=task)

        return [now(job) for job in jobs]

    def last_step(self, job: JobRecord[Any, Any]) -> int:
        """The step a run ended at, from where it can go on.

        Raises
        ------
        L0Error
            It cannot, see `continue_for`.
        """
        run = _calibration(job)
        if run.deleted is not None:
            raise L0Error(f"Run {run.id} is in the trash: restore it first.")
        if not run.status.has_result:
            raise L0Error(f"Run {run.id} is {run.status}: only one that has ended with weights can go on.")
        if run.plan is not None and run.plan.source is not None:
            raise L0Error(f"Run {run.id} computed a frontier of run {run.plan.source}: let that one go on.")
        if goals := " and ".join(run.config.goals):
            raise L0Error(f"Run {run.id} sought {goals} in the epochs it was given, and cannot go on: start a new run with other epochs.")
        step = self.checkpoint_step(run.id)
        if step is None:
            raise L0Error(f"The last state of run {run.id} was not kept: start a new run with more epochs.")
        return step

    def _settings(self, db: sqlite3.Connection, run: RunRecord) -> Config:
        """The settings of a run after all that was changed in it."""
        rows = db.execute("SELECT body FROM events WHERE job = ? ORDER BY number", (run.id,)).fetchall()
        return all_steered(run.config, [change for row in rows for change in json.loads(row["body"]).items()])


def _calibration(job: JobRecord[Any, Any]) -> RunRecord:
    if not isinstance(job, RunRecord):
        raise L0Error(f"Job {job.id} is one of {job.task.kind}, which has no epochs to steer: choose a calibration.")
    return job


def _add(db: sqlite3.Connection, job_id: str, step: int | None, changes: dict[str, Any]) -> Event:
    event = Event(step, changes, time.time())
    db.execute("INSERT INTO events (job, step, body, time) VALUES (?, ?, ?, ?)", (job_id, step, json.dumps(changes), event.time))
    return event
