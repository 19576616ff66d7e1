"""A job as the store has it: a task, and how far it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.task import Task

_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
TaskT = TypeVar("TaskT", bound=Task)
ResultT = TypeVar("ResultT")


class Request(StrEnum):
    """What a person has asked a job to do; the worker looks for it a few times a second."""

    NONE = "none"
    PAUSE = "pause"
    STOP = "stop"


class Event(NamedTuple):
    """What a person changed in a job after it had begun.

    Attributes
    ----------
    step : int or None
        The step after which it took effect; None while the job has yet to see it.
    changes : dict
        New values of settings, by their names in `Config`; a continuation changes 'epochs', the steps in all.
    time : float
        When it was asked for, in seconds since the epoch.
    """

    step: int | None
    changes: dict[str, Any]
    time: float


class LiveJob(NamedTuple):
    """What a supervisor needs to know of a job; fields as in `JobRecord`."""

    id: str
    pid: int | None
    started: float | None
    checkpoint: int | None


@dataclass(frozen=True)
class JobRecord(Generic[TaskT, ResultT]):
    """One job.

    Attributes
    ----------
    id : str
        Sortable by time of creation, as '20261122-164000-ab12' (UTC).
    task : Task
        What was asked.
    status : Status
    message : str
        What happened, beyond what the status says; may be empty.
    created, started, ended : float or None
        Seconds since the epoch; `started` is the latest start of a job that was resumed.
    pid : int or None
        Process that carries it out, or did last.
    request : Request
    checkpoint : int or None
        Step a resumed job goes on from; None without a checkpoint.
    result : object or None
        None until there is one.
    sweep : str or None
        Id that the jobs of one sweep share.
    name, note : str
        What a person calls it, and wrote about it; empty where nobody did.
    pinned : bool
        Kept at hand, and never cleared away with what is old.
    deleted : float or None
        When it was put into the trash, in seconds since the epoch; None where it is not there.
    imported : float or None
        When it was taken in from a bundle, in seconds since the epoch; None where it was made here.
    bundle : str or None
        SHA-256 of the bundle's file.
    """

    id: str
    task: TaskT
    status: Status
    message: str
    created: float
    started: float | None
    ended: float | None
    pid: int | None
    request: Request
    checkpoint: int | None = None
    result: ResultT | None = None
    sweep: str | None = None
    name: str = ""
    note: str = ""
    pinned: bool = False
    deleted: float | None = None
    imported: float | None = None
    bundle: str | None = None

    @property
    def title(self) -> str:
        """For menus: its name, or when it was made, in local time, and what it is about: '22 Nov 16:40 · λ 1e-3'."""
        return titled(self.name, self.created, self.task)

    @property
    def sentence(self) -> str:
        """The message, or what the status means where there is none."""
        return self.message or self.status.sentence

    @property
    def seconds(self) -> float:
        """From its latest start to its end, 0 while it has none."""
        return 0.0 if self.started is None or self.ended is None else self.ended - self.started

    @property
    def can_pause(self) -> bool:
        """True where `Store.request(id, Request.PAUSE)` has something to pause."""
        return self.status is Status.RUNNING and self.request is Request.NONE

    @property
    def can_continue(self) -> bool:
        """True where `Store.request(id, Request.NONE)` lets a paused job go on."""
        return not self.status.ended and self.request is Request.PAUSE

    @property
    def can_stop(self) -> bool:
        """True where `Store.request(id, Request.STOP)` has something to end."""
        return not self.status.ended and self.request is not Request.STOP

    @property
    def can_requeue(self) -> bool:
        """True where `Store.requeue(id)` takes it up again."""
        return self.status is Status.INTERRUPTED and self.deleted is None


def titled(name: str, created: float, task: Task) -> str:
    """`JobRecord.title`."""
    when = datetime.fromtimestamp(created)
    return name or f"{when.day} {when:%b %H:%M} · {task.label}"


def remedy(checkpoint: int | None) -> str:
    """What resuming does with a job that was interrupted."""
    return "resume to start it again." if checkpoint is None else "resume to go on from the last checkpoint."


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def checked_id(job_id: str) -> str:
    """The id itself, if it is one: ids come from URLs and names of folders, and become paths."""
    if not is_id(job_id):
        raise L0Error(f"{job_id[:40]!r} is not the id of a job: choose one from the list.")
    return job_id
