"""compact against the network it was given: the same outputs, and as small as counting by hand says."""

import copy

import numpy as np
import pytest
import torch
from further import further
from networks_with_zeros import NETWORKS, Residual, without
from torch import nn

from l0engine.errors import ConfigError
from l0engine.layers import L0Conv2d, L0DepthwiseConv2d, L0Linear, SparseMLP
from l0engine.pruning import compact, prune_model


def batch(shape, n=6, seed=1):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def outputs(network, shape):
    with torch.no_grad():
        return network(batch(shape, 40, seed=2))


def weights(network):
    return {name: tuple(p.shape) for name, p in network.named_parameters() if p.dim() > 1}


@pytest.mark.parametrize("seed", [0, *further(1, 2)])
@pytest.mark.parametrize("share", [0.3, 0.95, *further(0.0, 0.6)])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay(name, share, seed):
    make, shape = NETWORKS[name]
    network = without(make(), share, seed)
    before = copy.deepcopy(network.state_dict())
    small, report = compact(network, batch(shape))
    torch.testing.assert_close(outputs(small, shape), outputs(network, shape), atol=1e-5, rtol=1e-5)
    assert report.difference <= 1e-5
    assert report.after.parameters == sum(p.numel() for p in small.parameters())
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())  # the network stays as it is


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"whole"}))
def test_networks_do_get_smaller(name):
    make, shape = NETWORKS[name]
    _, report = compact(without(make(), 0.6), batch(shape))
    assert report.after.parameters < 0.7 * report.before.parameters


@pytest.mark.parametrize("seed", range(8))
def test_a_unit_stays_if_a_path_of_weights_leads_from_an_input_through_it_to_an_output(seed):
    """Boolean matrix products count the paths; all else is constant or unread, with Linear layers and any activation."""
    network = without(nn.Sequential(nn.Linear(9, 14), nn.Sigmoid(), nn.Linear(14, 13), nn.ReLU(), nn.Linear(13, 12), nn.Tanh(), nn.Linear(12, 3)), 0.35, seed)  # fmt: skip
    links = [m.weight.detach().numpy() != 0 for m in network if isinstance(m, nn.Linear)]
    forward, backward = [np.ones(9, bool)], [np.ones(3, bool)]
    for link in links:
        forward.append(link @ forward[-1])
    for link in reversed(links):
        backward.append(link.T @ backward[-1])
    expected = [max(int((f & b).sum()), 1) for f, b in zip(forward[1:-1], backward[::-1][1:-1], strict=True)]
    small, _ = compact(network, batch((9,)))
    assert [m.out_features for m in small.modules() if isinstance(m, nn.Linear)][:-1] == expected


def test_constants_go_into_the_bias_by_hand():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2, bias=False)).eval()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]))
        network[0].bias.copy_(torch.tensor([0.5, 3.0, -4.0]))  # after the rectifier 3 and 0
        network[2].weight.copy_(torch.tensor([[1.0, 10.0, 7.0], [2.0, 20.0, 7.0]]))
    small, _ = compact(network, batch((2,)))
    assert torch.equal(small.get_submodule("0").weight, torch.tensor([[1.0, 2.0]]))
    assert torch.equal(small.get_submodule("2").weight, torch.tensor([[1.0], [2.0]]))
    assert torch.equal(small.get_submodule("2").bias, torch.tensor([30.0, 60.0]))


def test_constant_channels_before_a_padded_convolution_become_one():
    """A constant ends at the border of zeros, so no bias can stand for it; but one channel can stand for all of them."""
    network = without(nn.Sequential(nn.Conv2d(1, 10, 3), nn.Conv2d(10, 4, 3, padding=1)), 0.0)
    with torch.no_grad():
        network[0].weight[3:] = 0
    small, _ = compact(network, batch((1, 8, 8)))
    assert small.get_submodule("0").out_channels == 3 + 1
    torch.testing.assert_close(outputs(small, (1, 8, 8)), outputs(network, (1, 8, 8)), atol=1e-5, rtol=1e-5)


def test_a_residual_sum_keeps_what_either_branch_needs():
    network = without(nn.Sequential(nn.Conv2d(1, 6, 1), Residual(6), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)), 0.0)
    with torch.no_grad():
        network[0].weight[[0, 1, 2]], network[0].bias[[0, 1, 2]] = 0, 0  # channels 0 to 2 come from the branch alone
        network[1].b.weight[[2, 3]] = 0
        network[1].nb.bias[[2, 3]], network[1].nb.running_mean[[2, 3]] = 0, 0  # 2 and 3 not from the branch: 2 is 0 everywhere
        network[1].a.weight[:, 2] = 0
        network[4].weight[:, 5] = 0  # nothing reads 5 behind the sum, but the branch reads it
        network[4].weight[:, 4], network[1].a.weight[:, 4] = 0, 0  # nothing reads 4
    small, _ = compact(network, batch((1, 8, 8)))
    assert weights(small) == {"0.weight": (4, 1, 1, 1), "1.a.weight": (6, 4, 3, 3), "1.b.weight": (4, 6, 3, 3), "4.weight": (2, 4)}
    torch.testing.assert_close(outputs(small, (1, 8, 8)), outputs(network, (1, 8, 8)), atol=1e-5, rtol=1e-5)


def test_a_dead_layer_keeps_one_unit():
    network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    nn.init.zeros_(network[2].weight)
    small, _ = compact(network, batch((4,)))
    assert weights(small) == {"0.weight": (1, 4), "2.weight": (1, 1), "4.weight": (2, 1)}
    torch.testing.assert_close(outputs(small, (4,)), outputs(network, (4,)))


def test_removals_cascade_through_depthwise_blocks():
    """Output channel 1 of the last convolution's input is unread: so its depthwise filter goes, and the unit before, and what only that read."""
    network = without(nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=4, padding=1), nn.Conv2d(4, 2, 1)), 0.0)  # fmt: skip
    with torch.no_grad():
        network[4].weight[:, 1] = 0
        network[2].weight[[0, 2, 3], 3] = 0
        network[2].weight[1, 3] = 1.0  # only channel 1 reads channel 3
    small, _ = compact(network, batch((1, 6, 6)))
    expected = {"0.weight": (3, 1, 1, 1), "2.weight": (3, 3, 1, 1), "3.weight": (3, 1, 3, 3), "4.weight": (2, 3, 1, 1)}
    assert weights(small) == expected
    assert small.get_submodule("3").groups == 3


@pytest.mark.parametrize("seed", [0, 1, *further(2, 3)])
def test_gated_networks_with_drawn_gates(seed):
    network = nn.Sequential(
        *(L0Conv2d(1, 12, 3, structured=True, padding=1), nn.BatchNorm2d(12), nn.ReLU(), L0DepthwiseConv2d(12, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), L0Linear(12 * 9, 20, group="input"), nn.ReLU(), L0Linear(20, 3)),
    )
    without(network, 0.0, seed)  # log_alpha becomes random too
    with torch.no_grad():
        for layer in (network[0], network[3], network[7]):
            layer.gates.qz_logits.mul_(layer.gates.qz_logits.numel() ** 0.5 * 3)
    x = batch((1, 8, 8))
    small, report = compact(network, x)
    torch.testing.assert_close(outputs(small, (1, 8, 8)), outputs(network.eval(), (1, 8, 8)), atol=1e-5, rtol=1e-5)
    assert report.after.parameters < report.before.parameters
    assert {type(m).__module__.split(".")[0] for m in small.modules()} == {"torch"}
    pruned = prune_model(copy.deepcopy(network), 0.3)
    smaller, _ = compact(pruned, x)
    torch.testing.assert_close(outputs(smaller, (1, 8, 8)), outputs(pruned, (1, 8, 8)), atol=1e-5, rtol=1e-5)


def test_a_sparse_mlp_in_double_precision():
    network = SparseMLP(20, 30, 4, seed=0).double()
    with torch.no_grad():
        for layer in (network.fc1, network.fc2, network.fc3):
            layer.gates.qz_logits.copy_(torch.randn(layer.gates.qz_logits.shape, generator=torch.Generator().manual_seed(3)) * 3 - 6)
    x = batch((20,)).double()
    small, _ = compact(network, x)
    assert small.fc2.weight.dtype == torch.float64
    assert small.fc2.in_features < 30 and small.fc2.out_features < 30
    torch.testing.assert_close(small(x), network.eval()(x), atol=1e-12, rtol=0)


def test_a_single_layer_and_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.end = nn.Linear(3, 6), nn.Linear(4, 6), nn.Linear(6, 2)
            self.shift = nn.Parameter(torch.ones(2))

        def forward(self, x, y):
            return self.end(torch.relu(self.a(x)) - self.b(y)), self.shift

    network, inputs = without(Two(), 0.5), (batch((3,)), batch((4,)))
    small, _ = compact(network, inputs)
    for found, expected in zip(small(*inputs), network(*inputs), strict=True):
        torch.testing.assert_close(found, expected)
    assert small.a.out_features < 6
    layer = L0Linear(3, 2)
    small, _ = compact(layer, inputs[0])
    torch.testing.assert_close(small(inputs[0]), layer.eval()(inputs[0]))


def test_a_layer_in_two_places_keeps_its_size():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.end = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.end(torch.relu(self.again(torch.relu(self.again(self.first(x))))))

    network = without(Twice(), 0.5)
    small, report = compact(network, batch((4,)))
    assert small.again.weight.shape == (6, 6)
    torch.testing.assert_close(outputs(small, (4,)), outputs(network, (4,)))
    assert report.layers[1].before.multiply_adds == 2 * 36  # it works twice
    assert [(left.name, left.kind, left.why) for left in report.whole] == [("again", "Linear", "it is called more than once")]


def test_inference_mode_makes_no_difference():
    make, shape = NETWORKS["residual"]
    network, x = without(make()), batch(shape)
    with torch.inference_mode():
        small, report = compact(network, x)
        inside = compact(copy.deepcopy(network), x.clone())[1]
    torch.testing.assert_close(outputs(small, shape), outputs(network, shape), atol=1e-5, rtol=1e-5)
    assert report.after.parameters == inside.after.parameters == compact(network, x)[1].after.parameters


def test_nothing_global_changes():
    make, shape = NETWORKS["residual"]
    network = without(make())
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    compact(network, batch(shape))
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Overwriting(nn.Module):
    def forward(self, x):
        y = 2 * x
        return nn.functional.relu(y, inplace=True) + y


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), Always())

    def forward(self, x):
        return self.inner(x)


class Always(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)


class OverwritingUnseen(nn.Module):
    """In a module that cannot be traced, so that its calls are not in the graph."""

    def __init__(self):
        super().__init__()
        self.hidden = Shift()

    def forward(self, x):
        y = 2 * x
        self.hidden(y)
        return y


class Shift(nn.Module):
    def forward(self, x):
        return x.add_(1) if x.shape[0] > 1 else x


def pruned_but_not_for_good(parameter):
    layer = nn.Linear(4, 4)
    nn.utils.prune.l1_unstructured(layer, parameter, 0.5)
    return layer


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Branching(), "cannot be traced"),
        (Overwriting(), "overwrites 'mul' in place and reads it again"),
        (OverwritingUnseen(), "overwrites 'mul' in place and reads it again: use 'hidden' without inplace"),
        (nn.Linear(5, 2), "fails on the example input"),
        (Dropping(), "dropout at test time in module 'inner.1'"),
        (nn.Sequential(pruned_but_not_for_good("bias")), "The bias of module '0' is made anew at every call"),
    ],
)
def test_what_compact_cannot_do_is_said_in_one_sentence(network, words):
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")) as caught:
        compact(network, batch((4,)))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
