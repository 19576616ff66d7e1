import copy

import pytest
import torch
from torch import nn

from l0engine import L0Conv1d, L0Conv2d, L0Embedding, L0Linear, compute_l0_penalty, get_sparsity_stats
from l0engine.errors import ConfigError
from l0engine.sparsify import sparsify


def _net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm2d(6),
        nn.Sequential(nn.Conv2d(6, 6, 3, stride=2, groups=6, bias=False), nn.ReLU(), nn.Dropout(0.5)),
        nn.ConvTranspose2d(6, 4, 2),
        nn.Flatten(),
        nn.Linear(64, 5),
    )


IMAGES = torch.randn(4, 3, 8, 8)


@pytest.mark.parametrize("group", ["weight", "input", "output"])
def test_the_function_is_kept_and_the_network_stays_as_it_is(group):
    net = _net().eval()
    before = copy.deepcopy(net.state_dict())
    gated = sparsify(net, group, seed=0)
    assert [type(m) for m in (gated[0], gated[2][0], gated[5])] == [L0Conv2d, L0Conv2d, L0Linear]
    assert {m.group for m in gated.modules() if hasattr(m, "group")} == {group}
    assert [type(m) for m in (gated[1], gated[2][1], gated[3])] == [nn.BatchNorm2d, nn.ReLU, nn.ConvTranspose2d]
    assert torch.equal(gated(IMAGES), net(IMAGES))
    for name, value in before.items():
        assert torch.equal(net.state_dict()[name], value) and torch.equal(gated.state_dict()[name], value)
    with torch.no_grad():
        for p in gated.parameters():
            p.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_training_starts_near_the_network_and_reaches_gates_and_weights():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)).eval()
    gated, x = sparsify(net, seed=0).train(), torch.randn(100, 64)
    error = (gated(x) - net(x)).square().mean() / net(x).var()
    assert 0 < float(error.detach()) < 0.3
    (error + compute_l0_penalty(gated)).backward()
    assert all(p.grad.any() for p in gated.parameters())


def test_modes_devices_precisions_and_frozen_parameters_carry_over():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False)).double()
    net[0].eval().weight.requires_grad_(False)
    gated = sparsify(net)
    assert [m.training for m in gated] == [False, True] and [m.gates.training for m in gated] == [False, True]
    assert {p.dtype for p in gated.parameters()} == {torch.float64}
    assert not gated[0].weight.requires_grad and gated[0].gates.qz_logits.requires_grad and gated[1].bias is None
    assert sparsify(nn.Linear(3, 4, dtype=torch.bfloat16))(torch.ones(1, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_what_is_kept():
    net = _net()
    gated = sparsify(net, keep=["5", "2"])
    assert list(get_sparsity_stats(gated)) == ["0"]
    assert type(sparsify(net, keep="5")[5]) is nn.Linear
    assert list(get_sparsity_stats(sparsify(net, kinds=(nn.Linear,)))) == ["5"]


def test_one_layer_and_further_kinds():
    kinds = (nn.Embedding, nn.Conv1d)
    table = nn.Embedding(7, 4, padding_idx=0)
    gated = sparsify(table, "input", kinds=kinds).eval()
    assert type(gated) is L0Embedding and torch.equal(gated(torch.arange(7)), table(torch.arange(7)))
    net, x = nn.Sequential(nn.Conv1d(3, 4, 3, padding="same"), nn.Linear(9, 2)).eval(), torch.randn(2, 3, 9)
    gated = sparsify(net, kinds=kinds)
    assert [type(m) for m in gated] == [L0Conv1d, nn.Linear] and torch.equal(gated(x), net(x))
    assert type(sparsify(nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 2)))[0]) is nn.Embedding


def test_ties_stay_ties():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.first, self.out = nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7, bias=False)
            self.again, self.out.weight = self.first, self.table.weight

        def forward(self, x):
            return self.out(self.again(self.first(self.table(x))))

    net = Tied().eval()
    gated = sparsify(net)
    assert gated.again is gated.first and type(gated.first) is L0Linear
    assert gated.out.weight is gated.table.weight and gated.out.weight is not net.out.weight
    assert torch.equal(gated(torch.arange(7)), net(torch.arange(7)))


def test_layers_whose_gates_would_be_passed_by_stay():
    """Torch's encoder layer computes from the weights of its parts in eval mode, without calling them."""
    net = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.MultiheadAttention(8, 2), nn.Linear(8, 2))
    assert list(get_sparsity_stats(sparsify(net))) == ["2"]
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 3), nn.Embedding(3, 3, max_norm=1.0))
    assert list(get_sparsity_stats(sparsify(normed, kinds=(nn.Linear, nn.Embedding)))) == ["1"]
    assert list(get_sparsity_stats(sparsify(nn.Sequential(L0Linear(3, 3, group="input"), nn.Linear(3, 3)), "output"))) == ["0", "1"]


def test_seeds():
    x = torch.randn(3, 64)
    state = torch.random.get_rng_state()
    net = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    torch.random.set_rng_state(state)
    first, second, other = (sparsify(net, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first(x), second(x)) and not torch.equal(first(x), other(x))
    assert not torch.equal(first[0].gates(), first[1].gates())


def _broken():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.init.constant_(net[1].weight, float("nan"))
    return net


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparsify(_net(), keep=["6"]), "no module '6'"),
        (lambda: sparsify(nn.ReLU()), "no layer to put gates on: give one with layers of type Linear, Conv1d, Conv2d"),
        (lambda: sparsify(nn.Linear(3, 3), keep=[""]), "no layer to put gates on"),
        (lambda: sparsify(_broken()), "weight of layer '1' has values that are not finite"),
        (lambda: sparsify(_net(), "channel"), "no group 'channel'"),
        (lambda: sparsify(_net(), init_sparsity=0.0), "init_sparsity is 0.0"),
        (lambda: sparsify(_net(), temperature=-1.0), "temperature is -1.0"),
    ],
)
def test_wrong_use_is_one_sentence(make, message):
    with pytest.raises(ConfigError, match=message) as raised:
        make()
    assert str(raised.value).endswith(".") and ". " not in str(raised.value)
