"""Recipes as TOML, expressions against pandas, and recipes guessed from tables alone."""

import numpy as np
import pandas as pd
import pytest

from l0engine import ProblemError
from l0engine.io.build import Band, Recipe, Statistic, Target, Totals, build, guess
from l0engine.io.build.bands import band_of, labels_of
from l0engine.io.build.expressions import amount, condition
from l0engine.io.build.units import Units

FULL = Recipe(
    "hh.csv", "id", "wt", "pp.csv", "hid", protected="p", frozen="f == 1", min_weight="lo", max_weight="wt * 2",
    bands=(Band("ages", "age", (0, 17.5, float(10**16)), ("jung ü", 'a "q"\n\\', "alt\x7f")),),
    same={"ages": {"18 to 24": "18-24", "": "x.y"}},
    targets=(
        Target("one", Totals(value=1.5e9)),
        Target("two", Totals("t.csv", columns={"value": "Persons (1000)"}, across="ages", where="year == 2024", add_up=True, through="x.csv", unit=0.01),
               of="persons", sum="income", by=("ages", "sex"), where="age > 3", statistic=Statistic.SHARE, within=("sex",), among="age > 1",
               scale_to="one", group="g", weight=2.0, tolerance=0.1, standard_error=3.0, source="s", year="2024"),
    ),
)  # fmt: skip


def test_a_recipe_comes_back_from_its_text():
    assert Recipe.from_toml(FULL.to_toml()) == FULL
    assert FULL.tables == ("hh.csv", "pp.csv", "t.csv", "x.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("households = ", "not TOML"),
        ("[[targets]]\nname = 'a'\ntotals = {value = 1}", "households"),
        ("households = 3", "households"),
        ("households = 'h'\nbase_wieght = 'w'", "'base_wieght', which means nothing"),
        ("households = 'h'\n[[targets]]\nname = 'a'\ntotals = {tabel = 't'}", r"'targets\[1\].totals.tabel'"),
        ("households = 'h'\n[[targets]]\nname = 'a'\ntotals = {value = 1}\nstatistic = 'median'", "median"),
        ("households = 'h'\ntargets = 3", "targets"),
    ],
)
def test_a_recipe_that_cannot_be_used_says_why(text, words):
    with pytest.raises(ProblemError, match=words):
        Recipe.from_toml(text)


FRAME = pd.DataFrame({"age": [3, 17, 18, 40, 70], "sex": ["m", "f", "f", "m", "f"], "two words": [1.5, 2, 3, 4, np.nan], "code": ["01", "2", "3", "", "5"]})  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("age >= 18", "age >= 18"),
        ("(age > 15) & (age <= 24) | ~(sex == 'm')", "(age > 15) & (age <= 24) | ~(sex == 'm')"),
        ("not sex == 'm' and 3 < age < 50", "not sex == 'm' and 3 < age < 50"),
        ("`two words` * 2 - age / -3 > 1", "`two words` * 2 - age / -3 > 1"),
        ("sex not in ('m', 'x') or age in [3, 4]", "sex not in ('m', 'x') or age in [3, 4]"),
        ("'f' == sex", "'f' == sex"),
        ("code == 1 or code == '5'", "code == '01' or code == '5'"),
        ("code == ''", "code == ''"),
        ("code != '' and code != '3'", "code != '' and code != '3'"),
        ("(households.age > 0) & (households.age < np.inf)", "age > 0"),
        ("`two words` != 3", "`two words` != 3 and `two words` == `two words`"),  # an empty cell meets no condition
    ],
)
def test_conditions_hold_where_those_of_pandas_do(ours, theirs):
    units = Units("households", "t.csv", FRAME, {})
    np.testing.assert_array_equal(condition(ours, units), FRAME.eval(theirs).to_numpy())


def test_amounts_are_those_of_pandas():
    units = Units("households", "t.csv", FRAME, {})
    np.testing.assert_array_equal(amount("age * 2 + (sex == 'm')", units), (FRAME["age"] * 2 + (FRAME["sex"] == "m")).to_numpy())
    np.testing.assert_array_equal(amount("two words", units), FRAME["two words"])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "age.__class__", "(lambda: 1)()", "age ** 9 > 1", "[x for x in age]", "age[0] > 1", "f'{age}' == 'x'",
        "age > 1; age", "age :=", "nobody > 3", "age > 'a'", "age", "not " * 1200 + "sex == 'm'", "(" * 400 + "age" + ")" * 400 + " > 1",
        "age > 1" + " and age > 1" * 1000, "np.load > 1", "sex",
    ],
)  # fmt: skip
def test_nothing_else_is_an_expression(text):
    with pytest.raises(ProblemError):
        condition(text, Units("households", "t.csv", FRAME, {}))


@pytest.mark.parametrize(
    ("labels", "edges"),
    [
        (["0-17", "18-64", "65+"], (0, 18, 65)),
        (["Under 18", "18 to 64 years", "65 years and over"], (0, 18, 65)),
        (["1 person", "2 persons", "3 or more"], (1, 2, 3)),
        (["0–9", "10–19"], (0, 10, 20)),
        (["0-17", "20-64"], None),
        (["North", "South"], None),
        (["0-17", "all the others"], None),
    ],
)
def test_bands_are_read_from_published_labels(labels, edges):
    band = band_of("ages", "age", labels)
    assert (band and band.edges) == edges
    if band:
        assert list(labels_of(band)) == labels
    assert labels_of(Band("a", "b", (0, 1, 18))) == ("0", "1-17", "18+")


HH = pd.DataFrame({"hh_id": ["1", "2", "3", "4"], "Region": ["N", "S", "N", "S"], "persons": [1, 2, 1, 2], "income": [9.0, 8, 7, 6], "weight": [10.0, 20, 30, 40]})  # fmt: skip
PP = pd.DataFrame({"hh_id": ["1", "2", "2", "3", "4", "4"], "age": [30, 40, 5, 70, 80, 12], "sex": list("mfmfmf")})
CASES = {
    "long": ({"t": pd.DataFrame({"region": ["N", "S"], "households": [40, 60]})}, [("households", "", ("Region",), "")]),
    "by size": ({"t": pd.DataFrame({"region": ["N", "S"], "value": [41, 119]})}, [("households", "persons", ("Region",), "")]),
    "a sum": ({"t": pd.DataFrame({"region": ["N", "S"], "Income": [300, 400]})}, [("households", "income", ("Region",), "")]),
    "cross": (
        {"p": PP, "t": pd.DataFrame({"Region": ["N", "S", "Total"], "m": [10, 60, 70], "f": [30, 60, 90], "Total": [40, 120, 160]})},
        [("persons", "", ("Region", "sex"), "sex")],
    ),
    "bands": ({"p": PP, "t": pd.DataFrame({"Age group": ["0-17", "18-64", "65+"], "n": [60, 30, 70]})}, [("persons", "", ("Age group",), "")]),
    "stacked": (
        {"p": PP, "t": pd.DataFrame({"region": ["N", "S", "", ""], "sex": ["", "", "m", "f"], "persons": [40, 120, 70, 90]})},
        [("persons", "", ("Region",), ""), ("persons", "", ("sex",), "")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_recipe_is_guessed_from_the_tables_alone(case):
    tables, expected = CASES[case]
    tables = {"h": HH, **tables}
    recipe = guess(tables)
    assert (recipe.households, recipe.household_id, recipe.base_weight) == ("h", "hh_id", "weight")
    assert [(t.of, t.sum, t.by, t.totals.across) for t in recipe.targets] == expected
    built = build(recipe, tables)
    assert all(not m.unmatched and not m.missing for m in built.matches) and not built.disagreements
    np.testing.assert_allclose(built.problem.estimates(built.problem.base_weights), built.problem.values, rtol=0.6)


def test_a_column_of_the_same_name_is_proposed_though_half_of_its_labels_differ():
    survey = pd.DataFrame({"household_id": range(8), "region": ["North", "South", "East", "West"] * 2})
    for labels, proposed in ((["North", "South", "Ost", "Westen"], True), (["Nord", "Sued", "Ost", "Westen"], False)):
        tables = {"survey.csv": survey, "totals.csv": pd.DataFrame({"region": labels, "households": [1.0, 2, 3, 4]})}
        if proposed:
            recipe = guess(tables)
            assert recipe.targets[0].by == ("region",)
            assert [u.label for u in build(recipe, tables).matches[0].unmatched] == ["Ost", "Westen"]
        else:
            said = r"'Nord', 'Sued', 'Ost'.* stands in column 'region' of survey.csv .*'North'.*write the labels"
            with pytest.raises(ProblemError, match=said):
                guess(tables)


def test_nothing_is_guessed_where_nothing_fits():
    with pytest.raises(ProblemError, match="name the columns alike"):
        guess({"h": HH, "t": pd.DataFrame({"colour": ["red", "blue"], "value": [1, 2]})})
    with pytest.raises(ProblemError, match="at least one of totals"):
        guess({"h": HH})


def test_persons_alone_are_gathered_into_households():
    persons = PP.merge(HH[["hh_id", "Region", "weight"]], on="hh_id").assign(id=range(6))
    tables = {"p": persons, "t": pd.DataFrame({"region": ["N", "S"], "persons": [40, 120]}), "s": pd.DataFrame({"household size": ["1 person", "2 or more persons"], "households": [40, 60]})}  # fmt: skip
    recipe = guess(tables)
    assert (recipe.households, recipe.persons, recipe.household_id) == ("p", "p", "hh_id")
    problem = build(recipe, tables).problem
    np.testing.assert_array_equal(problem.matrix.toarray(), [[1, 0, 1, 0], [0, 2, 0, 2], [1, 0, 1, 0], [0, 1, 0, 1]])
    np.testing.assert_array_equal(problem.base_weights, HH["weight"])
    assert list(problem.attributes.columns) == ["Region", "persons"]


def test_totals_by_the_categories_of_persons_are_guessed_to_count_persons_whatever_they_are_called():
    totals = pd.DataFrame({"sex": ["m", "f"], "income": [70, 90]})  # a column of the households
    recipe = guess({"h": HH.assign(weight=0.0), "p": PP, "t": totals})
    assert [(t.of, t.sum) for t in recipe.targets] == [("persons", "")]
    text = pd.DataFrame({"region": ["N", "S", "N"], "year": [2023, 2024, 2024], "value": [1, 2, "many"]})
    late = Target("t", Totals("t", where="year == 2024"), by=("Region",))
    with pytest.raises(ProblemError, match="row 3: 'many'"):
        build(Recipe("h", targets=(late,)), {"h": HH, "t": text})


def test_few_ids_that_stand_twice_are_mistakes_not_persons():
    ids = [f"{i}" for i in range(1, 40)]
    survey = pd.DataFrame({"hh_id": [*ids, "7"], "region": ["N", "S"] * 20, "weight": 2.0})
    tables = {"h": survey, "t": pd.DataFrame({"region": ["N", "S"], "value": [40, 40]})}
    for more in ({}, {"p": pd.DataFrame({"hh_id": [*ids, *ids[:20]], "sex": "m"})}):
        with pytest.raises(ProblemError, match=r"h, row 40.*'7' stands there a second time: keep one"):
            build(guess({**tables, **more}), {**tables, **more})
    assert guess(tables, households="h", persons="h").persons == "h"
    rounded = pd.Series([12345678901234560 + i // 10 * 10 for i in range(40)])
    for form in (float, str):
        with pytest.raises(ProblemError, match="rounded the ids"):
            guess({**tables, "h": survey.assign(hh_id=rounded.astype(form))})


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("Mean income", [8.5, 7.5], (Statistic.MEAN, "income", 1)),
        ("Durchschnittsincome", [8.5, 7.5], (Statistic.MEAN, "income", 1)),
        ("Moyenne income (EUR)", [8.5, 7.5], (Statistic.MEAN, "income", 1)),
        ("average wealth", [8, 7], None),
        ("Median income", [8.5, 7.5], None),
        ("Households (%)", [40, 60], (Statistic.SHARE, "", 0.01)),
        ("Share of income", [0.4, 0.6], (Statistic.SHARE, "income", 1)),
        ("Anteil der Haushalte", [0.4, 0.6], (Statistic.SHARE, "", 1)),
        ("part of owners", [40, 60], (Statistic.TOTAL, "", 1)),
        ("share of owners", [0.4, 0.5], None),
    ],
)
def test_a_head_says_whether_its_column_holds_totals_means_or_shares(head, values, expected):
    tables = {"h": HH.drop(columns="persons"), "t": pd.DataFrame({"region": ["N", "S", "Total"], head: [*values, sum(values)]})}
    if expected is None:
        with pytest.raises(ProblemError, match="define targets by hand"):
            guess(tables)
    else:
        [target] = guess(tables).targets
        assert (target.statistic, target.sum, target.totals.unit) == expected
        assert build(guess(tables), tables).problem.n_targets == 2


def test_shares_within_a_category_are_told_by_what_they_add_up_to():
    totals = pd.DataFrame({"region": ["N", "N", "S", "S"], "sex": list("mfmf"), "percent": [30, 70, 45, 55.5]})
    [target] = guess({"h": HH, "p": PP, "t": totals}).targets
    assert (target.of, target.within, target.statistic) == ("persons", ("Region",), Statistic.SHARE)


@pytest.mark.parametrize(
    ("head", "unit"), [("Households (in thousands)", 1e3), ("Haushalte (Tsd.)", 1e3), ("income (millions)", 1e6), ("Persons", 1)]
)
def test_heads_say_the_unit_and_totals_far_from_the_survey_are_told_of(head, unit):
    tables = {"h": HH, "t": pd.DataFrame({"region": ["N", "S"], head: [40 / unit, 60 / unit]})}
    recipe = guess(tables)
    [target] = recipe.targets
    assert target.totals.unit == unit
    assert target.sum == {"i": "income", "P": "persons"}.get(head[0], "")
    near = build(recipe.changed(target.name, sum=""), tables)
    assert near.ratios == pytest.approx({target.name: 1.0}) and not any("times what" in n for n in near.notes)
    far = build(recipe.changed(target.name, sum="", totals=Totals("t", columns={"value": head}, unit=unit / 1000)), tables)
    assert far.ratios[target.name] == pytest.approx(0.001)
    assert "0.001 times what the survey's base weights give" in far.notes[-1]


@pytest.mark.parametrize(
    ("ids", "weights"),
    [("Haushalt", "Hochrechnungsfaktor"), ("Haushalts-ID", "Gewicht"), ("identifiant", "Pondération"), ("id_ménage", "poids"), ("SERIALNO", "WGTP")],
)  # fmt: skip
def test_ids_and_weights_are_found_by_german_and_french_names(ids, weights):
    survey = HH.rename(columns={"hh_id": ids, "weight": weights})
    recipe = guess({"h": survey.assign(PWGTP=1.0, hh_weight="?"), "t": pd.DataFrame({"region": ["N", "S"], "value": [40, 60]})})
    assert (recipe.household_id, recipe.base_weight) == (ids, weights)


def test_of_two_tables_with_unique_ids_the_one_with_weights_is_the_households():
    totals = {"t": pd.DataFrame({"region": ["N", "S"], "value": [40, 60]}), "s": pd.DataFrame({"sex": ["m", "f"], "persons": [40, 60]})}
    recipe = guess({"a": pd.DataFrame({"hh_id": ["1", "2", "3", "4"], "sex": list("mfmf")}), "h": HH, **totals})
    assert (recipe.households, recipe.persons) == ("h", "a")


def test_two_tables_of_totals_are_not_taken_for_a_survey():
    people = pd.DataFrame({"state": ["CT", "MA", "ME"], "population": [3617176, 7001399, 1395722]})
    snap = pd.DataFrame({"state": ["MA", "CT", "ME"], "snap_cost": [2.6e9, 8.9e8, 3.1e8]})
    with pytest.raises(ProblemError, match=r"in people.csv every 'state' stands once, as in totals: add the table"):
        guess({"people.csv": people, "snap.csv": snap})
    survey = people.loc[[0, 0, 1, 1, 1, 2]].drop(columns="population")  # without ids and weights, but a survey
    assert guess({"survey.csv": survey, "people.csv": people}).households == "survey.csv"
