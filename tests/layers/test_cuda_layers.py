"""Layers with gates on a GPU against the CPU, in double precision: convolutions there round single precision to ten bits."""

import copy

import pytest
import torch
from torch import nn

from l0engine import (
    HardConcrete,
    L0Conv1d,
    L0Conv2d,
    L0DepthwiseConv2d,
    L0Embedding,
    L0Linear,
    SparseMLP,
    compute_l0_penalty,
    compute_l2_penalty,
    get_sparsity_stats,
)
from l0engine.sparsify import sparsify

pytestmark = pytest.mark.cuda

GROUPS = ("weight", "input", "output")
KINDS = {
    "linear": (lambda group: L0Linear(6, 4, group=group), (5, 6)),
    "conv1d": (lambda group: L0Conv1d(6, 4, 3, padding="same", group=group), (2, 6, 7)),
    "conv2d": (lambda group: L0Conv2d(6, 4, (2, 3), (2, 1), (1, 0), dilation=(1, 2), group=group), (2, 6, 6, 8)),
    "depthwise": (lambda group: L0DepthwiseConv2d(6, 3, 1, 1, group=group), (2, 6, 5, 5)),
    "embedding": (lambda group: L0Embedding(9, 5, group=group), None),
    "network": (lambda group: SparseMLP(6, 5, 3, use_l2=True), (5, 6)),
    "sparsified": (
        lambda group: sparsify(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)), group),
        (3, 2, 4, 4),
    ),
}


@pytest.fixture(autouse=True)
def given_noise(monkeypatch):
    """The same noise on every device once this list is cleared: the second draw is not the first."""
    draws = []

    def drawn(self, dtype):
        draws.append(self)
        generator = torch.Generator().manual_seed(len(draws))
        return torch.rand(self.gate_size, generator=generator, dtype=dtype).to(self.qz_logits.device)

    monkeypatch.setattr(HardConcrete, "_drawn", drawn)
    return draws


def layers(kind, group, device):
    """A layer with random gates and inputs, in double precision, and a copy of both on the device."""
    build, shape = KINDS[kind]
    torch.manual_seed(2)
    layer = build(group).double()
    with torch.no_grad():
        for m in layer.modules():
            if isinstance(m, HardConcrete):
                m.qz_logits.copy_(2 * torch.randn(m.gate_size))
    x = torch.randint(9, (4, 3)) if shape is None else torch.randn(shape, dtype=torch.float64)
    return layer, x, copy.deepcopy(layer).to(device), x.to(device)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_are_those_of_the_cpu(device, kind, group, given_noise):
    here, x, there, x_there = layers(kind, group, device)
    for training in (True, False):
        given_noise.clear()
        out = here.train(training)(x)
        given_noise.clear()
        out_there = there.train(training)(x_there)
        assert out_there.device.type == device
        torch.testing.assert_close(out_there.cpu(), out)
        for model, outputs in ((here, out), (there, out_there)):
            model.zero_grad()
            (outputs.square().sum() + compute_l0_penalty(model) + 0.1 * compute_l2_penalty(model)).backward()
        for (name, p), q in zip(here.named_parameters(), there.parameters(), strict=True):
            torch.testing.assert_close(q.grad.cpu(), p.grad, msg=lambda text, name=name: f"{name}: {text}")
    expected = get_sparsity_stats(here)
    assert get_sparsity_stats(there) == {name: pytest.approx(figures, rel=1e-12) for name, figures in expected.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_are_near(device, kind, dtype):
    here, x, there, _ = layers(kind, "weight", device)
    x = x.to(device, dtype) if x.is_floating_point() else x.to(device)
    out, exact = there.to(dtype).eval()(x), here.eval()(x.cpu().double() if x.is_floating_point() else x.cpu())
    assert out.dtype is dtype
    near = 0.05 if dtype is torch.bfloat16 else 5e-3
    torch.testing.assert_close(out.cpu().double(), exact, rtol=near, atol=near * float(exact.detach().abs().max()))


def test_sparsify_stays_on_the_device(device):
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).to(device).eval()
    gated, x = sparsify(net, seed=0), torch.randn(4, 6, device=device)
    assert {p.device.type for p in gated.parameters()} == {device}
    torch.testing.assert_close(gated(x), net(x))
