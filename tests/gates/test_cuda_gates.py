"""Gates, and what they choose, on a GPU against the CPU."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse as sp

from l0engine import FeatureGate, HardConcrete, HybridGate, L0Gate, SampleGate
from l0engine.gates.counts import gate_counts, held
from l0engine.hard_concrete import HardConcreteDistribution

pytestmark = pytest.mark.cuda

DIST = HardConcreteDistribution(0.35)
LOG_ALPHA = torch.linspace(-25, 25, 1001, dtype=torch.float64)
TABLE = np.random.default_rng(0).normal(size=(40, 7))


def random_gates(gate, device):
    """The gate with random probabilities, and a copy of it on the device."""
    gates = gate.l0_gate.gates if isinstance(gate, HybridGate) else gate.gates
    with torch.no_grad():
        gates.qz_logits.copy_(torch.randn(gates.gate_size, generator=torch.Generator().manual_seed(1)))
    return gate, copy.deepcopy(gate).to(device)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("method", ["gate", "p_active", "mean", "variance"])
def test_the_distribution_is_that_of_the_cpu(device, method, dtype):
    values, slopes = [], []
    for name in ("cpu", device):
        log_alpha = torch.tensor(LOG_ALPHA.numpy(), dtype=dtype, device=name, requires_grad=True)
        out = getattr(DIST, method)(log_alpha)
        out.sum().backward()
        assert (out.device.type, out.dtype) == (name, dtype)
        values.append(out.detach().cpu()), slopes.append(log_alpha.grad.cpu())
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(*values, **tolerance)
    torch.testing.assert_close(*slopes, **tolerance)


def test_moments_and_samples_are_those_of_the_cpu(device):
    noise = torch.rand(1001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for here, there in zip(DIST.moments(LOG_ALPHA), DIST.moments(LOG_ALPHA.to(device)), strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=1e-9, atol=1e-12)
    here, there = DIST.sample(LOG_ALPHA, noise), DIST.sample(LOG_ALPHA.to(device), noise.to(device))
    torch.testing.assert_close(there.cpu(), here, rtol=1e-9, atol=1e-12)
    assert ((here > 0) & (here < 1)).any()


def test_counts_and_held_gates_are_those_of_the_cpu(device):
    log_alpha = LOG_ALPHA.float()
    gates = DIST.gate(log_alpha)
    assert gate_counts(gates.to(device)).tolist() == gate_counts(gates).tolist()
    torch.testing.assert_close(held(log_alpha.to(device), 100, DIST).cpu(), held(log_alpha, 100, DIST), rtol=1e-4, atol=1e-5)


def test_noise_comes_from_the_module_s_own_seed(device):
    one, two, other = (HardConcrete(1000, seed=s).to(device) for s in (1, 1, 2))
    before = torch.cuda.get_rng_state()
    draws = [one(), two(), other(), one(), two()]
    assert torch.equal(before, torch.cuda.get_rng_state())
    assert {d.device.type for d in draws} == {device}
    assert [torch.equal(draws[0], d) for d in draws] == [True, True, False, False, False]
    assert torch.equal(draws[3], draws[4])


def test_the_mean_of_draws_is_the_expected_gate(device):
    gates = HardConcrete(50, temperature=0.35, seed=1).to(device)
    with torch.no_grad():
        gates.qz_logits.copy_(torch.linspace(-3, 3, 50))
        draws = torch.stack([gates() for _ in range(2000)]).double()
        error = 5 * (gates.distribution.variance(gates.qz_logits.double()) / 2000).sqrt()
        assert ((draws.mean(0) - gates.distribution.mean(gates.qz_logits.double())).abs() <= error + 1e-6).all()


DATA = {
    "tensor": torch.from_numpy(TABLE),
    "array": TABLE,
    "frame": pd.DataFrame(TABLE, columns=list("abcdefg")),
    "sparse": sp.csr_array(TABLE * (TABLE > 0)),
}


@pytest.mark.parametrize("where", ["with the gates", "on the CPU"])
@pytest.mark.parametrize("kind", DATA)
class TestChoices:
    def both(self, gate, device, kind, where):
        here, there = random_gates(gate, device)
        data = DATA[kind].to(device) if kind == "tensor" and where == "with the gates" else DATA[kind]
        return here, there, data

    def equal(self, here, there):
        for a, b in zip(here, there, strict=True):
            a, b = (
                x.toarray() if sp.issparse(x) else x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
                for x in (a, b)
            )
            if a.dtype.kind in "fiu":
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
            else:
                assert a.tolist() == b.tolist()

    @pytest.mark.parametrize("exact", [True, False])
    def test_samples(self, device, kind, where, exact):
        here, there, data = self.both(SampleGate(40, 12), device, kind, where)
        self.equal(here.select_samples(DATA[kind], exact), there.select_samples(data, exact))
        weights = np.linspace(0, 3, 40)
        self.equal(here.select_weighted_samples(DATA[kind], weights, exact), there.select_weighted_samples(data, weights, exact))

    @pytest.mark.parametrize("exact", [True, False])
    def test_features(self, device, kind, where, exact):
        here, there, data = self.both(FeatureGate(7, 3), device, kind, where)
        self.equal(here.select_features(DATA[kind], exact), there.select_features(data, exact))
        self.equal([here.get_feature_importance()], [there.get_feature_importance()])

    def test_samples_beside_a_random_part(self, device, kind, where):
        here, there, data = self.both(HybridGate(40, 0.5, 0.5, 20, seed=3), device, kind, where)
        self.equal(here.select(DATA[kind]), there.select(data))

    def test_gated_data(self, device, kind, where):
        here, there, data = self.both(L0Gate(40).eval(), device, kind, where)
        self.equal([here.apply_gates(DATA[kind])], [there.apply_gates(data)])
        assert here.get_active_indices().tolist() == there.get_active_indices().tolist()
        assert here.get_sparsity() == there.get_sparsity()


def test_weights_on_the_device_are_gated_differentiably(device):
    _, gate = random_gates(SampleGate(40, 12), device)
    weights = torch.linspace(0, 3, 40, device=device, requires_grad=True)
    _, chosen, indices = gate.select_weighted_samples(torch.from_numpy(TABLE).to(device), weights, exact=False)
    chosen.sum().backward()
    assert chosen.device.type == indices.device.type == device
    assert (weights.grad != 0).sum() == len(indices)


def test_gates_learn_there(device):
    gate = L0Gate(20, seed=1).to(device)
    optimiser = torch.optim.Adam(gate.parameters(), lr=0.1)
    wanted = (torch.arange(20, device=device) < 5).float()
    for _ in range(300):
        optimiser.zero_grad()
        loss = (gate.get_gates() - wanted).square().sum() + 0.01 * gate.get_penalty()
        loss.backward()
        optimiser.step()
    assert gate.get_active_indices().tolist() == [0, 1, 2, 3, 4]
