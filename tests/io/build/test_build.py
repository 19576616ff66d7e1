"""Problems made of tables: every kind of definition against a loop over the rows, and the answers a person needs where tables do not meet."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from l0engine import ProblemError
from l0engine.errors import AmbiguousRecipe
from l0engine.io.build import Band, Recipe, Statistic, Target, Totals, build, guess

RNG = np.random.default_rng(3)
N, M = 40, 110
HOUSEHOLDS = pd.DataFrame(
    {
        "id": [f"h{i:02d}" for i in range(N)],
        "region": RNG.choice(["North", "South"], N),
        "tenure": RNG.choice(["own", "rent"], N),
        "rooms": RNG.integers(1, 7, N),
        "wt": RNG.uniform(5, 50, N).round(3).astype(str),
        "keep": RNG.choice(["yes", "no"], N),
    }
)
PERSONS = pd.DataFrame(
    {
        "id": RNG.choice(HOUSEHOLDS["id"], M),
        "age": RNG.integers(0, 90, M),
        "sex": RNG.choice(["m", "f"], M),
        "income": RNG.gamma(2, 10, M).round(2),
    }
)
RECIPE = Recipe("hh.csv", "id", "wt", "pp.csv", bands=(Band("ages", "age", (0, 18, 65)),))
BASE = {"hh.csv": HOUSEHOLDS, "pp.csv": PERSONS}
TWO = pd.DataFrame({"region": ["North", "South"], "value": [600.0, 500.0]})
CROSS = pd.DataFrame({"ages": ["0-17", "18-64", "65+"], "m": [10.0, 20, 30], "f": [11.0, 21, 31]})


def made(*targets, recipe=RECIPE, **tables):
    return build(replace(recipe, targets=targets), {**BASE, **{f"{k}.csv": t for k, t in tables.items()}})


def band(age):
    return "0-17" if age < 18 else "18-64" if age < 65 else "65+"


def loops(of, labels, cell, amount=lambda row: 1.0):
    """The rows of the matrix by two loops: what each household or person adds to the cell that it is in."""
    out = np.zeros((len(labels), N))
    homes = {row["id"]: (i, row) for i, row in enumerate(HOUSEHOLDS.to_dict("records"))}
    for row in (HOUSEHOLDS if of == "households" else PERSONS).to_dict("records"):
        i, home = homes[row["id"]]
        both = {**home, **row}
        for k, label in enumerate(labels):
            if cell(both) == label:
                out[k, i] += amount(both)
    return out


def test_counts_and_sums_by_categories_and_conditions():
    b = made(
        Target("households", Totals("two.csv"), by=("region",), where="rooms > 2 or tenure == 'own'"),
        Target("persons", Totals("cross.csv", across="sex"), of="persons", by=("ages", "sex")),
        Target("income", Totals("two.csv"), of="persons", sum="income * 2 - 1", by=("region",), where="18 <= age < 65 and households.rooms in (1, 2, 3)"),
        Target("rooms", Totals(value=7.0, unit=1000.0), sum="rooms"),
        two=TWO,
        cross=CROSS,
    )  # fmt: skip
    pairs = [(a, s) for s in "mf" for a in ("0-17", "18-64", "65+")]
    expected = np.vstack(
        [
            loops("households", ["North", "South"], lambda r: r["region"] if r["rooms"] > 2 or r["tenure"] == "own" else None),
            loops("persons", pairs, lambda r: (band(r["age"]), r["sex"])),
            loops("persons", ["North", "South"], lambda r: r["region"] if 18 <= r["age"] < 65 and r["rooms"] <= 3 else None, lambda r: r["income"] * 2 - 1),
            loops("households", [True], lambda r: True, lambda r: r["rooms"]),
        ]
    )  # fmt: skip
    np.testing.assert_allclose(b.problem.matrix.toarray(), expected, rtol=1e-15)
    np.testing.assert_array_equal(b.problem.values, [600, 500, 10, 20, 30, 11, 21, 31, 600, 500, 7000])
    assert list(b.problem.names[[0, 2, 10]]) == ["households: North", "persons: 0-17, m", "rooms"]
    np.testing.assert_array_equal(b.definition, [0] * 2 + [1] * 6 + [2] * 2 + [3])
    np.testing.assert_allclose(b.problem.base_weights, HOUSEHOLDS["wt"].astype(float))


def test_means_and_shares_are_met_where_their_rows_are_zero():
    share = pd.DataFrame([(r, s, p, 0.5) for r, p0 in (("North", 30), ("South", 60)) for s, p in (("m", p0), ("f", 100 - p0))], columns=["region", "sex", "value", "standard_error"])  # fmt: skip
    b = made(
        Target("mean", Totals("two.csv", unit=0.05), of="persons", sum="income", by=("region",), where="age >= 18", statistic=Statistic.MEAN),
        Target("share", Totals("share.csv", unit=0.01), of="persons", by=("region", "sex"), where="age < 40", statistic=Statistic.SHARE, within=("region",), among="age < 60"),
        two=TWO,
        share=share,
    )  # fmt: skip
    frame = PERSONS.merge(HOUSEHOLDS, on="id").assign(w=lambda f: f["wt"].astype(float))
    estimates = b.problem.estimates(b.problem.base_weights)
    adults, young, below = frame[frame["age"] >= 18], frame[frame["age"] < 40], frame[frame["age"] < 60]
    expected, denominators = [], []
    for r, published in (("North", 30.0), ("South", 25.0)):
        f = adults[adults["region"] == r]
        expected.append(np.average(f["income"], weights=f["w"]) - published)
        denominators.append(f["w"].sum())
    for r, s, published in share[["region", "sex", "value"]].itertuples(index=False):
        whole = below.loc[below["region"] == r, "w"].sum()
        expected.append(young.loc[(young["region"] == r) & (young["sex"] == s), "w"].sum() / whole - published / 100)
        denominators.append(whole)
    np.testing.assert_allclose(estimates / denominators, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(b.problem.values, 0)
    np.testing.assert_allclose(b.problem.magnitudes, np.array(denominators) * b.published, rtol=1e-10)  # relative to the mean itself
    np.testing.assert_allclose(b.problem.details["standard_error"][2:], np.array(denominators[2:]) * 0.005, rtol=1e-10)


@pytest.mark.parametrize(
    ("published", "candidates"),
    [
        ("NORTH ", None), ("north", None), ("No\u0301rd", ()), ("Northern", ("North",)), ("Total", "sum"), ("Elsewhere", ()),
    ],
)  # fmt: skip
def test_a_label_meets_its_category_or_is_listed(published, candidates):
    b = made(Target("t", Totals("t.csv"), by=("region",)), t=pd.DataFrame({"region": [published, "South"], "value": [1.0, 2.0]}))
    match = b.matches[0]
    assert match.targets == (2 if candidates is None else 1) and match.sums == (candidates == "sum")
    assert [u.candidates for u in match.unmatched] == ([candidates] if isinstance(candidates, tuple) else [])
    assert [label for label, _ in match.missing] == ([] if candidates is None else ["North"])


@pytest.mark.parametrize(
    ("own", "published", "met"),
    [
        ([1, 2], ["1.0", "2.00"], True),
        (["01", "02"], [1, 2], True),  # a spreadsheet ate the zeros
        (["01", "1"], ["001", "1"], False),  # whose zeros?
        (["18-24", "25+"], ["18–24", "25+"], True),
        (["18-24", "25+"], ["18 to 24", "25 and over"], False),
        (["Zürich", "Genève"], ["Zu\u0308rich", "gene\u0300ve"], True),
        (["a", "A"], ["A", "a"], True),
    ],
)
def test_values_meet_by_what_they_say(own, published, met):
    households = pd.DataFrame({"g": own * 3})
    totals = pd.DataFrame({"g": published, "value": [10.0, 20.0]})
    recipe = Recipe("hh.csv", targets=(Target("t", Totals("t.csv"), by=("g",)),))
    b = build(replace(recipe, targets=(*recipe.targets, Target("all", Totals(value=6.0)))), {"hh.csv": households, "t.csv": totals})
    assert b.matches[0].targets == (2 if met else 2 - len(b.matches[0].unmatched)) and (not b.matches[0].unmatched) == met
    if not met and own[0] == "18-24":
        taken = recipe.taking({"g": {u.label: u.candidates[0] for u in b.matches[0].unmatched}})
        assert build(taken, {"hh.csv": households, "t.csv": totals}).problem.n_targets == 2


def test_cross_tables_are_what_their_long_form_is_totals_left_out():
    wide = CROSS.assign(Total=CROSS["m"] + CROSS["f"], Source="census")
    wide.loc[3] = ["All ages", 60.0, 63.0, 124.0, ""]
    long = CROSS.melt("ages", var_name="sex", value_name="Persons")
    one = made(Target("p", Totals("t.csv", across="sex"), of="persons", by=("ages", "sex")), t=wide)
    other = made(Target("p", Totals("t.csv", columns={"value": "Persons"}), of="persons", by=("ages", "sex")), t=long)
    a, b = (pd.Series(x.problem.values, index=x.problem.names) for x in (one, other))
    pd.testing.assert_series_equal(a.sort_index(), b.sort_index())
    assert one.matches[0].sums == 6 and set(one.problem.details["source"]) == {"census"}
    [off] = one.disagreements  # 60 + 63 are not 124
    assert (off.first, off.second, off.first_sum, off.second_sum) == ("p", "p", 124, 123)
    assert not other.disagreements


def test_margins_that_count_the_same_must_agree_and_can_be_scaled():
    sexes = pd.DataFrame({"region": ["North", "North", "South", "South"], "sex": list("mfmf"), "value": [300.0, 320, 240, 260]})
    by_region = Target("regions", Totals("two.csv"), of="persons", by=("region",))
    by_both = Target("both", Totals("sexes.csv"), of="persons", by=("region", "sex"))
    adults = replace(by_region, name="adults", where="age >= 18")
    b = made(by_region, by_both, adults, two=TWO, sexes=sexes)
    [off] = b.disagreements
    assert (off.first, off.second, off.place, off.first_sum, off.second_sum, off.places) == ("regions", "both", "North", 600, 620, 1)
    scaled = made(by_region, replace(by_both, scale_to="regions"), adults, two=TWO, sexes=sexes)
    assert not scaled.disagreements
    np.testing.assert_allclose(scaled.problem.values[2:6], [300 * 60 / 62, 320 * 60 / 62, 240, 260])


def test_what_totals_say_of_themselves_and_rules_of_households_are_carried():
    totals = TWO.assign(Weight=[2, 1], standard_error=[5.0, np.nan], Year=["2024", "2025"], notes="x")
    recipe = replace(RECIPE, protected="keep", frozen="rooms == 6", max_weight="wt * 3")
    b = made(Target("t", Totals("t.csv"), by=("region",), source="Office", tolerance=0.02, group="g"), recipe=recipe, t=totals)
    np.testing.assert_array_equal(b.problem.target_weights, [2, 1])
    details = {"tolerance": [0.02, 0.02], "standard_error": [5.0, np.nan], "source": ["Office"] * 2, "year": ["2024", "2025"]}
    pd.testing.assert_frame_equal(b.problem.details[list(details)], pd.DataFrame(details), check_dtype=False)
    protected, low, high = b.problem.rules
    frozen, w = (HOUSEHOLDS["rooms"] == 6).to_numpy(), HOUSEHOLDS["wt"].astype(float).to_numpy()
    np.testing.assert_array_equal(protected, (HOUSEHOLDS["keep"] == "yes").to_numpy() | frozen)
    np.testing.assert_allclose(high, np.where(frozen, w, 3 * w))
    np.testing.assert_allclose(low, np.where(frozen, w, 0))
    assert set(b.problem.groups) == {"g"}


def test_totals_of_finer_places_are_added_up_through_a_table():
    zones = pd.DataFrame({"zone": [1, 2, 3, 4], "value": [1.0, 2, 4, 8]})
    lookup = pd.DataFrame({"zone": ["1", "2", "3"], "region": ["North", "South", "North"]})
    b = made(Target("t", Totals("zones.csv", through="lookup.csv"), by=("region",)), zones=zones, lookup=lookup)
    assert dict(zip(b.problem.names, b.problem.values, strict=True)) == {"t: North": 5, "t: South": 2}
    assert [u.label for u in b.matches[0].unmatched] == ["4"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": ("regoin",)}, "no column 'regoin'"),
        ({"where": "region > 'A'"}, "only numbers"),
        ({"where": "tenure > 3"}, "'(own|rent)' is not a number"),
        ({"of": "persons", "sum": "incom"}, "which is no column"),
        ({"of": "pets"}, "choose households or persons"),
        ({"totals": Totals("none.csv")}, "which is not there"),
        ({"totals": Totals("t.csv", columns={"value": "n"})}, "no column 'n'"),
        ({"totals": Totals("twice.csv")}, "two totals for 'North'"),
        ({"totals": Totals("text.csv")}, "'many' is not a number"),
        ({"statistic": Statistic.MEAN}, "means of nothing"),
        ({"scale_to": "u"}, "no other definition"),
        ({"totals": Totals("parts.csv", add_up=True)}, "row 3: 'Total' of 'tenure' would be added to its own parts"),
        ({"totals": Totals("wrong.csv")}, "No total meets a category"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, words):
    target = replace(Target("t", Totals("t.csv"), by=("region",)), **change)
    tables = {
        "t": TWO,
        "twice": pd.concat([TWO, TWO]),
        "text": TWO.assign(value=["many", "1"]),
        "parts": pd.DataFrame({"region": ["North"] * 3, "tenure": ["own", "rent", "Total"], "value": [1, 2, 3]}),
        "wrong": TWO.assign(region=["a", "b"]),
    }
    with pytest.raises(ProblemError, match=words):
        made(target, **tables)


HALVES = pd.DataFrame({"region": ["North", "North", "South", "South"], "tenure": ["own", "rent"] * 2, "value": [1.0, 2, 3, 4]})
ZONES = pd.DataFrame({"zone": ["1", "2", "3"], "value": [1.0, 2, 4]})
LOOKUP = pd.DataFrame({"zone": ["1", "2", "3"], "region": ["North", "South", "North"]})
THROUGH = Target("t", Totals("zones.csv", through="lookup.csv"), by=("region",))
BY = Target("t", Totals("t.csv"), by=("region", "tenure"))


def without(frame, column, row=None):
    """A table with an empty column, or an empty cell in it."""
    return frame.assign(**{column: "" if row is None else np.where(np.arange(len(frame)) == row, "", frame[column].astype(str))})


@pytest.mark.parametrize("nothing", ["", np.nan, None])
@pytest.mark.parametrize(
    ("target", "table", "column", "words"),
    [
        (BY, "hh", "region", r"hh\.csv, column 'region': it is empty, so none of the totals by it in t\.csv .* fill it in, or take it out"),
        (replace(BY, of="persons"), "hh", "tenure", r"hh\.csv, column 'tenure': it is empty"),
        (
            Target("t", Totals("c.csv", across="sex"), "persons", by=("ages", "sex")),
            "pp",
            "age",
            r"pp\.csv, column 'ages': no row is in a class",
        ),
        (
            replace(BY, by=("tenure",)),
            "hh",
            "region",
            r"t\.csv: it has two totals for 'own' .*: column 'region' of hh\.csv is empty, .* fill that",
        ),
        (BY, "hh", "id", r"hh\.csv, row 1, column 'id': it is empty: give each household an id"),
        (BY, "pp", "id", r"pp\.csv, row 1, column 'id': it is empty: give each person the id of its household"),
    ],
)
def test_an_empty_column_of_the_survey_is_named(target, table, column, words, nothing):
    tables = {"t": HALVES, "c": CROSS, "hh": HOUSEHOLDS, "pp": PERSONS}
    with pytest.raises(ProblemError, match=words):
        made(target, **tables | {table: tables[table].assign(**{column: nothing})})


@pytest.mark.parametrize(
    ("target", "table", "column", "row", "words"),
    [
        (BY, "t", "region", None, r"t\.csv, row 1, column 'region': the cell is empty"),
        (THROUGH, "zones", "zone", 2, r"zones\.csv, row 3, column 'zone': the cell is empty, so its total would be added to nothing"),
        (THROUGH, "lookup", "region", 2, r"lookup\.csv, row 3, column 'region': the cell is empty, so its total would be added to nothing"),
        (THROUGH, "lookup", "region", None, r"lookup\.csv, row 1, column 'region'"),
    ],
)
def test_an_empty_key_of_the_totals_is_named(target, table, column, row, words):
    tables = {"t": HALVES, "zones": ZONES, "lookup": LOOKUP}
    with pytest.raises(ProblemError, match=words):
        made(target, **tables | {table: without(tables[table], column, row)})


def test_totals_that_have_no_category_at_all_are_refused():
    with pytest.raises(ProblemError, match=r"t\.csv, row 1, column 'region': the cell is empty"):
        made(BY, t=without(without(HALVES, "region"), "tenure"))


def test_a_place_that_is_not_there_is_of_no_region():
    """Not of the one in a row of the other table that names no place."""
    b = made(THROUGH, zones=ZONES, lookup=without(LOOKUP, "zone", 0))
    assert dict(zip(b.problem.names, b.problem.values, strict=True)) == {"t: North": 4, "t: South": 2}
    assert [u.label for u in b.matches[0].unmatched] == ["1"]


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("hh.csv", "id", r"hh\.csv, column 'id': it is empty: give each household an id"),
        ("pp.csv", "id", r"pp\.csv, column 'id': it is empty: give each person the id of its household"),
        ("hh.csv", "region", r"No total meets a category, as column 'region' of hh\.csv is empty: fill it in"),
    ],
)
def test_a_proposal_names_an_empty_column(table, column, words):
    tables = {**BASE, "t.csv": TWO}
    with pytest.raises(ProblemError, match=words):
        guess({**tables, table: without(tables[table], column)})


def test_the_row_of_an_empty_id_is_that_of_the_file():
    table = PERSONS.assign(id=np.where(np.arange(M) == 70, "", PERSONS["id"]), region="North")
    with pytest.raises(ProblemError, match=r"pp\.csv, row 71, column 'id': it is empty"):
        build(
            Recipe("pp.csv", "id", persons="pp.csv", targets=(Target("t", Totals("t.csv"), by=("region",)),)),
            {"pp.csv": table, "t.csv": TWO},
        )


def test_suppressed_totals_are_counted_and_ids_are_checked():
    b = made(Target("t", Totals("t.csv"), by=("region",)), t=TWO.assign(value=["..", "5"]))
    assert (b.matches[0].suppressed, b.problem.n_targets) == (1, 1)
    target = Target("t", Totals(value=5.0))
    with pytest.raises(ProblemError, match="'h00' stands there a second time"):
        build(replace(RECIPE, targets=(target,)), {**BASE, "hh.csv": HOUSEHOLDS.assign(id=["h00"] * N)})
    with pytest.raises(ProblemError, match=r"row 2: the household 'x' is not in hh\.csv"):
        build(replace(RECIPE, targets=(target,)), {**BASE, "pp.csv": PERSONS.assign(id=["h00", "x", *PERSONS["id"][2:]])})


def test_shares_no_weights_can_reach_are_refused_as_percents():
    percents = pd.DataFrame({"region": ["North", "South"], "value": [40.0, 60.0]})
    share = Target("s", Totals("t.csv"), by=("region",), statistic=Statistic.SHARE)
    with pytest.raises(ProblemError, match=r"t\.csv: the share of 's' for 'North' is 40, above 1: .*`unit = 0.01`"):
        made(share, t=percents)
    made(replace(share, totals=Totals("t.csv", unit=0.01)), t=percents)
    made(replace(share, among="rooms == 6"), t=percents)  # a ratio to others may be above 1


@pytest.mark.parametrize(
    ("regions", "tenures", "refused"),
    [
        (["North", "", "South", ""], ["own", "rent"] * 2, "row 2, column 'region'"),  # merged cells
        (["North", "North", "South", "South"], ["own", "rent", "own", ""], "row 4, column 'tenure'"),
        (["North", "Total", "South", ""], ["own", "", "own", ""], None),
    ],
)
def test_a_blank_cell_is_a_sum_only_where_the_row_says_so(regions, tenures, refused):
    totals = pd.DataFrame({"region": regions, "tenure": tenures, "value": [1.0, 2, 3, 4]})
    target = Target("t", Totals("t.csv"), by=("region", "tenure"))
    if refused:
        with pytest.raises(ProblemError, match=refused):
            made(target, t=totals)
    else:
        assert (made(target, t=totals).matches[0].sums, len(totals)) == (2, 4)
    made(target, t=totals.assign(value=[1.0, "", "", ""]))  # rows without a number are no totals


@pytest.mark.parametrize("across", ["", "sex"])
def test_a_blank_cell_of_the_only_category_is_asked_about_unless_it_is_the_sum(across):
    """Nobody can tell whether the row without a region is the third region, or a sum: the recipe says so."""
    if across:
        totals = pd.DataFrame({"region": ["North", ""], "m": [600.0, 500], "f": [610.0, 510]})
        target = Target("t", Totals("t.csv", across="sex"), of="persons", by=("region", "sex"))
    else:
        totals = pd.DataFrame({"region": ["North", ""], "value": [600.0, 500]})
        target = Target("t", Totals("t.csv"), by=("region",))
    with pytest.raises(
        AmbiguousRecipe, match=r"t\.csv, row 2, column 'region': the cell is empty \(beside 500\): fill it in, or say in the recipe"
    ) as asked:
        made(target, t=totals)
    assert (asked.value.setting, [value for value, _ in asked.value.options]) == ("region", ["Total", "South"])
    for answer, targets in (("Total", 1), ("South", 2)):
        b = made(target, recipe=Recipe.from_toml(RECIPE.taking({"region": {"": answer}}).to_toml()), t=totals)
        assert b.problem.n_targets == targets * (2 if across else 1)
    number = {c: [600.0, 500, 1100] for c in totals.columns[1:]}
    summed = made(target, t=pd.DataFrame({"region": ["North", "South", ""], **number}))
    assert summed.matches[0].sums == (2 if across else 1)  # it adds up: no need to ask


def test_who_has_no_category_is_said_to_count_nowhere():
    regions = HOUSEHOLDS["region"].where(HOUSEHOLDS.index % 10 != 0, "")
    target = Target("t", Totals("two.csv"), by=("region",))
    b = build(replace(RECIPE, targets=(target,)), {**BASE, "hh.csv": HOUSEHOLDS.assign(region=regions), "two.csv": TWO})
    assert b.matches[0].outside == (("region", 4),) and b.matches[0].uncounted == ("4 rows have no region and count nowhere",)
    assert any("4 rows have no region and count nowhere" in note for note in b.notes)
    assert (b.problem.support == [(regions == r).sum() for r in TWO["region"]]).all()
    assert not made(target, two=TWO).matches[0].outside


def test_a_tolerance_that_is_a_percentage_is_refused():
    target = Target("t", Totals("two.csv"), by=("region",))
    with pytest.raises(ProblemError, match=r"The recipe, 't': a tolerance of 5 lets a total miss by 500 %: write 0\.05 for 5 %"):
        made(replace(target, tolerance=5.0), two=TWO)
    with pytest.raises(ProblemError, match=r"two\.csv: a tolerance of 2\.5"):
        made(target, two=TWO.assign(tolerance=[0.1, 2.5]))


def test_persons_whose_ids_lost_their_zeros_meet_their_households():
    households = HOUSEHOLDS.assign(id=[f"{i:04d}" for i in range(N)])
    persons = PERSONS.assign(id=PERSONS["id"].str[1:].astype(int))
    sexes = pd.DataFrame({"sex": ["m", "f"], "value": [900.0, 950]})
    tables = {"hh.csv": households, "pp.csv": persons, "sexes.csv": sexes}
    recipe = guess(tables)
    assert (recipe.persons, recipe.targets[0].of) == ("pp.csv", "persons")
    b = build(recipe, tables)
    expected = [[((persons["sex"] == s) & (persons["id"] == i)).sum() for i in range(N)] for s in ("m", "f")]
    np.testing.assert_array_equal(b.problem.matrix.toarray(), expected)
    (said,) = b.remarks
    assert said.startswith("pp.csv: its '") and "was taken as the household '00" in said and said in b.problem.notes
