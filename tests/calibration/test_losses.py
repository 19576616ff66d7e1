import numpy as np
import pytest
import torch

from l0engine.calibration import fit
from l0engine.calibration.config import Config
from l0engine.calibration.losses import LOSSES
from l0engine.calibration.problem.importance import importance
from l0engine.calibration.problem.problem import Problem
from l0engine.errors import ConfigError

PROBLEM = Problem.create(
    np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 5.0, 5.0], [0.0, 1.0, 2.0]]),
    [10.0, 4.0, -3.0, 0.0],
    groups=["a", "b", "b", "b"],
    target_weights=[1.0, 2.0, 1.0, 0.5],
    base_weights=[1.0, 2.0, 3.0],
)
ALL = np.ones(4, bool)


class Fourth:
    """A toy: ``phi(r) = r^4``."""

    squared, sentence = False, "fourth power of the relative error."

    def scales(self, problem):
        return problem.scales

    def value(self, residual):
        return residual**4

    def derivative(self, residual):
        return 4 * residual**3


def test_a_new_loss_is_a_class_and_an_entry_in_the_registry(monkeypatch):
    monkeypatch.setitem(LOSSES, "fourth", Fourth())
    with pytest.raises(ConfigError, match="'fourth' does not go with estimator 'expected'"):
        Config(loss="fourth")
    problem = Problem.create([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], [30.0, 50.0], base_weights=[10.0, 10.0, 10.0])
    result = fit(problem, Config(loss="fourth", estimator="sampled", lambda_l0=0.0, lambda_l2=0.0))
    np.testing.assert_allclose(problem.estimates(result.weights), problem.values, rtol=0.02)


@pytest.mark.parametrize("name", list(LOSSES))
def test_derivative_matches_autograd_of_the_value(name):
    loss = LOSSES[name]
    r = torch.tensor([-3.0, -0.99, -0.4, 1e-3, 0.7, 1.2, 50.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss.value, (r,))
    (slope,) = torch.autograd.grad(loss.value(r).sum(), r)
    np.testing.assert_allclose(loss.derivative(r.detach()), slope)


def test_values_by_hand():
    r = torch.tensor([-2.0, -0.5, 0.0, 0.25, 3.0])
    assert LOSSES["relative"].value(r).tolist() == [4.0, 0.25, 0.0, 0.0625, 9.0]
    assert LOSSES["mse"].value(r).tolist() == [4.0, 0.25, 0.0, 0.0625, 9.0]
    assert LOSSES["capped"].value(r).tolist() == [1.0, 0.5, 0.0, 0.25, 1.0]
    assert LOSSES["capped"].derivative(r).tolist() == [0.0, -1.0, 0.0, 1.0, 0.0]


def test_scales_by_hand():
    # the largest contributions of one household at its base weight are 3, 2, 15 and 6
    assert LOSSES["relative"].scales(PROBLEM).tolist() == [10.0, 4.0, 15.0, 6.0]
    assert LOSSES["capped"].scales(PROBLEM).tolist() == [10.0, 4.0, 15.0, 6.0]
    assert LOSSES["mse"].scales(PROBLEM).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_importance_by_hand():
    assert importance(PROBLEM, Config(), ALL).tolist() == [1.0, 2.0, 1.0, 0.5]
    normal = importance(PROBLEM, Config(normalize_groups=True), ALL)
    np.testing.assert_allclose(normal, [1.0, 2 / 3, 1 / 3, 0.5 / 3])
    both = Config(normalize_groups=True, group_multipliers={"b": 6.0, "a": 0.0})
    np.testing.assert_allclose(importance(PROBLEM, both, ALL), [0.0, 4.0, 2.0, 1.0])


def test_groups_average_over_the_targets_in_use_only():
    use = np.array([True, True, False, True])
    np.testing.assert_allclose(importance(PROBLEM, Config(normalize_groups=True), use), [1.0, 1.0, 0.0, 0.25])


def test_importance_leaves_the_problem_alone():
    importance(PROBLEM, Config(group_multipliers={"a": 9.0}), ALL)
    assert PROBLEM.target_weights.tolist() == [1.0, 2.0, 1.0, 0.5]


def test_a_multiplier_of_no_group_is_refused():
    with pytest.raises(ConfigError, match=r"'c'.*the groups are a, b"):
        importance(PROBLEM, Config(group_multipliers={"c": 2.0}), ALL)
