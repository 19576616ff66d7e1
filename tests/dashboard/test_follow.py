"""A job that is followed: each tick reads what is new and draws all there is."""

from __future__ import annotations

import pytest

from dashboard import state
from dashboard.kit import follow as module
from dashboard.kit.follow import follow
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Snapshot, Status


def snapshot(step):
    return Snapshot(step, 100, 0.5, 1.0, 0.25, 0.125, 0.35, 3, 0.0, 1.0, (0,) * 20, (0.1,) * 5, 2.5)


@pytest.fixture
def ticks(supervisors, monkeypatch):
    """What Streamlit would call once a second."""
    found = []
    monkeypatch.setattr(module.st, "fragment", lambda **_: lambda tick: found.append(tick) or tick)
    return found


def test_a_tick_reads_only_what_is_new(ticks, monkeypatch):
    store = state.store()
    problem = Problem.create([[1.0, 2.0]], [3.0], base_weights=[1, 1])
    run = store.create_run(store.add_problem(problem, "tiny").sha, Config())
    asked, drawn, read = [], [], store.snapshots
    monkeypatch.setattr(store, "snapshots", lambda name, since=-1: asked.append(since) or read(name, since))
    follow(run, lambda job, snapshots: drawn.append((job.status, [s.step for s in snapshots])), keeps="")
    store.claim_next()
    for step in (10, 20):
        store.append(run.id, snapshot(step))
    ticks[0]()
    store.append(run.id, snapshot(30))
    ticks[0]()
    assert asked == [-1, -1, 20]
    assert drawn == [(Status.QUEUED, []), (Status.RUNNING, [10, 20]), (Status.RUNNING, [10, 20, 30])]


def test_a_button_pressed_as_a_job_ends_does_nothing(ticks):
    store = state.store()
    run = store.create_run(store.add_problem(Problem.create([[1.0]], [3.0], base_weights=[1]), "tiny").sha, Config())
    store.set_status(run.id, Status.FAILED, "why")
    module._request(run.id, module.Request.PAUSE)
    assert store.run(run.id).message == "why"
