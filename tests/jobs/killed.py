"""Fits that are killed and taken up again: ``python killed.py HOME points STRIDE``, ``... random COUNT SEED`` or ``... servers COUNT SEED``.

Each prints one JSON object: how many were killed, and what was wrong. Processes are forked, so that torch and all that a fit loads are
loaded once; no store is open while they are.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Status
from l0engine.jobs import execution, fitting
from l0engine.jobs.disk import leftovers
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor

HOME = Path(sys.argv[1])


def a_problem() -> Problem:
    rng = np.random.default_rng(5)
    matrix = rng.poisson(1.0, (6, 60)).astype(float)
    return Problem.create(matrix, matrix @ np.full(60, 5.0), names=list("abcdef"), groups=["g"] * 6, base_weights=rng.uniform(2, 8, 60))


def using(act: Callable[[Store], Any]) -> Any:
    """What an act with the store gives; the store is closed again."""
    return act(Store(HOME))


@cache
def the_problem() -> str:
    return using(lambda store: store.add_problem(a_problem(), "tiny").sha)


def new_run(config: Config) -> str:
    sha = the_problem()
    return using(lambda store: store.create_run(sha, config).id)


def forked(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def carry_out(run_id: str) -> None:
    store = Store(HOME)
    Execution(store, store.begin(run_id, os.getpid())).carry_out()


def code_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def told(store: Store, run_id: str) -> dict[int, str]:
    """What a run said, by step, without times."""
    return {s.step: repr({**s.to_dict(), "seconds": 0, "where": ""}) for s in store.snapshots(run_id)}


def outcome(store: Store, run_id: str) -> tuple[str, bytes, bytes, dict[int, str]]:
    result = store.result(run_id)
    assert result is not None, store.run(run_id)
    return str(store.run(run_id).status), result.weights.tobytes(), result.gated_weights.tobytes(), told(store, run_id)


def taken_up(run_id: str, seen: dict[int, str]) -> list[str]:
    """Queue a run again whose process was killed; what is wrong with what it left. `seen` gets what it had recorded."""

    def act(store: Store) -> list[str]:
        wrong = []
        run = store.run(run_id)
        seen.update(told(store, run_id))
        if not run.status.ended:
            store.lose(run_id, run.pid, "killed")
        with contextlib.closing(sqlite3.connect(store.root / "store.sqlite")) as db:
            if (said := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                wrong.append(f"corrupt: {said}")
        if store.run(run_id).can_requeue:
            store.requeue(run_id)
        return wrong

    return using(act)


def judged(run_id: str, seen: dict[int, str], whole: tuple[Any, ...]) -> list[str]:
    """What is wrong with a run that was killed and has ended since."""

    def act(store: Store) -> list[str]:
        found = outcome(store, run_id)
        wrong = [what for what, a, b in zip(("status", "weights", "gates", "snapshots"), found, whole, strict=True) if a != b]
        wrong += ["a recorded snapshot is lost"] if not seen.items() <= found[3].items() else []
        leftovers.clear(store)
        return wrong + [f"{path.name} is left" for path in store.folder(run_id).glob(".*")]

    return using(act)


class Points:
    """Counts writes, flushes, renames and commits, before and after each, and kills this process at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.count, self._at = 0, at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            self()
            out = act(*given, **named)
            self()
            return out

        return wrapped

    def install(self) -> None:
        point, opened, connect = self, Path.open, sqlite3.connect

        class Writer(io.BufferedWriter):
            def write(self, content: Any) -> int:
                content = memoryview(content).cast("B")
                super().write(content[: len(content) // 2])
                self.flush()
                point()
                super().write(content[len(content) // 2 :])
                return len(content)

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
                return (point.around(super().execute) if sql == "COMMIT" else super().execute)(sql, *given)

        def open_(path: Path, mode: str = "r", *given: Any, **named: Any) -> Any:
            return Writer(io.FileIO(path, "xb")) if mode == "xb" else opened(path, mode, *given, **named)

        Path.open = open_  # type: ignore[method-assign,assignment]
        os.fsync, os.replace = self.around(os.fsync), self.around(os.replace)  # type: ignore[assignment]
        sqlite3.connect = lambda *given, **named: connect(*given, factory=Connection, **named)  # type: ignore[assignment]


def at_points(stride: int) -> dict[str, Any]:
    """Kill a fit at every so manieth point, each time a new one."""
    execution.CHECKPOINT_SECONDS, execution.CHECKPOINT_SHARE = 0.0, np.inf  # a checkpoint at every snapshot
    config = Config(epochs=8, lambda_l0=1e-4, estimator="sampled", device="cpu")

    def counted(run_id: str) -> None:
        points = Points()
        points.install()
        carry_out(run_id)
        (HOME / "points").write_text(str(points.count))

    first = new_run(config)
    code_of(forked(lambda: counted(first)))
    whole, count, wrong = using(lambda store: outcome(store, first)), int((HOME / "points").read_text()), {}

    def killed(run_id: str, at: int) -> None:
        Points(at).install()
        carry_out(run_id)

    points = range(1, count + 1, stride)
    for at in points:
        run_id, seen = new_run(config), {}
        code = code_of(forked(lambda run_id=run_id, at=at: killed(run_id, at)))
        found = ["it was not killed"] if code != -signal.SIGKILL else []
        found += taken_up(run_id, seen)
        if not using(lambda store, run_id=run_id: store.run(run_id).status.ended):
            code_of(forked(lambda run_id=run_id: carry_out(run_id)))
        if found := found + judged(run_id, seen, whole):
            wrong[at] = found
    return {"killed": len(points), "of": count, "wrong": wrong}


LONG = Config(epochs=1500, lambda_l0=1e-4, estimator="sampled", stop_when_settled=False, device="cpu")


#: A third of a second's work: a kill at a random moment of it costs half of that, and its bookkeeping as much again.
SHORT = replace(LONG, epochs=300)


def at_random(count: int, seed: int) -> dict[str, Any]:
    """Kill fits at random times, three times each, until so many were killed."""
    execution.CHECKPOINT_SECONDS = 0.05
    chance, first, killed, wrong = random.Random(seed), new_run(SHORT), 0, {}
    began = time.monotonic()
    code_of(forked(lambda: carry_out(first)))
    took, whole = time.monotonic() - began, using(lambda store: outcome(store, first))
    while killed < count:
        run_id, seen, found = new_run(SHORT), {}, []
        for _ in range(3):
            pid = forked(lambda run_id=run_id: carry_out(run_id))
            time.sleep(chance.uniform(0, took))
            os.kill(pid, signal.SIGKILL)
            killed += code_of(pid) == -signal.SIGKILL
            found += taken_up(run_id, seen)
            if using(lambda store, run_id=run_id: store.run(run_id).status.ended):
                break
        else:
            code_of(forked(lambda run_id=run_id: carry_out(run_id)))
        if found := found + judged(run_id, seen, whole):
            wrong[run_id] = found
    return {"killed": killed, "wrong": wrong}


def servers(count: int, seed: int) -> dict[str, Any]:
    """Kill servers at random times while they start jobs and watch over them; every job ends as if there had been one server."""
    chance, first = random.Random(seed), new_run(LONG)
    code_of(forked(lambda: carry_out(first)))
    whole = using(lambda store: outcome(store, first))
    waiting = [new_run(LONG) for _ in range(max(2, count // 5))]

    def serve() -> None:
        Supervisor(Store(HOME), slots=2, poll=0.05).start()
        time.sleep(3600)

    for _ in range(count):
        pid = forked(serve)
        time.sleep(chance.uniform(0, 1.0))
        os.kill(pid, signal.SIGKILL)
        code_of(pid)
    last, until, taken = forked(serve), time.monotonic() + 60 * len(waiting), 0
    while time.monotonic() < until:
        runs = using(lambda store: [store.run(run_id) for run_id in waiting])
        for run in runs:
            if run.status is Status.INTERRUPTED:  # claimed by a server that did not live to start its process
                using(lambda store, run=run: store.requeue(run.id))
                taken += 1
        if all(run.status.has_result for run in runs):
            break
        time.sleep(0.5)
    os.kill(last, signal.SIGKILL)
    code_of(last)
    wrong = {run_id: found for run_id in waiting if (found := judged(run_id, {}, whole))}
    begun = [(using(lambda store, i=i: store.folder(i)) / "worker.log").read_text().count(" begins in process ") for i in waiting]
    return {"killed": count, "jobs": len(waiting), "taken up": taken, "begun": sum(begun), "wrong": wrong}


if __name__ == "__main__":
    assert fitting  # loaded, before processes are forked
    torch.set_num_threads(1)
    leftovers.LEFT_SECONDS = -1.0  # every process that wrote is gone
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    WAYS: dict[str, Callable[..., dict[str, Any]]] = {"points": at_points, "random": at_random, "servers": servers}
    print(json.dumps(WAYS[sys.argv[2]](*map(int, sys.argv[3:]))))
