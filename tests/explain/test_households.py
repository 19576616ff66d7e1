"""Who was kept and how unevenly, held to pandas and to formulas written another way."""

import numpy as np
import pandas as pd
import pytest
from oracles import random_problem
from scipy.optimize import minimize_scalar

from l0engine.calibration.config import Config
from l0engine.explain import households

RNG = np.random.default_rng(7)
W = RNG.exponential(2.0, 60) * (RNG.random(60) < 0.6)
USE = np.ones(8, bool)


@pytest.mark.parametrize("household", [0, 11, 37])
def test_reasons(household):
    problem = random_problem()
    dense = problem.matrix.toarray()
    found = households.reasons(problem, Config(), W / 2, W, USE, household)
    parts = dense * W
    shares = pd.Series(parts[:, household] / parts.sum(axis=1))[dense[:, household] != 0].sort_values(ascending=False)
    np.testing.assert_allclose(found.shares, shares)
    assert (
        found.kept == (W[household] > 0)
        and found.gated == found.weight / 2 == W[household] / 2
        and found.base == problem.base_weights[household]
    )
    a, r = dense[:, household] / problem.values, 1 - dense @ W / problem.values
    best = minimize_scalar(lambda t: ((r - a * t) ** 2).sum(), bounds=(0, 1e4), method="bounded", options={"xatol": 1e-10})
    assert found.gain == pytest.approx(1 - best.fun / (r @ r), abs=1e-6)


def test_lorenz_and_gini():
    weights = np.array([0, 3.0, 1.0, 0, 6.0])
    share, held = households.lorenz(weights)
    assert share.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1]) and held.tolist() == pytest.approx([0, 0.1, 0.4, 1])
    kept = weights[weights > 0]
    mean_difference = np.abs(kept[:, None] - kept).mean()  # Gini is half the relative mean difference
    assert households.gini(weights) == pytest.approx(mean_difference / 2 / kept.mean())
    assert households.gini(np.zeros(3)) == 0 and households.gini(np.full(9, 2.0)) == pytest.approx(0)


def test_groups_are_those_of_pandas():
    state = np.array(["ME", "VT", None], object)[RNG.integers(0, 3, 60)]
    problem = random_problem(attributes=pd.DataFrame({"state": state}))
    found = households.by_group(problem, W, "state").set_index("group")
    grouped = pd.Series(W).groupby(pd.Series(state).fillna("missing"))
    ess = grouped.apply(lambda w: w.sum() ** 2 / (w**2).sum())
    np.testing.assert_allclose(found["ess"], ess[found.index])
    np.testing.assert_allclose(found["weight"], grouped.sum()[found.index] / W.sum())
    assert found["ess"].is_monotonic_increasing and found["thin"].tolist() == (found["ess"] < 30).tolist()
    assert found["kept"].sum() == (W > 0).sum() and found["households"].sum() == 60
