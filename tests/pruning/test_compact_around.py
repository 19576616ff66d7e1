"""compact around modules that it cannot go through: they keep their size and what they read, all else shrinks as it would alone."""

import copy

import pytest
import torch
from further import further
from networks_with_zeros import without
from torch import nn

from l0engine.errors import ConfigError
from l0engine.layers.layers import L0Linear
from l0engine.pruning import compact, export, prune_model, save_standalone


class Branching(nn.Module):
    """What it does depends on values, so that it cannot be traced; it holds a layer."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x):
        return self.inner(x) if x.sum() > 0 else -self.inner(x)


class Sorting(nn.Module):
    """It can be traced, but calls a function that compaction does not know."""

    def forward(self, x):
        return torch.sort(x, dim=-1)[0]


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTM(8, 8, batch_first=True)

    def forward(self, x):
        y, (hidden, _) = self.cell(x)
        return y + hidden[0][:, None]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)

    def forward(self, x):
        y, _ = self.attend(x, x, x, need_weights=False)
        return self.norm(x + y)


class Tied(nn.Module):
    """A layer whose weight is read elsewhere as well."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return nn.functional.linear(self.down(torch.relu(self.up(x))), self.up.weight)


class Swapped(nn.Module):
    """A module that takes the last axis as a channel axis of images: (batch, length, 8) and back."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)


#: Module -> how to make it, taking and giving (batch, length, 8), and what is left whole in it.
BARRIERS = {
    "lstm": (Recurrent, {"LSTM"}),
    "transposed convolution": (lambda: Swapped(nn.ConvTranspose2d(8, 8, (3, 1), padding=(1, 0))), {"ConvTranspose2d"}),
    "attention": (Attention, {"MultiheadAttention", "LayerNorm"}),
    "transformer layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), {"TransformerEncoderLayer"}),
    "untraceable": (Branching, {"Branching"}),
    "unknown function": (Sorting, {"sort"}),
    "tied": (Tied, {"Linear", "linear"}),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), {"ParametrizedLinear"}),
    "rms norm": (lambda: nn.RMSNorm(8), {"RMSNorm"}),
}  # fmt: skip


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 20), nn.ReLU(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, n_out))


def batch(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def place(barrier, where):
    if where == "first":
        return nn.Sequential(barrier, mlp(8, 3)), batch(5, 6, 8)
    if where == "last":
        return nn.Sequential(mlp(4, 8), barrier), batch(5, 6, 4)
    return nn.Sequential(mlp(4, 8), barrier, mlp(8, 3)), batch(5, 6, 4)


def same(small, network, *inputs):
    with torch.no_grad():
        torch.testing.assert_close(small(*inputs), network(*inputs), atol=1e-5, rtol=1e-5)


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("share", [0.5, *further(0.2)])
@pytest.mark.parametrize(
    ("name", "where"),
    [
        *((name, "middle") for name in BARRIERS),
        *(("lstm", "first"), ("untraceable", "last")),
        *further(
            *(
                (name, where)
                for name in BARRIERS
                for where in ("first", "last")
                if (name, where) not in (("lstm", "first"), ("untraceable", "last"))
            )
        ),
    ],
)
def test_the_rest_shrinks_as_it_would_alone(name, where, share):
    """Outputs are those of the network; each stack of layers gets as small as compact makes it by itself."""
    make, whole = BARRIERS[name]
    network, x = place(make(), where)
    network = without(network, share, seed=3)
    before = copy.deepcopy(network.state_dict())
    small, report = compact(network, x)
    for seed in range(3):
        same(small, network, batch(*x.shape, seed=seed))
    assert report.difference <= 1e-5
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    assert {left.kind for left in report.whole} == whole
    for i, part in enumerate(network):
        if isinstance(part, nn.Sequential):
            alone, _ = compact(part, batch(5, 6, part[0].in_features))
            assert parameters(small.get_submodule(str(i))) == parameters(alone) < 0.8 * parameters(part)
        elif parameters(part):
            assert parameters(small.get_submodule(str(i))) == parameters(part)


def test_reasons():
    network = nn.Sequential(nn.Linear(4, 8), Branching(), Tied(), Sorting(), nn.Conv1d(6, 6, 1, groups=3)).eval()
    _, report = compact(network, batch(5, 6, 4))
    assert [(left.name, left.kind) for left in report.whole] == [
        ("1", "Branching"), ("2.up", "Linear"), ("2", "linear"), ("3", "sort"), ("4", "Conv1d"),
    ]  # fmt: skip
    assert [left.why for left in report.whole] == [
        "its forward pass cannot be traced (symbolically traced variables cannot be used as inputs to control flow)",
        "its weights are read elsewhere too",
        "what it does to single units is not known",
        "what it does to single units is not known",
        "its groups hold several channels",
    ]
    assert [c.kind for c in report.layers] == ["Linear", "Branching", "Linear", "Linear", "Conv1d"]


def test_a_bias_that_is_read_elsewhere_keeps_its_values():
    class Read(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.b(torch.relu(self.a(x))), self.b.bias

    network = without(Read(), 0.0)
    with torch.no_grad():
        network.a.weight[:3] = 0  # constant units, which would go into the bias
    small, report = compact(network, batch(5, 3))
    for found, expected in zip(small(batch(4, 3)), network(batch(4, 3)), strict=True):
        torch.testing.assert_close(found, expected)
    assert [(left.name, left.why) for left in report.whole] == [("b", "its weights are read elsewhere too")]


def test_embeddings_into_recurrence_into_layers():
    """Sizes by hand: of 10 units four are dead, and the embedding's width is that of the layer that reads it."""

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.up, self.cell = nn.Embedding(30, 8), nn.Linear(8, 10), nn.GRU(10, 6, batch_first=True)
            self.hidden, self.end = nn.Linear(6, 10), nn.Linear(10, 2)

        def forward(self, words):
            start = torch.zeros(1, words.size(0), 6)
            y, _ = self.cell(torch.relu(self.up(self.embed(words))), start)
            return self.end(torch.relu(self.hidden(y[:, -1])))

    network = without(Words(), 0.0)
    with torch.no_grad():
        network.up.weight[:4], network.hidden.weight[:4], network.hidden.bias[:4] = 0, 0, 1.0
    words = torch.randint(0, 30, (5, 7), generator=torch.Generator().manual_seed(0))
    small, report = compact(network, words)
    same(small, network, words.flip(0))
    assert {name: tuple(p.shape) for name, p in small.named_parameters() if name.endswith("weight")} == {
        "embed.weight": (30, 8), "up.weight": (10, 8), "hidden.weight": (6, 6), "end.weight": (2, 6),
    }  # fmt: skip
    assert [left.name for left in report.whole] == ["embed", "cell"]


def test_a_layer_that_an_untraceable_module_uses_too_keeps_its_size():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.hidden, self.end = nn.Linear(4, 8), Branching(), nn.Linear(8, 2)

        def forward(self, x):
            return self.end(torch.relu(self.hidden.inner(self.hidden(self.up(x)))))

    network = without(Both(), 0.4)
    small, report = compact(network, batch(5, 4))
    for seed in range(4):
        same(small, network, batch(9, 4, seed=seed))
    assert [(left.name, left.why) for left in report.whole][1:] == [("hidden.inner", "'hidden' uses it too")]


def test_an_autoencoder_of_images():
    """The channels before the transposed convolution stay, those before and behind these go."""
    network = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU()),
        *(nn.ConvTranspose2d(6, 8, 4, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3)),
    )
    network = without(network, 0.0)
    with torch.no_grad():
        for i in (0, 3, 7):
            network[i].weight[:3] = 0
    small, _ = compact(network, batch(3, 1, 11, 11))
    same(small, network, batch(4, 1, 11, 11, seed=2))
    assert [small.get_submodule(str(i)).out_channels for i in (0, 3, 5, 7, 9)] == [5, 6, 8, 5, 1]


def test_gates_beside_a_module_that_stays():
    network = nn.Sequential(
        L0Linear(4, 16, group="output", seed=0), nn.ReLU(), L0Linear(16, 8, seed=1), Branching(), L0Linear(8, 3, seed=2)
    )
    with torch.no_grad():
        for layer in (network[0], network[2], network[4]):
            layer.gates.qz_logits.copy_(3 * torch.randn(layer.gates.qz_logits.shape, generator=torch.Generator().manual_seed(1)))
    x = batch(6, 4)
    pruned = prune_model(network, 0.4)
    small, report = compact(pruned, x)
    same(small, pruned, batch(9, 4, seed=2))
    assert small.get_submodule("0").out_features < 16 and small.get_submodule("2").out_features == 8
    assert report.layers[2].kind == "Branching"


@pytest.mark.parametrize("parameter", ["weight", "bias"])
def test_magnitude_pruning_of_torch_puts_the_bias_first(parameter):
    """Making it permanent registers the pruned parameter anew, behind the other one."""
    prune = nn.utils.prune
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    for layer in (network[0], network[2]):
        prune.ln_structured(layer, "weight", 0.5, n=1, dim=0) if parameter == "weight" else prune.l1_unstructured(layer, "bias", 0.5)
        prune.remove(layer, parameter)
    small, report = compact(network, batch(5, 6))
    same(small, network, batch(9, 6, seed=2))
    by_name = {layer.name: layer for layer in report.layers}
    assert (by_name["0"].before.inputs, by_name["0"].before.outputs, by_name["2"].before.inputs) == (6, 8, 8)
    assert by_name["0"].after.outputs == (4 if parameter == "weight" else 8)


def test_the_order_of_parameters_and_buffers_does_not_matter():
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6, affine=False), nn.PReLU(6), nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 2, 1)
    )
    network = without(network, 0.4)
    with torch.no_grad():
        network[0].weight[:2] = 0
    expected, x = copy.deepcopy(network), batch(3, 1, 8, 8)
    for module in network:
        module._parameters = dict(reversed(module._parameters.items()))
        module._buffers = dict(reversed(module._buffers.items()))  # an integer count comes first
    small, report = compact(network, x)
    alike, usual = compact(expected, x)
    same(small, expected, batch(4, 1, 8, 8, seed=2))
    same(small, alike, x)
    assert [(c.before.inputs, c.before.outputs, c.after.inputs, c.after.outputs) for c in report.layers] == [
        (c.before.inputs, c.before.outputs, c.after.inputs, c.after.outputs) for c in usual.layers
    ]


@pytest.mark.parametrize("name", ["lstm", "transposed convolution", "attention", "rms norm"])
def test_the_script_builds_a_network_with_modules_that_stayed(name, tmp_path):
    network, x = place(BARRIERS[name][0](), "middle")
    small, _ = compact(without(network, 0.4), x)
    save_standalone(small, tmp_path)
    scope = {"__name__": "model", "__file__": str(tmp_path / "model.py")}
    exec((tmp_path / "model.py").read_text(), scope)  # noqa: S102
    with torch.no_grad():
        assert torch.equal(scope["load"]()(x), small(x))


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (Branching(), "Branching"),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), "TransformerEncoderLayer"),
        (nn.RNN(8, 8, nonlinearity="relu"), "RNN"),
    ],
)
def test_a_script_is_refused_where_it_would_build_another_module(module, kind, tmp_path):
    small, _ = compact(nn.Sequential(nn.Linear(4, 8), module), batch(5, 6, 4))
    with pytest.raises(ConfigError, match=f"A {kind} like this cannot be written as a line of code: use export"):
        save_standalone(small, tmp_path)


def test_a_format_that_torch_cannot_write_is_said_in_one_sentence(tmp_path):
    small, x = compact(nn.Sequential(nn.Linear(4, 8), Branching()), batch(5, 4))[0], batch(5, 4)
    with pytest.raises(ConfigError, match=r"cannot be written as 'network.pt2' \(.*\): choose another format.$") as caught:
        export(small, x, tmp_path / "network.pt2")
    assert "\n" not in str(caught.value)
