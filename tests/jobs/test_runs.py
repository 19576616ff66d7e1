"""Runs as real processes on a tiny real problem: start, pause, stop, die, go on."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Status
from l0engine.calibration.training.iteration import fit
from l0engine.errors import L0Error
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.records import RunRecord
from l0engine.jobs.store import Store
from l0engine.jobs.supervisor import Supervisor
from l0engine.jobs.worker import main

SHORT = Config(epochs=200, lambda_l0=1e-4, device="cpu")
#: Far more steps than any test waits for.
ENDLESS = Config(epochs=300_000, lambda_l0=1e-4, stop_when_settled=False, device="cpu")
#: Long enough to be paused on the way, short enough to be run twice.
MEDIUM = Config(epochs=800, lambda_l0=1e-4, stop_when_settled=False, device="cpu")


@pytest.fixture(scope="module")
def problem() -> Problem:
    rng = np.random.default_rng(5)
    matrix = rng.poisson(1.0, (6, 40)).astype(float)
    return Problem.create(matrix, matrix @ rng.uniform(50, 150, 40), base_weights=np.full(40, 100.0))


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    store = Store(tmp_path / "home")
    yield store
    for run in store.runs(statuses=(Status.RUNNING, Status.PAUSED)):
        if run.pid is not None and psutil.pid_exists(run.pid) and run.pid != os.getpid():
            os.kill(run.pid, signal.SIGKILL)


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(store: Store, slots: int = 1) -> Supervisor:
        started.append(Supervisor(store, slots, poll=0.05))
        started[-1].start()
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.stop()


def until(store: Store, run_id: str, reached: Callable[[RunRecord], bool], seconds: float = 180) -> RunRecord:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = store.run(run_id)
        if reached(run):
            return run
        time.sleep(0.02)
    raise AssertionError(story(store, run_id))


def story(store: Store, run_id: str) -> str:
    log = store.folder(run_id) / "worker.log"
    return f"{store.run(run_id)}\n{log.read_text() if log.exists() else 'no log'}"


def ended(run: RunRecord) -> bool:
    return run.status.ended


def training(store: Store, run_id: str, after: int = -1) -> RunRecord:
    run = until(store, run_id, lambda run: run.status.ended or bool(store.snapshots(run_id, after)))
    assert run.status is Status.RUNNING, story(store, run_id)
    return run


def queue(store: Store, problem: Problem, config: Config) -> str:
    return store.create_run(store.add_problem(problem, "tiny").sha, config).id


def paused_with_checkpoint(store: Store, run_id: str) -> RunRecord:
    training(store, run_id)
    store.request(run_id, Request.PAUSE)
    run = until(store, run_id, lambda run: run.status.ended or run.status is Status.PAUSED)
    assert run.checkpoint is not None, story(store, run_id)
    return run


@pytest.mark.slow  # killed on the way: the next but three; to its end: tests/browser/test_flow.py
def test_a_run_goes_from_queue_to_weights(store, problem, supervise):
    run_id = queue(store, problem, SHORT)
    assert store.run(run_id).status is Status.QUEUED
    supervise(store)
    run = until(store, run_id, ended)

    assert run.status is Status.STEP_LIMIT, story(store, run_id)
    assert run.created <= run.started <= run.ended
    result = store.result(run_id)
    assert np.flatnonzero(result.weights).size == result.final.kept == run.outcome.final.kept
    assert not result.weights.flags.writeable
    # Every step of the curve is there, once, and a cursor gives only what is new.
    snapshots = store.snapshots(run_id)
    steps = [s.step for s in snapshots]
    assert steps == sorted(set(steps)) and steps[-1] == 200
    assert store.snapshots(run_id, since=steps[-3]) == snapshots[-2:]
    assert store.snapshots(run_id, since=steps[-1]) == []
    left_whole(store, run_id)


def left_whole(store: Store, run_id: str) -> None:
    """A run that has ended has left all its files, and nothing half written."""
    for name in ("config.json", "weights.csv", "targets.csv", "run.json", "result.npz", "worker.log"):
        assert (store.folder(run_id) / name).stat().st_size > 0
    assert not list(store.folder(run_id).glob(".*")), "temporary files are left"
    assert json.loads((store.folder(run_id) / "run.json").read_text())["threads"] == 1


@pytest.mark.slow  # in a process: test_tasks.py, in a fit: tests/dashboard/test_run_pages.py, both: tests/browser/test_flow.py
def test_stop_keeps_the_weights_found_so_far(store, problem, supervise):
    run_id = queue(store, problem, ENDLESS)
    supervise(store)
    training(store, run_id)
    store.request(run_id, Request.STOP)
    run = until(store, run_id, ended)
    assert run.status is Status.STOPPED
    assert store.snapshots(run_id)[-1].step < ENDLESS.epochs
    assert (store.folder(run_id) / "weights.csv").exists()
    assert store.result(run_id).weights.shape == (40,)
    with pytest.raises(L0Error, match="has ended"):
        store.request(run_id, Request.PAUSE)


@pytest.mark.slow  # the page's pause is in every run of the suite
def test_pause_holds_the_fit_and_frees_the_slot(store, problem, supervise):
    first = queue(store, problem, ENDLESS)
    supervise(store)
    paused = paused_with_checkpoint(store, first)
    began, last = time.monotonic(), store.snapshots(first)[-1]
    held = last.step
    # While it is paused, another run takes the only slot and ends.
    second = queue(store, problem, SHORT)
    assert until(store, second, ended).status is Status.STEP_LIMIT
    assert store.run(first).status is Status.PAUSED
    assert store.snapshots(first)[-1].step == held
    held_for = time.monotonic() - began
    store.request(first, Request.NONE)
    went_on = training(store, first, after=held)
    assert went_on.pid == paused.pid
    trained, since_start = store.snapshots(first)[-1].seconds, time.time() - went_on.started
    assert last.seconds < trained <= since_start - held_for, "the pause counts as training time"
    store.request(first, Request.PAUSE)
    until(store, first, lambda run: run.status is Status.PAUSED)
    store.request(first, Request.STOP)
    assert until(store, first, ended).status is Status.STOPPED


def test_killed_run_goes_on_from_its_checkpoint_to_the_same_bits(store, problem, supervise, monkeypatch):
    monkeypatch.setenv("OMP_DISPLAY_ENV", "true")  # OpenMP itself says in the log how its threads wait
    monkeypatch.delenv("OMP_WAIT_POLICY")
    broken = queue(store, problem, MEDIUM)
    assert store.run(broken).status is Status.QUEUED
    supervise(store)
    run = paused_with_checkpoint(store, broken)
    assert 0 < run.checkpoint < MEDIUM.epochs
    before = [s for s in store.snapshots(broken) if s.step <= run.checkpoint]
    os.kill(run.pid, signal.SIGKILL)
    lost = until(store, broken, ended)
    assert lost.status is Status.INTERRUPTED
    assert "SIGKILL" in lost.message and "memory" not in lost.message
    assert store.result(broken) is None

    store.requeue(broken)
    run, result = until(store, broken, ended), store.result(broken)
    assert run.status is Status.STEP_LIMIT and run.created <= run.started <= run.ended
    whole = fit(problem, MEDIUM)
    np.testing.assert_array_equal(result.weights, whole.weights)
    assert np.flatnonzero(result.weights).size == result.final.kept == run.outcome.final.kept and not result.weights.flags.writeable
    left_whole(store, broken)
    log = (store.folder(broken) / "worker.log").read_text()
    assert log.count("OMP_WAIT_POLICY = 'PASSIVE'") == 2
    snapshots = store.snapshots(broken)
    assert [(s.step, s.loss) for s in snapshots] == [(s.step, s.loss) for s in whole.history]
    assert store.snapshots(broken, since=snapshots[-3].step) == snapshots[-2:] and store.snapshots(broken, since=MEDIUM.epochs) == []
    assert f"from step {lost.checkpoint}" in log
    # Steps taken again would carry other times.
    assert snapshots[: len(before)] == before
    seconds = [s.seconds for s in snapshots]
    assert seconds == sorted(seconds), "training time goes backwards where the run was taken up"


@pytest.mark.slow  # a kill is the harder end
def test_terminated_run_leaves_a_checkpoint(store, problem, supervise):
    run_id = queue(store, problem, ENDLESS)
    supervise(store)
    run = training(store, run_id)
    os.kill(run.pid, signal.SIGTERM)
    run = until(store, run_id, ended)
    assert run.status is Status.INTERRUPTED and run.can_requeue
    assert run.checkpoint is not None and run.checkpoint == int(store.checkpoint(run_id)["step"])


def test_a_foreign_process_with_the_same_number_is_not_the_worker(store, problem, supervise):
    run_id = queue(store, problem, SHORT)
    store.claim_next()
    store.set_status(run_id, Status.RUNNING, started=time.time() - 60)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        store.spawned(run_id, stranger.pid)
        supervise(store)
        assert until(store, run_id, ended).status is Status.INTERRUPTED


@pytest.mark.slow  # with jobs that begin sooner: test_tasks.py
def test_two_supervisors_start_each_run_once(store, problem, supervise):
    runs = [queue(store, problem, SHORT) for _ in range(2)]
    for _ in range(2):
        supervise(Store(store.root), slots=2)
    for run_id in runs:
        assert until(store, run_id, ended).status is Status.STEP_LIMIT
        assert (store.folder(run_id) / "worker.log").read_text().count(" begins in process ") == 1
    weights = [store.result(run_id).weights for run_id in runs]
    np.testing.assert_array_equal(weights[0], weights[1])


def test_a_run_that_cannot_be_carried_out_says_why(store, problem):
    def ending(sha: str, config: Config) -> RunRecord:
        run = store.begin(store.create_run(sha, config).id, os.getpid())
        Execution(store, run).carry_out()
        return store.run(run.id)

    sha = store.add_problem(problem, "tiny").sha
    run = ending(sha, Config(device="mps"))
    assert run.status is Status.FAILED and "'mps'" in run.message
    # Something nobody foresaw: the sentence stays plain, the traceback goes to the log.
    next((store.root / "problems" / sha).glob("*")).write_bytes(b"\x00")
    run = ending(sha, SHORT)
    assert run.status is Status.FAILED and run.message and "Traceback" not in run.message


@pytest.mark.slow
def test_the_worker_alone_carries_out_a_run_once(store, problem, monkeypatch, capsys):
    run_id = queue(store, problem, SHORT)
    arguments = [run_id, "--home", str(store.root)]
    assert subprocess.run([sys.executable, "-m", "l0engine.jobs.worker", *arguments], check=False).returncode == 0
    assert store.run(run_id).status is Status.STEP_LIMIT
    monkeypatch.setattr(os, "nice", lambda by: by)
    monkeypatch.setattr(faulthandler, "enable", lambda: None)  # pytest's own stays
    assert main(arguments) == 2 and "only a queued one" in capsys.readouterr().err
