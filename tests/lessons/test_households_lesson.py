"""Toy surveys: what is shown against the problem's own matrix; where penalties end against a search over all weights."""

from dataclasses import replace

import numpy as np
import pytest
from further import further
from scipy.optimize import minimize

from l0engine.calibration import fit
from l0engine.lessons.made import households
from l0engine.lessons.made.toy import survey
from l0engine.lessons.shown.households import VIEWS, HouseholdsAsk


@pytest.mark.parametrize("ask", [HouseholdsAsk(), *further(HouseholdsAsk(price=3.2), HouseholdsAsk(price=0.05, seed=7))])
def test_the_numbers_are_those_of_the_weights(ask):
    shown, problem = households.show(ask).survey, survey(ask.seed).problem
    matrix = problem.matrix.toarray()
    np.testing.assert_allclose(shown.estimates, shown.weights @ matrix.T / problem.values)
    np.testing.assert_allclose(matrix[1:], [shown.persons, shown.income])
    np.testing.assert_allclose(shown.errors, np.median(np.abs(shown.weights @ matrix.T / problem.values - 1), axis=1))
    assert shown.kept.tolist() == (shown.weights > 0).sum(1).tolist()
    np.testing.assert_allclose(shown.ess, shown.weights.sum(1) ** 2 / (shown.weights**2).sum(1))
    assert shown.gates[0].std() == 0 and shown.steps[[0, -1]].tolist() == [0, households.EPOCHS]
    assert set(np.unique(shown.gates[-2])) <= {0.0, 1.0} and (shown.weights[-1][shown.weights[-2] == 0] == 0).all()
    assert shown.errors[-1] <= shown.errors[-2]


def test_the_stages_end_where_a_fit_of_the_engine_ends():
    shown = households.sixty(0.4, 3)
    result = fit(survey(3).problem, replace(households.config(0.4), refit=False))
    np.testing.assert_array_equal(shown.weights[-2], result.gated_weights)


def test_a_higher_price_keeps_fewer():
    kept = [int(households.sixty(price, 0).kept[-1]) for price in (0.1, 0.4, 1.6)]
    assert kept[0] > kept[1] > kept[2] > 0


@pytest.mark.parametrize("seed", [0, *further(1, 2, 5)])
def test_penalties_end_where_a_search_over_all_weights_ends(seed):
    problem = households.pair(seed)
    a, b = problem.matrix.toarray() * 100 / problem.values[:, None], np.ones(2)
    for price in (0.05, 0.4, 3.2):
        unit = price * 2 / 2
        shown = {end.name: end for end in households.two(price, seed).ends}
        penalties = {
            "no penalty": lambda w: 0.0, "L2": lambda w, u=unit: u * (w @ w), "L1": lambda w, u=unit: u * np.abs(w).sum(),
        }  # fmt: skip
        for name, penalty in penalties.items():

            def value(w, p=penalty):
                return ((a @ w - b) ** 2).sum() + p(w)

            found = min((minimize(value, s, bounds=[(0, None)] * 2, tol=1e-12) for s in ([0.5, 0.5], [2, 0], [0, 2])), key=lambda r: r.fun)
            end = shown[name]
            assert value(np.array([end.first, end.second])) <= found.fun + 1e-8
            assert [end.first, end.second] == pytest.approx(found.x.tolist(), abs=2e-3)
            assert end.loss == pytest.approx(((a @ [end.first, end.second] - b) ** 2).sum())
        side = np.linspace(0, 3, 301)
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
        value = ((grid @ a.T - b) ** 2).sum(1) + unit * (grid > 0).sum(1)
        l0 = shown["L0"]
        mine = l0.loss + unit * ((l0.first > 0) + (l0.second > 0))
        assert mine <= value.min() + 1e-9 and mine >= value.min() - 0.01


def test_the_surface_is_the_loss_and_the_path_ends_in_the_fit():
    shown = households.show(HouseholdsAsk(view=VIEWS[1])).two
    problem = households.pair(0)
    i, j = 40, 7
    weights = np.array([shown.side[j], shown.side[i]]) * 100
    assert shown.loss[i, j] == pytest.approx((((problem.matrix @ weights - problem.values) / problem.values) ** 2).sum())
    assert len(shown.path) == len(shown.steps) and (shown.path >= 0).all()
    assert shown.path[-1, 1] == 0 and shown.path[-1, 0] == pytest.approx(shown.ends[3].first, abs=0.05)
