"""A gate against draws of the paper's formula; and the published mistake against what the original code computes."""

import numpy as np
import oracles
import pytest
import torch
from further import further

from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.lessons.made import gate
from l0engine.lessons.shown.gate import GateAsk


@pytest.mark.parametrize(
    "ask", [GateAsk(), GateAsk(log_alpha=1.5, temperature=1.0, gamma=-0.3, zeta=1.2), *further(GateAsk(temperature=0.05))]
)
def test_the_distribution_is_that_of_draws(ask):
    u = np.random.default_rng(1).uniform(size=200_000)
    t = (np.log(u / (1 - u)) + ask.log_alpha) / ask.temperature
    z = np.clip((ask.zeta - ask.gamma) / (1 + np.exp(-t)) + ask.gamma, 0, 1)
    assert z[0] == pytest.approx(oracles.gate(u[0], ask.log_alpha, ask.temperature, ask.gamma, ask.zeta))
    shown = gate.show(ask)
    assert shown.p_zero == pytest.approx((z == 0).mean(), abs=0.004) and shown.p_one == pytest.approx((z == 1).mean(), abs=0.004)
    inside = np.histogram(z[(z > 0) & (z < 1)], shown.edges)[0] / len(z)
    np.testing.assert_allclose(shown.between, inside, atol=0.004)
    assert shown.p_zero + shown.between.sum() + shown.p_one == pytest.approx(1, abs=1e-9)
    assert (shown.mean, shown.variance) == (pytest.approx(z.mean(), abs=0.004), pytest.approx(z.var(), abs=0.004))
    assert shown.gate == pytest.approx(np.median(z), abs=0.01) and shown.p_open == pytest.approx(1 - shown.p_zero)


def test_slopes_are_differences():
    shown, step = gate.show(GateAsk(log_alpha=0.2)), gate.show(GateAsk(log_alpha=0.3))
    before = gate.show(GateAsk(log_alpha=0.1))
    assert shown.mean_slope == pytest.approx((step.mean - before.mean) / 0.2, rel=0.01)
    assert shown.gate_slope == pytest.approx((step.gate - before.gate) / 0.2, rel=0.05)
    assert shown.published_slope == pytest.approx((step.published - before.published) / 0.2, rel=0.05)


@pytest.mark.parametrize("ask", [GateAsk(published=True), GateAsk(temperature=0.1, gamma=-0.2, zeta=1.3, seed=3)])
def test_as_first_published_is_what_the_original_code_computes(ask):
    def original(qz_loga):  # L0Dense.sample_z of the paper's code, not sampling: hardtanh(sigmoid(qz_loga) (b - a) + a, 0, 1)
        pi = 1 / (1 + np.exp(-np.asarray(qz_loga, float)))
        return np.minimum(1, np.maximum(0, pi * (ask.zeta - ask.gamma) + ask.gamma))

    shown = gate.show(ask)
    assert shown.published == pytest.approx(original(ask.log_alpha), abs=1e-9)
    np.testing.assert_allclose(shown.publisheds, original(shown.log_alphas), atol=1e-9)
    assert original(shown.closes_published - 1e-6) == 0 < original(shown.closes_published + 1e-6)
    opened = (original(shown.trained.log_alpha) > 0).sum(1)
    assert opened.tolist() == shown.trained.published.tolist()
    right = [
        sum(oracles.gate(0.5, float(a), ask.temperature, ask.gamma, ask.zeta) > 0 for a in alphas)
        for alphas in shown.trained.log_alpha[::20]
    ]
    assert right == shown.trained.right[::20].tolist()
    assert (shown.trained.right <= shown.trained.published).all() and shown.trained.right[-1] < shown.trained.published[-1]


def test_the_model_learns_by_the_gradient_of_its_loss():
    dist, rng = HardConcreteDistribution(0.5), np.random.default_rng(4)
    x = rng.standard_normal((gate.ROWS, gate.FEATURES))
    y = torch.tensor(x[:, : gate.TRUE] @ rng.choice([-1.0, 1.0], gate.TRUE) + 0.5 * rng.standard_normal(gate.ROWS)).float()
    noise = torch.tensor(rng.random((gate.STEPS, gate.FEATURES))).float()
    w, a = torch.zeros(gate.FEATURES, requires_grad=True), torch.zeros(gate.FEATURES, requires_grad=True)
    optimiser = torch.optim.Adam([w, a], lr=gate.RATE)
    for step in range(20):  # autograd through the formulas of the paper
        s = torch.sigmoid((torch.logit(noise[step]) + a) / 0.5)
        z = torch.clamp(s * 1.2 - 0.1, 0, 1)
        loss = ((torch.tensor(x).float() @ (w * z) - y) ** 2).mean() + gate.PRICE * torch.sigmoid(a - 0.5 * np.log(0.1 / 1.1)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(gate.trained(dist, 4).log_alpha[20], a.detach().numpy(), atol=2e-3)


def test_p_below_ends_at_the_point_masses():
    dist, log_alpha = HardConcreteDistribution(0.4, -0.2, 1.3), torch.linspace(-4, 4, 9, dtype=torch.float64)
    zero, one = (dist.p_below(torch.tensor(v, dtype=torch.float64), log_alpha) for v in (0.0, 1.0))
    np.testing.assert_allclose(zero, 1 - dist.p_active(log_alpha), atol=1e-12)
    np.testing.assert_allclose(1 - one, torch.sigmoid(log_alpha - 0.4 * np.log(1.2 / 0.3)), atol=1e-12)
