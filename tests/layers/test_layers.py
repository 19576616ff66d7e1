import copy
import inspect
import io

import l0
import numpy as np
import oracles
import pytest
import torch
from further import further
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from l0engine import (
    L0Conv1d,
    L0Conv2d,
    L0DepthwiseConv2d,
    L0Embedding,
    L0Linear,
    SparseMLP,
    compute_l0_penalty,
    compute_l0l2_penalty,
    get_active_parameter_count,
    get_sparsity_stats,
    update_temperatures,
)
from l0engine.errors import ConfigError
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.layers.product import LayerGates, gated_product

GROUPS = ("weight", "input", "output")
#: Probability that a gate is open where log_alpha is 0 at temperature 0.5: that of layers' gates at the start.
HALF = oracles.gate_moments(0.0, 0.5, -0.1, 1.1)[2]
#: A layer of each kind, and one input for it.
#: Of gates, where means over draws stand for their expectation.
DRAWS = 1000

KINDS = {
    "linear": (lambda **o: L0Linear(6, 4, **o), (5, 6)),
    "linear without bias": (lambda **o: L0Linear(6, 4, False, **o), (2, 3, 6)),
    "conv1d": (lambda **o: L0Conv1d(6, 4, 3, padding="same", **o), (2, 6, 7)),
    "conv2d": (lambda **o: L0Conv2d(6, 4, (2, 3), (2, 1), (1, 0), dilation=(1, 2), **o), (2, 6, 6, 8)),
    "conv2d in groups": (lambda **o: L0Conv2d(6, 4, 3, groups=2, padding=1, padding_mode="reflect", **o), (2, 6, 5, 5)),
    "depthwise": (lambda **o: L0DepthwiseConv2d(6, 3, 1, 1, **{"group": "output", **o}), (2, 6, 5, 5)),
    "depthwise, two filters a channel": (lambda **o: L0Conv2d(6, 12, 3, groups=6, bias=False, **o), (2, 6, 5, 5)),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_group = pytest.mark.parametrize("group", GROUPS)


def _layer(kind, group, **options):
    """A layer with random gates, a third of them shut at test time, and random inputs."""
    build, shape = KINDS[kind]
    layer = build(group=group, **{"seed": 1, **options})
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        layer.gates.qz_logits.copy_(torch.randn(layer.gates.gate_size, generator=generator))
        layer.gates.qz_logits.flatten()[::3] = -4.0
        if layer.bias is not None:
            layer.bias.uniform_(1, 2)
    return layer, torch.randn(shape, generator=generator)


def _set(gates, values):
    with torch.no_grad():
        gates.qz_logits.copy_(torch.as_tensor(values).view_as(gates.qz_logits))


class TestGates:
    @pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
    def test_the_fused_product_is_the_paper_s(self, beta):
        dist, rng = HardConcreteDistribution(beta, -0.2, 1.3), np.random.default_rng(0)
        w, a, u = (torch.tensor(x) for x in (rng.normal(size=40), rng.normal(0, 2, 40), rng.random(40)))
        expected = [float(wi) * oracles.gate(float(ui), float(ai), beta, -0.2, 1.3) for wi, ai, ui in zip(w, a, u, strict=True)]
        assert gated_product(w, a, u, dist).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert 2 < sum(e == 0 for e in expected) < 35
        w.requires_grad_(), a.requires_grad_()
        assert torch.autograd.gradcheck(lambda w, a: gated_product(w, a, u, dist), (w, a), eps=1e-7)

    def test_extreme_noise_and_logits_are_those_of_the_distribution(self):
        dist = HardConcreteDistribution(3.0)
        a = torch.tensor([-100.0, -20.0, 0.0, 20.0, 100.0, float("inf")]).repeat_interleave(3)
        u = torch.tensor([0.0, 0.5, 1 - 2**-24]).repeat(6)
        torch.testing.assert_close(gated_product(torch.ones(18), a, u, dist), dist.sample(a, u), rtol=1e-5, atol=1e-6)
        assert gated_product(torch.ones(1), torch.tensor([float("nan")]), torch.tensor([0.5]), dist).isnan().all()

    @pytest.mark.parametrize("group", ["weight", "input", *further("output")])
    @pytest.mark.parametrize("dtype", [torch.float32, *further(torch.bfloat16)])
    def test_statistics_of_the_gates_are_the_distribution_s(self, group, dtype):
        layer = L0Linear(7, 9, False, group=group, seed=3).to(dtype)
        wanted = np.array([-3.0, -1.0, 0.0, 1.0, 2.0, 3.5, 6.0])
        with torch.no_grad():
            layer.weight.fill_(1.0)
        _set(layer.gates, np.resize(wanted, layer.gates.qz_logits.numel()))
        draws = torch.stack([layer.gated()[0].detach().double() for _ in range(4000)]).flatten(1)
        exact = torch.tensor([oracles.gate_moments(a, 0.5, -0.1, 1.1) for a in wanted]).T
        gate_of_weight = np.arange(63) % 7 if group != "output" else np.resize(np.arange(7), 9).repeat(7)
        mean, variance, active = (row[gate_of_weight] for row in exact)
        rounding = 4e-3 if dtype is torch.bfloat16 else 0.0
        error = 5 / 4000**0.5
        assert ((draws.mean(0) - mean).abs() <= error * variance.sqrt() + rounding).all()
        assert ((draws.var(0) - variance).abs() <= error * (variance * (1 - variance)).sqrt() + rounding).all()
        assert (((draws > 0).double().mean(0) - active).abs() <= error * (active * (1 - active)).sqrt() + 1e-3).all()

    def test_gates_that_are_nearly_sure_are_so_in_half_precision(self):
        layer = L0Linear(200, 200, seed=4).bfloat16()
        _set(layer.gates, torch.full((200, 200), 7.0))
        shut, p = (
            sum(int((layer.gates.times(torch.ones_like(layer.weight)) == 0).sum()) for _ in range(5)),
            1 / (1 + np.exp(7 + 0.5 * np.log(11))),
        )
        assert shut == pytest.approx(200_000 * p, abs=5 * (200_000 * p) ** 0.5)

    def test_a_layer_s_gradients_are_those_of_plain_autograd(self):
        layer, x = _layer("linear", "weight")
        twin = copy.deepcopy(layer)
        layer(x).square().sum().backward()
        gates = twin.weight_gates.distribution.sample(twin.weight_gates.qz_logits, twin.weight_gates._noise())
        nn.functional.linear(x, twin.weight * gates, twin.bias).square().sum().backward()
        for (name, p), q in zip(layer.named_parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, msg=name)

    @every_kind
    @every_group
    def test_gradients_reach_every_parameter(self, kind, group):
        layer, x = _layer(kind, group)
        for _ in range(3):
            layer(x).square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in layer.parameters())

    def test_seeds_and_the_global_generator(self):
        x = torch.randn(3, 6)
        torch.manual_seed(0)
        layers = [L0Linear(6, 4, seed=s) for s in (1, 1, 2, None, None)]
        for layer in layers:
            layer.load_state_dict(layers[0].state_dict())
        before = torch.random.get_rng_state()
        outputs = [layer(x) for layer in layers]
        assert torch.equal(before, torch.random.get_rng_state())
        same = [[torch.equal(p, q) for p in outputs] for q in outputs]
        assert same == [[i == j or {i, j} == {0, 1} for i in range(5)] for j in range(5)]
        assert not torch.equal(layers[0](x), outputs[0])


class TestGroups:
    @every_kind
    def test_a_shut_output_emits_nothing_and_the_others_what_they_did(self, kind):
        layer, x = _layer(kind, "output")
        _set(layer.gates, [15.0, -15.0] * (layer.gates.gate_size[0] // 2))
        channel = -1 if isinstance(layer, L0Linear) else 1
        plain = type(layer).plain.forward(layer, x)
        for mode in (True, False):  # gates this far out are the same in both
            y, full = layer.train(mode)(x).movedim(channel, 0), plain.movedim(channel, 0)
            assert not y[1::2].any()
            torch.testing.assert_close(y[::2], full[::2], msg=f"{mode}")

    @every_kind
    def test_a_shut_input_is_not_seen(self, kind):
        layer, x = _layer(kind, "input")
        shut = [1, 4]
        values = torch.full((6,), 15.0)
        values[shut] = -15.0
        _set(layer.gates, values)
        x.requires_grad_()
        layer.eval()(x).square().sum().backward()
        seen = x.grad.movedim(-1 if isinstance(layer, L0Linear) else 1, 0).flatten(1).any(1)
        assert (~seen).nonzero().flatten().tolist() == shut
        zeroed = x.detach().movedim(-1 if isinstance(layer, L0Linear) else 1, 0).clone()
        zeroed[shut] = 0.0
        zeroed = zeroed.movedim(0, -1 if isinstance(layer, L0Linear) else 1)
        torch.testing.assert_close(layer(x), type(layer).plain.forward(layer, zeroed))

    @every_group
    def test_embedding(self, group):
        layer = L0Embedding(5, 4, 2, group=group)
        _set(layer.gates, np.where(np.arange(layer.gates.qz_logits.numel()) == 3, -15.0, 15.0))
        expected = layer.weight.detach().clone()
        expected[{"weight": (0, 3), "input": 3, "output": (slice(None), 3)}[group]] = 0.0
        rows = torch.tensor([[0, 1, 2], [3, 4, 4]])
        for module in (layer, layer.eval(), layer.to_plain()):
            assert torch.equal(module(rows), expected[rows])
        assert torch.equal(layer.mask() & (layer.weight != 0), expected != 0)
        layer.train()(rows).sum().backward()
        assert not layer.weight.grad[2].any()
        assert float(layer.get_l0_penalty().detach()) == pytest.approx(int(layer.mask().sum()), abs=0.2)

    def test_the_inputs_that_matter_are_found(self):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(256, 12, generator=generator)
        y = x[:, [2, 7]] @ torch.tensor([[2.0, -1.0], [1.0, 1.5]])
        layer = L0Linear(12, 2, group="input", temperature=2 / 3, init_sparsity=0.2, seed=0)
        with torch.no_grad():
            layer.weight.fill_(0.5)
        adam = torch.optim.Adam(layer.parameters(), lr=0.05)
        for _ in range(400):
            adam.zero_grad()
            ((layer(x) - y).square().mean() + 0.03 * layer.get_l0_penalty()).backward()
            adam.step()
        assert layer.mask().any(0).nonzero().flatten().tolist() == [2, 7]
        assert float((layer.eval()(x) - y).square().mean().detach()) < 0.05


#: Each kind once and each group of gates at least twice; the other pairs are looked at before a release.
PAIRS = [(kind, GROUPS[i % 3]) for i, kind in enumerate(KINDS)]


@pytest.mark.parametrize(("kind", "group"), [*PAIRS, *further(*((k, g) for k in KINDS for g in GROUPS if (k, g) not in PAIRS))])
def test_penalties_are_means_over_draws(kind, group):
    layer, _ = _layer(kind, group, use_l2=True)
    draws = torch.stack([layer.gated()[0].detach() != 0 for _ in range(DRAWS)])
    count = draws.double().flatten(1).sum(1)
    assert float(layer.get_l0_penalty().detach()) == pytest.approx(float(count.mean()), abs=5 * float(count.std()) / DRAWS**0.5)
    squares = (draws * layer.weight.detach().double().square()).flatten(1).sum(1)
    assert float(layer.get_l2_penalty().detach()) == pytest.approx(float(squares.mean()), abs=5 * float(squares.std()) / DRAWS**0.5)


@every_kind
@every_group
class TestEveryLayer:
    def test_the_plain_layer_does_what_the_gated_one_does(self, kind, group):
        layer, x = _layer(kind, group)
        drawn = layer(x)
        plain = layer.eval().to_plain()
        assert type(plain) is type(layer).plain and not plain.training
        torch.testing.assert_close(plain(x), layer(x), rtol=0, atol=1e-6)
        assert not torch.allclose(drawn, layer(x))
        assert torch.equal(plain.weight != 0, layer.mask())
        assert 0.2 < 1 - float(layer.mask().double().mean()) < 0.6
        before = layer.weight.detach().clone()
        with torch.no_grad():
            plain.weight.add_(1.0)
        assert torch.equal(layer.weight, before)
        assert [p.requires_grad for p in plain.parameters()] == [True] * len(list(plain.parameters()))

    def test_plain_layers_keep_the_precision(self, kind, group):
        layer, x = _layer(kind, group)
        layer = layer.eval().double()
        plain = layer.to_plain()
        assert plain.weight.dtype == torch.float64
        torch.testing.assert_close(plain(x.double()), layer(x.double()), rtol=0, atol=1e-12)

    def test_sparsity_is_the_share_of_zeros_in_the_plain_layer(self, kind, group):
        layer, _ = _layer(kind, group)
        left = int(layer.to_plain().weight.count_nonzero())
        assert layer.get_sparsity() == pytest.approx(1 - left / layer.weight.numel())
        assert get_active_parameter_count(nn.Sequential(layer)) == left
        assert int(layer.mask(0.5).sum()) <= left

    def test_state_and_copies(self, kind, group):
        layer, x = _layer(kind, group)
        layer(x)  # the generator is under way
        twin, file = copy.deepcopy(layer), io.BytesIO()
        for _ in range(2):
            assert torch.equal(layer(x), twin(x))
        torch.save(layer.state_dict(), file)
        file.seek(0)
        fresh = KINDS[kind][0](group=group)
        fresh.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(fresh.eval()(x), layer.eval()(x))

    def test_bfloat16(self, kind, group):
        layer, x = _layer(kind, group)
        exact = layer.eval()(x)
        half = copy.deepcopy(layer).bfloat16()
        assert torch.allclose(half(x.bfloat16()).float(), exact, atol=0.1)
        drawn = half.train()(x.bfloat16())
        assert drawn.dtype == torch.bfloat16
        (drawn.square().sum() + half.get_l0_penalty() + half.get_l2_penalty()).backward()
        assert all(p.grad.isfinite().all() and p.grad.dtype == torch.bfloat16 for p in half.parameters())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = layer.train()(x)
        assert mixed.dtype == torch.bfloat16
        mixed.sum().backward()
        assert all(p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in layer.parameters())


class TestTools:
    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # both of dynamo's own doing
    @pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
    @pytest.mark.parametrize("backend", ["aot_eager", *further("eager")])
    @pytest.mark.parametrize(("kind", "group"), [("linear", "weight"), *further(("conv2d", "output"), ("depthwise", "input"))])
    def test_compiled(self, backend, kind, group):
        torch._dynamo.reset()
        layer, x = _layer(kind, group)
        twin = copy.deepcopy(layer)
        compiled = torch.compile(layer, backend=backend)
        for temperature in (1.0, 0.7, 0.5, 0.3):
            update_temperatures(layer, temperature)
            update_temperatures(twin, temperature)
            torch.testing.assert_close(compiled(x), twin(x))
        compiled(x).square().sum().backward()
        twin(x).square().sum().backward()
        for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)
        layer.eval()
        torch.testing.assert_close(torch.compile(layer, backend=backend, fullgraph=True)(x), twin.eval()(x))

    def test_replicas_of_data_parallel_training(self):
        """What `nn.DataParallel` does on several devices, on one: replicas share generators, gradients meet in the original."""
        net, x = nn.Sequential(L0Linear(6, 5, seed=1), nn.ReLU(), L0Linear(5, 2, group="output", seed=2)), torch.randn(4, 6)

        def replicate(module):
            replica = module._replicate_for_data_parallel()
            for name, p in module._parameters.items():
                setattr(replica, name, p * 1) if p is not None else replica._parameters.update({name: None})
            for name, child in module._modules.items():
                replica._modules[name] = replicate(child)
            return replica

        first, second = (torch.cat([replicate(net)(half) for half in x.chunk(2)]) for _ in range(2))
        assert not torch.equal(first, second)
        first.square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in net.parameters())
        if torch.cuda.is_available():  # its parameters have to be where it takes the inputs to
            net, x = net.cuda(), x.cuda()
        assert torch.equal(nn.DataParallel(net.eval())(x), net(x))

    def test_distributed_data_parallel(self, tmp_path):
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
        try:
            net, twin = (SparseMLP(6, 5, 2, seed=1) for _ in range(2))
            twin.load_state_dict(net.state_dict())
            x = torch.randn(4, 6)
            DistributedDataParallel(net)(x).square().sum().backward()
            twin(x).square().sum().backward()
            for p, q in zip(net.parameters(), twin.parameters(), strict=True):
                torch.testing.assert_close(p.grad, q.grad)
        finally:
            torch.distributed.destroy_process_group()

    def test_weights_start_alike_after_torch_s_seed(self):
        nets = []
        for _ in range(2):
            torch.manual_seed(5)
            nets.append(SparseMLP(6, 5, 2, seed=1))
        x = torch.randn(3, 6)
        assert torch.equal(nets[0](x), nets[1](x))
        assert len({float(p[0, 0].detach()) for name, p in nets[0].named_parameters() if name.endswith("weight")}) == 3
        assert not torch.equal(nets[0].fc1.gates._noise()[:5, :5], nets[0].fc2.gates._noise()[:5, :5])


class TestEstablishedPackage:
    @pytest.mark.parametrize(
        ("ours", "theirs", "arguments"),
        [
            (L0Linear, l0.L0Linear, (6, 4, False, 0.4, 0.3)),
            (L0Conv2d, l0.L0Conv2d, (3, 4, 3, 2, 1, True, 0.4, 0.3)),
            (L0Conv2d, l0.L0Conv2d, (3, 4, (3, 2), 1, 0, False, 0.4, 0.3, True, True)),
            (SparseMLP, l0.SparseMLP, (6, 5, 4, 0.3, 0.4, True)),
        ],
    )
    def test_the_same_state_is_the_same_function(self, ours, theirs, arguments):
        mine, other = ours(*arguments).eval(), theirs(*arguments).eval()
        assert {k: v.shape for k, v in mine.state_dict().items()} == {k: v.shape for k, v in other.state_dict().items()}
        for (name, p), q in zip(mine.named_parameters(), other.parameters(), strict=True):
            if name.endswith("qz_logits"):
                torch.testing.assert_close(p, q)  # gates start alike
        for p in other.parameters():
            nn.init.normal_(p)
        mine.load_state_dict(other.state_dict())
        x = torch.randn(2, 6) if ours in (L0Linear, SparseMLP) else torch.randn(2, 3, 8, 8)
        torch.testing.assert_close(mine(x), other(x))
        each = mine.weight[0].numel() if getattr(mine, "structured", False) else 1  # theirs counts channels
        torch.testing.assert_close(compute_l0_penalty(mine), each * l0.compute_l0_penalty(other))

    @pytest.mark.parametrize("name", ["L0Linear", "L0Conv2d", "L0DepthwiseConv2d", "SparseMLP"])
    def test_signatures(self, name):
        mine, theirs = (inspect.signature(getattr(m, name)).parameters for m in (__import__("l0engine"), l0))
        positional = [(p.name, p.default) for p in mine.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert positional == [(p.name, p.default) for p in theirs.values()]

    def test_a_shut_depthwise_channel_emits_no_bias(self):
        layer = L0DepthwiseConv2d(4, 3, 1, 1)
        assert layer.channel_gates is layer.gates and float(layer.get_l0_penalty().detach()) == pytest.approx(HALF * 4 * 9)
        nn.init.ones_(layer.bias)
        _set(layer.channel_gates, [15.0, -15.0, 15.0, -15.0])
        y = layer(torch.randn(2, 4, 5, 5))
        assert not y[:, 1::2].any() and y[:, ::2].any()


class TestSparseMLP:
    def test_losses_and_stats(self):
        net, active = SparseMLP(12, 8, 3, init_sparsity=0.25, use_l2=True), oracles.gate_moments(np.log(3), 0.5, -0.1, 1.1)[2]
        assert float(net.get_l0_loss().detach()) == pytest.approx(active * (96 + 64 + 24), rel=1e-5)
        squares = sum(float(w.detach().square().sum()) for w in (net.fc1.weight, net.fc2.weight, net.fc3.weight))
        assert float(net.get_l2_loss().detach()) == pytest.approx(active * squares, rel=1e-5)
        assert float(SparseMLP(12, 8, 3).get_l2_loss()) == 0
        assert set(net.get_sparsity_stats()) == {"fc1", "fc2", "fc3"}
        assert net(torch.randn(5, 3, 2, 2)).shape == (5, 3)

    def test_l2_is_counted_by_the_function_whatever_use_l2_says(self):
        plain, with_l2 = L0Linear(4, 3), L0Linear(4, 3, use_l2=True)
        with_l2.load_state_dict(plain.state_dict())
        assert float(plain.get_l2_penalty()) == 0 < float(with_l2.get_l2_penalty().detach())
        totals = [float(compute_l0l2_penalty(layer, 0.0, 1.0).detach()) for layer in (plain, with_l2)]
        assert totals == pytest.approx([HALF * float(plain.weight.detach().square().sum())] * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: L0Linear(0, 3), "in_features is 0"),
        (lambda: L0Linear(3, 2.5), "out_features is 2.5"),
        (lambda: L0Linear(3, 2, init_sparsity=0.0), "init_sparsity is 0.0"),
        (lambda: L0Linear(3, 2, init_sparsity=1), "init_sparsity is 1"),
        (lambda: L0Linear(3, 2, init_sparsity=float("nan")), "init_sparsity is nan"),
        (lambda: L0Linear(float("inf"), 2), "in_features is inf"),
        (lambda: L0Linear(3, 2, temperature=0.0), "temperature is 0"),
        (lambda: L0Linear(3, 2, temperature=float("inf")), "temperature is inf"),
        (lambda: L0Linear(3, 2, group="row"), "no group 'row': choose one of weight, input, output"),
        (lambda: L0Conv2d(3, 4, 0), "kernel_size is 0"),
        (lambda: L0Conv2d(-1, 4, 3), "in_channels is -1"),
        (lambda: L0Conv2d(4, 6, 3, groups=4), "out_channels is 6, which 4 groups"),
        (lambda: L0Conv2d(4, 4, 3, groups=0), "groups is 0"),
        (lambda: L0DepthwiseConv2d(0, 3), "in_channels is 0"),
        (lambda: L0Embedding(0, 3), "num_embeddings is 0"),
        (lambda: SparseMLP(4, 0, 2), "out_features is 0"),
        (lambda: L0Linear(3, 2)(torch.ones(5, 4)), r"shape \(5, 4\), but the layer takes 3"),
        (lambda: L0Conv2d(3, 2, 3)(torch.ones(5, 4, 8, 8)), r"shape \(5, 4, 8, 8\), but the layer takes 3"),
        (lambda: L0DepthwiseConv2d(3, 3)(torch.ones(8, 8)), r"shape \(8, 8\), but the layer takes 3"),
        (lambda: L0Conv1d(3, 2, 3)(torch.ones(5, 4, 8)), r"shape \(5, 4, 8\), but the layer takes 3"),
    ],
)
def test_wrong_use_is_one_sentence(build, message):
    with pytest.raises(ConfigError, match=message) as raised:
        build()
    assert str(raised.value).endswith(".") and ". " not in str(raised.value)


def test_the_established_package_s_example():
    """Its README's and quick start's network and training, with `l0engine` in place of `l0`."""
    from l0engine import L0Linear, TemperatureScheduler, compute_l0l2_penalty, update_temperatures
    from l0engine.layers import L0Conv2d, L0DepthwiseConv2d, SparseMLP
    from l0engine.penalties import TemperatureScheduler as FromPenalties

    assert FromPenalties is TemperatureScheduler and issubclass(L0DepthwiseConv2d, L0Conv2d) and issubclass(SparseMLP, nn.Module)

    class SparseNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = L0Linear(784, 256, init_sparsity=0.5)
            self.fc2 = L0Linear(256, 10, init_sparsity=0.5)

        def forward(self, x):
            return self.fc2(torch.relu(self.fc1(x)))

    torch.manual_seed(0)
    model, criterion = SparseNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = TemperatureScheduler(initial_temp=1.0, final_temp=0.1, anneal_epochs=50)
    targets = torch.arange(64) % 10
    input_batch = torch.randn(64, 784) + 2 * torch.randn(10, 784)[targets]
    for epoch in range(60):
        update_temperatures(model, scheduler.get_temperature(epoch))
        task_loss = criterion(model(input_batch), targets)
        loss = task_loss + compute_l0l2_penalty(model, l0_lambda=5e-5, l2_lambda=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.fc1.weight_gates.temperature == pytest.approx(0.1)
    for name, info in get_sparsity_stats(model).items():
        assert name in ("fc1", "fc2")
        assert info["sparsity"] == pytest.approx(1 - info["active_params"] / info["total_params"])
    assert get_sparsity_stats(model)["fc1"]["sparsity"] > 0.05
    assert (model.eval()(input_batch).argmax(1) == targets).float().mean() > 0.95


def test_layers_are_gates_modules():
    assert isinstance(L0Linear(3, 2).gates, LayerGates)
    assert "group=output" in repr(L0Conv2d(3, 2, 3, structured=True))
    assert L0Conv2d(3, 2, 3, structured=True).group == "output" and not L0Conv2d(3, 2, 3).structured
