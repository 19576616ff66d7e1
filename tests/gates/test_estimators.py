from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from scipy.special import expit, logit

from l0engine.__main__ import main
from l0engine.calibration.problem.problem import Problem
from l0engine.gates.estimators import ESTIMATORS, Expected
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.io import save_problem

DIST, N = HardConcreteDistribution(0.9), 100_001


def drawn(log_alpha, seed=3, step=7):
    return ESTIMATORS["sampled"].gates(log_alpha, DIST, seed, step).mean


def noise(seed, step):
    """The uniform numbers behind some gates, by the inverse of the paper's equation 11; NaN where the gate is clipped."""
    gate = drawn(torch.zeros(N, dtype=torch.float64), seed, step).numpy()
    s = (gate - DIST.gamma) / (DIST.zeta - DIST.gamma)
    return np.where((gate > 0) & (gate < 1), expit(DIST.beta * logit(s)), np.nan)


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (0, 1), (5, 1), (5, 4999), (2**53, 100_000)])
def test_noise_is_uniform(seed, step):
    u = noise(seed, step)
    # a gate with log_alpha 0 is clipped where sigmoid(logit(u) / beta) is below 0.1 / 1.2 or above 1.1 / 1.2
    low, high = expit(DIST.beta * logit(0.1 / 1.2)), expit(DIST.beta * logit(1.1 / 1.2))
    inside = u[~np.isnan(u)]
    assert stats.kstest(inside, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    assert stats.binomtest(len(inside), N, high - low).pvalue > 1e-3
    gate = drawn(torch.zeros(N, dtype=torch.float64), seed, step).numpy()
    assert stats.binomtest(int((gate == 0).sum()), N, low).pvalue > 1e-3


def test_noise_of_neighbours_steps_and_seeds_is_independent():
    first = noise(5, 1)
    for other in (np.roll(first, 1), np.roll(first, 2), noise(5, 2), noise(6, 1), noise(1, 5)):
        both = ~np.isnan(first) & ~np.isnan(other)
        assert abs(np.corrcoef(first[both], other[both])[0, 1]) < 4.5 / both.sum() ** 0.5
        assert stats.kstest(np.mod(first + other, 1)[both], np.mod(first - other, 1)[both]).pvalue > 1e-3
        clipped = np.isnan(first).astype(int) * 2 + np.isnan(other)
        assert stats.chi2_contingency(np.bincount(clipped, minlength=4).reshape(2, 2)).pvalue > 1e-3


def test_noise_follows_from_seed_and_step_alone():
    log_alpha, before = torch.linspace(-3, 3, 11), torch.get_rng_state()
    first = drawn(log_alpha)
    drawn(log_alpha, step=8)
    assert torch.equal(drawn(log_alpha), first)
    assert not torch.equal(drawn(log_alpha, step=8), first)
    assert not torch.equal(drawn(log_alpha, seed=4), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 3)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_draws_have_the_shape_and_type_of_log_alpha(shape, dtype):
    for step in range(20):
        gates = ESTIMATORS["sampled"].gates(torch.zeros(shape, dtype=dtype), DIST, 0, step)
        assert gates.mean.shape == gates.mean_slope.shape == shape
        assert gates.mean.dtype == dtype
        assert ((gates.mean >= 0) & (gates.mean <= 1)).all()
        assert torch.isfinite(gates.mean_slope).all()


@dataclass(frozen=True)
class MeanField(Expected):
    """A toy: the expected gates, as if they were certain."""

    squared_only: bool = False
    sentence: str = "expected gates without their variance."

    def gates(self, log_alpha, dist, seed, step):
        return dist.moments(log_alpha)._replace(variance=log_alpha.new_zeros(()), variance_slope=log_alpha.new_zeros(()))


def test_a_new_estimator_is_a_class_and_an_entry_in_the_registry(monkeypatch, tmp_path, capsys):
    problem = Problem.create([[1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]], [30.0, 50.0], base_weights=[10.0, 10.0, 10.0, 9.0])
    save_problem(problem, tmp_path / "problem")
    command = ["fit", str(tmp_path / "problem"), "--out", str(tmp_path / "out"), "--no-record", "--loss", "capped", "--estimator", "mean"]
    assert main(command) == 1 and "choose one of expected, sampled, ungated." in capsys.readouterr().err
    monkeypatch.setitem(ESTIMATORS, "mean", MeanField())
    assert main(command) == 0
    weights = pd.read_csv(tmp_path / "out" / "weights.csv")
    kept = [list(problem.household_ids).index(str(household)) for household in weights["household_id"]]
    np.testing.assert_allclose(problem.matrix.toarray()[:, kept] @ weights["weight"], problem.values, rtol=0.02)
