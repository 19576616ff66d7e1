"""Bundles of jobs: out of one store and into another with all they said; what is hostile is refused and leaves nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracles
import pytest
from reading import read_here
from test_store import a_problem, a_snapshot, a_state

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.results import Measures, Result, Status
from l0engine.calibration.training import iterate
from l0engine.draining import drain
from l0engine.errors import L0Error
from l0engine.io import guarded
from l0engine.io.build.recipe import Recipe
from l0engine.jobs.bundles import export_jobs, import_jobs
from l0engine.jobs.execution import Execution
from l0engine.jobs.store import Store

MEASURES = Measures(2, 0.1, 0.05, 0.9, 1.5, 1.3, 7.0, 7.0, 0.4)


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems are read in this process, but where a test says that it wants the child."""
    if "child" not in request.fixturenames:
        monkeypatch.setattr(guarded, "_child", read_here)


@pytest.fixture
def child() -> None:
    """Problems are read by a real child process."""


@pytest.fixture
def other(tmp_path) -> Store:
    return Store(tmp_path / "other")


@pytest.fixture
def run_id(store) -> str:
    return a_run_with_everything(store)[1]


def a_run_with_everything(store: Store, value: float = 3.0) -> tuple[str, str]:
    """A problem, and a run of it with everything a run may have."""
    sha = store.add_problem(a_problem(value), "tiny").sha
    run = store.create_run(sha, Config(epochs=100)).id
    store.begin(run, os.getpid())
    store.append(run, a_snapshot(50))
    store.steer(run, learning_rate=0.1)
    store.changes(run, 60)
    store.append(run, a_snapshot(100))
    store.save_checkpoint(run, 100, a_state(100).to_arrays())
    weights = np.array([1.5, 0.0, 2.0])
    store.save_result(run, Result(Status.STEP_LIMIT, "m", Config(), weights, weights * 2, MEASURES, None, (), "cpu", 1.5, 0.25))
    point = FrontierPoint("l0engine", 2, np.array([0, 2]), np.ones(2), np.array([3.0, 4.0]), MEASURES, None, 0.5)
    store.save_point(run, point)
    store.set_status(run, Status.STEP_LIMIT, "All well.")
    (store.folder(run) / "worker.log").write_text("/home/me/secret")
    store.rename(run, "Ours")
    store.set_note(run, "Use this one.")
    return sha, run


def test_a_run_comes_back_with_all_it_said(child, store, other, run_id, tmp_path):
    export_jobs(store, [run_id], tmp_path / "out.zip", microdata=True)
    assert import_jobs(other, tmp_path / "out.zip") == [run_id]
    mine, theirs = store.run(run_id), other.run(run_id)
    same = ("task", "status", "message", "created", "started", "ended", "result", "name", "note", "pinned")
    assert [getattr(theirs, name) for name in same] == [getattr(mine, name) for name in same] and theirs.pid is None
    assert other.snapshots(run_id) == store.snapshots(run_id) and other.events(run_id) == store.events(run_id)
    assert other.points(run_id) == store.points(run_id)
    np.testing.assert_array_equal(other.point_weights(run_id, "l0engine-2", 3), [3.0, 0.0, 4.0])
    np.testing.assert_array_equal(other.result(run_id).weights, store.result(run_id).weights)
    assert other.problem(mine.problem).fingerprint == mine.problem and other.problem_record(mine.problem).title == "tiny"
    assert not (other.folder(run_id) / "worker.log").exists() and not list((other.root / "runs").glob(".*"))
    with pytest.raises(L0Error, match="was not kept"):
        other.continue_for(run_id, 10)


def test_an_import_is_marked_and_the_same_bundle_is_recognised(store, other, run_id, tmp_path):
    export_jobs(store, [run_id], tmp_path / "out.zip")
    sha = hashlib.sha256((tmp_path / "out.zip").read_bytes()).hexdigest()
    before = time.time()
    import_jobs(other, tmp_path / "out.zip")
    found = other.run(run_id)
    assert found.bundle == sha and before <= found.imported <= time.time()
    assert store.run(run_id).imported is store.run(run_id).bundle is None
    with pytest.raises(L0Error, match=rf"out\.zip: already here as {run_id}: 'jobs import --again'"):
        import_jobs(other, tmp_path / "out.zip")
    assert [r.id for r in other.runs()] == [run_id] and len(list((other.root / "runs").iterdir())) == 1
    [second] = import_jobs(other, tmp_path / "out.zip", again=True)
    [third] = import_jobs(other, tmp_path / "out.zip", again=True)
    assert [other.run(i).name for i in (run_id, second, third)] == ["Ours", "Ours (2)", "Ours (3)"] and len({run_id, second, third}) == 3
    other.trash([run_id])
    with pytest.raises(L0Error, match=f"already here as {run_id}, in the trash and 2 more"):
        import_jobs(other, tmp_path / "out.zip")
    other.trash([second, third])
    other.purge([run_id, second, third])
    assert import_jobs(other, tmp_path / "out.zip") == [run_id] and other.run(run_id).name == "Ours"


def test_what_is_taken_in_where_it_was_made_is_told_apart(store, run_id, tmp_path):
    store.rename(run_id, "")
    export_jobs(store, [run_id], tmp_path / "out.zip")
    [copy] = import_jobs(store, tmp_path / "out.zip")
    assert store.run(copy).title == f"{store.run(run_id).title} (2)" and store.run(copy).imported and not store.run(run_id).imported
    store.rename(run_id, "x" * 120)
    export_jobs(store, [run_id], tmp_path / "long.zip")
    [long] = import_jobs(store, tmp_path / "long.zip")
    assert store.run(long).name == "x" * 116 + " (3)"


def test_a_recipe_goes_with_its_problem(store, other, tmp_path):
    recipe = Recipe("h.csv", base_weight="w").to_toml()
    sha = store.add_problem(a_problem(), "made", recipe=recipe).sha
    run = store.create_run(sha, Config()).id
    store.set_status(run, Status.FAILED)
    export_jobs(store, [run], tmp_path / "out.zip", microdata=True)
    name = f"problems/{sha}/recipe.toml"
    for content in (b"not [toml", b'households = "x"\nmore = 1', b"\xff"):
        with pytest.raises(L0Error):
            import_jobs(other, packed(tmp_path / "out.zip", tmp_path / "bad.zip", instead={name: content}))
    assert other.jobs() == [] == other.problems() and not list((other.root / "problems").iterdir())
    import_jobs(other, tmp_path / "out.zip")
    assert other.recipe(sha) == recipe


def test_an_import_with_its_checkpoint_goes_on_to_the_same_bits(store, other, tmp_path):
    """A run that has ended, for more epochs, and one whose process was ended half way."""
    problem = oracles.random_problem(1)
    config = Config(epochs=60, lambda_l0=3e-3, stop_when_settled=False, device="cpu")
    sha = store.add_problem(problem, "p").sha
    done, half = (store.create_run(sha, config).id for _ in range(2))
    Execution(store, store.begin(done, os.getpid())).carry_out()
    ending = Execution(store, store.begin(half, os.getpid()))
    with pytest.MonkeyPatch.context() as patch:
        append = store.append
        patch.setattr(store, "append", lambda name, s: append(name, s) or (s.step == 30 and ending.terminate()))
        assert ending.carry_out() is Status.INTERRUPTED
    export_jobs(store, [done, half], tmp_path / "without.zip", microdata=True)
    assert not [n for n in zipfile.ZipFile(tmp_path / "without.zip").namelist() if "checkpoint" in n]
    export_jobs(store, [done, half], tmp_path / "out.zip", microdata=True, checkpoint=True)
    assert import_jobs(other, tmp_path / "out.zip") == [done, half]
    assert (other.run(done).checkpoint, other.run(half).checkpoint) == (60, store.run(half).checkpoint)
    found = {}
    for where in (store, other):
        where.continue_for(done, 40)
        where.requeue(half)
        for run in (done, half):
            assert Execution(where, where.begin(run, os.getpid())).carry_out() is Status.STEP_LIMIT
            steps = [(s.step, s.loss, s.kept) for s in where.snapshots(run)]
            found.setdefault(run, []).append((where.result(run).weights.tobytes(), steps))
    for run, epochs in ((done, 100), (half, 60)):
        mine, theirs = found[run]
        assert mine == theirs and mine[0] == drain(iterate(problem, replace(config, epochs=epochs))).weights.tobytes()


#: Parts of a checkpoint that take the place of good ones.
WRONG = [
    {"alive": np.array([0, 1, 3])}, {"alive": np.array([0, 0, 1])}, {"alive": np.array([-1, 0, 1])}, {"alive": np.arange(2)},
    {"alive": np.arange(3.0)}, {"step": np.array([1])}, {"step": np.array(-1)}, {"step": np.array(101)}, {"more": np.zeros(3)},
    {"parameters": np.full((2, 3), np.nan, np.float32)}, {"exp_avg": np.zeros((2, 3))}, {"exp_avg_sq": np.full((2, 3), -1, np.float32)},
    {"settled": np.zeros(9)}, {"settled": np.array([{}], object)}, {"step": None},
]  # fmt: skip


def test_a_state_no_fit_can_have_come_to_is_refused(store, other, run_id, tmp_path):
    arrays = {**a_state(100).to_arrays(), "settled": np.zeros(4)}
    name = f"jobs/{run_id}/checkpoint.npz"
    export_jobs(store, [run_id], tmp_path / "good.zip", microdata=True)
    good = packed(tmp_path / "good.zip", tmp_path / "with.zip", more={name: npz(**arrays)})
    assert import_jobs(Store(tmp_path / "sound"), good) == [run_id]
    for wrong in WRONG:
        bad = {key: value for key, value in {**arrays, **wrong}.items() if value is not None}
        with pytest.raises(L0Error):
            import_jobs(other, packed(tmp_path / "good.zip", tmp_path / "bad.zip", more={name: npz(**bad)}))
            pytest.fail(f"{wrong} was taken in")
        assert other.jobs() == [] == other.problems() and list((other.root / "runs").iterdir()) == [], wrong


def test_microdata_stay_unless_asked_for(store, other, run_id, tmp_path):
    export_jobs(store, [run_id], tmp_path / "out.zip")
    names = zipfile.ZipFile(tmp_path / "out.zip").namelist()
    assert not [n for n in names if n.startswith("problems/") or "log" in n or "checkpoint" in n]
    import_jobs(other, tmp_path / "out.zip")
    assert other.problems() == [] and other.run(run_id).name == "Ours"
    np.testing.assert_array_equal(other.result(run_id).weights, store.result(run_id).weights)


def test_what_has_not_ended_or_is_unknown_is_not_exported(store, run_id, tmp_path):
    queued = store.create_run(store.problems()[0].sha, Config()).id
    for ids, said in (
        ([queued], "has not ended"),
        ([], "No job is chosen"),
        (["20261122-164000-ab12"], "no job"),
        (["../x"], "not the id"),
    ):
        with pytest.raises(L0Error, match=said):
            export_jobs(store, ids, tmp_path / "out.zip")
    with pytest.raises(L0Error, match="cannot be written"):
        export_jobs(store, [run_id], tmp_path / "no" / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def packed(source: Path, target: Path, **changes: object) -> Path:
    """The bundle with members changed: bytes in place of one, None to leave it out; `manifest` changes what it says by a function."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json" and "manifest" in changes:
                said = json.loads(content)
                changes["manifest"](said)
                content = json.dumps(said)
            if name not in changes.get("without", ()):
                content = changes.get("instead", {}).get(name, content)
                new.writestr(name, content() if callable(content) else content)
        for name, content in changes.get("more", {}).items():
            new.writestr(name, content)
    return target


def bomb() -> bytes:
    """Small, and 72 MB once unpacked."""
    return npz(weights=np.zeros(9_000_000), gated_weights=np.ones(3))


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def one(change):
    return lambda said: change(said["jobs"][0])


def hostile(run_id: str) -> list[dict[str, object]]:
    result, point = f"jobs/{run_id}/result.npz", f"jobs/{run_id}/points/l0engine-2.npz"
    w = np.array([1.0, 0.0, 2.0])
    return [
        *({"more": {name: b"x"}} for name in ("../evil", "/etc/evil", f"jobs/{run_id}/../../evil", f"jobs/{run_id}/.hidden", "jobs/x/y")),
        *({"more": {f"jobs/{run_id}/{name}": b"x"}} for name in ("model.py", "points/checkpoint.npz", "CHECKPOINT.NPZ", "worker.log", "a/b/c", "RESULT.NPZ", "a\\b")),
        {"more": {"jobs/20261122-164000-ab12/result.npz": b"x"}},
        {"instead": {result: npz(weights=np.array([{}], object), gated_weights=w)}},
        {"instead": {result: npz(weights=w * np.nan, gated_weights=w)}},
        {"instead": {result: npz(weights=-w, gated_weights=w)}},
        {"instead": {result: npz(weights=w[:2], gated_weights=w[:2])}},
        {"instead": {result: bomb}},
        {"instead": {result: b"PK no zip"}},
        {"instead": {point: npz(households=np.array([0, 9]), weights=w[:2])}},
        {"instead": {point: npz(households=np.array([0, -1]), weights=w[:2])}},
        {"instead": {"manifest.json": b"[" * 100_000}},
        {"instead": {"manifest.json": b"{}"}},
        {"without": ("manifest.json",)},
        {"without": (result,)},
        {"manifest": lambda said: said.update(format="other")},
        {"manifest": lambda said: said["jobs"].append(said["jobs"][0])},
        {"manifest": lambda said: said["problems"][0].update(sha="../x")},
        *(
            {"manifest": one(lambda job, change=change: job.update(change))}
            for change in (
                {"id": "../../x"}, {"kind": "no"}, {"status": "great"}, {"task": {}}, {"result": {"x": 1}}, {"snapshots": [{"step": 1}]},
                {"name": "x" * 121}, {"name": "a\x1bb"}, {"note": "x" * 10_001}, {"sweep": "'; DROP TABLE jobs"}, {"created": "now"},
                {"more": 1}, {"events": [{"step": 1, "changes": {"seed": 3}, "time": 0.0}]},
                {"points": [{"method": "../..", "budget": 2, "measures": {}, "held_out": None, "seconds": 0.0, "note": ""}]},
            )
        ),
    ]  # fmt: skip


def test_what_is_hostile_is_refused_and_leaves_nothing(store, other, run_id, tmp_path):
    export_jobs(store, [run_id], tmp_path / "good.zip")
    other.add_problem(a_problem(), "there already")
    for number, members in enumerate(hostile(run_id)):
        bad = packed(tmp_path / "good.zip", tmp_path / "bad.zip", **members)
        outside = {p for p in tmp_path.rglob("*") if "other" not in p.parts}
        with pytest.raises(L0Error) as caught:
            import_jobs(other, bad)
            pytest.fail(f"{number} was taken in")
        assert len(str(caught.value)) < 400 and str(caught.value).isprintable(), number
        assert other.jobs() == [] and list((other.root / "runs").iterdir()) == [], number
        assert {p for p in tmp_path.rglob("*") if "other" not in p.parts} == outside, number


def test_a_problem_that_is_not_the_one_it_claims_is_refused(store, other, run_id, tmp_path):
    strange = store.add_problem(a_problem(5.0), "other")
    sha = store.run(run_id).problem
    export_jobs(store, [run_id], tmp_path / "good.zip", microdata=True)
    instead = {f"problems/{sha}/{f.name}": f.read_bytes() for f in (store.root / "problems" / strange.sha).iterdir()}
    with pytest.raises(L0Error, match="not the one its runs were made of"):
        import_jobs(other, packed(tmp_path / "good.zip", tmp_path / "bad.zip", instead=instead))
    assert other.problems() == [] and other.jobs() == [] and list((other.root / "problems").iterdir()) == []


def test_what_was_under_way_elsewhere_is_interrupted_here(store, other, run_id, tmp_path):
    export_jobs(store, [run_id], tmp_path / "good.zip")
    running = packed(tmp_path / "good.zip", tmp_path / "running.zip", manifest=one(lambda job: job.update(status="running")))
    import_jobs(other, running)
    assert other.run(run_id).status is Status.INTERRUPTED and other.live() == []
