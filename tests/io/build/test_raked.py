"""From tables alone to weights: those that SciPy's raking gives, for an example of R's survey and one of PopulationSim; and from the command line."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from l0engine import ProblemError
from l0engine.__main__ import main
from l0engine.calibration.config import Config
from l0engine.calibration.training.iteration import fit
from l0engine.io import load_problem
from l0engine.io.build import Recipe, build, from_controls, guess

#: Everyone is kept and the targets are met: what is left is raking.
RAKING = Config(lambda_l0=0.0, mu=1e-12, epochs=1)


def raked(A, b, g):
    """g exp(A'l) with A g exp(A'l) = b, by Newton on the convex dual from SciPy's least squares of the equations."""
    found = optimize.root(lambda l: A @ (g * np.exp(A.T @ l)) - b, np.zeros(len(b)), method="lm", options={"xtol": 1e-15, "ftol": 1e-15})  # noqa: E741
    weights = g * np.exp(A.T @ found.x)
    np.testing.assert_allclose(A @ weights, b, rtol=1e-9)
    return weights


def by_loops(units, ids, conditions):
    """Rows of the matrix: how many units of each household a condition holds for."""
    return np.array([[sum(bool(c(u)) for u in units if u["hh_id"] == i) for i in ids] for c in conditions], float)


def test_the_raking_example_of_rs_survey():
    """`rake(dclus1, list(~stype, ~sch.wide), list(pop.types, pop.schwide))`: the shape and totals of R's example, cells of our own."""
    cells = {("E", "No"): 12, ("E", "Yes"): 132, ("H", "No"): 8, ("H", "Yes"): 6, ("M", "No"): 3, ("M", "Yes"): 22}
    schools = pd.DataFrame([k for k, n in cells.items() for _ in range(n)], columns=["stype", "sch.wide"]).assign(pw=33.847)
    types, wide = {"E": 4421, "H": 755, "M": 1018}, {"No": 1072, "Yes": 5122}
    tables = {
        "apiclus1.csv": schools,
        "pop_types.csv": pd.DataFrame(types.items(), columns=["stype", "Freq"]),
        "pop_schwide.csv": pd.DataFrame(wide.items(), columns=["sch.wide", "Freq"]),
    }
    problem = build(guess(tables), tables).problem
    A = np.array([schools["stype"] == k for k in types] + [schools["sch.wide"] == k for k in wide], float)
    expected = raked(A, np.array([*types.values(), *wide.values()], float), schools["pw"].to_numpy())
    np.testing.assert_allclose(fit(problem, RAKING).weights, expected, rtol=1e-6)


CONTROLS = """target,geography,seed_table,importance,control_field,expression
num_hh,TAZ,households,1000,HHBASE,(households.WGTP > 0) & (households.WGTP < np.inf)
hh_size_1,TAZ,households,500,HHSIZE1,households.NP == 1
hh_size_2_plus,TAZ,households,500,HHSIZE2,households.NP >= 2
hh_age_15_44,PUMA,households,500,HHAGE1,(households.AGEHOH > 15) & (households.AGEHOH <= 44)
students,REGION,persons,500,OSUFAM,persons.OSUTAG == 1
persons,REGION,households,500,POP,households.NP
"""


@pytest.fixture
def population(tmp_path):
    """Seed tables, a crosswalk and totals that some weights meet, as PopulationSim wants them."""
    rng = np.random.default_rng(5)
    n = 60
    hh = pd.DataFrame({"hh_id": np.arange(1, n + 1), "PUMA": rng.choice([600, 601], n), "NP": rng.integers(1, 5, n), "AGEHOH": rng.integers(16, 80, n), "WGTP": rng.integers(5, 40, n)})  # fmt: skip
    people = pd.DataFrame([(i, rng.integers(0, 2)) for i, k in zip(hh["hh_id"], hh["NP"], strict=True) for _ in range(k)], columns=["hh_id", "OSUTAG"])  # fmt: skip
    w = hh["WGTP"] * rng.uniform(0.5, 2, n)
    walk = pd.DataFrame({"TAZ": np.arange(10), "TRACT": np.arange(10) // 2, "PUMA": [600] * 5 + [601] * 5, "REGION": 1})
    parts = rng.dirichlet(np.ones(5), 2)
    zones = {"TAZ": walk["TAZ"]}
    for field, mask in (("HHBASE", hh["NP"] > 0), ("HHSIZE1", hh["NP"] == 1), ("HHSIZE2", hh["NP"] >= 2)):
        zones[field] = np.concatenate([parts[k] * w[mask & (hh["PUMA"] == p)].sum() for k, p in enumerate((600, 601))])
    young = hh["AGEHOH"].between(16, 44)
    students = people["hh_id"].map(dict(zip(hh["hh_id"], w, strict=True)))[people["OSUTAG"] == 1].sum()
    tables = {
        "seed_households.csv": hh, "seed_persons.csv": people, "geo_cross_walk.csv": walk, "control_totals_taz.csv": pd.DataFrame(zones),
        "control_totals_puma.csv": pd.DataFrame({"PUMA": [600, 601], "HHAGE1": [w[young & (hh["PUMA"] == p)].sum() for p in (600, 601)]}),
        "scaled_control_totals_meta.csv": pd.DataFrame({"REGION": [1], "OSUFAM": [students], "POP": [(w * hh["NP"]).sum()]}),
    }  # fmt: skip
    for name, table in tables.items():
        table.to_csv(tmp_path / name, index=False)
    (tmp_path / "controls.csv").write_text(CONTROLS)
    return tmp_path, tables


def test_a_control_file_of_populationsim_gives_the_raked_weights(population, capsys):
    folder, tables = population
    hh, people = tables["seed_households.csv"], tables["seed_persons.csv"]
    assert main(["build", str(folder / "controls.csv"), "--out", str(folder / "problem")]) == 0
    assert "10 of 10 totals were added up to 2 targets" in capsys.readouterr().out
    problem = load_problem(folder / "problem")
    zones = tables["control_totals_taz.csv"].groupby(tables["geo_cross_walk.csv"]["PUMA"]).sum()
    one, more = (lambda u: u["NP"] == 1), (lambda u: u["NP"] >= 2)
    conditions, goals = [], []
    for field, condition in (("HHBASE", lambda u: True), ("HHSIZE1", one), ("HHSIZE2", more)):
        for puma in (600, 601):
            conditions.append(lambda u, c=condition, p=puma: c(u) and u["PUMA"] == p)
            goals.append(zones.loc[puma, field])
    for puma, value in tables["control_totals_puma.csv"].itertuples(index=False):
        conditions.append(lambda u, p=puma: 15 < u["AGEHOH"] <= 44 and u["PUMA"] == p)
        goals.append(value)
    A = np.vstack([
        by_loops(hh.to_dict("records"), hh["hh_id"], conditions),
        by_loops(people.to_dict("records"), hh["hh_id"], [lambda u: u["OSUTAG"] == 1]),
        hh["NP"].to_numpy(float),
    ])  # fmt: skip
    goals += list(tables["scaled_control_totals_meta.csv"].loc[0, ["OSUFAM", "POP"]])
    np.testing.assert_allclose(problem.matrix.toarray(), A, rtol=1e-12)
    np.testing.assert_allclose(problem.values, goals, rtol=1e-12)
    np.testing.assert_array_equal(problem.target_weights, [2, 2] + [1] * 8)
    independent = [0, 1, 2, 3, 6, 7, 8, 9]  # the larger households are all but the small ones
    expected = raked(A[independent], np.array(goals)[independent], hh["WGTP"].to_numpy(float))
    np.testing.assert_allclose(fit(problem, RAKING).weights, expected, rtol=1e-6)


def test_the_recipe_beside_a_problem_makes_it_again(population, capsys):
    folder, tables = population
    main(["build", str(folder / "controls.csv"), "--out", str(folder / "one")])
    again = folder / "one" / "recipe.toml"
    assert main(["build", str(again), "--tables", str(folder), "--out", str(folder / "two")]) == 0
    assert load_problem(folder / "one").fingerprint == load_problem(folder / "two").fingerprint
    assert main(["fit", str(folder / "two"), "--out", str(folder / "run"), "--epochs", "20"]) == 0
    assert (folder / "run" / "recipe.toml").read_text() == again.read_text()
    assert Recipe.from_toml(again.read_text()) == from_controls(pd.read_csv(folder / "controls.csv"), tables)
    capsys.readouterr()
    again.write_text(again.read_text().replace("seed_households.csv", "../seed_households.csv"))
    assert main(["build", str(again), "--tables", str(folder), "--out", str(folder / "three")]) == 1
    assert "by a path" in capsys.readouterr().err


def test_a_control_without_importance_is_named():
    controls = pd.DataFrame([{"target": name, "geography": "region", "seed_table": "hh", "expression": "n > 0", "importance": size} for name, size in (("a", "5"), ("b", ""))])  # fmt: skip
    tables = {
        "hh.csv": pd.DataFrame({"id": ["1", "2"], "region": "N", "n": 1}),
        "t.csv": pd.DataFrame({"region": ["N"], "a": [2], "b": [2]}),
    }
    with pytest.raises(ProblemError, match="row 2, column 'importance': it is empty"):
        from_controls(controls, tables)
    assert [t.weight for t in from_controls(controls.assign(importance=["5", "10"]), tables).targets] == pytest.approx([2 / 3, 4 / 3])
