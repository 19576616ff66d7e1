"""Runs that go out from another run or a file: they keep a copy, resume to the same bits, and travel with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from l0engine.calibration import Config, Problem, fit
from l0engine.calibration.problem.previous import Previous
from l0engine.calibration.results import Status
from l0engine.errors import ConfigError, L0Error
from l0engine.jobs.bundles import export_jobs, import_jobs
from l0engine.jobs.execution import Execution
from l0engine.jobs.previous import FILE
from l0engine.jobs.records import Calibration, Plan
from l0engine.jobs.store import Store
from l0engine.report.bundle import bundle
from l0engine.report.facts import Facts
from l0engine.report.script import script

WARM = Config(price_l0=0.02, price_change=0.02, epochs=80)


def problem(growth: float = 1.0) -> Problem:
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 4, (5, 60)) + 0.0
    return Problem.create(
        matrix, growth * matrix @ rng.uniform(5, 20, 60), base_weights=np.full(60, 10.0), household_ids=[f"h{i}" for i in range(60)]
    )


def carried_out(store: Store, sha: str, config: Config, previous: Previous | None = None, plan: Plan | None = None) -> str:
    run = store.create_run(sha, config, plan, previous=previous)
    assert Execution(store, store.begin(run.id, 1)).carry_out().has_result, store.run(run.id).message
    return run.id


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "home")


def test_a_run_goes_out_from_another_and_outlives_it(store: Store) -> None:
    first = carried_out(store, store.add_problem(problem(), "this year").sha, Config(price_l0=0.02, epochs=80))
    sha = store.add_problem(problem(1.05), "next year").sha
    previous = store.answer(first)
    assert previous.source == f"run {first}"
    second = carried_out(store, sha, WARM, previous)
    store.trash([first])
    store.purge([first])

    kept = store.previous(second)
    assert kept is not None
    assert kept.fingerprint == previous.fingerprint == store.run(second).task.previous.sha256
    outcome, weights = store.run(second).outcome, store.result(second).weights
    old = {i for i, w in zip(previous.ids, previous.weights, strict=True) if w > 0}
    new = set(problem().household_ids[weights > 0])
    o = outcome.overlap
    assert (o.stayed, o.entered, o.left) == (len(old & new), len(new - old), len(old - new))
    assert weights.tobytes() == fit(problem(1.05), WARM, kept).weights.tobytes()
    said = json.loads((store.folder(second) / "run.json").read_text())["previous"]
    assert said["sha256"] == previous.fingerprint
    assert said["stayed"] == len(old & new)


def test_a_price_without_a_previous_answer_is_not_queued(store: Store) -> None:
    sha = store.add_problem(problem(), "p").sha
    with pytest.raises(ConfigError, match="no previous answer"):
        store.create_run(sha, WARM)
    assert store.runs() == []


def test_a_run_without_one_is_written_as_before() -> None:
    assert set(Calibration("0" * 64, Config()).to_dict()) == {"problem", "config", "plan"}


@pytest.mark.slow  # a killed run: test_runs.py; what it keeps of a previous answer: above
def test_a_killed_run_goes_on_to_the_same_bits(store: Store, monkeypatch) -> None:
    previous = Previous.create([f"h{i}" for i in range(0, 60, 4)], np.full(15, 30.0), "weights.csv")
    sha = store.add_problem(problem(), "p").sha
    whole = carried_out(store, sha, WARM, previous)

    monkeypatch.setattr("l0engine.jobs.execution.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("l0engine.jobs.execution.CHECKPOINT_SHARE", 1e9)
    run = store.create_run(sha, WARM, previous=previous)
    execution, append = Execution(store, store.begin(run.id, 1)), store.append

    def killed(job_id, snapshot):
        append(job_id, snapshot)
        if snapshot.step >= 40:
            execution.terminate()

    monkeypatch.setattr(store, "append", killed)
    assert execution.carry_out() is Status.INTERRUPTED
    monkeypatch.setattr(store, "append", append)
    assert 0 < store.run(run.id).checkpoint < 80
    store.requeue(run.id)
    assert Execution(store, store.begin(run.id, 1)).carry_out().has_result
    assert store.result(run.id).weights.tobytes() == store.result(whole).weights.tobytes()


def test_a_previous_answer_that_was_changed_or_is_gone_is_refused(store: Store) -> None:
    previous = Previous.create(["h1", "h2"], [30.0, 40.0], "weights.csv")
    sha = store.add_problem(problem(), "p").sha
    run = carried_out(store, sha, WARM, previous)
    other = store.create_run(sha, WARM, previous=replace(previous, weights=previous.weights + 1))
    (store.folder(other.id) / FILE).replace(store.folder(run) / FILE)
    with pytest.raises(L0Error, match="not the previous answer that this run began with"):
        store.previous(run)
    with pytest.raises(L0Error, match=r"cannot be read from .*: start the run anew from weights.csv"):
        store.previous(other.id)
    with pytest.raises(L0Error, match="is gone, so it cannot be repeated"):
        script(Facts.of(store, run))
    assert Execution(store, store.begin(other.id, 1)).carry_out() is Status.FAILED


def test_frontiers_of_a_run_and_bundles_take_it_along(store: Store, tmp_path) -> None:
    previous = Previous.create([f"h{i}" for i in range(0, 60, 4)], np.full(15, 30.0), "weights.csv")
    sha = store.add_problem(problem(), "p").sha
    run = carried_out(store, sha, WARM, previous)
    points = carried_out(store, sha, WARM, plan=Plan((12,), source=run))
    assert store.previous(points).fingerprint == previous.fingerprint

    export_jobs(store, [run], tmp_path / "jobs.zip", microdata=True)
    elsewhere = Store(tmp_path / "elsewhere")
    (taken,) = import_jobs(elsewhere, tmp_path / "jobs.zip")
    assert elsewhere.previous(taken).fingerprint == previous.fingerprint
    assert elsewhere.run(taken).outcome.overlap == store.run(run).outcome.overlap


@pytest.mark.slow  # a script in a process of its own: tests/report/test_report.py
def test_the_script_of_a_report_repeats_it(store: Store, tmp_path) -> None:
    import subprocess
    import sys
    import zipfile

    previous = Previous.create([f"h{i}" for i in range(0, 60, 4)], np.full(15, 30.0), "weights.csv")
    run = carried_out(store, store.add_problem(problem(), "p").sha, WARM, previous)
    facts = Facts.of(store, run)
    (tmp_path / "b.zip").write_bytes(bundle(facts, with_problem=True))
    with zipfile.ZipFile(tmp_path / "b.zip") as z:
        z.extractall(tmp_path / "b")
        assert facts.overlap.sentence in z.read("report.md").decode()
    done = subprocess.run([sys.executable, "reproduce.py"], cwd=tmp_path / "b", capture_output=True, text=True, check=False)
    assert "Equal, bit for bit." in done.stdout, done.stderr
