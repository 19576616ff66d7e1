import numpy as np
import pytest

from l0engine.calibration.metrics import active, effective_sample_size, measure, relative_errors, sparsity
from l0engine.calibration.problem.problem import Problem

PROBLEM = Problem.create([[1, 1, 0, 0], [0, 0, 2, 1], [1, 0, 0, 1]], [4, 10, 0], base_weights=[1, 1, 2, 1])
WEIGHTS = np.array([3.0, 0.0, 4.0, 1.0])


def test_active_and_sparsity():
    assert active(WEIGHTS).tolist() == [True, False, True, True]
    assert sparsity(WEIGHTS) == 0.25


def test_relative_errors_by_hand():
    # estimates 3, 9, 4; scales 4, 10 and, for the target of zero, one household's largest contribution of 1
    np.testing.assert_allclose(relative_errors(PROBLEM, WEIGHTS), [-0.25, -0.1, 4.0])


def test_effective_sample_size_by_hand():
    assert effective_sample_size(WEIGHTS) == pytest.approx(64 / 26)
    assert effective_sample_size(np.full(7, 3.3)) == pytest.approx(7)
    assert effective_sample_size(np.array([5.0, 0.0])) == pytest.approx(1)
    assert effective_sample_size(np.zeros(3)) == 0


def test_effective_sample_size_of_huge_and_tiny_weights():
    for factor in (1e-200, 1e200):
        assert effective_sample_size(WEIGHTS * factor) == pytest.approx(64 / 26)


def test_measures_by_hand():
    m = measure(PROBLEM, WEIGHTS, np.array([True, True, False]))
    assert m.kept == 3
    assert m.mean_abs_rel_error == pytest.approx(0.175)
    assert m.median_abs_rel_error == pytest.approx(0.175)
    assert m.share_within_10pct == pytest.approx(0.5)
    assert m.ess == pytest.approx(64 / 26)
    assert m.design_effect == pytest.approx(3 * 26 / 64)
    assert (m.max_weight, m.max_weight_ratio) == (4.0, 3.0)


def test_design_effect_is_one_plus_squared_variation_of_the_kept():
    kept = WEIGHTS[WEIGHTS > 0]
    assert measure(PROBLEM, WEIGHTS, np.ones(3, bool)).design_effect == pytest.approx(1 + kept.var() / kept.mean() ** 2)


def test_nothing_kept_has_no_measures():
    assert measure(PROBLEM, np.zeros(4), np.ones(3, bool)) is None


def test_no_targets_in_use_leaves_errors_unknown():
    assert np.isnan(measure(PROBLEM, WEIGHTS, np.zeros(3, bool)).mean_abs_rel_error)
