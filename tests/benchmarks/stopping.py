"""How soon a job stops or pauses: ``python tests/benchmarks/stopping.py [--only fit,budget,samples] [--count 8] [--seconds 150]``.

Each job is a process of its own, forked once the code of its kind is read (which takes a worker its first two seconds, and those that are
asked then so much longer). It is asked at a random moment of the time that a whole one took, its
end included; seconds are from the request to the status that the store shows. A job that ends by itself meanwhile counts, with the seconds
that took. Each kind has the same share of the seconds in all; what was found by then is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.errors import L0Error
from l0engine.io import load_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store
from l0engine.jobs.task import run_of
from l0engine.studies.features.settings import FeatureStudy
from l0engine.studies.pruning.settings import PruningStudy
from l0engine.studies.samples.settings import SampleStudy

SAMPLES = Path(__file__).parents[2] / "sample_data"
TABLE = SAMPLES / "massachusetts" / "households.parquet"
NUMBERS = ("persons", "children", "head_age", "wages_2022", "agi_2022")


def fitted(name: str, plan: Plan | None = None, **settings: Any) -> Callable[[Store], str]:
    def queue(store: Store) -> str:
        sha = store.add_problem(load_problem(SAMPLES / name), name).sha
        return store.create_run(sha, Config(device="cpu", **settings), plan).id

    return queue


JOBS: dict[str, Callable[[Store], str]] = {
    "fit": fitted("new_england", epochs=200),
    "budget": fitted("new_england", epochs=100, budget=500),
    "samples": lambda store: store.queue(SampleStudy(500, means=NUMBERS), {"table.parquet": TABLE}).id,
    "fit-us": fitted("us", epochs=100),
    "budget-us": fitted("us", epochs=60, budget=5000),
    "frontier": fitted("new_england", Plan((2000, 1000, 500), compare=(1000,), references=("random",)), epochs=200),
    "features": lambda store: store.queue(FeatureStudy("diabetes", 5)).id,
    "pruning": lambda store: store.queue(PruningStudy(hidden=16, epochs=40, learning_rate=0.02, lambda_l0=1e5)).id,
}
#: Those that are asked by default, within two minutes.
QUICK = "fit,budget,samples"
START = time.monotonic()


def begun(store: Store, name: str) -> tuple[str, int]:
    """A job, and the process that carries it out."""
    job = JOBS[name](store)
    run_of(store.job(job).task.kind)
    pid = os.fork()
    if pid == 0:
        try:
            own = Store(store.root)
            Execution(own, own.begin(job, os.getpid())).carry_out()
        finally:
            os._exit(0)
    return job, pid


def asked(store: Store, name: str, request: Request, after: float) -> tuple[float, str]:
    """Seconds from a request to the status it asks for, or to the end, and what the job had last said when it was asked."""
    job, pid = begun(store, name)
    try:
        while store.job(job).status is Status.QUEUED:
            time.sleep(0.01)
        time.sleep(after)
        said = store.job(job).message or f"{len(store.snapshots(job))} snapshots"
        began = time.perf_counter()
        try:
            store.request(job, request)
        except L0Error:  # it has ended
            return float("nan"), said
        while not (status := store.job(job).status).ended and not (request is Request.PAUSE and status is Status.PAUSED):
            time.sleep(0.01)
        return time.perf_counter() - began, said
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=QUICK, help=", ".join(JOBS))
    parser.add_argument("--count", type=int, default=8, help="stops, and so many pauses")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=150, help="in all, about")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    names = given.only.split(",")
    for i, name in enumerate(names):
        begun_at, share = time.monotonic(), (given.seconds - (time.monotonic() - START)) / (len(names) - i)
        with tempfile.TemporaryDirectory() as home:
            store = Store(home)
            job, pid = begun(store, name)
            os.waitpid(pid, 0)
            record, steps = store.job(job), store.snapshots(job)
            epoch = record.seconds / max(1, steps[-1].step) if steps else record.seconds
            print(
                f"{name}: a whole one {record.status} in {record.seconds:.1f} s, {len(steps)} snapshots, {1000 * epoch:.0f} ms a step with all that follows",
                flush=True,
            )
            spent = time.monotonic() - begun_at
            for request, until in ((Request.STOP, spent + (share - spent) / 2), (Request.PAUSE, share)):
                found: list[tuple[float, str]] = []
                while len(found) < given.count and (not found or time.monotonic() - begun_at < until):
                    found.append(asked(store, name, request, chance.uniform(0, record.seconds)))
                took = np.array([seconds for seconds, _ in found if not np.isnan(seconds)])
                if len(took):
                    p50, p95 = np.percentile(took, (50, 95))
                    slowest, where = max(pair for pair in found if not np.isnan(pair[0]))
                    print(
                        f"  {request}: {len(took)} asked, p50 {p50:.2f} s, p95 {p95:.2f} s, most {slowest:.2f} s (after: {where})",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
