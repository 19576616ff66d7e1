"""Runs that are steered and that go on after their end, carried out as a worker does."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import oracles
import pytest

from l0engine.__main__ import main
from l0engine.calibration.config import Config
from l0engine.calibration.results import Status
from l0engine.calibration.training.iteration import iterate
from l0engine.draining import drain
from l0engine.jobs import execution
from l0engine.jobs.execution import Execution
from l0engine.report.facts import Facts

CONFIG = Config(epochs=100, lambda_l0=3e-3, stop_when_settled=False, device="cpu")
PROBLEM = oracles.random_problem(1)


def carried_out(store, run_id, asked=None, ends=None):
    """Carry a run out; at the steps of `asked` a person changes settings, and at the step `ends` the process is to end."""
    job = Execution(store, store.begin(run_id, os.getpid()))
    append = store.append

    def heard(name, snapshot):
        append(name, snapshot)
        if changes := (asked or {}).pop(snapshot.step, None):
            store.steer(run_id, **changes)
        if snapshot.step == ends:
            job.terminate()

    store.append = heard
    try:
        return job.carry_out()
    finally:
        store.append = append


def queued(store, config=CONFIG):
    return store.create_run(store.add_problem(PROBLEM, "p").sha, config).id


@pytest.fixture(autouse=True)
def polled_at_every_step(monkeypatch):
    monkeypatch.setattr(execution, "POLL_SECONDS", 0.0)


def direct(changes, config=CONFIG):
    return drain(iterate(PROBLEM, config, changes=changes))


def told(run):
    return [(s.step, s.loss, s.kept) for s in run]


def test_a_steered_run_is_the_one_with_these_changes_from_the_start(store):
    run_id = queued(store)
    assert carried_out(store, run_id, {20: {"lambda_l0": 6e-3}, 50: {"temperature": 0.5, "learning_rate": 0.1}}) is Status.STEP_LIMIT
    events = store.events(run_id)
    assert [set(e.changes) for e in events] == [{"lambda_l0"}, {"temperature", "learning_rate"}]
    assert 20 <= events[0].step <= 22 and 50 <= events[1].step <= 52
    whole = direct(store.changes(run_id))
    assert store.result(run_id).weights.tobytes() == whole.weights.tobytes()
    assert told(store.snapshots(run_id)) == told(whole.history)
    assert whole.weights.tobytes() != direct([]).weights.tobytes()


def test_a_steered_run_is_told_by_the_price_it_had_in_the_end(store, capsys, monkeypatch):
    monkeypatch.setenv("L0ENGINE_HOME", str(store.root))
    run_id = queued(store, replace(CONFIG, lambda_l0=None, price_l0=0.1))
    carried_out(store, run_id, {20: {"price_l0": 0.4}})
    summary = json.loads((store.folder(run_id) / "run.json").read_text())
    assert summary["taken"][0].startswith("Price of a household: 0.4 of the loss of keeping none") and summary["taken"][0].endswith(
        "as set."
    )
    assert summary["config"]["price_l0"] == 0.1 and [c["value"] for c in summary["changed"]] == [0.4]
    assert main(["jobs"]) == 0
    listed = capsys.readouterr().out
    assert main(["jobs", "--json"]) == 0
    for told_of in (listed, json.loads(capsys.readouterr().out)[0]["title"], Facts.of(store, run_id).title):
        assert "price 0.4" in told_of and "price 0.1" not in told_of


def test_changes_are_repeated_by_a_run_that_is_taken_up(store, monkeypatch):
    run_id = queued(store)
    assert carried_out(store, run_id, {20: {"lambda_l0": 6e-3}, 40: {"lambda_l2": 1e-7}}, ends=60) is Status.INTERRUPTED
    # As if only an early checkpoint had been written: the second change comes again at its step.
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 1e9)
    early = drain_until(30, store.changes(run_id))
    store.save_checkpoint(run_id, int(early.step), early.to_arrays())
    store.requeue(run_id)
    assert carried_out(store, run_id) is Status.STEP_LIMIT
    whole = direct(store.changes(run_id))
    assert store.result(run_id).weights.tobytes() == whole.weights.tobytes() and told(store.snapshots(run_id)) == told(whole.history)


def drain_until(step, changes):
    states = []
    for snapshot in iterate(PROBLEM, CONFIG, changes=changes, save=lambda copied: states.append(copied())):
        if snapshot.step > step:
            return states[-1]
    raise AssertionError("it ended before")


def test_a_run_goes_on_for_more_epochs_than_it_was_begun_with(store):
    run_id = queued(store)
    assert carried_out(store, run_id) is Status.STEP_LIMIT
    before = store.snapshots(run_id)
    store.continue_for(run_id, 40)
    assert carried_out(store, run_id) is Status.STEP_LIMIT
    whole = direct([], replace(CONFIG, epochs=140))
    np.testing.assert_array_equal(store.result(run_id).weights, whole.weights)
    after = store.snapshots(run_id)
    assert after[:100] == before and after[-1].step == 140 == after[-1].epochs == store.run(run_id).checkpoint
    store.continue_for(run_id, 10)
    assert carried_out(store, run_id, {145: {"learning_rate": 0.01}}) is Status.STEP_LIMIT
    assert store.snapshots(run_id)[-1].step == 150
    assert store.result(run_id).weights.tobytes() == direct(store.changes(run_id)).weights.tobytes()


def test_a_run_that_was_stopped_goes_on(store):
    run_id = queued(store)
    job = Execution(store, store.begin(run_id, os.getpid()))
    job.should_stop = lambda: bool(store.snapshots(run_id)) and store.snapshots(run_id)[-1].step >= 30  # type: ignore[method-assign]
    assert job.carry_out() is Status.STOPPED
    end = store.snapshots(run_id)[-1].step
    store.continue_for(run_id, 20)
    assert carried_out(store, run_id) is Status.STEP_LIMIT
    assert store.snapshots(run_id)[-1].step == end + 20
