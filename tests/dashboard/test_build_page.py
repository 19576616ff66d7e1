"""From tables: two tables in, a problem out that plain pandas makes as well; labels, margins, recipes, reloads, bad files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dashboard import state
from dashboard.calibration import downloads
from dashboard.kit import wording
from l0engine.__main__ import main
from l0engine.calibration.problem.problem import Problem
from l0engine.io import load_problem
from l0engine.io.build import Recipe
from l0engine.jobs.store import Store

USE = "Use this problem"


def survey(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "household_id": [f"h{i}" for i in range(n)],
            "weight": rng.uniform(50, 150, n).round(1),
            "region": rng.choice(["North", "South", "East"], n),
            "tenure": rng.choice(["owner", "tenant"], n),
            "age": rng.integers(18, 90, n),
        }
    )


SURVEY = survey()
REGIONS = pd.DataFrame({"region": ["North", "South", "East"], "households": [15_000, 12_000, 14_000]})
TENURES = pd.DataFrame({"tenure": ["owner", "tenant"], "households": [20_000, 21_500]})  # 500 more than the regions


def csv(frame):
    return frame.to_csv(index=False).encode()


def drop(page, **tables):
    """Drop tables, by name without '.csv'."""
    files = [(f"{name}.csv", content if isinstance(content, bytes) else csv(content), "text/csv") for name, content in tables.items()]
    page.at.file_uploader[0].set_value(files).run()
    return page.check()


@pytest.fixture
def page(visit):
    return visit("build")


def problem(page):
    page.press(USE)
    assert page.title == "Calibrate"
    return state.store().problem(page.at.session_state["problem"])


def test_an_empty_page_says_what_to_do(page):
    assert page.title == "From tables" and any("Drop both tables" in text for text in page.said("info"))
    drop(page, survey=SURVEY)
    assert any("Add the other table" in text for text in page.said("info")) and not page.said("error")


def test_two_tables_become_the_problem_that_pandas_makes(children, page):
    drop(page, survey=SURVEY, regions=REGIONS)
    assert page.metrics["Targets"] == "3" and page.metrics["Households"] == "400"
    base = SURVEY.groupby("region")["weight"].sum()[REGIONS["region"]].to_numpy()
    assert page.metrics["Median error"] == f"{np.median(np.abs(base / REGIONS['households'] - 1)):.1%}".replace("%", " %")
    made = problem(page)
    np.testing.assert_array_equal(made.values, REGIONS["households"])
    np.testing.assert_array_equal(made.matrix.toarray(), [SURVEY["region"] == r for r in REGIONS["region"]])
    np.testing.assert_array_equal(made.base_weights, SURVEY["weight"])
    assert list(made.household_ids) == list(SURVEY["household_id"])
    assert set(made.attributes) == {"region", "tenure", "age"}


def test_a_label_that_is_spelt_otherwise_can_be_taken(page):
    drop(page, survey=SURVEY, regions=REGIONS.replace("North", "Nroth"))
    assert page.metrics["Targets"] == "2" and any("'Nroth' is no region" in text for text in page.said("markdown"))
    page.choose("It is", "North")
    assert page.metrics["Targets"] == "3" and not any("Nroth" in text for text in page.said("markdown"))
    page.press("Undo")
    assert page.metrics["Targets"] == "2" and any("'Nroth' is no region" in text for text in page.said("markdown"))
    page.choose("It is", "North")
    np.testing.assert_array_equal(problem(page).values, REGIONS["households"])


def test_margins_that_disagree_are_said_and_scaled_by_a_click(page):
    drop(page, survey=SURVEY, regions=REGIONS, tenures=TENURES)
    said = [text for text in page.said("markdown") if "sums to" in text]
    assert len(said) == 1 and "41,500" in said[0] and "41,000" in said[0]
    scale = [label for label in page.buttons() if label.startswith("Scale ")]
    page.press(next(label for label in scale if "tenure" in label.split(" to ")[0]))
    assert not any("sums to" in text for text in page.said("markdown"))
    np.testing.assert_allclose(problem(page).values, [15_000, 12_000, 14_000, *(TENURES["households"] * 41_000 / 41_500)])


def test_an_empty_label_is_asked_about_and_may_be_taken_back(page):
    totals = pd.DataFrame({"region": ["North", "South", ""], "households": [15_000, 12_000, 14_000]})
    drop(page, survey=SURVEY.assign(region=SURVEY["region"].where(SURVEY.index >= 5, "")), regions=totals)
    assert any("row 3, column 'region': the cell is empty" in text for text in page.said("markdown"))
    page.choose("It means", "East").press("Read it so")
    assert page.metrics["Targets"] == "3" and any("An empty cell is taken as the region 'East'" in text for text in page.said("caption"))
    assert any("5 rows have no region and count nowhere" in text for text in page.said("markdown"))
    assert problem(page).values.tolist() == [15_000, 12_000, 14_000]
    page.to("build").press("Undo")
    assert any("the cell is empty" in text for text in page.said("markdown"))


def test_a_control_file_of_populationsim_is_read_as_a_recipe(page, tmp_path):
    rng = np.random.default_rng(4)
    seed = pd.DataFrame({"hh_id": range(1, 81), "PUMA": rng.choice([600, 601], 80), "NP": rng.integers(1, 5, 80), "WGTP": 10})
    controls = pd.DataFrame(
        [
            ("num_hh", "PUMA", "households", 1000, "HHBASE", "(households.WGTP > 0) & (households.WGTP < np.inf)"),
            ("alone", "PUMA", "households", 500, "HH1", "households.NP == 1"),
            ("people", "REGION", "households", 500, "POP", "households.NP"),
        ],
        columns=["target", "geography", "seed_table", "importance", "control_field", "expression"],
    )
    tables = {
        "seed_households": seed,
        "totals_puma": pd.DataFrame({"PUMA": [600, 601], "HHBASE": [400, 420], "HH1": [90, 80]}),
        "totals_meta": pd.DataFrame({"REGION": [1], "POP": [2100]}),
    }
    drop(page, controls=controls)
    assert any("add" in text for text in page.said("error", "info"))
    drop(page, controls=controls, **tables)
    assert "controls.csv was read as a recipe of 3 definitions." in page.said("success") and not page.said("error")
    made = problem(page)
    for name, table in {**tables, "controls": controls}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    assert main(["build", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert load_problem(tmp_path / "out").fingerprint == made.fingerprint
    np.testing.assert_array_equal(made.values, [400, 420, 90, 80, 2100])
    alone = [(seed["PUMA"] == p) & (seed["NP"] == 1) for p in (600, 601)]
    np.testing.assert_array_equal(made.matrix.toarray(), [seed["PUMA"] == 600, seed["PUMA"] == 601, *alone, seed["NP"]])


@pytest.mark.slow
def test_definitions_of_a_table_that_is_left_out_can_go_and_come_back(page, visit):
    drop(page, survey=SURVEY, regions=REGIONS, tenures=TENURES)
    page.at.button(key="leave_regions.csv").click().run()
    assert page.check().button(USE).disabled
    page.press("Remove them too")
    assert page.metrics["Targets"] == "2" and not page.said("error") and not page.button(USE).disabled
    again = visit("build", build=dict(page.at.query_params)["build"]).press("Bring them back")  # after a reload, too
    assert again.said("error") and "Remove them too" in again.buttons()
    drop(again, regions=REGIONS)
    assert again.metrics["Targets"] == "5"


def test_two_tabs_do_not_overwrite_each_other(page, visit):
    drop(page, survey=SURVEY, regions=REGIONS)
    address = dict(page.at.query_params)["build"]
    other = visit("build", build=address).choose("Only where", "tenure == 'owner'")
    page.choose("Only where", "age > 30")
    assert any("Another tab changed this as well" in text for text in page.said("warning"))
    mine = dict(page.at.query_params)["build"]
    assert mine != address
    for key, where in ((address, "tenure == 'owner'"), (mine, "age > 30")):
        assert visit("build", build=key).widget("Only where").value == where
    other.choose("Only where", "age > 40")  # the first address is still its own
    assert dict(other.at.query_params)["build"] == address


def test_the_form_changes_what_is_counted(page):
    drop(page, survey=SURVEY, regions=REGIONS)
    page.choose("Counted or summed", ("households", "age")).choose("Only where", "tenure == 'owner'")
    made = problem(page)
    owners = SURVEY["age"] * (SURVEY["tenure"] == "owner")
    np.testing.assert_array_equal(made.matrix.toarray(), [owners * (SURVEY["region"] == r) for r in REGIONS["region"]])


def test_a_filter_that_cannot_be_read_is_said_and_nothing_is_lost(page):
    drop(page, survey=SURVEY, regions=REGIONS).choose("Only where", "region ==")
    assert len(page.said("error")) == 1 and page.button(USE).disabled
    page.choose("Only where", "")
    assert page.metrics["Targets"] == "3" and not page.said("error")


@pytest.mark.slow
def test_what_is_not_guessed_is_defined_by_hand(page):
    ages = pd.DataFrame({"how old": ["18-39", "40-64", "65+"], "n": [14_000, 15_000, 12_000]})
    drop(page, survey=SURVEY.rename(columns={"age": "years"}), ages=ages)
    assert len(page.said("error")) == 2 and page.button(USE).disabled  # what was not found, and that there are no targets
    page.choose("Household id", "household_id").choose("Base weight", "weight")
    page.choose("Cut a column of numbers", "years").choose("at these lower edges", "18, 40, 65").press("Add")
    page.press("Add targets").choose("By", ["years class"])
    page.choose("The total stands in", "n").choose("years class stands in", "how old")
    assert page.metrics["Targets"] == "3"
    bounds = pd.cut(SURVEY["age"], [17, 39, 64, 200], labels=ages["how old"])
    np.testing.assert_array_equal(problem(page).matrix.toarray(), [bounds == c for c in ages["how old"]])


def test_where_no_label_is_known_ids_and_weights_are_found_all_the_same(page):
    drop(page, households=SURVEY, regions=pd.DataFrame({"region": ["AA", "BB"], "households": [100, 200]}))
    (said,) = page.said("error")[:1]
    assert said.startswith("regions.csv, column 'region': hardly a label ('AA', 'BB') stands in column 'region' of households.csv")
    assert [page.widget(label).value for label in ("Household id", "Base weight")] == ["household_id", "weight"]


def test_a_reload_finds_everything_again(page, visit):
    drop(page, survey=SURVEY, regions=REGIONS).choose("Only where", "tenure == 'owner'")
    again = visit("build", build=dict(page.at.query_params)["build"])
    assert again.widget("Only where").value == "tenure == 'owner'" and again.metrics["Targets"] == "3"


def test_a_recipe_is_kept_with_the_problem_and_makes_it_again(page, visit):
    drop(page, survey=SURVEY, regions=REGIONS).choose("Only where", "tenure == 'owner'")
    sha = problem(page).fingerprint
    text = state.store().recipe(sha)
    assert Recipe.from_toml(text).targets[0].where == "tenure == 'owner'"
    other = drop(visit("build"), survey=SURVEY, regions=REGIONS)
    files = [("survey.csv", csv(SURVEY), "text/csv"), ("regions.csv", csv(REGIONS), "text/csv"), ("r.toml", text.encode(), "text/plain")]
    other.at.file_uploader[0].set_value(files).run()
    assert problem(other.check()).fingerprint == sha


def test_the_recipe_is_traced_to_from_the_run(working, page):
    drop(page, survey=SURVEY, regions=REGIONS)
    sha = problem(page).fingerprint
    page.to("calibrate").press("Start").until_ended().to("results")
    assert "Recipe (recipe.toml)" in [b.label for b in page.at.download_button]
    recipe, run = (downloads.contents(page.record, name).decode() for name in ("recipe.toml", "run.json"))
    assert json.loads(run)["recipe"] == recipe == state.store().recipe(sha) and Recipe.from_toml(recipe).tables == (
        "survey.csv",
        "regions.csv",
    )


def test_a_problem_that_came_as_a_matrix_gets_the_recipe_that_makes_it(home):
    store, alike = Store(home), Problem.create(np.eye(2), [1.0, 2.0])
    store.add_problem(alike, "matrix")
    sha = store.add_problem(alike, "tables", recipe="a = 1").sha
    assert store.recipe(sha) == "a = 1" and store.add_problem(alike, "again", recipe="b = 2") and store.recipe(sha) == "a = 1"


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [(b"", "error", "totals.csv"), (b"region\nNorth\n", "caption", "Not used yet")],
    ids=["empty", "no totals"],
)
def test_a_bad_table_is_one_sentence_and_the_others_stay(page, content, kind, words):
    drop(page, survey=SURVEY, regions=REGIONS)
    targets = page.metrics["Targets"]
    files = [("survey.csv", csv(SURVEY), "text/csv"), ("regions.csv", csv(REGIONS), "text/csv"), ("totals.csv", content, "text/csv")]
    page.at.file_uploader[0].set_value(files).run()
    page.check()
    assert sum(words in text for text in page.said(kind)) == 1 and page.metrics["Targets"] == targets


def test_a_table_left_out_is_gone_and_can_come_back(page):
    drop(page, survey=SURVEY, regions=REGIONS, tenures=TENURES)
    page.at.button(key="leave_tenures.csv").click().run()
    assert any("tenures.csv" in text for text in page.check().said("error")) and page.button(USE).disabled
    files = [("tenures.csv", csv(TENURES), "text/csv")]
    page.at.file_uploader[0].set_value(files).run()
    assert page.check().metrics["Targets"] == "5" and not page.said("error")


def test_the_example_has_the_rows_of_the_sample_it_is_of(page):
    """Its totals stand in the sample's targets as well; that matrix was made from the source, not by recipes."""
    made = problem(page.press("Try it with New England"))
    sample = load_problem(state.SAMPLES / "new_england")
    names = {"People": "population", "Households with food stamps": "snap_households", "Food stamps, dollars": "snap_cost"}
    rows = [
        list(sample.names).index(f"{name.rsplit(' ', 1)[1]}/{names[group]}") for name, group in zip(made.names, made.groups, strict=True)
    ]
    assert made.n_targets == len(set(rows)) == 18
    np.testing.assert_allclose(made.values, sample.values[rows], atol=0.5)
    np.testing.assert_allclose(made.matrix.toarray(), sample.matrix[rows].toarray(), atol=0.5)  # dollars are rounded in the households


@pytest.mark.slow
def test_totals_in_another_unit_are_warned_of(page):
    drop(page, survey=SURVEY, regions=REGIONS.assign(households=REGIONS["households"] / 1000))
    share = wording.percent(REGIONS["households"].sum() / 1000 / SURVEY["weight"].sum())
    assert any(f"These totals are {share} of what the survey gives" in text for text in page.said("markdown"))


def test_a_bad_recipe_is_said_and_the_proposal_stays(page):
    files = [("survey.csv", csv(SURVEY), "text/csv"), ("regions.csv", csv(REGIONS), "text/csv"), ("r.toml", b"households =", "text/plain")]
    page.at.file_uploader[0].set_value(files).run()
    assert page.check().metrics["Targets"] == "3" and any("not TOML" in text for text in page.said("error"))


def test_a_question_left_open_is_not_forgotten(page, visit):
    drop(page, survey=SURVEY, regions=b"region;households\nNorth;15.000\nSouth;12.000\nEast;14.000\n")
    again = visit("build", build=dict(page.rerun().at.query_params)["build"])
    assert any("regions.csv was not read" in text for text in again.said("warning"))


def test_a_table_of_persons_counts_people_and_may_be_left_out(page):
    rng = np.random.default_rng(1)
    persons = pd.DataFrame({"household_id": rng.choice(SURVEY["household_id"], 900), "sex": rng.choice(["female", "male"], 900)})
    sexes = pd.DataFrame({"sex": ["female", "male"], "persons": [46_000, 45_000]})
    drop(page, survey=SURVEY, persons=persons, sexes=sexes)
    assert page.metrics["Targets"] == "2" and not page.said("error")
    page.at.button(key="leave_persons.csv").click().run()
    assert any("needs the table 'persons.csv'" in text for text in page.check().said("error")) and page.button(USE).disabled
    page.at.file_uploader[0].set_value([("persons.csv", csv(persons), "text/csv")]).run()
    counted = pd.crosstab(persons["sex"], persons["household_id"]).reindex(columns=SURVEY["household_id"], fill_value=0)
    np.testing.assert_array_equal(problem(page.check()).matrix.toarray(), counted.loc[sexes["sex"]])
