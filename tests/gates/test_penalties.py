import l0
import numpy as np
import oracles
import pandas as pd
import pytest
import torch
from torch import nn

from l0engine import (
    HardConcrete,
    HybridGate,
    L0Conv2d,
    L0Gate,
    L0Linear,
    PenaltyTracker,
    SampleGate,
    SparseCalibrationWeights,
    SparseL0Linear,
    compute_l0_penalty,
    compute_l0l2_penalty,
    compute_l2_penalty,
    get_active_parameter_count,
    get_sparsity_stats,
    update_temperatures,
)
from l0engine.errors import ConfigError


class Gated(nn.Module):
    """A layer with a gate a channel, as a user may write it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, 13.0).reshape(3, 4))
        self.weight_gates = HardConcrete(3, temperature=0.5)
        with torch.no_grad():
            self.weight_gates.qz_logits.copy_(torch.tensor([3.0, -3.0, 3.0]))

    def get_l0_penalty(self):
        return 4 * self.weight_gates.get_penalty()

    def get_l2_penalty(self):
        return (self.weight_gates.get_active_prob() * self.weight.square().sum(1)).sum()

    def get_sparsity(self):
        return self.weight_gates.get_sparsity()


def _probability(log_alpha, beta):
    return oracles.gate_moments(log_alpha, beta, -0.1, 1.1)[2]


def _model():
    return nn.ModuleDict(
        {
            "gate": SampleGate(20, 5),
            "inner": nn.Sequential(nn.Linear(4, 3), Gated(), nn.BatchNorm1d(3)),
            "bare": HardConcrete(2, 3, init_mean=0.25),
        }
    )


def test_every_gate_counts_once():
    expected = 5 + 4 * sum(_probability(a, 0.5) for a in (3, -3, 3)) + 6 * 0.25
    model = _model()
    assert float(compute_l0_penalty(model).detach()) == pytest.approx(expected, rel=1e-5)
    model["again"] = model["gate"]
    assert float(compute_l0_penalty(model).detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (HybridGate(50, target_items=40), 10),
        (L0Gate(8), 4),
        (SparseL0Linear(6, init_keep_prob=0.5, seed=0), 3),
        (SparseCalibrationWeights(6, seed=0), 3),
    ],
)
def test_a_gated_module_by_itself(module, expected):
    assert float(compute_l0_penalty(module).detach()) == pytest.approx(expected, rel=0.01)
    assert get_sparsity_stats(module)[""]["expected_active"] == pytest.approx(expected, rel=0.01)


def test_the_penalty_is_the_mean_number_of_open_gates():
    gate = L0Gate(400, init_mean=0.3, seed=1)
    open_ = np.array([int((gate.get_gates() > 0).sum()) for _ in range(300)])
    assert float(compute_l0_penalty(gate).detach()) == pytest.approx(open_.mean(), abs=5 * open_.std() / 300**0.5)


def test_the_l0_penalty_reaches_every_gate():
    model = _model()
    compute_l0_penalty(model).backward()
    for name, p in model.named_parameters():
        assert (p.grad is not None) == name.endswith("qz_logits"), name


def test_l2_is_the_gate_weighted_square_of_weights_and_nothing_else():
    model = _model()
    layer = sum(
        _probability(a, 0.5) * sum(w * w for w in row)
        for a, row in zip((3, -3, 3), ([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]), strict=True)
    )
    ordinary = float((model["inner"][0].weight.detach() ** 2).sum()) + 3.0  # BatchNorm starts with three weights of 1
    assert float(compute_l2_penalty(model).detach()) == pytest.approx(layer + ordinary, rel=1e-5)
    with torch.no_grad():
        model["gate"].gates.qz_logits.fill_(50.0)
    assert float(compute_l2_penalty(model).detach()) == pytest.approx(layer + ordinary, rel=1e-5)


def test_l2_of_ordinary_networks_is_that_of_the_established_package():
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Conv1d(2, 3, 2), nn.Embedding(3, 2), nn.LSTM(3, 2))
    net[0].weight.requires_grad_(False)
    assert float(compute_l2_penalty(net).detach()) == pytest.approx(float(l0.compute_l2_penalty(net).detach()), rel=1e-6)


def test_layers_count_their_weights_whatever_their_gates_are_on():
    open_ = oracles.gate_moments(0.0, 0.5, -0.1, 1.1)[2]
    net = nn.Sequential(L0Conv2d(3, 8, 3, structured=True), L0Conv2d(8, 4, 3, groups=2, group="input"), L0Linear(5, 2), nn.Linear(2, 2))
    assert float(compute_l0_penalty(net).detach()) == pytest.approx(open_ * (8 * 27 + 4 * 36 + 10), rel=1e-5)
    squares = sum(float(layer.weight.detach().square().sum()) for layer in net[:3])
    ordinary = float(net[3].weight.detach().square().sum())
    assert float(compute_l2_penalty(net).detach()) == pytest.approx(open_ * squares + ordinary, rel=1e-5)
    with torch.no_grad():
        net[0].channel_gates.qz_logits[:3] = -5.0
        net[1].channel_gates.qz_logits[:1] = -5.0
        net[2].weight_gates.qz_logits[0, :4] = -5.0
    assert [s["active_params"] for s in get_sparsity_stats(net).values()] == [5 * 27, 4 * 36 - 2 * 9, 6]
    assert get_active_parameter_count(net) == sum(int(layer.to_plain().weight.count_nonzero()) for layer in net[:3])


def test_l2_of_a_layer_leaves_logits_of_gates_alone():
    layer = L0Linear(4, 3)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight_gates.qz_logits.fill_(3.0)
    compute_l2_penalty(layer).backward()
    assert float(compute_l2_penalty(layer).detach()) == 0 and not layer.weight_gates.qz_logits.grad.any()


def test_both_penalties_together():
    model = _model()
    expected = 0.3 * float(compute_l0_penalty(model).detach()) + 0.7 * float(compute_l2_penalty(model).detach())
    assert float(compute_l0l2_penalty(model, 0.3, 0.7).detach()) == pytest.approx(expected)


def test_models_without_gates_or_parameters():
    assert float(compute_l0_penalty(nn.Linear(2, 2))) == 0
    assert float(compute_l0l2_penalty(nn.ReLU())) == 0
    assert get_sparsity_stats(nn.Linear(2, 2)) == {}
    assert get_active_parameter_count(nn.Linear(2, 2)) == 0


def test_penalties_stand_on_the_models_device():
    assert compute_l0_penalty(L0Gate(3).to("meta")).device.type == "meta"
    layer = L0Conv2d(3, 4, 3, structured=True).to("meta")
    assert compute_l0l2_penalty(layer).device.type == layer.get_l2_penalty().device.type == "meta"
    assert compute_l2_penalty(nn.Linear(3, 3, device="meta")).device.type == "meta"


def test_sparsity_is_counted_from_test_time_gates():
    model = _model()
    with torch.no_grad():
        model["gate"].gates.qz_logits.copy_(torch.tensor([4.0] * 3 + [-4.0] * 17))
        model["bare"].qz_logits.fill_(4.0)
    stats = get_sparsity_stats(model)
    assert {k: (v["active_params"], v["total_params"]) for k, v in stats.items()} == {"gate": (3, 20), "inner.1": (8, 12), "bare": (6, 6)}
    assert stats["inner.1"]["sparsity"] == pytest.approx(1 / 3)
    assert get_active_parameter_count(model) == 3 + 8 + 6


def test_temperatures_are_set_everywhere():
    model = _model()
    before = model["gate"].get_gates().detach()
    update_temperatures(model, 0.07)
    assert {m.temperature for m in model.modules() if isinstance(m, HardConcrete)} == {0.07}
    assert model["gate"].temperature == 0.07
    assert before.shape == model["gate"].get_gates().shape
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="temperature"):
            update_temperatures(model, bad)
    assert model["gate"].temperature == 0.07


def test_tracker(tmp_path):
    tracker, values = PenaltyTracker(), [3.0, 1.0, 2.0]
    for v in values:
        tracker.log("l0", torch.tensor(v, requires_grad=True))
    tracker.log("loss", 5)
    assert tracker.get_history("l0") == values
    assert tracker.get_history("nothing") == []
    assert tracker.get_stats("nothing") == {}
    assert tracker.get_stats("l0") == pytest.approx({"mean": 2.0, "std": (2 / 3) ** 0.5, "min": 1.0, "max": 3.0, "last": 2.0})
    expected = pd.DataFrame({"l0": values, "loss": [5.0, np.nan, np.nan]})
    pd.testing.assert_frame_equal(tracker.table(), expected)
    tracker.save_to_csv(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), expected)
    tracker.clear()
    assert tracker.table().empty
