import copy
import inspect

import l0
import numpy as np
import oracles
import pandas as pd
import pytest
import torch
from scipy import sparse as sp

import l0engine
from l0engine import FeatureGate, HybridGate, L0Gate, SampleGate
from l0engine.errors import ConfigError, ProblemError

TABLE = np.random.default_rng(0).normal(size=(12, 5)).round(3)
KINDS = {
    "tensor": torch.from_numpy,
    "sparse tensor": lambda a: torch.from_numpy(a).to_sparse_coo(),
    "csr tensor": lambda a: torch.sparse_csr_tensor(*(torch.from_numpy(x) for x in _csr(a)), size=a.shape, check_invariants=False),
    "array": np.asarray,
    "frame": lambda a: pd.DataFrame(a, index=[f"r{i}" for i in range(len(a))], columns=[f"c{j}" for j in range(a.shape[1])]),
    **{f"{f}_{c}": getattr(sp, f"{f}_{c}") for f in ("csr", "csc", "coo") for c in ("array", "matrix")},
}


def _csr(a):
    m = sp.csr_array(a)
    return m.indptr, m.indices, m.data


def _dense(data):
    if isinstance(data, torch.Tensor):
        return data.detach().to_dense().numpy()
    return data.toarray() if sp.issparse(data) else np.asarray(data)


def _set(gate, log_alpha):
    with torch.no_grad():
        gate.gates.qz_logits.copy_(torch.as_tensor(log_alpha))
    return gate


def _by_sorting(scores, k):
    """The k largest, of equal ones the first, by Python's sort."""
    return sorted(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


@pytest.mark.filterwarnings("ignore:Sparse")  # torch calls its CSR tensors beta
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [0, 1, -1, -2])
def test_apply_gates_scales_every_kind(kind, dim):
    data = KINDS[kind](TABLE)
    gate = _set(L0Gate(TABLE.shape[dim]), np.linspace(-3, 3, TABLE.shape[dim])).eval()
    gates = [oracles.gate(0.5, a, 0.5) for a in np.linspace(-3, 3, TABLE.shape[dim])]
    out = gate.apply_gates(data, dim)
    assert type(out) is type(data)
    assert getattr(out, "format", getattr(out, "layout", "")) == getattr(data, "format", getattr(data, "layout", ""))
    np.testing.assert_allclose(_dense(out), TABLE * np.expand_dims(gates, 1 - dim % 2), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Sparse")  # torch calls its CSR tensors beta
@pytest.mark.parametrize("kind", KINDS)
def test_selection_gives_back_every_kind(kind):
    data, log_alpha = KINDS[kind](TABLE), np.random.default_rng(1).normal(size=12)
    selected, indices = _set(SampleGate(12, 4), log_alpha).select_samples(data)
    assert type(selected) is type(data)
    assert isinstance(indices, torch.Tensor if isinstance(data, torch.Tensor) else np.ndarray)
    assert list(indices) == _by_sorting(log_alpha, 4)
    np.testing.assert_array_equal(_dense(selected), TABLE[_by_sorting(log_alpha, 4)])
    selected, indices = _set(FeatureGate(5, 2), log_alpha[:5]).select_features(data)
    assert type(selected) is type(data)
    assert list(indices) == _by_sorting(log_alpha[:5], 2)
    np.testing.assert_array_equal(_dense(selected), TABLE[:, _by_sorting(log_alpha[:5], 2)])
    selected, indices, types = HybridGate(12, target_items=8, seed=3).select(data)
    assert type(selected) is type(data)
    np.testing.assert_array_equal(_dense(selected), TABLE[np.asarray(indices)])
    assert sorted(types) == ["l0"] * 2 + ["random"] * 6


def test_frames_keep_labels_and_mixed_columns():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=[7, 8, 9])
    selected, _ = _set(SampleGate(3, 2), [0.0, 2.0, 1.0]).select_samples(frame)
    assert selected.equals(frame.loc[[8, 9]])
    series, _ = _set(SampleGate(3, 1), [0.0, 2.0, 1.0]).select_samples(frame["b"])
    assert series.to_dict() == {8: "y"}
    names, chosen = ["a", "b"], _set(FeatureGate(2, 1), [0.0, 1.0])
    assert chosen.select_features_with_names(frame, names)[1] == ["b"]
    assert chosen.select_features_with_names(frame, frame.columns)[1] == ["b"]


@pytest.mark.parametrize("trial", range(30))
def test_counts_are_met_exactly_with_ties_to_the_first(trial):
    rng = np.random.default_rng(trial)
    n = int(rng.integers(1, 40))
    log_alpha = rng.integers(-3, 30, n).astype(float)  # many ties, also where every probability rounds to 1
    for k in {0, 1, n // 2, n - 1, n}:
        data = np.arange(n)
        selected, indices = _set(SampleGate(n, k), log_alpha).select_samples(data)
        assert selected.tolist() == indices.tolist() == _by_sorting(log_alpha, k)
        assert _set(FeatureGate(n, k), log_alpha).select_features(data)[1].tolist() == _by_sorting(log_alpha, k)


@pytest.mark.parametrize("training", [True, False])
def test_selection_is_the_same_in_every_mode(training):
    gate = _set(SampleGate(50, 10), torch.linspace(-2, 2, 50)).train(training)
    x = torch.arange(50)
    expected = [i for i, a in enumerate(torch.linspace(-2, 2, 50).tolist()) if oracles.gate(0.5, a, 0.25) > 0.5]
    for _ in range(3):
        assert gate.get_active_indices().tolist() == expected
        assert gate.select_samples(x, exact=False)[0].tolist() == expected
        assert gate.select_samples(x)[0].tolist() == list(range(40, 50))


def test_a_feature_gate_never_chooses_more_than_its_maximum():
    gate = _set(FeatureGate(6, 3), [5.0, -5, 4, 6, 3, -5])
    assert gate.select_features(TABLE[:, :1].repeat(6, 1), exact=False)[1].tolist() == [0, 2, 3]
    assert _set(gate, [5.0, -5, -5, -5, -5, -5]).select_features(np.zeros((2, 3, 6)), exact=False)[1].tolist() == [0]


def test_weighted_samples():
    log_alpha, weights = [3.0, 0.05, -3.0, 0.1, 2.0], np.array([2.0, 4.0, 8.0, 0.0, 16.0])
    gate = _set(SampleGate(5, 3), log_alpha)
    selected, w, indices = gate.select_weighted_samples(np.arange(5), weights)
    assert (selected.tolist(), w.tolist(), indices.tolist()) == ([0, 3, 4], [2, 0, 16], [0, 3, 4])
    tensor = torch.tensor(weights, requires_grad=True)
    selected, w, indices = gate.select_weighted_samples(torch.arange(5), tensor, exact=False)
    assert indices.tolist() == selected.tolist() == [0, 1, 4]  # one gate is shut, one weight is 0
    np.testing.assert_allclose(w.detach(), [weights[i] * oracles.gate(0.5, log_alpha[i], 0.25) for i in (0, 1, 4)], rtol=1e-6)
    w.sum().backward()
    assert gate.gates.qz_logits.grad[1] > 0
    np.testing.assert_allclose(tensor.grad[[2, 3]], 0)


@pytest.mark.parametrize(("n", "k"), [(1000, 1), (1000, 137), (1000, 990), (20, 10)])
@pytest.mark.parametrize("make", [SampleGate, FeatureGate])
def test_gates_start_with_the_count_expected_to_be_open(make, n, k):
    gate = make(n, k, seed=0)
    assert float(gate.get_penalty().detach()) == pytest.approx(k, rel=1e-4)
    draws = np.array([int((gate.get_gates() > 0).sum()) for _ in range(200)])
    assert draws.mean() == pytest.approx(k, abs=5 * (k * (1 - k / n) / 200) ** 0.5)
    if make is FeatureGate:
        np.testing.assert_allclose(gate.get_feature_importance(), k / n, rtol=1e-4)


def test_gates_learn_which_rows_reproduce_the_mean():
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=40)).float()
    x[:20] += 8  # the wanted mean is that of the second half
    gate = SampleGate(40, 20, seed=0)
    optimiser = torch.optim.Adam(gate.parameters(), lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (gate.apply_gates(x).sum() / 20 - x[20:].mean()) ** 2 + (gate.get_gates().sum() / 20 - 1) ** 2
        loss.backward()
        optimiser.step()
    chosen = gate.select_samples(x)[1]
    assert (chosen >= 20).sum() >= 18


def test_noise_is_the_modules_own():
    state = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    a, b = (L0Gate(30, seed=4) for _ in range(2))
    assert torch.equal(a.get_gates(), b.get_gates())
    assert not torch.equal(a.get_gates(), L0Gate(30, seed=5).get_gates())
    HybridGate(30, seed=1).select(np.arange(30))
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert state[1] == np.random.get_state()[1].tolist()  # noqa: NPY002


def test_hybrid_counts():
    for n in (1, 2, 7, 33):
        for target in range(n + 1):
            for l0_share in (0.0, 0.1, 0.25, 0.5, 1.0):
                gate = HybridGate(n, l0_share, 1 - l0_share, target, seed=0)
                _, indices, types = gate.select(np.arange(n))
                assert len(indices) == len(set(indices.tolist())) == target
                assert (types == "l0").sum() == int(target * l0_share + 1e-9)
                assert (np.diff(indices) > 0).all()
    assert len(HybridGate(100).select(np.arange(100))[1]) == 20
    assert len(HybridGate(100, 0.25, 0.25, 40).select(np.arange(100))[1]) == 20


def test_the_random_part_is_uniform_over_what_the_gates_left():
    gate = HybridGate(10, 0.5, 0.5, target_items=4, seed=0)
    _set(gate.l0_gate, [0.0, 5, 0, 0, 5, 0, 0, 0, 0, 0])
    counts = np.zeros(10)
    for seed in range(2000):
        _, indices, types = gate.select(np.arange(10), random_seed=seed)
        assert indices[types == "l0"].tolist() == [1, 4]
        counts[indices[types == "random"]] += 1
    assert counts[[1, 4]].tolist() == [0, 0]
    rest = np.delete(counts, [1, 4])
    assert ((rest - 500) ** 2 / 500).sum() < 24.3  # the chi-squared quantile at 0.999 with 7 degrees of freedom


def test_hybrid_is_repeatable():
    x = np.arange(100)
    a, b = HybridGate(100, seed=1), HybridGate(100, seed=1)
    assert a.select(x)[1].tolist() == b.select(x)[1].tolist() == a.select(x)[1].tolist() == copy.deepcopy(a).select(x)[1].tolist()
    assert a.select(x)[1].tolist() != a.select(x, random_seed=2)[1].tolist()
    assert HybridGate(100).select(x)[1].tolist() != HybridGate(100).select(x)[1].tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_gated_tensors_keep_floating_types(dtype):
    out = L0Gate(3).apply_gates(torch.ones(3, dtype=dtype))
    assert out.dtype == (dtype if dtype.is_floating_point else torch.float32)


def test_state_dict_and_deepcopy():
    gate = _set(SampleGate(9, 3), torch.randn(9, generator=torch.Generator().manual_seed(0)))
    other = SampleGate(9, 3)
    other.load_state_dict(gate.state_dict())
    x = np.arange(9)
    assert other.select_samples(x)[0].tolist() == copy.deepcopy(gate).select_samples(x)[0].tolist() == gate.select_samples(x)[0].tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SampleGate(10, 11), "target_samples is 11: set it to a whole number from 0 to 10."),
        (lambda: SampleGate(10, -1), "target_samples is -1"),
        (lambda: SampleGate(0, 0), "n_samples is 0: set it to a whole number of 1 or more."),
        (lambda: SampleGate(10, 2.5), "target_samples is 2.5"),
        (lambda: FeatureGate(3, 4), "max_features is 4"),
        (lambda: FeatureGate(3, float("nan")), "max_features is nan"),
        (lambda: L0Gate(-2), "size is -2"),
        (lambda: L0Gate(2, init_mean=1.0), "keep probability"),
        (lambda: SampleGate(2, 1, temperature=0.0), "temperature is 0"),
        (lambda: HybridGate(10, 0.6, 0.6), "fractions are 0.6 and 0.6"),
        (lambda: HybridGate(10, -0.1, 0.6), "fractions are -0.1"),
        (lambda: HybridGate(10, float("nan"), 0.6), "fractions are nan"),
        (lambda: HybridGate(10, target_items=11), "target_items is 11"),
        (lambda: HybridGate(10, seed=-1), "seed is -1"),
        (lambda: L0Gate(2).get_active_indices(float("nan")), "threshold is nan"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: SampleGate(3, 1).select_samples(np.zeros((4, 3))), "length 4 along axis 0 but there are 3 gates"),
        (lambda: SampleGate(3, 1).select_samples(np.zeros((0, 3))), "length 0 along axis 0"),
        (lambda: FeatureGate(3, 1).select_features(np.zeros((3, 4))), "length 4 along axis -1"),
        (lambda: L0Gate(3).apply_gates(torch.zeros(3), 1), "no axis 1"),
        (lambda: L0Gate(3).apply_gates(np.array(["a", "b", "c"])), "not numeric"),
        (lambda: L0Gate(2).apply_gates(pd.DataFrame({"a": ["x", "y"]})), "not numeric"),
        (lambda: SampleGate(3, 1).select_samples([1, 2, 3]), "The data is a list"),
        (lambda: FeatureGate(3, 1).select_features_with_names(np.zeros((1, 3)), ["a"]), "1 names for 3 features"),
        (lambda: SampleGate(2, 1).select_weighted_samples(np.zeros(2), np.array([1, np.nan])), "weights holds a value out of bounds"),
        (lambda: SampleGate(2, 1).select_weighted_samples(np.zeros(2), np.array([1, -1])), "weights holds a value out of bounds"),
        (lambda: _set(SampleGate(2, 1), [np.nan, 0]).select_samples(np.zeros(2)), "not numbers"),
    ],
)
def test_bad_data_is_refused_in_one_sentence(use, message):
    with pytest.raises(ProblemError, match=message):
        use()


@pytest.mark.parametrize(
    "name", ["L0Gate", "SampleGate", "FeatureGate", "HybridGate", "SparseL0Linear", "TemperatureScheduler", "PenaltyTracker"]
)
def test_users_of_the_established_package_find_its_methods(name):
    theirs, ours = getattr(l0, name), getattr(l0engine, name)
    own = [m for m in vars(theirs) if not m.startswith("_") and inspect.isfunction(vars(theirs)[m]) and m != "plot_history"]
    for method in ["__init__", *own]:
        parameters = inspect.signature(getattr(theirs, method)).parameters
        mine = inspect.signature(getattr(ours, method)).parameters
        renamed = {"X_sparse"}
        assert [p for p in parameters if p not in renamed and p not in mine] == [], method
        changed = {"threshold", "lambda_reg", "lr", "epochs", "n_features"} if name == "SparseL0Linear" else set()
        assert [p for p in parameters if p not in renamed | changed and parameters[p].default != mine[p].default] == [], method
