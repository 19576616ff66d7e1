"""Reports, scripts and bundles of real runs: what they say is recomputed, and what they repeat is run."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles import random_problem

from dashboard.report.html import html
from l0engine.__main__ import main
from l0engine.calibration.config import Config
from l0engine.calibration.problem.artifact import Artifact
from l0engine.errors import L0Error
from l0engine.io import load_problem
from l0engine.io.logs import read_log
from l0engine.jobs.execution import Execution
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store
from l0engine.report import neighbours
from l0engine.report.bundle import bundle
from l0engine.report.facts import Facts, sha256_of
from l0engine.report.markdown import markdown
from l0engine.report.script import notebook, script
from l0engine.report.sections import sections

ROOT = Path(__file__).parents[2]
N = 250


def carry_out(store):
    while (claimed := store.claim_next()) is not None:
        Execution(store, store.begin(claimed.id, os.getpid())).carry_out()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a fit and a frontier of a small survey."""
    store, rng = Store(tmp_path_factory.mktemp("report") / "home"), np.random.default_rng(5)
    columns = {
        "state": rng.choice(["ME", "VT"], N),
        "income": rng.lognormal(10, 1, N),
        "age": rng.integers(0, 90, N),
        "urban": rng.random(N) < 0.5,
    }
    names = [f"{state}/{what} | {k}" for state in ("ME", "VT") for what in ("count", "amount") for k in range(6)]
    ids = [f"household-{i}" for i in range(N)]
    problem = random_problem(9, targets=24, households=N, attributes=pd.DataFrame(columns), names=names, household_ids=ids)
    sha = store.add_problem(problem, "Small <survey>", "upload").sha
    run = store.create_run(sha, Config(epochs=60, seed=3, price_l0=1.0, budget=150), Plan((120, 80), compare=(80,), references=("random",)))
    carry_out(store)
    assert store.run(run.id).status.has_result, store.run(run.id)
    return store, run.id


@pytest.fixture
def facts(made):
    return Facts.of(*made)


def test_the_report_says_what_the_weights_say(facts):
    parts = {part.key: part for part in sections(facts)}
    w, p = facts.weights, facts.problem
    error = np.abs(p.matrix @ w / p.values - 1)
    table = parts["measures"].table.set_index("")
    assert table["Refitted"]["Households kept"] == f"{(w > 0).sum():,}"
    assert table["Refitted"]["Effective sample size"] == f"{w.sum() ** 2 / (w**2).sum():,.0f}"
    assert list(parts["worst"].table["Target"]) == list(p.names[np.argsort(-error, kind="stable")[:20]])
    assert len(parts["drift"].table) == 14 and len(parts["frontier"].table) == 3
    said = dict(parts["provenance"].table.to_numpy())
    assert said["SHA-256 of the problem"] == p.fingerprint and said["SHA-256 of the weights"] == sha256_of(w) and said["Seed"] == "3"
    heaviest = np.sort(w[w > 0])[::-1]
    tenth = np.interp(0.1 * len(heaviest), np.arange(len(heaviest) + 1), np.concatenate([[0], np.cumsum(heaviest)])) / heaviest.sum()
    assert f"hold {100 * tenth:.0f} % of the weight" in parts["households"].words[0]


def test_no_household_is_in_a_report_unless_asked_for(facts):
    ids = facts.problem.household_ids[facts.weights > 0]
    page = html(facts).split("</head>")[1]
    assert "household-" not in markdown(facts.title, sections(facts)) + page
    pairs = re.findall(r'"customdata":\[(.*?)\]', page)  # what the pointer reads
    assert pairs and not any("base weight" in words and "ratio" in words for words in pairs)
    asked = html(facts, households=True).split("</head>")[1]
    assert asked.count("household-") == len(ids) and all(f"{i}," in asked for i in ids)


def test_the_html_stands_alone(facts):
    page = html(facts)
    assert len(page.encode()) < 10_000_000 and page.count("plotly.js v") == 1
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(?!data:)', page.split("</head>")[1])
    assert "Small &lt;survey&gt;" in page and "<survey>" not in page.split("</head>")[1]
    assert page.count("Plotly.newPlot(") >= 8


def test_the_frontier_is_drawn_where_the_problem_has_one(made):
    store, run_id = made
    picture = re.compile(r'id="frontier-0".*?Plotly.newPlot\("frontier-0"', re.DOTALL)
    own = picture.search(html(Facts.of(store, run_id))).group()
    points = store.points(run_id)
    assert len(points) == 3 and all(f'"{p.key}"' in own for p in points)
    bare = store.create_run(store.run(run_id).problem, Config(epochs=20)).id
    carry_out(store)
    facts = Facts.of(store, bare)
    assert facts.frontier.id == run_id and picture.search(html(facts)).group() == own
    words = {part.key: part for part in sections(facts)}["frontier"].words[0]
    assert f"They are from run {run_id} of the same problem" in words


def test_what_was_noted_of_the_run_is_told(made):
    store, run_id = made
    assert "note" not in {part.key for part in sections(Facts.of(store, run_id))}
    store.rename(run_id, "As sent to <b>press</b>")
    store.set_note(run_id, "First line.\n\n- totals of 2024\n- see <i>mail</i>")
    try:
        facts = Facts.of(store, run_id)
        page, text = html(facts).split("</head>")[1], markdown(facts.title, sections(facts))
        assert (
            "<p>First line.</p>" in page and "<li>see &lt;i&gt;mail&lt;/i&gt;</li>" in page and "Named 'As sent to &lt;b&gt;press" in page
        )
        assert "First line." in text and "- totals of 2024\n- see \\<i\\>mail" in text
    finally:
        store.rename(run_id, "")
        store.set_note(run_id, "")


def test_markdown_tables_are_whole(facts):
    text = markdown(facts.title, sections(facts))
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block


def repeat(text, tmp_path, store, *arguments):
    (tmp_path / "reproduce.py").write_text(text)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "L0ENGINE_HOME": str(store.root)}
    return subprocess.run([sys.executable, "reproduce.py", *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)


def repeated_here(text, tmp_path, store, monkeypatch):
    """The exit code of a script that is run in this process, with the threads of this process."""
    (tmp_path / "reproduce.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("L0ENGINE_HOME", str(store.root))
    monkeypatch.setattr(sys, "argv", ["reproduce.py"])
    monkeypatch.setattr("torch.set_num_threads", lambda number: None)
    try:
        runpy.run_path("reproduce.py", run_name="__main__")
    except SystemExit as ended:
        return ended.code or 0
    return 0


def test_the_script_makes_the_same_bits(made, facts, tmp_path, monkeypatch, capsys):
    """In a process of its own: the slow ones below."""
    assert repeated_here(script(facts), tmp_path, made[0], monkeypatch) == 0
    assert "Equal, bit for bit." in capsys.readouterr().out
    weights = pd.read_csv(tmp_path / "reproduced_weights.csv", dtype={"household_id": str})
    np.testing.assert_array_equal(weights["weight"], facts.weights[facts.weights > 0])


def test_the_script_repeats_what_changed_on_the_way(made, tmp_path, monkeypatch, capsys):
    store, run_id = made
    run = store.run(run_id)
    other = store.create_run(run.problem, Config.from_dict(run.config.to_dict() | {"budget": None, "epochs": 60, "refit": False}))
    carry_out(store)
    store.continue_for(other.id, 40)
    job = store.begin(store.claim_next().id, os.getpid())
    store.steer(other.id, learning_rate=0.05)
    Execution(store, job).carry_out()
    facts = Facts.of(store, other.id)
    assert {change.name for change in facts.changes} == {"epochs", "stop_when_settled", "learning_rate"} and facts.history[-1].step == 100
    assert "Learning rate became 0.05 after step 60." in next(s for s in sections(facts) if s.key == "settings").words
    told = json.loads((store.folder(other.id) / "run.json").read_text())["changed"]
    assert {"step": 60, "setting": "learning_rate", "value": 0.05} in told and len(told) == 3
    assert repeated_here(script(facts), tmp_path, store, monkeypatch) == 0 and "Equal, bit for bit." in capsys.readouterr().out
    assert repeated_here(script(replace(facts, changes=())), tmp_path, store, monkeypatch) == 1


@pytest.mark.slow  # each starts Python and torch once more
@pytest.mark.parametrize("key", ["l0engine-80", "random-80"])
def test_the_script_of_a_point_makes_the_same_bits(made, key, tmp_path):
    facts = Facts.of(*made, point=key)
    done = repeat(script(facts), tmp_path, made[0])
    assert done.returncode == 0 and "Equal, bit for bit." in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_the_script_says_where_bits_differ_and_where_the_problem_does(made, facts, tmp_path):
    text = script(facts)
    other = repeat(text.replace("'seed': 3", "'seed': 4"), tmp_path, made[0])
    assert other.returncode == 1 and "NOT equal" in other.stdout
    wrong = repeat(text, tmp_path, made[0], str(ROOT / "sample_data" / "new_england"))
    assert wrong.returncode == 1 and "is another problem" in wrong.stderr


def test_the_notebook_makes_the_same_bits(made, facts, tmp_path, monkeypatch, capsys):
    book = json.loads(notebook(facts))
    assert book["nbformat"] == 4 and len({c["id"] for c in book["cells"]}) == len(book["cells"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("L0ENGINE_HOME", str(made[0].root))
    names = {"__name__": "notebook"}
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"]).replace("torch.set_num_threads(", "(")  # this process keeps its own; it has one as well
            exec(source, names)  # noqa: S102  # it is what is tested
    assert "Equal, bit for bit." in capsys.readouterr().out


def test_totals_that_hang_on_few_are_named_with_how_many(facts):
    thin = replace(facts, weights=np.where(np.cumsum(facts.weights > 0) <= 6, facts.weights, 0.0))  # six households are left
    counts = ((thin.problem.matrix.toarray() != 0) & (thin.weights > 0)).sum(axis=1)
    found = {name: n for name, n in zip(thin.problem.names, counts, strict=True) if 1 <= n <= 4}
    (part,) = [s for s in sections(thin) if s.key == "disclosure"]
    named = dict(zip(part.table["Target"], part.table["Kept households"].astype(int), strict=True))
    assert found and named == {name: found[name] for name in named} and len(named) == min(20, len(found))
    assert part.words[0].startswith(f"{len(found):,} totals hang on 1 to 4 kept households")


def test_a_run_that_was_stopped_is_not_said_to_be_repeatable(facts):
    from l0engine.calibration.results import Status

    with pytest.raises(L0Error, match="stopped on request"):
        script(replace(facts, result=replace(facts.result, status=Status.STOPPED)))


def test_the_bundle_holds_everything_and_microdata_only_by_choice(made, facts, tmp_path):
    with zipfile.ZipFile(io.BytesIO(bundle(facts, "<p>page</p>", columns=["state"]))) as archive:
        names = set(archive.namelist())
        frame = pd.read_csv(archive.open("weights.csv"), dtype={"household_id": str})
        same = pd.read_parquet(io.BytesIO(archive.read("weights.parquet")))
    assert names == {
        "weights.csv", "weights.parquet", "targets.csv", "report.md", "report.html", "reproduce.py", "reproduce.ipynb",
        "calibration_log.csv", "unified_diagnostics.csv", "calibration_weights.npy",
    }  # fmt: skip
    assert list(frame.columns) == ["household_id", "weight", "base_weight", "state"] == list(same.columns)
    np.testing.assert_array_equal(frame["weight"], same["weight"])
    with zipfile.ZipFile(io.BytesIO(bundle(facts, with_problem=True))) as archive:
        archive.extractall(tmp_path / "out")
    assert load_problem(tmp_path / "out" / "problem").fingerprint == facts.problem.fingerprint
    assert "state" not in pd.read_csv(tmp_path / "out" / "weights.csv").columns


def test_the_bundle_of_an_ordered_problem_holds_its_solution(facts):
    artifact = Artifact("ab" * 32, tuple(facts.problem.household_ids.tolist()))
    of = replace(facts, problem=replace(facts.problem, artifact=artifact))
    with zipfile.ZipFile(io.BytesIO(bundle(of))) as archive, np.load(io.BytesIO(archive.read("solution.npz"))) as solution:
        assert any(np.array_equal(solution[name], facts.weights) for name in solution.files)


def test_neighbours_read_their_files(facts, tmp_path):
    files = neighbours.files(facts)
    (tmp_path / "calibration_log.csv").write_bytes(files["calibration_log.csv"])
    log = read_log(tmp_path / "calibration_log.csv")  # which knows both of their forms
    p = facts.problem
    np.testing.assert_allclose(log.estimates[0], p.matrix @ p.base_weights)
    np.testing.assert_allclose(log.estimates[-1], p.matrix @ facts.weights)
    assert log.loss_by_target and list(log.names) == list(p.names) and log.epochs[1] == facts.history[-1].step
    table = pd.read_csv(io.BytesIO(files["unified_diagnostics.csv"]))
    assert tuple(table.columns) == neighbours.COLUMNS
    np.testing.assert_allclose(table["rel_abs_error"], np.abs(p.matrix @ facts.weights / p.values - 1), atol=1e-12)
    np.testing.assert_array_equal(np.load(io.BytesIO(files["calibration_weights.npy"])), facts.weights)


def test_the_command_line_writes_them(made, facts, tmp_path, monkeypatch, capsys):
    store, run = made
    monkeypatch.setenv("L0ENGINE_HOME", str(store.root))
    for name in ("report.html", "report.md"):
        assert main(["report", run, "--out", str(tmp_path / name)]) == 0
    assert main(["script", run, "--out", str(tmp_path / "reproduce.py")]) == 0
    assert (tmp_path / "report.md").read_text() == markdown(facts.title, sections(facts))
    assert (tmp_path / "reproduce.py").read_text() == script(facts)
    assert main(["report", run, "--out", str(tmp_path / "report.pdf")]) == 1
    assert "no known ending" in capsys.readouterr().err
    assert main(["report", "20200101-000000-abcd", "--out", str(tmp_path / "report.md")]) == 1


def test_a_point_has_a_report_of_its_own(made):
    facts = Facts.of(*made, point="l0engine-80")
    assert facts.title.endswith("l0engine, 80 households") and (facts.weights > 0).sum() == 80
    assert "Kept **80 of 250" in markdown(facts.title, sections(facts))
    with pytest.raises(L0Error, match="no point"):
        Facts.of(*made, point="l0engine-81")
