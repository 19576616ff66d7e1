"""The Feature gates page: data in, a study in a process of its own, the answer in words, pictures and tables; refusals."""

from __future__ import annotations

import io
import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from uploads import mime
from waiting import until

from dashboard import state
from dashboard.features import form, tables
from dashboard.state.uploads import TABLES
from l0engine.calibration.results import Status
from l0engine.io import csv_bytes
from l0engine.studies.features.datasets import DATA_SETS, planted
from l0engine.studies.features.settings import FeatureStudy

START, WANTED = "Choose the features", "Features wanted"
#: In place of ten: what the page shows does not depend on it.
FOLDS = 2
pytestmark = pytest.mark.usefixtures("working", "few_folds")


@pytest.fixture
def few_folds(monkeypatch):
    monkeypatch.setattr(form, "FeatureStudy", partial(FeatureStudy, folds=FOLDS))


def current(page):
    return state.store().job(page.at.session_state["study_features"])


def wait(page):
    """The current study, when it has ended."""
    until(lambda: current(page).status.ended, 90, lambda: current(page))
    page.rerun()
    return current(page)


def finish(page):
    return wait(page.press(START))


def put(page, name, frame):
    if name.endswith(".csv"):
        content = frame.to_csv(index=False).encode()
    else:
        frame.to_parquet(buffer := io.BytesIO(), index=False)
        content = buffer.getvalue()
    page.at.file_uploader[0].set_value([(name, content, mime(name))]).run()
    return page.check()


def people(n=80):
    rng = np.random.default_rng(1)
    age, sex = rng.integers(18, 90, n), rng.choice(["f", "m"], n)
    return pd.DataFrame(
        {
            "age": age,
            "sex": sex,
            "noise": rng.standard_normal(n).round(3),
            "id": [f"p{i}" for i in range(n)],
            "income": age * 10 + (sex == "m") * 300,
        }
    )


def heading(page):
    return next(text for text in page.said("markdown") if text.startswith("### "))


def test_before_a_choice_the_form_is_ready(visit):
    page = visit("features")
    assert page.title == "Feature gates" and page.button(START).disabled is False
    assert len(page.widget("Data").options) == len(DATA_SETS) + 1
    assert page.widget(WANTED).value == 5 and any("progression after a year" in text for text in page.said("caption"))


def test_a_bundled_data_set_from_start_to_files(visit):
    page = visit("features").choose(WANTED, 3)
    record = finish(page)
    assert record.task == FeatureStudy("diabetes", 3, folds=FOLDS) and record.status is Status.FINISHED
    result = record.result
    mean, error = (values[-1] for values in vars(result.scores["R²"]["gates"]).values())
    assert heading(page).startswith("### 3 of 10 features predict ") and f"R² {mean:.2f} ± {error:.2f}" in heading(page)
    (chosen,) = (text for text in page.said("markdown") if text.startswith("Chosen"))
    assert all(name in chosen.replace("\\", "") for name in result.names)
    for picture in ("bars", "scores", "gates"):
        assert json.loads(page.chart(f"feature_{picture}_{record.id}"))["data"]
    table = page.at.dataframe[0].value
    assert table["Method"].tolist() == ["Gates", "L1 path", "Univariate", "Recursive elimination", "All 10 features"]
    assert table["R², held out"][0] == f"{mean:.2f} ± {error:.2f}"
    assert len(page.at.dataframe[1].value) == 3
    assert [b.label for b in page.at.get("download_button")] == ["Chosen features (CSV)", "Scores (CSV)"]
    back = pd.read_csv(io.BytesIO(csv_bytes(tables.chosen(result))))
    assert back["name"].tolist() == [*result.names, "(intercept)"]
    np.testing.assert_allclose(back["coefficient"][:3], np.ravel(result.coefficients), rtol=1e-9)
    page.to("data").to("features")
    assert heading(page).startswith("### 3 of 10")
    again = visit("features", features=record.id)  # the address says it all
    assert heading(again) == heading(page)


@pytest.mark.slow  # the scores: tests/studies/test_feature_study.py
def test_a_classification_shows_accuracy_and_log_loss(visit):
    page = visit("features").choose("Data", "wine").choose(WANTED, 2)
    record = finish(page)
    assert "accuracy 0." in heading(page)
    spec = json.loads(page.chart(f"feature_scores_{record.id}"))
    assert spec["layout"]["yaxis"]["title"]["text"] == "Held-out accuracy"
    page.choose("Score", "log loss")
    spec = json.loads(page.chart(f"feature_scores_{record.id}"))
    assert spec["layout"]["yaxis"]["title"]["text"] == "Held-out log loss (less is better)"
    (line,) = (t for t in spec["data"] if t.get("name") == "Gates")
    assert line["customdata"][1].split()[0] == f"{record.result.scores['log loss']['gates'].mean[1]:.2f}"


@pytest.mark.slow  # its words: test_features_figures.py; that it is found: tests/studies/test_feature_study.py
def test_a_planted_truth_is_found(visit):
    page = visit("features").choose("Data", "planted").choose("Rows", 200).choose("Features", 20).choose("True features", 4)
    assert page.widget(WANTED).value == 4
    record = finish(page)
    _, _, truth = planted(200, 20, 4, 5.0)
    assert record.result.truth == tuple(truth)
    hits = len(set(truth) & set(record.result.order))
    assert hits == 4 and heading(page).startswith("### All 4 true features found, and no others: F1 1.00")
    assert json.loads(page.chart(f"feature_truth_{record.id}"))["data"]


def test_an_upload_with_a_target_of_its_own(visit):
    page = put(visit("features"), "people.csv", people())
    assert page.widget("Data").value == next(iter(TABLES.titles()))
    assert page.widget("Target").value == "income"
    page.choose(WANTED, 2)
    record = finish(page)
    assert record.task == FeatureStudy("table", 2, title="people.csv", target="income", folds=FOLDS)
    assert set(record.result.names) == {"age", "sex = m"}  # what income is made of
    np.testing.assert_allclose(sorted(np.ravel(record.result.coefficients)), [10, 300], rtol=1e-3)
    assert any("Left out: id (text with 80 different values)" in text for text in page.said("caption"))
    page.choose("Target", "sex").choose("Task", "Regression")
    assert finish(page).task.task == "regression"
    assert page.said("error") == ["The target 'sex' is text: choose classification, or a column of numbers."]


@pytest.mark.slow
def test_missing_values_are_named_and_can_be_left_out(visit):
    frame = people().astype({"age": float})
    frame.loc[[4, 9], "age"] = np.nan
    page = put(visit("features"), "holes.parquet", frame).choose(WANTED, 1)
    record = finish(page)
    assert record.status is Status.FAILED
    assert page.said("error") == ["Column 'age' has 2 missing values: fill them, remove the column, or have such rows left out."]
    (box,) = (c for c in page.at.checkbox if c.label == "Leave out rows with missing values")
    box.check().run()
    assert finish(page).status is Status.FINISHED
    assert any("78 rows of 80" in text for text in page.said("caption"))


@pytest.mark.parametrize(
    ("frame", "wanted", "said"),
    [
        (people().assign(income=1.0), 2, "The target 'income' is the same in every row: choose another one."),
        (people(), 4, "4 of 3 features are impossible: choose a count from 1 to 3."),
    ],
    ids=["constant", "count"],
)
def test_a_table_that_cannot_be_used_gets_a_sentence(visit, frame, wanted, said):
    page = put(visit("features"), "bad.csv", frame).choose(WANTED, wanted)
    assert finish(page).status is Status.FAILED
    (error,) = page.said("error")
    assert error.startswith(said)
    assert page.button(START).disabled is False


def test_a_count_above_the_features_is_refused_before_it_starts(visit):
    page = visit("features").choose(WANTED, 11)
    assert page.said("error") == ["11 of 10 features are impossible: choose from 1 to 10."]
    assert START not in page.buttons() and state.store().jobs("features") == []
    page.choose("Data", "planted").choose("Features", 5)
    assert page.said("error") == ["10 true features of 5 are impossible: choose a number from 1 to 5."]


def test_a_file_that_is_no_table_gets_a_sentence(visit):
    page = visit("features")
    page.at.file_uploader[0].set_value([("x.parquet", b"no parquet", "application/octet-stream")]).run()
    (error,) = page.check().said("error")
    assert "x.parquet" in error
    assert page.widget("Data").value == "diabetes"


@pytest.mark.slow  # the same buttons: test_samples_page.py
def test_a_running_study_is_drawn_paused_and_stopped(visit):
    page = visit("features").choose("Data", "digits").choose(WANTED, 12).press(START)
    name = current(page).id
    until(lambda: any(s.folds for s in state.store().snapshots(name)) or current(page).status.ended, story=lambda: current(page))
    page.rerun()
    assert not current(page).status.ended and page.at.get("bidi_component"), current(page)
    page.press("Pause")
    until(lambda: current(page).status is Status.PAUSED, story=lambda: current(page))
    held = state.store().snapshots(name)[-1]
    page.rerun()
    assert "Resume" in page.buttons() and "Pause" not in page.buttons() and held.folds < FOLDS
    page.press("Stop")
    record = wait(page)
    assert record.status is Status.STOPPED and page.said("info") == [Status.STOPPED.sentence]
    assert 0 < record.result.folds < FOLDS and heading(page).startswith("### 12 of 50 features")
