"""The drift ledger, held to pandas; a planted drift comes out first."""

import numpy as np
import pandas as pd
import pytest
from oracles import random_problem

from l0engine.calibration.problem.problem import Problem
from l0engine.explain.drift import drift

RNG = np.random.default_rng(3)
N = 400


def survey():
    return pd.DataFrame({"income": RNG.lognormal(10, 1, N).round(), "age": RNG.integers(18, 90, N), "region": RNG.choice(["N", "S"], N)})


def test_figures_are_those_of_pandas():
    frame, base = survey(), RNG.uniform(1, 3, N)
    problem = Problem.create(np.ones((1, N)), [base.sum()], base_weights=base, attributes=frame)
    weights = base * RNG.uniform(0, 2, N)
    ledger = drift(problem, weights, np.ones(1, bool)).set_index(["column", "what"])
    for name in ("income", "age"):
        for w, when in ((base, "before"), (weights, "after")):
            assert ledger.loc[(name, "total"), when] == pytest.approx((frame[name] * w).sum())
            assert ledger.loc[(name, "mean"), when] == pytest.approx(np.average(frame[name], weights=w))
            repeated = np.sort(
                np.repeat(frame[name], (w * 1000).round().astype(int))
            )  # a quantile of weighted rows is that of repeated ones
            for q, label in ((0.1, "10 %"), (0.5, "50 %"), (0.9, "90 %")):
                assert ledger.loc[(name, label), when] == pytest.approx(np.quantile(repeated, q, method="inverted_cdf"), rel=0.02)
    income = ledger.loc["income"]  # a quantile near 0 would else move by any number of times itself
    spread = income.loc["90 %", "before"] - income.loc["10 %", "before"]
    assert income.loc["50 %", "change"] == pytest.approx((income.loc["50 %", "after"] - income.loc["50 %", "before"]) / spread)
    shares = pd.Series(weights).groupby(frame["region"]).sum() / weights.sum()
    assert ledger.loc[("region", "= N"), "after"] == pytest.approx(shares["N"])
    assert ledger.loc[("region", "= N"), "change"] == pytest.approx(shares["N"] - base[frame["region"] == "N"].sum() / base.sum())


def test_a_planted_drift_comes_out_first_and_the_band_decides():
    frame, base = survey(), np.ones(N)
    frame["planted"] = np.where(np.arange(N) < N // 2, 10.0, 1.0) + RNG.random(N)
    weights = np.where(np.arange(N) < N // 2, 1.5, 0.5)
    problem = Problem.create(np.ones((1, N)), [float(N)], base_weights=base, attributes=frame)
    ledger = drift(problem, weights, np.ones(1, bool))
    assert ledger["column"][0] == "planted" and ledger["moved"][0]
    assert ledger["change"].abs().is_monotonic_decreasing
    assert not drift(problem, weights, np.ones(1, bool), band=20.0)["moved"].any()
    assert not drift(problem, base, np.ones(1, bool))["moved"].any()


def test_columns_that_targets_add_up_are_marked():
    frame = survey()
    north = (frame["region"] == "N").to_numpy()
    matrix = np.vstack([frame["age"] * north, frame["age"] * ~north, np.ones(N)])
    problem = Problem.create(matrix, [1e4, 1e4, 400], names=["age/N", "age/S", "all"], groups=["a", "a", "b"], attributes=frame)
    ledger = drift(problem, np.ones(N), np.ones(3, bool))
    asked = ledger[ledger["target"] != ""]
    assert asked["column"].tolist() == ["age"] and asked["what"].tolist() == ["total"] and "group 'a'" in asked["target"].iloc[0]


@pytest.mark.parametrize(
    ("values", "weights", "median"), [([3.0, 1.0, 2.0], [1, 1, 2], 2.0), ([1.0, 2.0], [1, 1], 1.0), ([1.0], [0], np.nan)]
)
def test_quantile_by_hand(values, weights, median):
    problem = Problem.create(np.ones((1, len(values))), [4.0], attributes=pd.DataFrame({"x": values}))
    ledger = drift(problem, np.array(weights, float), np.ones(1, bool)).set_index(["column", "what"])
    np.testing.assert_equal(ledger.loc[("x", "50 %"), "after"], median)


def test_without_attributes_there_is_nothing():
    assert len(drift(random_problem(), np.ones(60), np.ones(8, bool))) == 0
