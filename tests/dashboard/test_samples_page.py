"""The Sample gates page: a table and a form in, a sample with its comparison out; uploads, bad input, downloads."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import uploads
from further import further
from waiting import until

from dashboard import state
from dashboard.samples.form import default_size
from dashboard.state import uploads as tables
from dashboard.state.uploads import TABLES
from l0engine.calibration.results import Status
from l0engine.io import csv_bytes
from l0engine.studies.samples.result import chosen_rows
from l0engine.studies.samples.settings import SampleStudy

pytestmark = pytest.mark.usefixtures("working")

MASSACHUSETTS = str(uploads.SAMPLES / "massachusetts" / "households.parquet")
START = "Choose the sample"
SIZE = "Rows in the sample"


@pytest.fixture
def table():
    return pd.read_parquet(MASSACHUSETTS)


def people(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "person": [f"p{i}" for i in range(n)],
            "sex": rng.choice(["female", "male"], n),
            "age": rng.integers(0, 95, n),
            "income": rng.lognormal(10, 1, n).round(2),
            "constant": 1,
        }
    )


PEOPLE = people()


def csv(frame):
    return frame.to_csv(index=False).encode()


@pytest.fixture
def small(monkeypatch):
    """The small bundled table comes first, in place of the one of the United States."""
    monkeypatch.setattr(tables, "DEFAULT_SAMPLE", "massachusetts")


@pytest.fixture
def page(visit, small):
    """The page with the small bundled table."""
    page = visit("samples")
    assert page.widget("Table").value == MASSACHUSETTS
    return page


def queue(**settings):
    """A study of the small table, as its id."""
    return state.store().queue(SampleStudy(**settings), {"table.parquet": MASSACHUSETTS}).id


def upload(page, name, content):
    page.at.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    return page.check()


def record():
    return state.store().jobs("samples", limit=1)[0]


def chosen(page):
    page.press(START)
    until(lambda: record().status.ended, story=record)
    return page.rerun()


def heading(page):
    return next(text for text in page.said("markdown") if text.startswith("### "))


def counted(page):
    return int(re.match(r"\*\*([\d,]+) figure", next(c for c in page.said("caption") if "to reproduce" in c))[1].replace(",", ""))


def test_the_form_proposes_what_the_table_has(visit):
    page = visit("samples")
    assert page.title == "Sample gates" and page.widget("Table").value.endswith("us/households.parquet")
    assert page.widget("Means").value == ["wages_2022", "agi_2022", "social_security_2022", "snap_2022"]
    assert page.widget("Shares").value == ["state", "filing_status"] and page.widget("Quantiles").value == ["head_age"]
    assert page.widget("Joint shares").value == ["filing_status × survey_year"] and page.widget(SIZE).value == 2000
    assert "household_id" not in str([page.widget(w).options for w in ("Means", "Shares", "Joint shares", "Quantiles")])
    assert "filing_status" not in page.widget("Means").options and "wages_2022" not in page.widget("Shares").options
    assert any("household_id (200,576 different texts)" in c for c in page.said("caption"))
    assert counted(page) == 4 + 51 + 4 + 12 + 9


def test_the_number_of_figures_follows_the_form(page, table):
    assert counted(page) == 4 + 4 + 12 + 9  # one state only: its share is not on offer
    page.choose("Shares", ["persons"]).choose("Quantiles", [])
    assert counted(page) == 4 + table.persons.nunique() + 12
    for label in ("Means", "Shares", "Joint shares"):
        page.choose(label, [])
    assert page.button(START).disabled and "at least one" in page.button(START).help


@pytest.mark.parametrize(("rows", "size"), [(200_576, 2000), (3044, 304), (12, 1), (1, 1)])
def test_the_size_proposed_is_possible(rows, size):
    assert default_size(rows) == size


def test_what_belongs_to_a_method_appears_with_it(page):
    labels = ("Chosen by gates", "Stratify by", "Also stratify by")

    def there():
        return [label for label in labels if label in [w.label for w in (*page.at.selectbox, *page.at.select_slider)]]

    assert there() == ["Also stratify by"]
    for method, expected in (
        ("Hybrid", ["Chosen by gates", "Also stratify by"]), ("Cube", []), ("Random", []), ("Stratified", ["Stratify by"])
    ):  # fmt: skip
        page.choose("Method", method)
        assert there() == expected
        assert ("Also the cube method" in [w.label for w in page.at.toggle]) == (method == "Hybrid")


def test_the_cube_method_is_drawn_and_compared(page):
    chosen(page.choose(SIZE, 100).choose("Method", "Cube"))
    assert record().task.method == "cube" and "These 100 of 3,044 rows" in heading(page)
    assert any("100 drawn by the cube method" in c for c in page.said("caption"))
    alone = record().result.largest["cube"]
    chosen(page.choose("Method", "L0 gates").choose("Seed", 7).choose("Also the cube method", True))
    found = record()
    assert found.task.cube and found.result.largest["cube"] != alone
    assert f"a cube method one by {found.result.largest['cube']:.2g}" in heading(page)
    names = [trace["name"] for trace in json.loads(page.chart(f"figures_{found.id}"))["data"]]
    assert sorted(names) == ["Cube", "Gates", "Random"] and not page.said("error")


def test_from_the_form_to_the_rows(page, table):
    page.choose(SIZE, 200).choose("Method", "Hybrid").choose("Chosen by gates", "40 %").choose("Also stratify by", "filing_status").choose(
        "Seed", 7
    )
    chosen(page)
    found = record()
    assert found.task == SampleStudy(
        200, ("wages_2022", "agi_2022", "social_security_2022", "snap_2022"), ("filing_status",), (("filing_status", "survey_year"),),
        ("head_age",), "hybrid", 0.4, "filing_status", 7, title="Households: Massachusetts",
    )  # fmt: skip
    assert found.status is Status.FINISHED and page.at.query_params["samples"] in (found.id, [found.id])
    own, random, stratified = (found.result.largest[m] for m in ("hybrid", "random", "stratified"))
    words = heading(page)
    assert "These 200 of 3,044 rows reproduce all 29 figures to within" in words and own < random
    assert (
        f"misses by up to {random:.2g}, {round(random / own)} times as much" in words and f"a stratified one by {stratified:.2g}" in words
    )
    assert any("80 chosen by gates, 120 drawn at random" in c for c in page.said("caption"))
    for key in ("figures", "column", "pyramid", "gates", "progress"):
        assert json.loads(page.chart(f"{key}_{found.id}"))["data"]
    assert not page.said("error")

    rows = pd.read_csv(io.BytesIO(csv_bytes(chosen_rows(state.store().folder(found.id)))), dtype={"household_id": str})
    assert rows.selection.value_counts().to_dict() == {"random": 120, "l0": 80}
    original = table.set_index("household_id").loc[rows.household_id].reset_index()
    pd.testing.assert_frame_equal(rows.drop(columns="selection"), original, check_dtype=False)
    place = found.result.names.index("mean of wages_2022")
    assert rows.wages_2022.mean() == pytest.approx(found.result.values["hybrid"][place], rel=1e-5)


def test_a_result_is_that_of_its_study_not_of_the_form(page, visit):
    chosen(page.choose(SIZE, 100).choose("Method", "Random"))
    before = heading(page)
    page.choose(SIZE, 50).choose("Means", [])
    assert heading(page) == before and "These 100 of 3,044" in before
    again = visit("samples", samples=record().id)
    assert heading(again) == before and "Another sample" in [e.label for e in again.at.expander]
    assert not any("gates_" in c.proto.id for c in again.at.get("plotly_chart"))  # nothing decided there


def test_another_column_can_be_looked_at(page):
    chosen(page.choose(SIZE, 100).choose("Method", "Random"))
    assert "household_id" not in page.widget("Column to compare").options
    page.choose("Column to compare", "filing_status")
    assert "head_of_household" in page.chart(f"column_{record().id}")


@pytest.mark.slow
def test_the_us_table_keeps_the_promise_and_has_its_map(visit):
    page = visit("samples")
    chosen(page.choose("Shares", []))
    largest = record().result.largest
    assert largest["l0"] <= largest["random"] / 5  # 2,000 of 200,576
    (tiles,) = json.loads(page.chart(f"map_{record().id}"))["data"]
    assert sum(text != "" for row in tiles["text"] for text in row) == 51 and "60 to 64" in page.chart(f"pyramid_{record().id}")


def test_an_upload_becomes_the_table(page):
    upload(page, "people.csv", csv(PEOPLE))
    assert page.widget("Table").value in TABLES.titles() and not page.said("error")
    assert page.widget("Means").value == ["income"] and page.widget("Shares").value == ["sex"] and page.widget(SIZE).value == 60
    assert any("person (600 different texts), constant (the same in every row)" in c for c in page.said("caption"))
    page.choose("Table", MASSACHUSETTS)  # the file that still lies there does not take over again
    assert page.rerun().widget("Table").value == MASSACHUSETTS
    chosen(page.choose("Table", next(iter(TABLES.titles()))).choose("Method", "Random"))
    rows = pd.read_csv(io.BytesIO(csv_bytes(chosen_rows(state.store().folder(record().id)))))
    pd.testing.assert_frame_equal(
        rows.drop(columns="selection"), PEOPLE.set_index("person").loc[rows.person].reset_index(), check_dtype=False
    )
    assert "female left" in page.chart(f"pyramid_{record().id}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,a\n1,2\n", "second time"),
        *further((b"", "empty"), (b"a,b\n", "no rows"), (b"\x00\x01\x02\xff", "bad.csv")),  # the sentences themselves: tests/io
    ],
)
def test_a_bad_file_is_told_in_one_sentence_and_changes_nothing(page, content, words):
    upload(page, "bad.csv", content)
    (said,) = page.said("error")
    assert words in said and said.count(". ") == 0 and said.endswith(".")
    assert page.widget("Table").value == MASSACHUSETTS and not page.button(START).disabled
    assert page.rerun().said("error") == [said]


@pytest.mark.parametrize(("n", "words"), [(3045, "A sample of 3,045 from 3,044 rows is impossible: choose a size from 1 to 3,044.")])
def test_a_size_out_of_bounds_is_refused_before_the_start(page, n, words):
    page.choose(SIZE, n)
    assert page.said("error") == [words] and START not in page.buttons()
    assert START in page.choose(SIZE, 10).buttons()
    assert any("More figures than rows" in c for c in page.said("caption"))


def test_columns_with_gaps_are_not_offered(page):
    frame = PEOPLE.assign(gap=PEOPLE.age.where(PEOPLE.age > 10))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    upload(page, "people.parquet", buffer.getvalue())
    assert any(f"gap ({(PEOPLE.age <= 10).sum()} missing values)" in c for c in page.said("caption"))
    assert "gap" not in page.widget("Means").options and "age" in page.widget("Means").options


def test_too_many_figures_are_refused_before_the_start(page):
    frame = pd.DataFrame({name: np.repeat(np.arange(500), 2) if name == "a" else np.tile(np.arange(500), 2) for name in "ab"})
    upload(page, "wide.csv", csv(frame.assign(c=np.arange(1000) % 7)))
    page.choose("Shares", ["a", "b", "c"])
    assert any("figures are asked for and 1,000 are possible" in e for e in page.said("error"))


def test_a_table_without_any_use_says_so(page):
    upload(page, "flat.csv", b"a,b\n1,x\n1,y\n1,z\n")
    assert page.button(START).disabled and any("a (the same in every row), b (3 different texts)" in c for c in page.said("caption"))
    assert any("needs a column" in e for e in page.choose("Method", "Stratified").said("error"))


def test_a_study_that_failed_says_why(page):
    page.at.session_state["study_samples"] = queue(n=5, means=("nothing",))
    until(lambda: record().status.ended, story=record)
    assert any("not exactly one column 'nothing'" in e for e in page.rerun().said("error"))
    assert "Another sample" in [e.label for e in page.at.expander]


def test_while_it_runs_there_is_a_way_to_stop_that_leaves_a_sample(page):
    page.at.session_state["study_samples"] = queue(n=300, means=("wages_2022",), epochs=200_000)
    until(lambda: state.store().snapshots(record().id), story=record)
    page.rerun()
    assert "Stop" in page.buttons() and not any(m.startswith("### ") for m in page.said("markdown"))
    page.press("Pause")
    until(lambda: record().status is Status.PAUSED, story=record)
    held = state.store().snapshots(record().id)[-1].step
    assert "Pause" not in page.rerun().buttons() and state.store().snapshots(record().id)[-1].step == held
    page.press("Resume")
    until(lambda: state.store().snapshots(record().id, since=held), story=record)
    page.rerun().press("Stop")
    until(lambda: record().status.ended, story=record)
    page.rerun()
    assert record().status is Status.STOPPED and "These 300 of 3,044 rows" in heading(page)
    assert Status.STOPPED.sentence in page.said("info")


def test_an_earlier_sample_opens_again(visit, small):
    page = visit("samples")
    assert not [m for m in page.at.selectbox if m.label == "Earlier ones"]
    for n in (10, 20):
        name = queue(n=n, means=("persons",), method="random", title="mine")
        until(lambda name=name: state.store().job(name).status.ended)
    page = visit("samples")
    assert [option.split(" · ")[1] for option in page.widget("Earlier ones").options] == ["20 of mine, random", "10 of mine, random"]
    page.choose("Earlier ones", state.store().jobs("samples")[1].id)
    assert state.store().job(page.at.session_state["study_samples"]).task.n == 10
    assert any("These 10 of" in text for text in page.said("markdown"))
    state.store().trash([page.at.session_state["study_samples"]])
    assert any("This study is in the trash" in text for text in page.rerun().said("warning"))
