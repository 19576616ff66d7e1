"""`python -m l0engine fit` records its run; `jobs` lists, continues, stops, deletes, exports and imports."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import oracles
import pandas as pd
import pytest

from l0engine.__main__ import main
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Status
from l0engine.errors import ProblemError
from l0engine.io import save_problem
from l0engine.jobs.execution import Execution
from l0engine.jobs.job import Request
from l0engine.jobs.shelves import database
from l0engine.jobs.store import Store

FAST = ["--epochs", "40", "--lambda-l0", "3e-3", "--device", "cpu"]


@pytest.fixture
def problem(tmp_path):
    save_problem(oracles.random_problem(1), tmp_path / "small")
    return tmp_path / "small"


def fit(problem, tmp_path, *more):
    return main(["fit", str(problem), "--out", str(tmp_path / "out"), *FAST, *more])


def test_a_fit_is_a_run_of_the_store_and_its_id_comes_first(problem, tmp_path, capsys):
    assert fit(problem, tmp_path) == 0
    first = capsys.readouterr().out.splitlines()[0]
    store = Store()
    [run] = store.runs()
    assert first == f"Run {run.id}" and run.status is Status.STEP_LIMIT and run.pid == os.getpid()
    assert store.problem_record(run.problem).title == "small" and [s.step for s in store.snapshots(run.id)] == list(range(1, 41))
    assert (store.folder(run.id) / "weights.csv").read_bytes() == (tmp_path / "out" / "weights.csv").read_bytes()
    assert store.result(run.id).final == run.outcome.final and not list(store.folder(run.id).glob(".*"))
    assert fit(problem, tmp_path, "--no-record") == 0
    assert len(store.runs()) == 1 and not capsys.readouterr().out.startswith("Run 2")


def test_columns_of_the_households_go_along_by_choice(tmp_path, capsys):
    states = {f"h{i}": ["ME", "VT"][i % 2] for i in range(40)}
    columns = pd.DataFrame({"state": list(states.values()), "age": np.arange(40)})
    save_problem(oracles.random_problem(2, targets=6, households=40, attributes=columns, household_ids=list(states)), tmp_path / "p")
    arguments = ["fit", str(tmp_path / "p"), "--epochs", "20", "--no-record", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--columns", "state"]) == 0
    found = pd.read_csv(tmp_path / "out" / "weights.csv")
    assert list(found.columns) == ["household_id", "weight", "base_weight", "state"]
    assert found["state"].tolist() == [states[i] for i in found["household_id"]]
    capsys.readouterr()
    assert main([*arguments, "--columns", "county"]) == 1
    assert "county is no column of the households: they have state, age." in "".join(capsys.readouterr())


def test_a_recorded_fit_goes_on_for_more_epochs(problem, tmp_path, capsys):
    assert fit(problem, tmp_path) == 0
    store = Store()
    run = store.runs()[0].id
    assert main(["jobs", "continue", run]) == 1 and "--epochs N" in capsys.readouterr().err
    assert main(["jobs", "continue", run, "--epochs", "20"]) == 0 and "queued" in capsys.readouterr().out
    assert Execution(store, store.begin(run, os.getpid())).carry_out() is Status.STEP_LIMIT
    assert [s.step for s in store.snapshots(run)] == list(range(1, 61)) and store.snapshots(run)[-1].epochs == 60


@pytest.mark.parametrize("when", ["at the start", "on the way"])
def test_a_store_that_cannot_be_written_does_not_stop_a_fit(problem, tmp_path, capsys, monkeypatch, when):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*(database.Database, "__init__") if when == "at the start" else (Store, "append"), full)
    assert fit(problem, tmp_path) == 0
    out, err = capsys.readouterr()
    assert err.count("l0engine: ") == 1 and "recorded" in err and "No space left" in err
    assert "Written to" in out and (tmp_path / "out" / "weights.csv").stat().st_size > 0


def test_a_fit_that_fails_says_so_in_the_store(problem, tmp_path, capsys, monkeypatch):
    def fails(*_: object) -> None:
        raise ProblemError("No target can be used: all is lost.")

    monkeypatch.setattr(ScaledSystem, "build", fails)
    assert fit(problem, tmp_path) == 1
    [run] = Store().runs()
    assert run.status is Status.FAILED and "all is lost" in run.message and "all is lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--budget 999999", "999,999"),
        ("--min-ess 1e9", "60 households is 60 at most"),
        ("--hold-out nope", "'nope'"),
        ("--budget 5 --min-ess 6", "5 households"),
    ],
)
def test_what_a_problem_cannot_give_is_refused_before_a_run_is_recorded(problem, tmp_path, capsys, given, said):
    assert fit(problem, tmp_path, *given.split()) == 1
    told = capsys.readouterr()
    assert said in told.err and "Run" not in told.out
    assert Store().runs() == []


def test_jobs_are_listed_stopped_deleted_and_restored(problem, tmp_path, capsys):
    assert main(["jobs"]) == 0 and "No jobs yet" in capsys.readouterr().out
    assert fit(problem, tmp_path) == 0
    store = Store()
    run = store.runs()[0]
    waiting = store.create_run(run.problem, run.config).id
    capsys.readouterr()
    assert main(["jobs", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [j["id"] for j in listed] == [waiting, run.id] and listed[1]["status"] == "step_limit" and listed[1]["bytes"] > 0
    assert listed[1]["task"]["config"]["epochs"] == 40
    assert list(listed[0]) == [
        *("id", "status", "message", "created", "started", "ended", "pid", "checkpoint", "sweep", "name", "note", "pinned", "deleted"),
        *("imported", "bundle", "kind", "title", "bytes", "task", "result"),
    ], "programs read these"
    for verb, said in (
        ("stop", "Taken out of the queue"),
        ("delete", "in the trash"),
        ("restore", "restored"),
        ("delete", ""),
        ("purge", "for good"),
    ):
        assert main(["jobs", verb, waiting]) == 0 and said in capsys.readouterr().out
    assert [j.id for j in store.jobs()] == [run.id] and store.trashed() == []
    for given, said in (
        (["purge", run.id], "not in the trash"),
        (["restore", run.id], "not in the trash: there is nothing to restore"),
        (["stop", run.id], "has ended (step_limit): there is nothing to stop"),
        (["pause", run.id], "nothing to pause"),
        (["restore", waiting], "no job"),
    ):
        assert main(["jobs", *given]) == 1 and said in capsys.readouterr().err
    assert main(["jobs", "delete", "../x"]) == 1 and "not the id" in capsys.readouterr().err
    assert main(["jobs"]) == 0 and f"{run.id}  step_limit " in capsys.readouterr().out


def test_a_job_whose_process_is_gone_is_marked_and_taken_up(problem, tmp_path, capsys):
    assert fit(problem, tmp_path) == 0
    store = Store()
    run = store.runs()[0]
    store.set_status(run.id, Status.RUNNING, pid=2**22 + 1)
    assert main(["jobs", "continue", run.id]) == 0
    assert store.run(run.id).status is Status.QUEUED
    store.claim_next()
    store.begin(run.id, os.getpid())
    assert main(["jobs", "continue", run.id]) == 1 and "is running" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["jobs", "pause", run.id]) == 0 and store.run(run.id).request is Request.PAUSE
    assert capsys.readouterr().out == f"{run.id}: pausing after this step.\n"
    assert main(["jobs", "pause", run.id]) == 1 and "asked for nothing else, can be paused" in capsys.readouterr().err
    assert main(["jobs", "continue", run.id]) == 0 and store.run(run.id).request is Request.NONE
    assert main(["jobs", "stop", run.id]) == 0 and store.run(run.id).request is Request.STOP
    said = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split()[0].strip(";.") for line in said] == ["goes", "stopping"]


def test_jobs_travel_from_one_home_to_another(problem, tmp_path, capsys, monkeypatch):
    assert fit(problem, tmp_path) == 0
    mine = Store()
    run = mine.runs()[0]
    capsys.readouterr()
    assert main(["jobs", "export", run.id, "--out", str(tmp_path / "runs.tar")]) == 1 and "end in .zip" in capsys.readouterr().err
    assert not (tmp_path / "runs.tar").exists()
    assert (
        main(["jobs", "export", run.id, run.id, "--out", str(tmp_path / "x.zip"), "--microdata"]) == 0
        and "1 job, " in capsys.readouterr().out
    )
    monkeypatch.setenv("L0ENGINE_HOME", str(tmp_path / "elsewhere"))
    assert main(["jobs", "import", str(tmp_path / "x.zip")]) == 0 and capsys.readouterr().out == f"{run.id}\n"
    np.testing.assert_array_equal(Store().result(run.id).weights, mine.result(run.id).weights)
    assert Store().problem(run.problem).fingerprint == run.problem
    assert main(["jobs", "import", str(tmp_path / "x.zip")]) == 1 and f"already here as {run.id}" in capsys.readouterr().err
    assert main(["jobs", "import", str(tmp_path / "x.zip"), "--again"]) == 0
    assert Store().run(capsys.readouterr().out.strip()).title == f"{run.title} (2)"


def test_where_nothing_can_be_written_is_said_before_the_fit(problem, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["fit", str(problem), *FAST, "--out", str(tmp_path / "file" / "out")]) == 1
    assert "cannot be made (Not a directory): name another folder." in capsys.readouterr().err
    assert Store().jobs() == []


def test_a_quota_that_is_no_number_is_refused_before_the_fit(problem, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("L0ENGINE_QUOTA", "lots")
    assert main(["fit", str(problem), *FAST, "--out", str(tmp_path / "out")]) == 1
    assert "L0ENGINE_QUOTA is 'lots': set it to a number of GB" in (said := capsys.readouterr().err) and "Traceback" not in said
    assert not list((tmp_path / "out").iterdir()) and Store().jobs() == []
    assert main(["fit", str(problem), *FAST, "--out", str(tmp_path / "out"), "--no-record"]) == 0  # nothing of the store is asked for


def test_a_damaged_store_is_named_and_a_fit_goes_on_without(problem, tmp_path, capsys):
    place = Store().root / "store.sqlite"
    place.write_bytes(b"garbage" * 1000)
    assert main(["jobs"]) == 1
    assert "store.sqlite is damaged" in capsys.readouterr().err
    assert main(["fit", str(problem), *FAST, "--out", str(tmp_path / "out")]) == 0
    assert "The run is not recorded" in capsys.readouterr().err and (tmp_path / "out" / "weights.csv").is_file()


def test_a_home_that_cannot_be_is_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("L0ENGINE_HOME", str(tmp_path / "file"))
    assert main(["jobs"]) == 1
    assert "name another folder by L0ENGINE_HOME" in capsys.readouterr().err


def test_a_run_that_sought_its_number_says_at_once_that_it_cannot_go_on(problem, tmp_path, capsys):
    assert main(["fit", str(problem), "--out", str(tmp_path / "out"), "--epochs", "20", "--budget", "3"]) == 0
    (run,) = Store().runs()
    for more in ([], ["--epochs", "20"]):
        capsys.readouterr()
        assert main(["jobs", "continue", run.id, *more]) == 1
        assert f"Run {run.id} sought budget in the epochs it was given, and cannot go on" in capsys.readouterr().err
