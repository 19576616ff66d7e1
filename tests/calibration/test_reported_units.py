"""Problems that people brought: units, totals below what one household moves, sizes in order, and bounds of weights."""

import numpy as np
import oracles
import pytest
import reported
from further import further

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.path import frontier
from l0engine.calibration.frontier.references import compare
from l0engine.calibration.problem.preflight import preflight
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.training.iteration import fit

#: What counts as met where an exact answer exists; and where only a number of households was asked for.
MET, NEAR = 1e-3, 2e-3


def errors(problem, weights):
    return np.abs(problem.estimates(weights) / problem.values - 1)


# -- 4. units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *further(1)])
@pytest.mark.parametrize("population", [3.0, *further(258.3e6, 258.3e3, 1.4e9, 10_000)], ids="{:g}".format)
def test_respondents_of_weight_one_stand_for_a_population(seed, population):
    problem = reported.respondents(seed, population)
    result = fit(problem, Config(budget=100))
    assert errors(problem, result.weights).max() <= NEAR
    assert (result.weights > 0).sum() == 100
    assert result.weights.sum() == pytest.approx(population, rel=NEAR)


@pytest.mark.parametrize("population", [258.3e6, *further(258.3e3, 1.4e9)], ids="{:g}".format)
def test_respondents_at_the_default_price(population):
    problem = reported.respondents(0, population, 3000)
    result = fit(problem, Config())
    assert result.status.has_result, result.message
    assert errors(problem, result.weights).max() <= NEAR


@pytest.mark.parametrize(
    ("targets", "weights", "asked"),
    [
        (1e-3, 1.0, {}), (1e-3, 1e-3, {"budget": 40}),
        *further((1e-3, 1.0, {"budget": 40}), (1e-3, 1e-3, {}), *((u, u, a) for u in (2.0**-10, 1e6) for a in ({}, {"budget": 40}))),
    ],
    ids=str,
)  # fmt: skip
def test_the_same_answer_in_thousands(targets, weights, asked):
    """Totals in thousands with base weights in persons are brought to one size; both in thousands are one problem."""
    problem = reported.income(3, 1000)
    other = reported.in_units(problem, targets, weights)
    here, there = fit(problem, Config(**asked)).weights, fit(other, Config(**asked)).weights / targets
    assert errors(problem, here).max() <= NEAR
    assert errors(problem, there).max() <= NEAR
    assert np.count_nonzero(there) == pytest.approx(np.count_nonzero(here), rel=0.05)
    both = np.minimum(here, there).sum() / here.sum()
    assert both >= 0.9, f"{both:.0%} of the weight is on the same households"


@pytest.mark.parametrize("base", [1.0, 1000.0, 1e-9, 1e12])
def test_a_household_in_no_total_stays_where_it_was(base):
    problem = Problem.create(np.array([[1.0, 0, 0], [1, 1, 0]]), [5 * base, 9 * base], base_weights=np.full(3, base))
    assert fit(problem, Config(lambda_l0=0)).weights / base == pytest.approx([5, 4, 1], rel=MET)


# -- 5. totals below what one household moves ---------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(0.003, 0.001), (0.003, 4000.0), (1e-9, 1.0)])
def test_a_total_far_below_one_household_is_met_or_named(values):
    problem = Problem.create(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]), values, base_weights=np.full(4, 2000.0))
    assert oracles.least_error(problem)[0] < 1e-9, "the totals can be met"
    result = fit(problem, Config(lambda_l0=0))
    off = errors(problem, result.weights) > 0.1
    named = [int(i) for finding in preflight(problem) if finding.kind == "below_floor" for i in finding.targets]
    assert set(np.flatnonzero(off)) <= set(named), "a total that is missed was named"
    assert result.final.max_abs_rel_error == pytest.approx(errors(problem, result.weights).max(), rel=1e-6)
    assert result.final.share_within_10pct == pytest.approx(1 - off.mean())


# -- 6. more households never mean a larger loss ------------------------------------------------------------------------


SIZES = (2400, 800, 200, 50, 21, 10, 5)


@pytest.mark.parametrize(
    ("seed", "n", "sizes"), [(2, 300, (200, 21, 5)), *further(*((*of, SIZES) for of in ((2, 300), (0, 3000), (1, 1000), (3, 280_005))))]
)
def test_more_households_never_mean_larger_errors(seed, n, sizes):
    problem = reported.heavy_tails(seed, n)
    result = fit(problem, Config())
    points = {}
    for p in frontier(problem, result, [k for k in sizes if k <= n]):
        points[p.budget] = p  # a point that comes again is the better one
    sizes = sorted(points)
    losses = [((problem.matrix @ points[k].full(n) / problem.values - 1) ** 2).mean() for k in sizes]
    for k, smaller, larger in zip(sizes[1:], losses, losses[1:], strict=False):
        assert larger <= smaller * (1 + 1e-4) or larger <= MET**2, f"{k} households: {losses}"
    assert errors(problem, points[max(sizes)].full(n)).max() <= MET


@pytest.mark.parametrize("seed", [2, *further(0, 1)])
def test_few_totals_of_many_households_are_met_by_nearly_equal_weights(seed):
    problem = reported.heavy_tails(seed, 40_000)
    w = fit(problem, Config(budget=200)).weights
    assert (w > 0).sum() == 200 and errors(problem, w).max() <= MET
    assert w.sum() ** 2 / (w @ w) >= 0.9 * 200


# -- 9. bounds of weights, and weights in no unit -----------------------------------------------------------------------


@pytest.mark.parametrize("cap", [1.5, *further(1.05, 5.0)])
def test_gated_weights_keep_to_the_cap(cap):
    problem = oracles.random_problem(0, targets=6, households=80)
    result = fit(problem, Config(lambda_l0=1e-4, max_ratio=cap))
    for point in compare(problem, result, 30, ["gated", "random", "dense"]):
        assert (point.full(80) / problem.base_weights).max() <= cap * (1 + 1e-12), point.method


@pytest.mark.parametrize("seed", [0, *further(1, 2)])
@pytest.mark.parametrize("refit", [True, False])
def test_no_weight_exceeds_the_cap(seed, refit):
    problem = oracles.random_problem(seed, targets=6, households=80)
    result = fit(problem, Config(lambda_l0=1e-5, max_ratio=1.5, refit=refit))
    ratios = result.weights / problem.base_weights
    assert (ratios > 0).any()
    assert ratios.max() <= 1.5 * (1 + 1e-12)


@pytest.mark.parametrize("base", [1e-30, 1e150, *further(1e30)])
def test_base_weights_in_no_unit_are_brought_to_the_size_of_the_totals(base):
    m = np.random.default_rng(0).uniform(0.5, 2, (3, 40))
    problem = Problem.create(m, [100.0, 120.0, 110.0], base_weights=np.full(40, base))
    result = fit(problem, Config())
    assert result.status.has_result, result.message
    assert errors(problem, result.weights).max() <= 0.02
