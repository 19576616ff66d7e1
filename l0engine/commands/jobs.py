"""`python -m l0engine jobs`: the jobs of the store, listed, continued, stopped, deleted, and taken along."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.jobs.disk.room import sized
from l0engine.jobs.job import JobRecord, Request
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor

#: Attributes of a job that a program gets as they are.
_PLAIN = (
    *("id", "status", "message", "created", "started", "ended", "pid", "checkpoint", "sweep"),
    *("name", "note", "pinned", "deleted", "imported", "bundle"),
)

#: What is said of a job at work that was asked for something.
_ASKED = {
    Request.PAUSE: "pausing after this step.",
    Request.STOP: "stopping; this may take a few seconds.",
}


def add_jobs(commands: Any) -> None:
    """Add the command and its verbs to the parser."""
    jobs = commands.add_parser("jobs", help="list the runs and studies of the store, continue, stop, delete, export and import them")
    jobs.set_defaults(command=_list)
    jobs.add_argument("--json", action="store_true", help="a JSON list in place of a table")
    jobs.add_argument("--trash", action="store_true", help="those in the trash")
    verbs = jobs.add_subparsers(metavar="VERB")
    for name, act, words in _VERBS:
        verb = verbs.add_parser(name, help=words)
        verb.set_defaults(command=act)
        if name == "import":
            verb.add_argument("file", type=Path, help="a .zip that export wrote")
            verb.add_argument("--again", action="store_true", help="also where this file was taken in before; the second gets '(2)'")
            continue
        verb.add_argument("ids", nargs="+", metavar="ID")
        if name == "continue":
            verb.add_argument("--epochs", type=int, metavar="N", help="so many more, for a run that has ended with weights")
        if name == "export":
            verb.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .zip to write")
            verb.add_argument("--microdata", action="store_true", help="with the problems: matrix, targets, households and recipe")
            verb.add_argument("--checkpoint", action="store_true", help="with the state that a run goes on from, bit for bit")


def _list(parsed: argparse.Namespace) -> int:
    store = _store()
    jobs = store.as_they_are(store.jobs(trashed=parsed.trash, limit=10_000))
    costs = store.costs([job.id for job in jobs])
    if parsed.json:
        print(json.dumps([_plain(job, costs[job.id]) for job in jobs], indent=2, ensure_ascii=False))
        return 0
    for job in jobs:
        print(f"{job.id}  {job.status:<11}  {sized(costs[job.id]):>9}  {job.title}")
    if not jobs:
        print(f"No jobs {'in the trash' if parsed.trash else 'yet'} in {store.root}.")
    if warning := store.room().warning:
        print(warning, file=sys.stderr)
    return 0


def _plain(job: JobRecord[Any, Any], cost: int) -> dict[str, Any]:
    result = None if job.result is None else job.result.to_dict()
    plain = {name: getattr(job, name) for name in _PLAIN}
    return {**plain, "kind": job.task.kind, "title": job.title, "bytes": cost, "task": job.task.to_dict(), "result": result}


def _continue(parsed: argparse.Namespace) -> int:
    store = _store()
    for job_id in parsed.ids:
        job = store.job(job_id)
        if parsed.epochs is not None:
            store.continue_for(job_id, parsed.epochs)
            print(f"{job_id}: what it finds takes the place of its weights; export it first to keep them.")
        elif job.can_continue:
            store.request(job_id, Request.NONE)
            print(f"{job_id}: goes on.")
        elif job.status.has_result:
            store.last_step(job)  # which says so where it cannot go on at all
            raise L0Error(f"Job {job_id} has ended ({job.status}): say for how many more with --epochs N.")
        else:
            store.requeue(job_id)
        if store.job(job_id).status is Status.QUEUED:
            print(f"{job_id}: queued. The dashboard takes it up; without one: python -m l0engine.jobs.worker {job_id}")
    return 0


def _asked(request: Request) -> Callable[[argparse.Namespace], int]:
    def act(parsed: argparse.Namespace) -> int:
        store = _store()
        for job_id in parsed.ids:
            job = store.job(job_id)
            if request is Request.PAUSE and not job.status.ended and not job.can_pause:
                raise L0Error(f"Job {job_id} is {job.status}: only one that is running, and asked for nothing else, can be paused.")
            asked = store.request(job_id, request)
            print(f"{job_id}: {asked.sentence if asked.status.ended else _ASKED[request]}")
        return 0

    return act


def _done(verb: str, words: str) -> Callable[[argparse.Namespace], int]:
    def act(parsed: argparse.Namespace) -> int:
        getattr(_store(), verb)(parsed.ids)
        print("\n".join(f"{job_id}: {words}" for job_id in parsed.ids))
        return 0

    return act


def _export(parsed: argparse.Namespace) -> int:
    if parsed.out.suffix.lower() != ".zip":
        raise L0Error(f"--out {parsed.out} does not end in .zip: name a file that does, so that it is known for what it is.")
    from l0engine.jobs.bundles import export_jobs

    export_jobs(_store(), parsed.ids, parsed.out, microdata=parsed.microdata, checkpoint=parsed.checkpoint)
    count = len(set(parsed.ids))
    print(f"Written to {parsed.out}: {count} {'job' if count == 1 else 'jobs'}, {sized(parsed.out.stat().st_size)}.")
    return 0


def _import(parsed: argparse.Namespace) -> int:
    from l0engine.jobs.bundles import import_jobs

    if not parsed.file.is_file():
        raise L0Error(f"{parsed.file} is no file: name a bundle that 'jobs export' wrote.")
    print("\n".join(import_jobs(_store(), parsed.file, again=parsed.again)))
    return 0


def _store() -> Store:
    """The store, once jobs whose process is gone are marked."""
    store = Store()
    Supervisor(store, slots=0).tick()
    return store


_VERBS: tuple[tuple[str, Callable[[argparse.Namespace], int], str], ...] = (
    ("continue", _continue, "go on with one that is paused or was interrupted, or for more epochs"),
    ("stop", _asked(Request.STOP), "end it, and keep what is found"),
    ("pause", _asked(Request.PAUSE), "hold it"),
    ("delete", _done("trash", "in the trash; restore takes it out."), "put it into the trash"),
    ("restore", _done("restore", "restored."), "take it out of the trash"),
    ("purge", _done("purge", "removed for good."), "remove what is in the trash for good"),
    ("export", _export, "write jobs into one .zip"),
    ("import", _import, "take in the jobs of such a .zip, and print their ids"),
)
