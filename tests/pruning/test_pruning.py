"""prune_model, plain and magnitude_pruned: what is pruned emits exactly nothing."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from l0engine.errors import ConfigError
from l0engine.layers import L0Conv1d, L0Conv2d, L0DepthwiseConv2d, L0Embedding, L0Linear, SparseMLP
from l0engine.penalties import get_sparsity_stats
from l0engine.pruning import magnitude_pruned, plain, prune_model

LAYERS = {
    "linear": (lambda group: L0Linear(6, 5, group=group), (7, 6)),
    "conv1d": (lambda group: L0Conv1d(4, 6, 3, group=group), (7, 4, 9)),
    "conv2d": (lambda group: L0Conv2d(4, 6, 3, group=group), (7, 4, 5, 5)),
    "grouped": (lambda group: L0Conv2d(4, 6, 3, groups=2, group=group), (7, 4, 5, 5)),
    "depthwise": (lambda group: L0DepthwiseConv2d(6, 3, group=group), (7, 6, 5, 5)),
}


def open_probability(layer):
    """Equation 12 of the paper, by hand, for stretch 0.1 and temperature 0.5."""
    return 1 / (1 + np.exp(-(layer.gates.qz_logits.detach().numpy() - 0.5 * math.log(0.1 / 1.1))))


def drawn(layer, seed=0):
    """Random gates, and a bias that shows."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.gates.qz_logits.copy_(torch.randn(layer.gates.qz_logits.shape, generator=g) * 3)
        if layer.bias is not None:
            layer.bias.copy_(1 + torch.rand(layer.bias.shape, generator=g))
    return layer


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("group", ["weight", "input", "output"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_pruned_layer_is_the_masked_one(name, group, threshold):
    """Against the ordinary layer with gates and mask multiplied in, group by group, by hand."""
    make, shape = LAYERS[name]
    layer = drawn(make(group)).eval()
    p, gates = open_probability(layer), layer.gates().detach().numpy()
    factor = np.where(p > threshold, gates, 0.0)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    axes = (1,) * (weight.ndim - 2)
    if group == "weight":
        weight = weight * factor.reshape(weight.shape)
    elif group == "output":
        weight, bias = weight * factor.reshape(-1, 1, *axes), bias * factor
    else:  # an output of a convolution's block sees the inputs of this block only
        blocks = getattr(layer, "groups", 1)
        per_block = weight.shape[0] // blocks
        rows = np.stack([factor.reshape(blocks, -1)[o // per_block] for o in range(weight.shape[0])])
        weight = weight * rows.reshape(*rows.shape, *axes)
    expected = layer.to_plain()
    with torch.no_grad():
        expected.weight.copy_(torch.from_numpy(weight))
        expected.bias.copy_(torch.from_numpy(bias))
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    assert prune_model(layer, threshold) is layer
    torch.testing.assert_close(layer(x), expected(x))
    assert (p <= threshold).any() and (p > threshold).any()


@pytest.mark.parametrize("name", LAYERS)
def test_a_pruned_output_emits_exactly_nothing_in_training_too(name):
    make, shape = LAYERS[name]
    layer = drawn(make("output"))
    pruned = torch.from_numpy(open_probability(layer) <= 0.5)
    prune_model(layer, 0.5)
    axis = -1 if isinstance(layer, nn.Linear) else 1
    for mode in (False, True):
        emitted = layer.train(mode)(torch.randn(shape)).movedim(axis, 0).flatten(1).abs().amax(1)
        assert not emitted[pruned].any() and (emitted[~pruned] > 0).any()
    assert not layer.weight[pruned].any() and not layer.bias[pruned].any()


def test_statistics_know_what_is_pruned():
    network = SparseMLP(8, 6, 3, seed=0)
    for layer in (network.fc1, network.fc2, network.fc3):
        drawn(layer)
    gone = [float((open_probability(layer) <= 0.6).mean()) for layer in (network.fc1, network.fc2, network.fc3)]
    prune_model(network, 0.6)
    assert not network.training
    stats = get_sparsity_stats(network)
    assert [stats[n]["sparsity"] for n in ("fc1", "fc2", "fc3")] == pytest.approx(gone)
    assert [float((layer.weight == 0).float().mean()) for layer in (network.fc1, network.fc2, network.fc3)] == pytest.approx(gone)


def test_embeddings_lose_rows():
    layer = drawn(L0Embedding(9, 4, group="input"))
    pruned = torch.from_numpy(open_probability(layer) <= 0.5)
    prune_model(layer, 0.5)
    assert torch.equal((layer(torch.arange(9)) == 0).all(1), pruned)


def test_plain_computes_the_same_and_shares_nothing():
    shared = L0Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Sequential(drawn(L0Linear(4, 2, group="output"))))
    network(torch.randn(3, 4))  # gates have drawn noise
    before = copy.deepcopy(network.state_dict())
    ordinary = plain(network)
    assert [type(m) for m in ordinary.modules() if next(m.children(), None) is None] == [nn.Linear, nn.ReLU, nn.Linear]
    assert ordinary[0] is ordinary[2]
    x = torch.randn(5, 4)
    torch.testing.assert_close(ordinary.eval()(x), network.eval()(x))
    with torch.no_grad():
        for p in ordinary.parameters():
            p.add_(1)
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    assert type(plain(shared)) is nn.Linear


@pytest.mark.parametrize("share", [0.0, 0.37, 0.9, 1.0])
def test_magnitude_pruning_takes_the_smallest_weights_of_all_layers(share):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 4, 5))
    before = np.concatenate([network[i].weight.detach().numpy().ravel() for i in (0, 2)])
    pruned = magnitude_pruned(network, share)
    after = np.concatenate([pruned[i].weight.detach().numpy().ravel() for i in (0, 2)])
    expected = before.copy()
    expected[np.argsort(np.abs(before), kind="stable")[: round(share * len(before))]] = 0
    assert np.array_equal(after, expected)
    assert np.array_equal(before, np.concatenate([network[i].weight.detach().numpy().ravel() for i in (0, 2)]))
    assert {name for name, _ in pruned.named_parameters()} == {name for name, _ in network.named_parameters()}
    assert torch.equal(pruned[2].bias, network[2].bias)


def masked():
    layer = nn.Linear(4, 4)
    nn.utils.prune.l1_unstructured(layer, "weight", 0.5)
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: prune_model(L0Linear(2, 2), 1.5), "The threshold is 1.5"),
        (lambda: prune_model(L0Linear(2, 2), math.nan), "The threshold is nan"),
        (lambda: magnitude_pruned(nn.Linear(2, 2), -0.1), "The share is -0.1"),
        (lambda: magnitude_pruned(nn.ReLU(), 0.5), "no weights to prune"),
        (lambda: plain(masked()), "The weight of module '0' is made anew at every call"),
    ],
)
def test_refusals_are_one_sentence(call, words):
    with pytest.raises(ConfigError, match=words) as caught:
        call()
    assert str(caught.value).count(".") - str(caught.value).count("1.5") - str(caught.value).count("-0.1") == 1
