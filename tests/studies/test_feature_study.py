"""The study of features: its scores against scikit-learn's own cross-validation, its choices against a planted truth, its refusals."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets as originals
from sklearn.feature_selection import RFE, SelectKBest, f_classif, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, lasso_path
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from l0engine.draining import drain
from l0engine.errors import ConfigError, L0Error, ProblemError
from l0engine.jobs.task import Context, task_of
from l0engine.selection import choose_features, iterate_features
from l0engine.studies.features import choosers, datasets
from l0engine.studies.features.comparison import METHODS
from l0engine.studies.features.result import FeatureProgress, FeatureResult
from l0engine.studies.features.run import run
from l0engine.studies.features.settings import FeatureStudy
from l0engine.studies.features.table import MOST_CATEGORIES, feature_table

OLD = Path(__file__).parents[1] / "data" / "store_2" / "studies" / "20261127-090409-871f"


def plain(stored):
    """As JSON has it."""
    return json.loads(json.dumps(stored.to_dict()))


def carry_out(study, folder=Path(), should_stop=lambda: False):
    """Result and snapshots, once they have come back from JSON as they were."""
    snapshots = []
    result = drain(run(Context(study, folder, should_stop)), snapshots.append).result
    for stored in (study, result, *snapshots):
        assert type(stored).from_dict(plain(stored)) == stored
    return result, snapshots


@pytest.fixture(scope="module")
def diabetes():
    return carry_out(FeatureStudy("diabetes", 4, folds=3, epochs=60, seed=1))


#: Of planted data: more features than rows.
ROWS, COLUMNS = 200, 220


@pytest.fixture(scope="module")
def planted():
    return carry_out(FeatureStudy("planted", 10, folds=2, epochs=60, seed=3, rows=ROWS, features=COLUMNS))


# -- data sets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.DATA_SETS)
def test_bundled_data_are_as_they_are_announced(name):
    known, frame = datasets.DATA_SETS[name], datasets.load(name)
    assert (len(frame), frame.shape[1] - 1, frame.columns[-1]) == (known.rows, known.features, known.target)
    table = feature_table(frame, known.target)
    assert (table.task, table.left_out) == (known.task, ())
    raw = {"diabetes": lambda: originals.load_diabetes(scaled=False)}.get(name, getattr(originals, f"load_{name}"))()
    some = frame.columns[3]
    assert any(np.array_equal(frame[some], column) for column in raw.data.T)


def test_the_labels_of_a_data_set_are_those_of_its_rows():
    assert (datasets.load("digits")["even or odd"] == "odd").tolist() == (originals.load_digits().target % 2 == 1).tolist()
    assert (datasets.load("breast_cancer")["diagnosis"] == "malignant").tolist() == (originals.load_breast_cancer().target == 0).tolist()


def test_planted_data_have_the_truth_the_noise_and_the_correlation_they_are_asked_for():
    X, y, truth = datasets.planted(20_000, 12, 4, 3.0, correlation=0.6, seed=2)
    assert X.shape == (20_000, 12) and len(set(truth)) == 4
    fit = LinearRegression().fit(X, y)
    np.testing.assert_allclose(np.abs(fit.coef_[truth]), 1, atol=0.05)
    np.testing.assert_allclose(np.delete(fit.coef_, truth), 0, atol=0.05)
    assert fit.score(X, y) == pytest.approx(3 / 4, abs=0.02)  # snr / (snr + 1)
    np.testing.assert_allclose(np.corrcoef(X.T)[5, [6, 7]], [0.6, 0.36], atol=0.03)


@pytest.mark.parametrize("wrong", [{"true": 13}, {"true": 0}, {"snr": 0.0}, {"correlation": 1.0}, {"rows": 1}])
def test_impossible_planted_data_get_a_sentence(wrong):
    with pytest.raises(ConfigError):
        datasets.planted(**{"rows": 50, "features": 12, "true": 3, "snr": 1.0} | wrong)
    with pytest.raises(ConfigError, match="There is no data set 'moon'"):
        datasets.load("moon")


# -- tables --------------------------------------------------------------------------------------------------------------


def people(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "owner": rng.random(n) < 0.5,
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(["north", "south", "west"], n),
            "id": [f"p{i}" for i in range(n)],
            "born": pd.date_range("1950-01-01", periods=n),
            "empty": np.full(n, np.nan),
            "one": 7,
            "income": rng.lognormal(10, 1, n),
        }
    )


def test_text_is_coded_and_what_can_be_no_feature_is_left_out_with_a_reason():
    frame = people()
    table = feature_table(frame, "income")
    assert table.names == ("age", "owner", "sex = m", "region = north", "region = south", "region = west")
    assert dict(table.left_out) == {
        "id": "text with 60 different values",
        "born": "dates",
        "empty": "empty",
        "one": "the same in every row",
    }
    expected = [frame.age, frame.owner, frame.sex == "m", *(frame.region == r for r in ("north", "south", "west"))]
    np.testing.assert_array_equal(table.X, np.array(expected, float).T)
    np.testing.assert_array_equal(table.y, frame.income)
    assert MOST_CATEGORIES < 60


@pytest.mark.parametrize(
    ("target", "asked", "task", "classes"),
    [
        ("income", "auto", "regression", ()),
        ("sex", "auto", "classification", ("f", "m")),
        ("owner", "auto", "classification", ("0", "1")),
        ("age", "auto", "regression", ()),
        ("owner", "regression", "regression", ()),
        ("region", "classification", "classification", ("north", "south", "west")),
    ],
)
def test_the_target_decides_the_task(target, asked, task, classes):
    frame = people()
    table = feature_table(frame, target, asked)
    assert (table.task, table.classes) == (task, classes)
    assert not any(name.startswith(target) for name in table.names)
    if classes and target != "owner":
        assert [classes[code] for code in table.y] == frame[target].tolist()


def test_missing_values_are_refused_or_their_rows_left_out():
    frame = people().astype({"age": float})
    frame.loc[[3, 5], "age"] = [np.inf, np.nan]
    frame.loc[7, "sex"] = ""
    with pytest.raises(
        ProblemError, match=r"Column 'age' has 2 missing values: fill them, remove the column, or have such rows left out\."
    ):
        feature_table(frame, "income")
    table = feature_table(frame, "income", drop_missing=True)
    np.testing.assert_array_equal(table.y, frame.income.drop([3, 5, 7]))
    assert (len(table.X), table.rows) == (57, 60)


def test_of_a_large_table_a_random_sample_of_rows_is_used(monkeypatch):
    monkeypatch.setattr("l0engine.studies.features.table.MOST_CELLS", 6 * 40)
    frame = people()
    table, again, other = (feature_table(frame, "income", seed=s) for s in (1, 1, 2))
    assert len(table.y) == 40 and table.rows == 60
    np.testing.assert_array_equal(table.y, again.y)
    assert set(table.y) != set(other.y) and set(table.y) < set(frame.income)


@pytest.mark.parametrize(
    ("change", "target", "task", "said"),
    [
        ({}, "wage", "auto", "no column 'wage'"),
        ({"income": 3.0}, "income", "auto", "'income' is the same in every row"),
        ({}, "sex", "regression", "'sex' is text: choose classification"),
        ({"income": np.arange(202) / 2}, "income", "classification", "202 classes"),
        ({}, "income", "clustering", "'clustering' is unknown"),
    ],
)
def test_a_target_that_cannot_be_predicted_gets_a_sentence(change, target, task, said):
    with pytest.raises(L0Error, match=said) as caught:
        feature_table(people(202).assign(**change), target, task)
    assert str(caught.value).count(". ") == 0


def test_a_table_without_features_gets_a_sentence():
    with pytest.raises(ProblemError, match="no column that could be a feature"):
        feature_table(people()[["one", "id", "income"]], "income")


# -- the study -----------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_scikit_learn(diabetes):
    """Univariate and recursive choices as pipelines in scikit-learn's own cross-validation, on the same folds."""
    result, _ = diabetes
    frame = datasets.load("diabetes")
    X, y = frame.iloc[:, :-1].to_numpy(), frame.iloc[:, -1].to_numpy()
    folds = KFold(3, shuffle=True, random_state=1)
    assert (result.counts, result.folds) == ((1, 2, 3, 4), 3)
    for method, step in (
        ("univariate", lambda k: SelectKBest(f_regression, k=k)),
        ("rfe", lambda k: RFE(LinearRegression(), n_features_to_select=k)),
    ):
        for k, mean, error in zip(result.counts, *vars(result.scores["R²"][method]).values(), strict=True):
            model = make_pipeline(StandardScaler(), step(k), LinearRegression())
            found = cross_validate(model, X, y, cv=folds, scoring="r2")["test_score"]
            assert (mean, error) == pytest.approx((found.mean(), found.std(ddof=1) / np.sqrt(3)))
    found = cross_validate(LinearRegression(), X, y, cv=folds, scoring="r2")["test_score"]
    assert result.all["R²"] == pytest.approx([found.mean(), found.std(ddof=1) / np.sqrt(3)])


def test_scores_of_the_gates_are_those_of_their_own_choice_on_each_fold(diabetes):
    result, _ = diabetes
    frame = datasets.load("diabetes")
    X, y = frame.iloc[:, :-1].to_numpy(), frame.iloc[:, -1].to_numpy()
    folds = list(KFold(3, shuffle=True, random_state=1).split(X))
    choices = [choose_features(X[train], y[train], 4, seed=1, epochs=60) for train, _ in folds]
    for k in (1, 4):
        found = []
        for (train, test), choice in zip(folds, choices, strict=True):
            columns = choice.chosen(k).features
            found.append(LinearRegression().fit(X[train][:, columns], y[train]).score(X[test][:, columns], y[test]))
        assert result.scores["R²"]["gates"].mean[k - 1] == pytest.approx(np.mean(found))


@pytest.mark.slow
def test_scores_of_a_classification_are_accuracy_and_log_loss():
    result, _ = carry_out(FeatureStudy("wine", 2, folds=3, seed=4))
    frame = datasets.load("wine")
    X, y = frame.iloc[:, :-1].to_numpy(), frame["cultivar"].to_numpy()
    accuracy, loss = [], []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=4).split(X, y):
        scaler = StandardScaler().fit(X[train])
        best = np.argsort(-f_classif(X[train], y[train])[0])[:2]
        a, b = scaler.transform(X[train])[:, best], scaler.transform(X[test])[:, best]
        model = LogisticRegression(max_iter=1000).fit(a, y[train])
        accuracy.append((model.predict(b) == y[test]).mean())
        loss.append(log_loss(y[test], model.predict_proba(b)))
    assert result.scores["accuracy"]["univariate"].mean[1] == pytest.approx(np.mean(accuracy))
    assert result.scores["log loss"]["univariate"].mean[1] == pytest.approx(np.mean(loss), rel=1e-5)
    assert result.classes == tuple(sorted(set(y))) and np.shape(result.coefficients) == (2, 3)


def test_coefficients_are_those_of_the_data(diabetes):
    result, _ = diabetes
    frame = datasets.load("diabetes")
    fit = LinearRegression().fit(frame[list(result.names)], frame.iloc[:, -1])
    np.testing.assert_allclose(np.ravel(result.coefficients), fit.coef_, rtol=1e-3)
    np.testing.assert_allclose(np.ravel(result.per_deviation), fit.coef_ * frame[list(result.names)].std(ddof=0), rtol=1e-3)
    np.testing.assert_allclose(result.intercept, [fit.intercept_], rtol=1e-3)
    assert tuple(frame.columns[j] for j in result.order) == result.names and result.task == "regression"


def test_the_planted_truth_is_found_as_well_as_by_the_best_point_of_the_lasso_path(planted):
    result, _ = planted
    X, y, truth = datasets.planted(ROWS, COLUMNS, 10, 5.0, seed=3)
    assert result.truth == tuple(truth) and result.features == COLUMNS and result.all == {}

    def f1(columns):
        return f1_score(np.isin(np.arange(COLUMNS), truth), np.isin(np.arange(COLUMNS), columns))

    scaled = StandardScaler().fit_transform(X)
    best = max(f1(np.flatnonzero(c)) for c in lasso_path(scaled, y - y.mean())[1].T)
    assert result.recovery.best_l1 == pytest.approx(best)
    assert f1(result.order) >= best
    for method in METHODS:
        for k, precision, recall in zip(result.counts, result.recovery.precision[method], result.recovery.recall[method], strict=True):
            assert precision * k == pytest.approx(recall * 10)
    top = np.argsort(-np.abs(scaled.T @ y))[:7]
    assert result.recovery.precision["univariate"][6] == pytest.approx(np.isin(top, truth).mean())
    assert result.common["univariate"] == len(set(np.argsort(-np.abs(scaled.T @ (y - y.mean())))[:10]) & set(result.order))


def test_snapshots_grow_to_the_end_and_show_the_most_open_gates(planted):
    _, snapshots = planted
    steps = [s.step for s in snapshots]
    assert steps == sorted(set(steps)) and {s.epochs for s in snapshots} == {snapshots[-1].step}
    assert snapshots[0].names[-1] == f"x{COLUMNS}" and len(snapshots[0].truth) == 10
    gates = [s for s in snapshots if s.gates]
    assert all(len(s.gates) == len(set(s.shown)) == 200 for s in gates)
    X, y, _ = datasets.planted(ROWS, COLUMNS, 10, 5.0, seed=3)
    assert len(gates) == 60
    for ours, theirs in zip(gates, iterate_features(X, y, 10, seed=3, epochs=60), strict=False):  # its search for sets is not waited for
        np.testing.assert_allclose(ours.gates, theirs.gates[list(ours.shown)], atol=6e-4)
        assert min(ours.gates) >= np.delete(theirs.gates, ours.shown).max() - 1e-3
    assert [s.folds for s in snapshots if s.folds] == [1, 2]


def test_no_two_snapshots_share_a_step_however_few_epochs_there_are():
    _, snapshots = carry_out(FeatureStudy("planted", 3, folds=2, epochs=1, rows=60, features=12, true=3))
    assert [s.step for s in snapshots] == [0, 1, 2, 3, 4] and [bool(s.gates) for s in snapshots] == [False, True, False, False, False]
    assert [s.folds for s in snapshots] == [0, 0, 0, 1, 2]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result(diabetes):
    again, _ = carry_out(FeatureStudy("diabetes", 4, folds=3, epochs=60, seed=1))
    assert replace(again, seconds={}) == replace(diabetes[0], seconds={})


@pytest.mark.slow
def test_counts_are_thinned():
    result, _ = carry_out(FeatureStudy("planted", 40, folds=2, epochs=5, rows=120, features=45))
    counts = result.counts
    assert counts[0] == 1 and counts[-1] == 40 and len(counts) <= 12 and counts == tuple(sorted(set(counts)))
    assert all(len(m.mean) == len(m.error) == len(counts) for m in result.scores["R²"].values())


def test_a_stop_ends_with_what_there_is():
    calls = iter(range(10_000))
    result, _ = carry_out(FeatureStudy("diabetes", 3, epochs=20), should_stop=lambda: next(calls) >= 12)
    assert len(result.names) == 3 and result.folds == 0 and result.all == {}
    calls = iter(range(10_000))
    stopped, snapshots = carry_out(FeatureStudy("diabetes", 3, epochs=20), should_stop=lambda: next(calls) >= 100)
    assert 0 < stopped.folds < 10 and stopped.folds == max(s.folds for s in snapshots)


def test_columns_and_a_target_whose_squares_are_infinite_score_as_in_other_units(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((60, 4)), columns=list("abcd"))
    frame["y"] = frame.a - 0.5 * frame.c + 0.2 * rng.standard_normal(60)
    results = []
    for name, units in (("usual", 1.0), ("huge", [2.0**700, 1, 2.0**900, 2.0**-700, 2.0**650])):
        (tmp_path / name).mkdir()
        (frame * units).to_parquet(tmp_path / name / "table.parquet")
        results.append(carry_out(FeatureStudy("table", 2, target="y", folds=3, epochs=20), tmp_path / name)[0])
    usual, huge = results
    assert usual.order == huge.order and usual.scores == huge.scores
    np.testing.assert_allclose(np.array(huge.per_deviation) / 2.0**650, usual.per_deviation)


@pytest.mark.slow
def test_uploads_come_from_the_folder_and_columns_constant_in_a_fold_are_left_out(tmp_path):
    frame = people(120).drop(columns=["one", "empty", "born"]).assign(rare=np.arange(120) == 7)
    frame.to_parquet(tmp_path / "table.parquet")
    result, _ = carry_out(FeatureStudy("table", 2, title="people.csv", target="income", folds=4), tmp_path)
    assert result.left_out == (("id", "text with 120 different values"), ("rare", "the same in nearly every row"))
    assert result.features == 6 and set(result.names) < {
        "age",
        "owner",
        "sex = m",
        *(f"region = {r}" for r in ("north", "south", "west")),
    }


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (FeatureStudy("diabetes", 11), "11 of 10 features are impossible: choose a count from 1 to 10"),
        (FeatureStudy("diabetes", 0), "0 of 10 features are impossible"),
        (FeatureStudy("planted", 45, rows=50), "45 features are too many for 50 rows in 10 folds: choose 43 or fewer"),
        (FeatureStudy("planted", 2, rows=15, features=20), "15 rows are too few for 10 folds: give at least 20"),
        (FeatureStudy("diabetes", 3, folds=1), "1 folds are impossible"),
        (FeatureStudy("diabetes", 3, epochs=0), "epochs is 0"),
        (FeatureStudy("planted", 3, true=2000), "2,000 true features of 1,000"),
        (FeatureStudy("wine", 3, folds=49), "Class 'cultivar 2' has 48 rows, fewer than the 49 folds"),
    ],
)
def test_bad_settings_get_one_sentence(study, said):
    with pytest.raises(L0Error, match=said) as caught:
        carry_out(study)
    assert str(caught.value).count(". ") == 0


def test_a_study_is_read_back_from_its_settings():
    study = FeatureStudy("table", 3, title="x.csv", target="y", task="regression", drop_missing=True)
    assert task_of("features", plain(study)) == study and study.label == "3 features, x.csv" and study.target_name == "y"


def test_what_an_earlier_version_wrote_is_read_as_it_stands():
    settings = json.loads((OLD / "study.json").read_text())["settings"]
    assert plain(task_of("features", settings)) == settings
    was = json.loads((OLD / "outcome.json").read_text())["result"]
    assert plain(FeatureResult.from_dict(was)) == was
    for line in (OLD / "snapshots.jsonl").read_text().splitlines():
        was = json.loads(line)
        assert plain(found := FeatureProgress.from_dict(was)) == plain(FeatureProgress(step=0, epochs=0)) | was
        assert (bool(found.names), bool(found.gates), bool(found.folds)) == ("names" in was, "gates" in was, "scores" in was)


# -- choosers ------------------------------------------------------------------------------------------------------------


def test_l1_takes_the_largest_where_the_path_first_has_enough():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 8))
    y = X @ np.array([5.0, 0, 3, 0, 0, 1.5, 0, 0.7]) + 0.1 * rng.standard_normal(200)
    found = choosers.l1(X, y, [1, 2, 3, 4], "regression")
    assert [sorted(found[k]) for k in (1, 2, 3, 4)] == [[0], [0, 2], [0, 2, 5], [0, 2, 5, 7]]
    labels = (y > 0).astype(int)
    assert [sorted(s) for s in choosers.l1(X, labels, [1, 2], "classification").values()] == [[0], [0, 2]]


def test_recursive_elimination_lets_a_tenth_go_while_there_are_many():
    X, y, truth = datasets.planted(150, 120, 3, 20.0, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = choosers.recursive(X, y, [3, 5], "regression")
    assert sorted(found[3]) == truth.tolist() and set(found[3]) < set(found[5])
