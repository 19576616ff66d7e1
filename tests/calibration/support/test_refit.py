import numpy as np
import oracles
import pytest
from solving import rake

from l0engine.calibration.config import Config
from l0engine.calibration.metrics import effective_sample_size, relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support.refit import refit
from l0engine.calibration.support.solvers import dual as module


def tiny(seed=0, targets=4, n=12):
    rng = np.random.default_rng(seed)
    A = rng.uniform(0, 2, (targets, n)) * (rng.random((targets, n)) < 0.7)
    g = rng.uniform(0.5, 2.0, n)
    b = A @ (g * rng.uniform(0.7, 1.5, n))
    return A, b, g


def tau_of(A, g, mu):
    return mu * np.mean((A**2) @ g)


@pytest.mark.parametrize("mu", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("seed", [0, 1])
def test_rake_matches_a_general_solver(mu, seed):
    A, b, g = tiny(seed)
    w = rake(A, b, g, mu)
    np.testing.assert_allclose(w, oracles.relaxed_raking(A, b, g, tau_of(A, g, mu)), rtol=1e-4)


def test_rake_with_caps_matches_a_general_solver():
    A, b, g = tiny(2)
    free = rake(A, b, g, 1e-2)
    upper = np.where(free > np.median(free), 0.8 * free, 10 * free)
    w = rake(A, b, g, 1e-2, upper=upper)
    assert (w <= upper * (1 + 1e-12)).all()
    assert (w > 0.999 * upper).any()
    np.testing.assert_allclose(w, oracles.relaxed_raking(A, b, g, tau_of(A, g, 1e-2), upper), rtol=2e-3)


def test_caps_satisfy_the_kkt_conditions():
    A, b, g = tiny(3, targets=6, n=40)
    b, upper = 1.5 * b, 1.6 * g
    w = rake(A, b, g, 1e-3, upper=upper)
    slope = np.log(w / g) + A.T @ (A @ w - b) / tau_of(A, g, 1e-3)
    capped = w >= upper * (1 - 1e-9)
    assert capped.any()
    assert not capped.all()
    np.testing.assert_allclose(slope[~capped], 0, atol=1e-3)
    assert (slope[capped] <= 1e-3).all()


def test_caps_below_the_start():
    A, b, g = tiny(4)
    w = rake(A, b, g, 1e-3, upper=0.5 * g)
    assert (w <= 0.5 * g * (1 + 1e-12)).all()
    assert np.isfinite(w).all()


@pytest.mark.parametrize("capped", [False, True])
def test_direct_steps_a_factor_of_an_earlier_one_and_conjugate_gradients_agree(monkeypatch, capped):
    A, b, g = tiny(5, targets=8, n=60)
    upper = 1.3 * g if capped else None
    dense = rake(A, b, g, 1e-3, upper=upper)
    monkeypatch.setattr(module, "SMALL_WORK", 0)
    np.testing.assert_allclose(rake(A, b, g, 1e-3, upper=upper), dense, rtol=1e-3)
    monkeypatch.setattr(module, "DENSE_TARGETS", 0)
    monkeypatch.setattr(module._System, "factored", None)  # nothing is factored
    np.testing.assert_allclose(rake(A, b, g, 1e-3, upper=upper), dense, rtol=1e-3)


def test_a_small_mu_meets_feasible_targets_and_a_large_one_returns_the_start():
    A, b, g = tiny(6)
    np.testing.assert_allclose(A @ rake(A, b, g, 1e-8), b, rtol=1e-5)
    np.testing.assert_allclose(rake(A, b, g, 1e9), g, rtol=1e-6)
    gaps = [np.abs(A @ rake(A, b, g, mu) - b).sum() for mu in (1.0, 1e-1, 1e-2, 1e-3)]
    assert gaps == sorted(gaps, reverse=True)


def test_contradicting_targets_do_no_harm():
    A = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    w = rake(A, np.array([10.0, 20.0, 7.0]), np.ones(3), 1e-6)
    assert w[0] + w[1] == pytest.approx(15.0, rel=1e-3)
    assert w[2] == pytest.approx(7.0, rel=1e-3)


@pytest.mark.parametrize("b", [[1e12, 1.0], [-1e6, 1.0], [0.0, 0.0]])
def test_targets_out_of_reach_stay_finite(b):
    w = rake(np.array([[1.0, 2.0], [1.0, 0.0]]), np.array(b), np.ones(2), 1e-4)
    assert np.isfinite(w).all()
    assert (w >= 0).all()


def gated_start(problem, keep):
    g = np.zeros(problem.n_households)
    g[:keep] = problem.base_weights[:keep] * problem.n_households / keep
    return g


@pytest.mark.parametrize("loss", ["relative", "mse"])
def test_refit_keeps_the_support_and_lowers_the_error(loss):
    problem = oracles.random_problem(1, targets=8, households=60)
    config = Config(loss=loss)
    start = gated_start(problem, 30)
    w = refit(ScaledSystem.build(problem, config), start, config)
    assert (w[30:] == 0).all()
    assert (w[:30] > 0).all()
    before, after = (np.abs(relative_errors(problem, x)).mean() for x in (start, w))
    assert after < before / 10
    assert effective_sample_size(w) > 10


def test_importance_decides_between_contradicting_targets():
    matrix, values = np.ones((2, 4)), [100.0, 200.0]
    means = []
    for weights in ([1, 1], [100, 1], [1, 100]):
        problem = Problem.create(matrix, values, target_weights=weights, base_weights=np.full(4, 30.0))
        config = Config(loss="mse", mu=1e-8)
        means.append(refit(ScaledSystem.build(problem, config), problem.base_weights, config).sum())
    assert means == pytest.approx([150.0, 10_200 / 101, 20_100 / 101], rel=1e-3)


def test_max_ratio_is_a_hard_cap():
    problem = oracles.random_problem(1, targets=8, households=60)
    config = Config(max_ratio=1.5)
    w = refit(ScaledSystem.build(problem, config), gated_start(problem, 30), config)
    assert (w / problem.base_weights).max() <= 1.5 * (1 + 1e-12)


def test_a_capped_loss_gives_up_one_impossible_target_for_the_others():
    problem = oracles.random_problem(2, targets=8, households=60)
    values = problem.values.copy()
    values[0] *= 50
    spoiled = Problem.create(problem.matrix, values, base_weights=problem.base_weights)
    errors = {}
    for loss in ("relative", "capped"):
        config = Config(loss=loss, estimator="sampled", mu=1e-3)
        w = refit(ScaledSystem.build(spoiled, config), problem.base_weights.copy(), config)
        errors[loss] = np.abs(relative_errors(spoiled, w))
        assert np.isfinite(w).all()
    assert np.median(errors["capped"][1:]) < 0.5 * np.median(errors["relative"][1:])


def test_weights_pressed_to_nothing_are_dropped():
    problem = Problem.create(np.array([[1.0, 1.0], [0.0, 1.0]]), [100.0, 0.0], base_weights=[50.0, 50.0])
    config = Config(mu=1e-8)
    w = refit(ScaledSystem.build(problem, config), np.array([50.0, 50.0]), config)
    assert w[0] == pytest.approx(100, rel=1e-2)
    assert w[1] == 0 or w[1] > 1e-6 * 50
