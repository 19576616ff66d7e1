"""Runs: all jobs in one list; kept, compared, cleared away."""

from __future__ import annotations

import base64
import io
import json
import shutil
import sqlite3
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from further import further
from helpers import Visit, carry_out, film_read
from streamlit.testing.v1 import AppTest

from dashboard import runs, state
from dashboard.kit import attempt, wording
from dashboard.runs import actions, kinds, words
from dashboard.runs.figures.looks import looks
from dashboard.samples.figures.figures import deviations
from dashboard.state import first, keeping
from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Status
from l0engine.io import load_problem
from l0engine.jobs.bundles import export_jobs
from l0engine.jobs.example import read as read_example
from l0engine.jobs.job import Request
from l0engine.jobs.records import Plan
from l0engine.jobs.store import Store
from l0engine.studies.samples.settings import SampleStudy


@pytest.fixture(scope="module")
def _several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A store with three finished runs of Massachusetts, one of them with a frontier, and a fourth that is of another price."""
    home = tmp_path_factory.mktemp("several") / "home"
    store = Store(home)
    sha = store.add_problem(load_problem(state.SAMPLES / "massachusetts"), "Massachusetts", "sample massachusetts").sha
    configs = [Config(epochs=25, seed=seed, price_l0=price, refit=False) for seed, price in ((0, 0.1), (1, 0.1), (0, 0.3))]
    runs = [store.create_run(sha, c, Plan((120,)) if i == 0 else None).id for i, c in enumerate(configs)]
    carry_out(store)
    assert all(store.run(run).status.has_result for run in runs)
    return home, tuple(runs)


@pytest.fixture
def several(_several: tuple[Path, tuple[str, ...]], home: Path) -> tuple[str, ...]:
    """Their ids, oldest first, in this test's own store."""
    shutil.copytree(_several[0], home)
    return _several[1]


def table(page: Visit) -> pd.DataFrame:
    return page.at.dataframe[0].value


def select(page: Visit, *rows: int, table: int = 0) -> Visit:
    """Choose rows by their boxes."""
    page.at.session_state[page.at.dataframe[table].key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return page.rerun()


def live(page: Visit) -> list[str]:
    """What stands in the pictures' labels for screen readers."""
    return [json.loads(c.proto.json)["alt"] for c in page.at.get("bidi_component")]


# -- the list


def test_without_runs_the_page_says_what_to_do(visit):
    page = visit("runs")
    assert any("No runs yet" in text for text in page.said("info")) and not page.at.dataframe
    assert page.press("Go to Calibrate").title == "Calibrate"


def test_every_job_is_listed_with_what_came_of_it(visit, several, home):
    table_file = home / "t.parquet"
    pd.DataFrame({"x": range(20)}).to_parquet(table_file)
    study = Store().queue(SampleStudy(5, means=("x",), title="Twenty"), {"table.parquet": table_file})
    page = visit("runs")
    rows, store = table(page), state.store()
    assert list(rows.name) == [study.task.label, "price 0.3", "price 0.1, seed 1", "price 0.1 · frontier"]
    assert list(rows.problem) == ["Sample gates", *["Massachusetts"] * 3] and rows.status[0] == "… queued"
    for i, run in enumerate(reversed(several), start=1):
        outcome = store.run(run).outcome
        assert outcome is not None and rows.kept[i] == outcome.final.kept and rows.ess[i] == round(outcome.final.ess)
        assert rows["median"][i] == pytest.approx(outcome.final.median_abs_rel_error)
        assert rows["mean"][i] == pytest.approx(outcome.final.mean_abs_rel_error)
        assert rows.disk[i] == sum(f.stat().st_size for f in store.folder(run).rglob("*") if f.is_file()) > 0
        assert rows.seconds[i] == outcome.fit_seconds + outcome.refit_seconds and rows.device[i] == "cpu"
    assert pd.isna(rows.kept[0]) and not {"pin", "note", "imported"} & set(rows)


def test_errors_below_the_floor_are_not_passed_off_as_the_floor(visit, several, home):
    with sqlite3.connect(home / "store.sqlite") as db:
        result = json.loads(db.execute("SELECT result FROM jobs WHERE id = ?", (several[1],)).fetchone()[0])
        result["gated"]["median_abs_rel_error"] = 3e-7
        db.execute("UPDATE jobs SET result = ? WHERE id = ?", (json.dumps(result), several[1]))
    page = visit("runs")
    shown = pa.ipc.open_stream(page.at.dataframe[0].proto.arrow_data.styler.display_values).read_pandas()
    assert shown["median"][1] == "< 0.001 %" and table(page)["median"][1] == 3e-7  # in words, and sorted by what it is


def test_a_run_that_was_changed_is_called_by_what_it_is_now(visit, several):
    store = Store()
    store.set_status(several[1], Status.PAUSED)
    store.steer(several[1], price_l0=0.7)
    assert list(table(visit("runs")).name)[1] == "price 0.1, seed 1"  # asked for, not yet so
    store.changes(several[1], step=10)
    assert list(table(visit("runs")).name)[1] == "price 0.7, seed 1"
    page = visit("runs", compare=f"{several[1]},{several[2]}")
    compared = page.at.dataframe[1].value
    assert list(compared.price_l0) == ["0.7", "0.3"] and compared.changed[0] == "after step 10: Price of a household 0.7"


def test_search_kind_and_status_narrow_the_list(visit, several):
    store = Store()
    store.rename(several[1], "Benchmark")
    store.set_note(several[2], "too dear, but even")
    store.set_status(several[0], Status.FAILED, "It broke.")
    page = visit("runs")
    assert list(table(page.choose("Search", "bench")).name) == ["Benchmark"]
    assert list(table(page.choose("Search", "EVEN")).note) == ["too dear, but even"]
    page.choose("Search", "").choose("Status", "Needs a look")
    assert list(table(page).status) == ["✕ failed"]
    page.choose("Status", None).choose("Kind", "pruning")
    assert any("No run is like this" in text for text in page.said("info")) and not page.at.dataframe


def test_the_list_is_in_the_order_that_is_asked_for(visit, several):
    store = Store()
    waiting = store.create_run(store.run(several[0]).problem, Config(seed=9)).id  # without measures: last, whatever the order
    page = visit("runs")
    by = {"kept": lambda m: m.kept, "error": lambda m: m.median_abs_rel_error, "ess": lambda m: -m.ess}
    for order, measure in by.items():
        page.at.selectbox(key="runs_order").set_value(order).run()
        frame = table(page)
        values = sorted(measure(store.run(run).outcome.final) for run in several)
        column = {"kept": frame.kept, "error": frame["median"], "ess": -frame.ess}[order]
        assert column[:-1].tolist() == pytest.approx(values, abs=0.5 if order == "ess" else 0) and np.isnan(column.iloc[-1])
    store.pin(waiting, True)
    assert np.isnan(table(page.rerun()).kept[0])  # pinned ones stay on top


def test_only_the_settings_that_differ_are_shown(visit, several):
    page = visit("runs").choose("Only differences", True)
    assert list(table(page).columns) == ["name", "status", "problem", "kept", "median", "mean", "ess", "price_l0", "seed"]
    assert list(table(page).price_l0) == ["0.3", "0.1", "0.1"] and list(table(page).seed) == ["0", "1", "0"]


def test_pinned_runs_stay_on_top(visit, several):
    page = select(visit("runs"), 2).press("Pin")
    assert Store().run(several[0]).pinned and table(page).name[0] == "price 0.1 · frontier" and table(page).pin[0]
    select(page, 0).press("Unpin")
    assert not Store().run(several[0]).pinned


def test_without_a_choice_every_button_says_why(visit, several):
    page = visit("runs")
    for label in ("Open", "Pin", "Delete", "Compare"):
        assert page.button(label).disabled and "Choose" in page.button(label).help
    assert not select(page, 0, 1).button("Compare 2").disabled and page.button("Open").disabled


def test_a_name_and_a_note_are_kept(visit, several):
    page = select(visit("runs"), 0)
    page.widget("Name").set_value("  Dear  households ")
    page.press("Rename")
    assert Store().run(several[2]).name == "Dear households" and table(page).name[0] == "Dear households"
    select(page, 0).at.text_area[0].set_value("Tried *this*.")
    page.press("Keep the note")
    assert Store().run(several[2]).note == "Tried *this*." == table(page).note[0]
    select(page, 0).widget("Name").set_value("x" * 200)
    page.press("Rename")
    assert any("120 at most" in text for text in page.said("error")) and Store().run(several[2]).name == "Dear households"


@pytest.mark.parametrize(("row", "page_title"), [(2, "Frontier"), *further((0, "Results"))])
def test_open_goes_to_the_page_of_the_job(visit, several, row, page_title):
    page = select(visit("runs"), row).press("Open")
    assert page.title == page_title and page.run_id == several[2 - row]


def test_a_study_opens_on_its_own_page(visit, home):
    table_file = home.with_name("t.parquet")
    pd.DataFrame({"x": range(20)}).to_parquet(table_file)
    study = Store().queue(SampleStudy(5, means=("x",)), {"table.parquet": table_file})
    page = select(visit("runs"), 0)
    assert page.button("Compare").disabled  # a study has no households to compare
    assert page.press("Open").title == "Sample gates" and page.at.query_params["samples"] == study.id


def test_what_went_wrong_stands_below_the_list(visit, several):
    Store().set_status(several[2], Status.INTERRUPTED, "The process was killed; resume to start it again.")
    page = select(visit("runs"), 0)
    assert any("The process was killed" in text for text in page.said("warning"))


def test_a_thousand_runs_open_soon(visit, several, home):
    with sqlite3.connect(home / "store.sqlite") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM jobs WHERE id = ?", (several[1],)).fetchone())
        for i in range(1000):
            new = {**row, "id": f"20250101-{i:06d}-{i:04x}", "created": 1.7e9 + i}
            db.execute(f"INSERT INTO jobs ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})", tuple(new.values()))
    page = visit("data")
    began = time.process_time()
    page.to("runs")
    assert time.process_time() - began < 3  # seconds of the processor, which a slow machine cannot stretch by waiting; it takes 0.4
    assert len(table(page)) == 1003


# -- away, and back


def test_deleted_runs_come_back_by_undo(visit, several):
    page = visit("runs", run=several[2])
    select(page, 0, 1).press("Delete")
    assert [job.id for job in Store().trashed()] == [several[2], several[1]] and len(table(page)) == 1
    assert "run" not in page.at.session_state and any("2 jobs put into the trash" in text for text in page.said("info"))
    page.press("Undo")
    assert len(table(page)) == 3 and not Store().trashed() and "Undo" not in page.buttons()


def test_a_run_at_work_is_not_deleted(visit, several):
    store = Store()
    store.create_run(store.run(several[0]).problem, Config())
    page = select(visit("runs"), 0)
    assert page.button("Delete").disabled and page.button("Delete").help == "Stop it first."
    page = select(page, 0, 1)
    assert page.button("Delete").help == "Into the trash. What is still at work stays."
    page.press("Delete")
    assert [job.id for job in store.trashed()] == [several[2]] and not page.said("error")


def open_room(page: Visit) -> Visit:
    page.at.session_state["runs_room"] = True
    return page.rerun()


def test_the_trash_restores_and_removes_for_good(visit, several):
    store = Store()
    store.trash(several[:2])
    page = open_room(visit("runs"))
    select(page, 0, table=1).press("Restore 1")
    assert [job.id for job in store.trashed()] == [several[0]]
    folder = store.folder(several[0])
    open_room(page).press("Remove for good")
    assert not store.trashed() and not folder.exists() and len(table(page)) == 2


def test_a_run_that_was_purged_elsewhere_is_let_go(visit, several):
    page = visit("runs", run=several[0], compare=",".join(several))
    store = Store()
    store.trash(several[:1])
    store.purge(several[:1])
    page.rerun()
    assert "run" not in page.at.session_state
    assert len(table(page)) == 2 and page.rerun().at.query_params.get("run") is None


def test_what_is_old_goes_into_the_trash_but_for_what_is_pinned(visit, several, home):
    store = Store()
    with sqlite3.connect(home / "store.sqlite") as db:
        db.execute("UPDATE jobs SET ended = ended - 40 * 86400 WHERE id != ?", (several[2],))
    store.pin(several[1])
    page = open_room(visit("runs"))
    frees = sum(store.costs(several[:1]).values())
    assert any(text.startswith("1 job, ") and keeping_words(frees) in text for text in page.said("caption"))
    page.press("Put them into the trash")
    assert [job.id for job in store.trashed()] == [several[0]]


def keeping_words(size: int) -> str:
    return f"{size / 1000:.3g} kB"


def test_problems_and_uploads_that_nobody_refers_to_are_offered(visit, several, tmp_path):
    store = Store()
    own = load_problem(state.SAMPLES / "massachusetts").matrix
    unused = store.add_problem(Problem.create(own[:3], np.ones(3)), "Mine", "upload").sha
    kept = store.root / "tables" / f"{'a' * 64}.parquet"
    kept.parent.mkdir()
    pd.DataFrame({"x": [1]}).to_parquet(kept)
    kept.with_suffix(".json").write_text(json.dumps({"title": "people.csv"}))
    page = open_room(visit("runs"))
    offered = page.widget("Remove").options
    assert {o.split(" (")[0] for o in offered} == {"Problem: Mine", "Table: people.csv"}
    page.widget("Remove").set_value([unused, str(kept)]).run()
    page.press(next(label for label in page.buttons() if label.startswith("Remove ") and "for good" not in label))
    assert unused not in {p.sha for p in store.problems()} and not kept.exists() and not kept.with_suffix(".json").exists()
    assert any("All are in use" in text for text in page.said("caption"))


# -- out, and in again


def bring_in(page: Visit, content: bytes, name: str = "runs.zip") -> Visit:
    page.at.file_uploader[0].set_value((name, content, "application/zip")).run()
    return page.press("Bring them in")


def test_a_store_near_its_quota_says_so_before_it_is_full(visit, several, monkeypatch):
    page = visit("runs")
    assert not [text for text in page.said("warning") if "QUOTA" in text]
    used = Store().room().used
    for share, said in ((0.5, False), (0.9, True)):
        monkeypatch.setenv("L0ENGINE_QUOTA", str(used / share / 1e9))
        assert any("The store takes up" in text for text in page.rerun().said("warning")) is said
    monkeypatch.setenv("L0ENGINE_QUOTA", "lots")
    assert any("set it to a number of GB" in text for text in page.rerun().said("warning"))


def test_the_files_of_a_store_with_a_quota_are_counted_now_and_then_and_when_some_have_gone(visit, several, monkeypatch):
    counted, room = [], Store.room
    monkeypatch.setattr(Store, "room", lambda self: counted.append(self) or room(self))
    monkeypatch.setenv("L0ENGINE_QUOTA", "1000")
    page = visit("runs")
    for _ in range(3):
        page.rerun()
    assert len(counted) == 1
    select(page, 0).press("Delete")
    assert len(counted) == 2


def test_one_zip_takes_runs_out_and_in(visit, several):
    store = Store()
    store.rename(several[0], "Out and in")
    store.set_note(several[0], "a note")
    weights = store.result(several[0]).weights.copy()
    content = actions.bundle(several[:2], microdata=False)
    store.trash(several[:2])
    store.purge(several[:2])
    page = visit("runs")
    assert len(table(page)) == 1
    bring_in(page, content)
    assert set(table(page).name) == {"price 0.3", "price 0.1, seed 1", "Out and in"} and "a note" in set(table(page).note)
    np.testing.assert_array_equal(store.result(several[0]).weights, weights)
    assert [toast.value for toast in page.at.toast] == ["2 brought in."]


def test_a_run_that_comes_without_its_problem_says_so(visit, tmp_path, monkeypatch):
    elsewhere = Store(tmp_path / "elsewhere")
    run = elsewhere.create_run(elsewhere.add_problem(oracles.random_problem(1), "p").sha, Config(epochs=20)).id
    carry_out(elsewhere)
    export_jobs(elsewhere, [run], tmp_path / "one.zip")
    page = bring_in(visit("runs"), (tmp_path / "one.zip").read_bytes())
    assert page.at.toast[0].value.startswith("1 brought in; 1 without the problem, which results need")
    select(page, 0).press("Open")
    assert any("open it on the Data page" in text for text in page.said("error"))


def test_the_box_of_states_to_go_on_from_puts_them_into_the_zip(visit, several, monkeypatch):
    made = []
    monkeypatch.setattr(actions, "download", lambda label, content, *_: made.append(content))
    page = select(visit("runs"), 2)
    run = several[0]
    assert Store().run(run).checkpoint is not None
    held = []
    for ticked in (False, True):
        page.at.checkbox(key="runs_checkpoint").set_value(ticked).run()
        with zipfile.ZipFile(io.BytesIO(made[-1]())) as archive:
            held.append(f"jobs/{run}/checkpoint.npz" in archive.namelist())
            assert f"jobs/{run}/result.npz" in archive.namelist() and not [n for n in archive.namelist() if n.startswith("problems/")]
    assert held == [False, True]


def test_what_was_imported_says_so_and_twice_the_same_is_told_apart(visit, several):
    page = visit("runs")
    before, content = set(table(page).name), actions.bundle(several[1:2], microdata=False)
    bring_in(page, content)
    assert len(table(page)) == 4
    bring_in(page, content)
    assert len(table(page)) == 4 and any("already here" in text for text in page.said("error"))
    page.at.checkbox(key="runs_zip_again").check().run()
    rows = table(bring_in(page, content))
    assert len(rows) == 5 and rows.name.is_unique and set(rows.name[rows.imported == ""]) == before


def test_what_is_no_zip_of_runs_is_refused_in_a_sentence(visit, several):
    page = bring_in(visit("runs"), b"PK not a zip", "last year.zip")
    assert any(text.startswith("last year.zip") for text in page.said("error")) and len(table(page)) == 3


def test_what_is_at_work_is_not_taken_out(visit, several):
    store = Store()
    store.create_run(store.run(several[0]).problem, Config())
    page = select(visit("runs"), 0, 1)
    assert not page.at.download_button
    assert [b.label for b in select(page, 1, 2).at.download_button] == ["Download zip"]


# -- side by side


def test_two_runs_are_compared_and_the_address_is_a_link(visit, several):
    page = select(visit("runs"), 0, 1).press("Compare 2")
    assert page.at.query_params["compare"] == f"{several[2]},{several[1]}"
    again = visit("runs", compare=page.at.query_params["compare"])
    for seen in (page, again):
        assert any("Compare 2 runs" in text for text in seen.said("subheader"))
        alts = live(seen)
        assert {FILM, "Loss by step", "Households kept by step"} <= set(alts)
        assert sum(alt.startswith("Gates over time") for alt in alts) == 2 and "Households by the runs that keep them" in alts
        outcome = seen.at.dataframe[1].value
        assert list(outcome.name) == ["price 0.3", "price 0.1, seed 1"] and list(outcome.price_l0) == ["0.3", "0.1"]
    page.press("Clear")
    assert "compare" not in page.at.query_params and not any("Compare" in text for text in page.said("subheader"))


def two_of_them(page: Visit) -> list[str]:
    """Look at two runs, target by target and household by household."""
    page.at.button_group(key="cmp_look").set_value("two").run()
    return live(page.check())


def test_two_runs_are_looked_at_only_when_asked_for(visit, several):
    page = visit("runs", compare=",".join(several[:2]))
    two, all_ = {"Error of each target", "Weight of each house"}, {"Households by the ru", "Overlap of the house"}
    assert not two & {alt[:20] for alt in live(page)} and all_ <= {alt[:20] for alt in live(page)}
    seen = {alt[:20] for alt in two_of_them(page)}
    assert not all_ & seen and two <= seen


def test_the_pictures_are_of_these_runs(visit, several):
    page = visit("runs", compare=",".join(several))
    data = [json.loads(c.proto.json) for c in page.at.get("bidi_component")]
    figures = {d["alt"]: json.loads(d["figure"]) for d in data if "figure" in d}
    store = state.store()
    for alt, value in (("Loss by step", lambda s: s.loss), ("Households kept by step", lambda s: s.kept)):
        drawn = figures[alt]["data"]
        assert len(drawn) == 3
        for line, run in zip(drawn, several, strict=True):
            np.testing.assert_allclose(values(line["y"]), [value(s) for s in store.snapshots(run)])
    frontier = figures["Median error against households kept, for each run with a frontier"]["data"]
    assert len(frontier) == 1 and sorted(values(frontier[0]["x"])) == sorted(p.measures.kept for p in store.points(several[0]))
    kept = [store.result(run).weights > 0 for run in several]
    bars = figures["Households by the runs that keep them"]["data"][0]
    assert sum(values(bars["y"])) == np.any(kept, axis=0).sum()
    found = looks(
        [(r.id, n, r.pinned) for r, n in zip(map(store.run, several), words.names([*map(store.run, several)]).values(), strict=True)]
    )
    assert [line["line"]["color"] for line in figures["Loss by step"]["data"]] == [found[run].colour for run in several]


def values(drawn: Any) -> list[float]:
    """Plotly packs arrays."""
    if isinstance(drawn, dict):
        return np.frombuffer(base64.b64decode(drawn["bdata"]), drawn["dtype"]).astype(float).tolist()
    return [float(v) for v in drawn]


FILM = "Misfit, households kept, gates and errors of each run, step by step"


def film(page: Visit) -> dict[str, Any]:
    """The film of the comparison, as the browser gets it."""
    data = next(d for c in page.check().at.get("bidi_component") if (d := json.loads(c.proto.json))["alt"] == FILM)
    return film_read(data["film"])


def test_the_film_moves_misfit_gates_and_errors_together(visit, several):
    page = visit("runs", compare=",".join(several))
    drawn = film(page)
    assert [p["title"].split(":")[0].split(" (")[0] for p in drawn["panels"]] == [
        "Misfit of the targets", "Households kept by the gates", "Gates from 0 to 1", "Errors of the targets, before the refit",
    ]  # fmt: skip
    trails = [m["values"] for m in drawn["marks"] if m["kind"] == "trail" and m["panel"] == 0]
    history = state.store().snapshots(several[0])
    last = [next(s for s in reversed(history) if s.step <= max(step, history[0].step)) for step in trails[0]["x"]]
    np.testing.assert_allclose(10 ** np.array(trails[0]["y"]), [s.data_loss for s in last], rtol=1e-4)
    medians = next(m["values"]["median"] for m in drawn["marks"] if m["panel"] == 3 and m["kind"] == "dots")
    np.testing.assert_allclose([m[0] for m in medians], [100 * s.error_quantiles[2] for s in last], rtol=1e-4)
    gates = next(m["values"]["count"] for m in drawn["marks"] if m["panel"] == 2)
    assert [row[1:-1] for row in gates] == [list(s.gate_counts) for s in last]


def test_a_browser_that_follows_a_link_draws_the_film_before_it_is_sent_the_rest(supervisors, several):
    at = AppTest.from_file(str(Path(runs.__file__).parents[1] / "app.py"), default_timeout=300)
    at.query_params["compare"] = ",".join(several)
    page = Visit(at.switch_page("app_pages/runs.py").run())
    assert live(page) == [FILM] and not page.at.dataframe and not page.at.sidebar.markdown and not page.at.button
    at.session_state["first_waits"] = False  # as the film says when it is drawn
    at.run()
    assert live(page)[0] == FILM and "Loss by step" in live(page) and len(page.at.dataframe) == 2
    assert page.at.sidebar.markdown and {"Clear", "Bring them in"} <= {button.label for button in page.at.button}


def test_a_browser_that_never_says_it_drew_the_film_is_sent_the_rest(supervisors, several, monkeypatch):
    monkeypatch.setattr(first, "PATIENCE", 0.0)  # it is over at once
    at = AppTest.from_file(str(Path(runs.__file__).parents[1] / "app.py"), default_timeout=300)
    at.query_params["compare"] = ",".join(several)
    page = Visit(at.switch_page("app_pages/runs.py").run())
    assert "Loss by step" in live(page) and page.at.sidebar.markdown


def test_a_comparison_in_the_address_of_another_page_holds_nothing_back(supervisors, several):
    at = AppTest.from_file(str(Path(runs.__file__).parents[1] / "app.py"), default_timeout=300)
    at.query_params["compare"] = ",".join(several)
    page = Visit(at.switch_page("app_pages/calibrate.py").run())
    assert page.at.sidebar.markdown


def test_a_compared_run_that_is_deleted_elsewhere_is_said_and_comes_back(visit, several):
    page = visit("runs", compare=",".join(several))
    Store().trash(several[:1])
    assert comparing_ids(page.rerun()) == 2
    assert [text for text in page.said("warning") if f"Run {several[0]} is in the trash" in text and "goes on without it" in text]
    Store().restore(several[:1])
    assert comparing_ids(page.rerun()) == 3 and not page.said("warning")
    Store().trash(several)
    assert any("is in the trash" in text for text in page.rerun().said("warning")) and FILM not in live(page)
    assert "compare" not in page.rerun().at.query_params and not page.said("warning")


def comparing_ids(page: Visit) -> int:
    """How many runs the heading says are compared."""
    return next(int(text.split()[1]) for text in page.said("subheader") if text.startswith("Compare"))


def test_an_address_with_a_run_that_is_gone_compares_the_others(visit, several):
    Store().trash(several[:1])
    page = visit("data", compare=f"{several[0]},{several[1]},{several[2]},nonsense")
    assert any("is in the trash" in text for text in page.said("warning"))
    page.to("runs")
    assert any("Compare 2 runs" in text for text in page.said("subheader"))


def test_runs_without_weights_or_steps_are_compared_as_far_as_they_go(visit, several):
    store = Store()
    waiting = store.create_run(store.run(several[0]).problem, Config(seed=9)).id
    page = visit("runs", compare=f"{several[0]},{waiting}")
    assert any("once two runs of the problem have ended" in text for text in page.said("caption"))
    store.request(waiting, Request.STOP)
    page = visit("runs", compare=waiting)
    assert any("None of these runs has recorded a step" in text for text in page.said("info"))


def test_runs_of_two_problems_say_what_cannot_be_compared(visit, several):
    store = Store()
    other = store.add_problem(Problem.create(np.eye(4), np.ones(4)), "Small").sha
    run = store.create_run(other, Config(epochs=20)).id
    carry_out(store)
    page = visit("runs", compare=f"{several[0]},{several[1]},{run}")
    assert any("These runs are of 2 problems" in text for text in page.said("info"))
    assert live(page).count("Households by the runs that keep them") == 1


@pytest.mark.slow
def test_twelve_runs_of_the_us_are_compared_soon(visit, home):
    """Twelve copies of a run of few epochs, which cost what twelve runs cost to read."""
    store = Store(home)
    sha = store.add_problem(load_problem(state.SAMPLES / "us"), "United States", "sample us").sha
    first = store.create_run(sha, Config(epochs=40, refit=False)).id
    carry_out(store)
    ids = [f"20250101-{i:06d}-{i:04x}" for i in range(12)]
    with sqlite3.connect(home / "store.sqlite") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM jobs WHERE id = ?", (first,)).fetchone())
        for run in ids:
            new = {**row, "id": run}
            db.execute(f"INSERT INTO jobs ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})", tuple(new.values()))
            db.execute("INSERT INTO snapshots SELECT ?, step, body FROM snapshots WHERE run = ?", (run, first))
            shutil.copytree(store.folder(first), store.folder(run), dirs_exist_ok=True)
    visit("runs")  # a server that has been at work
    page = visit("data", compare=",".join(ids))
    began = time.process_time()
    page.to("runs")
    assert time.process_time() - began < 2  # seconds of the processor for all pictures; it takes 0.7
    assert len(live(page)) == 8


def test_runs_that_came_without_their_problem_are_shown_as_far_as_they_go(visit, home):
    store = Store(home)
    sha = store.add_problem(Problem.create(np.eye(4), np.ones(4)), "Small").sha
    runs = [store.create_run(sha, Config(epochs=20, seed=seed)).id for seed in (0, 1)]
    carry_out(store)
    with sqlite3.connect(home / "store.sqlite") as db:
        db.execute("DELETE FROM problems WHERE sha = ?", (sha,))
    page = visit("runs", compare=",".join(runs))
    assert list(table(page).problem) == ["(not here)"] * 2
    assert "Loss by step" in live(page) and "Households by the runs that keep them" in live(page)
    two_of_them(page)
    assert any("The problem of these runs is not here" in text for text in page.said("info"))
    select(page, 0).press("Open")
    assert any("There is no problem" in text for text in page.said("error")) and page.title == "Runs"


def test_frontiers_stand_side_by_side_without_steps_as_well(visit, several, home):
    with sqlite3.connect(home / "store.sqlite") as db:
        db.execute("DELETE FROM snapshots")
    page = visit("runs", compare=",".join([*several[:2], "20200101-000000-abcd", "20200101-000000-abce"]))
    assert any("what goes out from a finished fit has none of its own" in text for text in page.said("info"))
    assert "Median error against households kept, for each run with a frontier" in live(page) and "Loss by step" not in live(page)
    assert any("1 more cannot be opened beside the first." in text for text in page.said("warning") + page.said("error"))


def test_names_say_what_sets_runs_apart(several):
    store = Store()
    runs = [store.run(run) for run in several]
    assert list(words.names(runs).values()) == ["price 0.1", "price 0.1, seed 1", "price 0.3"]
    store.rename(several[0], "<b>bold</b>")
    named = [store.run(run) for run in several]
    assert list(words.names(named).values()) == ["<b>bold</b>", "price 0.1, seed 1", "price 0.3"]
    lines = looks([(r.id, n, False) for r, n in zip(named, words.names(named).values(), strict=True)])
    html = words.legend([(lines[run.id], '"quoted"') for run in named])
    assert "<b>" not in html and "&lt;b&gt;bold" in html and "&quot;quoted&quot;" in html


# -- a full disk


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"), *further(OSError(28, "No space left on device"))])
def test_a_full_disk_is_said_in_a_sentence(visit, several, monkeypatch, error):
    if isinstance(error, sqlite3.Error):
        error.sqlite_errorname = "SQLITE_FULL"

    def full(*_: object) -> None:
        raise error

    page = select(visit("runs"), 0)
    monkeypatch.setattr(keeping, "trash", full)
    page.press("Delete")
    assert any("the disk is full" in text and "make room" in text for text in page.said("error"))
    monkeypatch.setattr(keeping, "jobs", full)
    assert any("the disk is full" in text and "Nothing that was kept is lost" in text for text in page.rerun().said("error"))


def test_other_errors_are_not_taken_for_a_full_disk():
    with pytest.raises(OSError, match="gone"), attempt.full_disk_said():
        raise OSError(2, "gone")


# -- what is looked at stands in the address


def test_filters_and_looks_survive_a_reload(visit, several):
    page = visit("runs", compare=",".join(several))
    page.at.text_input(key="runs_search").set_value("price 0.1")
    page.at.selectbox(key="runs_status").set_value("Finished")
    page.at.toggle(key="runs_apart").set_value(True)
    page.at.selectbox(key="runs_order").set_value("error")
    page.at.slider(key="cmp_smoothing").set_value(0.6)
    page.at.button_group(key="cmp_which").set_value("Target misfit")
    two_of_them(page)
    said = {name: value[0] if isinstance(value, list) else value for name, value in page.at.query_params.items()}
    expected = {"find": "price 0.1", "status": "Finished", "differences": "yes", "loss": "Target misfit", "look": "two"}
    expected |= {"order": "error", "smoothing": "0.6"}
    assert {name: said.get(name) for name in expected} == expected and "kind" not in said
    again = visit("runs", **said)
    assert table(again).equals(table(page)) and len(table(again)) == 2 and live(again) == live(page)
    assert again.at.button_group(key="cmp_which").value == "Target misfit" and again.at.slider(key="cmp_smoothing").value == 0.6
    assert "find" not in again.to("calibrate").at.query_params


@pytest.mark.slow  # the next test says what it is told, of the same addresses
def test_an_address_that_filters_by_nonsense_shows_everything(visit, several):
    nonsense = {"kind": "weather", "status": "sunny", "look": "up", "loss": "none", "differences": "perhaps", "order": "best"}
    page = visit("runs", **nonsense, smoothing="1.5", compare=",".join(several))
    assert len(table(page)) == 3 and not {"kind", "order", "smoothing"} & set(page.at.query_params)
    assert visit("runs", smoothing="nan", compare=",".join(several)).at.slider(key="cmp_smoothing").value == 0.0
    assert "Households by the runs that keep them" in live(page)


def test_an_address_that_filters_by_nonsense_says_what_there_is(visit, several):
    page = visit("runs", order="best", smoothing="1.5", compare=several[1])
    (said,) = page.said("warning")
    assert said.startswith(
        "This address asks for order 'best' (there is newest, kept, error, ess, time) and for smoothing '1.5' (it is from 0 to"
    )
    assert page.rerun().said("warning") == []  # it is said once
    page = visit("runs", kind="weather", status="sunny", differences="perhaps", loss="none", look="up", compare=several[1])
    (said,) = page.said("warning")
    assert all(f"{name} '" in said for name in ("kind", "status", "differences", "loss", "look"))
    known = {
        "find": "price",
        "kind": "calibration",
        "status": "Finished",
        "differences": "yes",
        "loss": "Total",
        "look": "two",
        "order": "ess",
    }
    assert visit("runs", **known, smoothing="0.5", compare=",".join(several[:2])).said("warning") == []
    assert len(visit("runs", order="`x`|<b>").said("warning")) == 1


# -- studies side by side


def two_studies(store: Store) -> list[str]:
    """Of samples, as the worker leaves them; the second asks for fewer rows."""
    ids = []
    for n, seed in ((40, 0), (20, 1)):
        frame = pd.DataFrame({"age": np.random.default_rng(seed).normal(50, 9, 400), "group": ["a", "b"] * 200})
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame), sink)
        study = SampleStudy(n=n, means=("age",), shares=("group",), seed=seed, epochs=20, title="People")
        ids.append(store.queue(study, {"table.parquet": sink.getvalue().to_pybytes()}).id)
    carry_out(store)
    return ids


def test_studies_of_one_kind_stand_side_by_side(visit, home):
    store = Store(home)
    studies = two_studies(store)
    records = [store.job(study) for study in studies]
    assert all(record.result is not None for record in records), [r.message for r in records]
    page = select(visit("runs"), 0, 1).press("Compare 2")
    assert page.at.query_params["compare"] == f"{studies[1]},{studies[0]}"
    again = visit("runs", compare=",".join(studies))
    assert any("Compare 2 studies of sample gates" in text for text in again.said("subheader"))
    frame = again.at.dataframe[1].value
    assert list(frame["n"]) == ["40", "20"] and list(frame["seed"]) == ["0", "1"] and "epochs" not in frame
    assert list(frame["Rows chosen"]) == ["40 of 400 (10 %)", "20 of 400 (5 %)"]
    assert list(frame["Largest difference"]) == [deviations(record.result.largest["l0"]) for record in records]
    data = json.loads(again.at.get("bidi_component")[0].proto.json)
    lines = json.loads(data["figure"])["data"]
    for line, study in zip(lines, studies, strict=True):
        np.testing.assert_allclose(values(line["y"]), [s.largest for s in store.snapshots(study)])


def test_jobs_of_two_kinds_are_not_compared(visit, several):
    store = Store()
    study = two_studies(store)[0]
    page = visit("runs", compare=f"{several[0]},{several[1]},{study}")
    assert any("of another kind than the first" in text for text in page.said("warning"))
    assert any("Compare 2 runs" in text for text in page.said("subheader"))


@pytest.mark.parametrize("kind", list(kinds.KINDS))
def test_every_kind_of_study_has_a_curve_and_measures(kind):
    example = read_example(state.SAMPLES / "examples" / kind)
    one = kinds.KINDS[kind]
    points = [v for s in example.snapshots if (v := one.value(s)) is not None]
    assert len(points) > 10 and np.isfinite(points).all()
    assert one.axis(np.array(points))["range"] and all(map(one.words, points))
    came = kinds.measures([example.record, replace(example.record, result=None)])
    assert came and all(said != wording.MISSING and none == wording.MISSING for said, none in came.values())
    other = replace(example.record, task=replace(example.record.task, seed=example.record.task.seed + 1))
    assert kinds.settings([example.record, other]) == {"seed": [str(example.record.task.seed), str(example.record.task.seed + 1)]}
