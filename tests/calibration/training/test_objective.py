import numpy as np
import oracles
import pytest
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.training.objective import Objective
from l0engine.gates.estimators import ESTIMATORS
from l0engine.hard_concrete import HardConcreteDistribution

CPU = torch.device("cpu")
PHI = {"relative": lambda r: r**2, "mse": lambda r: r**2, "capped": lambda r: r.abs().clamp(max=1)}
DIST = HardConcreteDistribution(0.4)
CASES = [
    ("expected", "relative"),
    ("expected", "mse"),
    ("sampled", "relative"),
    ("sampled", "capped"),
    ("ungated", "relative"),
    ("ungated", "capped"),
]


@pytest.fixture
def problem():
    return oracles.random_problem(3, targets=6, households=20, groups=list("aabbbc"), target_weights=[1, 2, 0.5, 1, 3, 1])


def parameters(n, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([rng.normal(3, 0.5, n), rng.uniform(-2, 2, n)])).float()


def objective(problem, config, alive=None):
    system = ScaledSystem.build(problem, config)
    alive = np.arange(problem.n_households) if alive is None else alive
    return Objective(system, config, alive, CPU)


def by_autograd(problem, config, params, step, alive):
    """Loss and gradient from the dense oracle; gates that do not depend on the estimator's code where there is no noise."""
    log_weight, log_alpha = (p.double().requires_grad_() for p in params)
    n = len(log_alpha)
    if config.estimator == "ungated":
        z, v, p = torch.ones(n), torch.zeros(n), torch.zeros(n)
    elif config.estimator == "sampled":  # the draw is the estimator's; its dependence on log_alpha is re-derived
        z = ESTIMATORS["sampled"].gates(log_alpha.detach().float(), DIST, config.seed, step).mean.double()
        inner = (z - DIST.gamma) / (DIST.zeta - DIST.gamma)
        noise = torch.logit(inner) * DIST.beta - log_alpha.detach()
        moving = (torch.sigmoid((noise + log_alpha) / DIST.beta) * (DIST.zeta - DIST.gamma) + DIST.gamma).clamp(0, 1)
        z, v = torch.where((z > 0) & (z < 1), moving, z), torch.zeros(n)
        p = torch.sigmoid(log_alpha - DIST.beta * np.log(-DIST.gamma / DIST.zeta))
    else:
        z, v = DIST.mean(log_alpha), DIST.variance(log_alpha)  # held to quadrature in test_hard_concrete
        p = torch.sigmoid(log_alpha - DIST.beta * np.log(-DIST.gamma / DIST.zeta))
    scale = np.ones(problem.n_targets) if config.loss == "mse" else np.maximum(np.abs(problem.values), problem.floors)
    _, group, count = np.unique(problem.groups.astype(str), return_inverse=True, return_counts=True)
    importance = problem.target_weights / count[group] * np.where(problem.groups == "b", 3.0, 1.0)
    A = problem.matrix.toarray()[:, alive]
    price = config.lambda_l2 + config.lambda_ratio / torch.tensor(problem.base_weights[alive]) ** 2
    loss = oracles.objective(
        A,
        problem.values,
        scale,
        importance,
        log_weight,
        z,
        v,
        p,
        config.lambda_l0,
        price * torch.tensor((A != 0).any(axis=0)),  # who is in no target has no reason to change
        PHI[config.loss],
    )
    grads = torch.autograd.grad(loss, (log_weight, log_alpha), allow_unused=True)
    return loss.item(), np.stack([np.zeros(n) if g is None else g.numpy() for g in grads])


@pytest.mark.parametrize(("estimator", "loss"), CASES)
@pytest.mark.parametrize("subset", [False, True])
def test_gradient_and_terms_match_autograd_of_the_dense_objective(problem, estimator, loss, subset):
    config = Config(
        estimator=estimator,
        loss=loss,
        lambda_l0=0.02,
        lambda_l2=3e-5,
        lambda_ratio=2e-3,
        normalize_groups=True,
        group_multipliers={"b": 3.0},
        temperature=0.4,
        seed=5,
    )
    alive = np.arange(1, 20, 2) if subset else np.arange(20)
    params = parameters(len(alive))
    ours, out = objective(problem, config, alive), torch.zeros(2, len(alive))
    forward = ours.gradient(params, DIST, 4, out)
    value, gradient = by_autograd(problem, config, params, 4, alive)
    assert float(ours.terms(forward).sum()) * ours.unit == pytest.approx(value, rel=1e-4)
    np.testing.assert_allclose(out * ours.unit, gradient, rtol=2e-3, atol=2e-4 * np.abs(gradient).max())


def test_expected_objective_is_the_average_of_sampled_ones(problem):
    both = {"lambda_l0": 0.02, "lambda_l2": 3e-5, "temperature": 0.4}
    params, out = parameters(20), torch.zeros(2, 20)
    exact = objective(problem, Config(**both))
    expected = exact.terms(exact.gradient(params, DIST, 0, out)).numpy()
    gradient = out.clone()
    sampled, draws, slopes = objective(problem, Config(estimator="sampled", **both)), [], []
    for step in range(1500):
        draws.append(sampled.terms(sampled.gradient(params, DIST, step, out)).numpy())
        slopes.append(out.numpy().copy())
    mean, error = np.mean(draws, 0), np.std(draws, 0) / len(draws) ** 0.5
    np.testing.assert_array_less(np.abs(mean - expected), 5 * error + 1e-5)
    spread = np.std(slopes, 0) / len(slopes) ** 0.5
    np.testing.assert_array_less(np.abs(np.mean(slopes, 0) - gradient.numpy()), 5 * spread + 1e-5)
    assert error[0] > 0  # the comparison is of noise with its expectation


def test_ungated_pays_nothing_for_gates(problem):
    ours, out = objective(problem, Config(estimator="ungated", lambda_l0=5.0)), torch.zeros(2, 20)
    terms = ours.terms(ours.gradient(parameters(20), DIST, 0, out))
    assert terms[1] == 0
    assert (out[1] == 0).all()
    assert (ours.gate(parameters(20), DIST) == 1).all()


def test_l2_does_not_count_shut_gates(problem):
    ours, params, out = objective(problem, Config(lambda_l2=1.0)), parameters(20), torch.zeros(2, 20)
    params[1, 5:] = -20.0
    terms = ours.terms(ours.gradient(params, DIST, 0, out))
    assert 0 < terms[2] <= (torch.exp(2 * params[0, :5])).sum().item()


def test_sampled_noise_depends_on_seed_and_step_alone():
    log_alpha, gates = torch.zeros(100), ESTIMATORS["sampled"].gates
    first = gates(log_alpha, DIST, 1, 7).mean
    torch.manual_seed(0)
    assert torch.equal(gates(log_alpha, DIST, 1, 7).mean, first)
    assert not torch.equal(gates(log_alpha, DIST, 2, 7).mean, first)
    assert not torch.equal(gates(log_alpha, DIST, 1, 8).mean, first)


def test_relative_errors_are_those_of_the_measures(problem):
    weights = np.random.default_rng(0).uniform(5, 50, 20)
    dense = problem.matrix.toarray()
    scale = np.maximum(np.abs(problem.values), (dense * problem.base_weights).max(1))
    for loss in ("relative", "mse"):
        errors = objective(problem, Config(loss=loss)).relative_errors(torch.from_numpy(weights).float())
        np.testing.assert_allclose(errors, (dense @ weights - problem.values) / scale, rtol=1e-4, atol=1e-5)
