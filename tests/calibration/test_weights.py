import copy
import io
import itertools
import logging
import warnings

import l0
import numpy as np
import oracles
import pytest
import torch
from further import further
from scipy import sparse as sp

from l0engine.calibration import SparseCalibrationWeights
from l0engine.calibration import weights as module
from l0engine.calibration.training.iteration import iterate
from l0engine.calibration.training.start import dead_below
from l0engine.errors import ConfigError, L0Error, ProblemError

PROBLEM = oracles.random_problem(4, targets=6, households=80)
DENSE, Y = PROBLEM.matrix.toarray(), PROBLEM.values
START = {"init_weights": PROBLEM.base_weights}
FIT = {"lambda_l0": 1e-3, "lr": 0.1, "epochs": 200, "loss_type": "relative"}


def weights(**how):
    return SparseCalibrationWeights(80, **{"seed": 3, **START, **how})


def fitted(**how):
    return weights().fit(DENSE, Y, **{**FIT, **how})


def parameters(model):
    return np.stack([model.log_weight.detach().numpy(), model.log_alpha.detach().numpy()])


class TestParity:
    """The same calls on the established package and on this one."""

    def both(self, **how):
        return l0.SparseCalibrationWeights(80, seed=3, **START, **how), weights(**how)

    def test_the_same_calls_run_and_come_out_close(self):
        M = PROBLEM.matrix
        for model in self.both(log_weight_jitter_sd=0.01):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the established package builds its tensors with warnings
                assert (
                    model.fit(
                        M,
                        Y,
                        **{**FIT, "epochs": 10},
                        lambda_l2=1e-9,
                        target_groups=np.array([0, 0, 1, 1, 1, 2]),
                        group_multipliers={1: 2.0},
                    )
                    is model
                )
                active = model.get_active_weights()
                assert set(active) == {"indices", "values", "count"}
                assert active["count"] == len(active["indices"]) == len(active["values"])
                assert (model.get_weights(deterministic=True)[active["indices"]] == active["values"]).all()
                assert model.get_weights().shape == model.get_deterministic_gates().shape == (80,)
                assert model.get_sparsity() == pytest.approx(1 - active["count"] / 80)
                assert model.get_l0_penalty().ndim == model.get_l2_penalty().ndim == 0
                assert model(M).requires_grad
                assert not model.predict(M).requires_grad
                assert model.predict(M).shape == (6,)

    @pytest.mark.parametrize("seeds", [3, *further(8)])
    def test_it_comes_as_close(self, seeds):
        errors = []
        for seed in range(seeds):  # of one fit much is luck
            pair = l0.SparseCalibrationWeights(80, **START), weights(seed=seed)
            with warnings.catch_warnings(), torch.random.fork_rng():
                warnings.simplefilter("ignore")
                torch.manual_seed(seed)  # the established package draws its gates from the global generator
                errors.append([np.abs(m.fit(PROBLEM.matrix, Y, **FIT).predict(PROBLEM.matrix).numpy() / Y - 1).mean() for m in pair])
        theirs, ours = np.mean(errors, 0)
        assert ours < 1.1 * theirs
        assert ours < 0.15

    def test_predictions_agree_for_equal_parameters(self):
        theirs, ours = self.both()
        ours.load_state_dict(theirs.state_dict())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = theirs.predict(PROBLEM.matrix)
        np.testing.assert_allclose(ours.predict(PROBLEM.matrix), expected, rtol=1e-5)
        assert ours.get_l0_penalty().item() == pytest.approx(theirs.get_l0_penalty().item(), rel=1e-6)

    @pytest.mark.parametrize("use_gates", [True, False])
    @pytest.mark.parametrize(
        "call",
        [
            lambda m: m.predict(PROBLEM.matrix), lambda m: m(PROBLEM.matrix), lambda m: m(PROBLEM.matrix, deterministic=True),
            lambda m: m.get_weights(), lambda m: m.get_weights(deterministic=True), lambda m: m.get_deterministic_gates(),
            lambda m: m.get_l0_penalty(), lambda m: m.get_l2_penalty(), lambda m: m.get_sparsity(),
            lambda m: m.get_active_weights()["indices"], lambda m: m.get_active_weights()["values"], lambda m: m.get_active_weights()["count"],
        ],
    )  # fmt: skip
    def test_what_comes_back_is_of_the_same_type(self, call, use_gates):
        """Type, number format and number of axes; with gates also whether gradients flow."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = (call(m) for m in self.both(use_gates=use_gates, init_keep_prob=0.9))
        assert type(ours) is type(theirs)
        if isinstance(theirs, torch.Tensor):
            assert (ours.dtype, ours.shape, ours.layout) == (theirs.dtype, theirs.shape, theirs.layout)
            assert ours.requires_grad == theirs.requires_grad or not use_gates

    def test_constructor_takes_arguments_in_the_same_order(self):
        args = (80, 0.5, -0.2, 1.2, 0.7, 2.0, 0.0, 0.0, "cpu", True, 1)
        theirs, ours = l0.SparseCalibrationWeights(*args), SparseCalibrationWeights(*args)
        np.testing.assert_allclose(ours.log_weight.detach(), theirs.log_weight.detach(), atol=1e-6)
        for name in ("beta", "gamma", "zeta", "seed", "use_gates", "device", "n_features"):
            assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("flavour", ["array", "matrix"])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
def test_every_sparse_kind_gives_the_dense_product(kind, flavour):
    model = weights(init_keep_prob=0.7)
    expected = DENSE @ model.get_weights(deterministic=True).detach().numpy()
    M = getattr(sp, f"{kind}_{flavour}")(DENSE)
    np.testing.assert_allclose(model.predict(M), expected, rtol=1e-5)
    a, b = (weights().fit(m, Y, **{**FIT, "epochs": 10}) for m in (M, DENSE))
    assert parameters(a).tobytes() == parameters(b).tobytes()


def torch_kinds():
    t = torch.from_numpy(DENSE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its compressed tensors beta
        hybrid = t.to_sparse(1)
        return {
            "double": t, "float": t.float(), "bfloat16": t.bfloat16(), "half": t.half(), "grad": t.clone().requires_grad_(),
            "coo": t.to_sparse(), "csr": t.to_sparse_csr(), "csc": t.to_sparse_csc(), "hybrid": hybrid, "half coo": t.half().to_sparse(),
        }  # fmt: skip


@pytest.mark.parametrize("kind", torch_kinds())
def test_every_tensor_kind_gives_the_dense_product(kind):
    model = weights(init_keep_prob=0.7)
    expected = DENSE @ model.get_weights(deterministic=True).detach().numpy()
    tolerance = 1e-2 if kind.startswith(("half", "bfloat")) else 1e-5
    np.testing.assert_allclose(model.predict(torch_kinds()[kind]), expected, rtol=tolerance)
    weights().fit(torch_kinds()[kind], torch.tensor(Y, requires_grad=True), **{**FIT, "epochs": 2})


def test_numpy_kinds():
    expected = weights(init_keep_prob=0.7).predict(DENSE)
    for M in (DENSE.tolist(), DENSE.astype(np.float32), np.asfortranarray(DENSE), DENSE[:, ::-1][:, ::-1]):
        np.testing.assert_allclose(weights(init_keep_prob=0.7).predict(M), expected, rtol=1e-5)
    assert weights().predict(DENSE.astype(np.float16)).shape == (6,)
    assert weights().predict(np.round(DENSE).astype(int)).shape == (6,)


def test_forward_is_differentiable_in_both_parameters():
    model = weights(init_keep_prob=0.7)
    model(DENSE, deterministic=True).sum().backward()
    gate = model.get_deterministic_gates().detach().numpy()
    w = np.exp(model.log_weight.detach().numpy())
    np.testing.assert_allclose(model.log_weight.grad, DENSE.sum(0) * w * gate, rtol=1e-4)
    h = 1e-3
    up, down = copy.deepcopy(model), copy.deepcopy(model)
    with torch.no_grad():
        up.log_alpha.add_(h)
        down.log_alpha.sub_(h)
    difference = (up.predict(DENSE).sum() - down.predict(DENSE).sum()) / (2 * h)
    assert model.log_alpha.grad.sum().item() == pytest.approx(difference.item(), rel=1e-2)


@pytest.mark.parametrize("times", [1000, *further(4000)])
def test_average_of_sampled_weights_is_their_expectation(times):
    model = weights(log_alpha_jitter_sd=0.5)
    draws = np.stack([model.get_weights().detach().numpy() for _ in range(times)])
    moments = np.array([oracles.gate_moments(float(a), 2 / 3, -0.1, 1.1) for a in model.log_alpha.detach()])
    w = np.exp(model.log_weight.detach().numpy())
    np.testing.assert_array_less(np.abs(draws.mean(0) - w * moments[:, 0]), 6 * w * (moments[:, 1] / times) ** 0.5)
    expected = (w**2 * (moments[:, 0] ** 2 + moments[:, 1])).sum()
    assert model.get_l2_penalty().item() == pytest.approx(expected, rel=1e-4)
    assert model.get_l0_penalty().item() == pytest.approx(moments[:, 2].sum(), rel=1e-5)


def test_init_keep_prob_is_a_probability():
    for p in (0.1, 0.5, 0.95):
        assert weights(init_keep_prob=p, log_alpha_jitter_sd=0.0).get_l0_penalty().item() == pytest.approx(80 * p, rel=1e-5)
    each = np.linspace(0, 1, 80)
    assert weights(init_keep_prob=each, log_alpha_jitter_sd=0.0).get_l0_penalty().item() == pytest.approx(40, rel=1e-4)


def test_starting_weights():
    np.testing.assert_allclose(torch.exp(weights().log_weight.detach()), PROBLEM.base_weights, rtol=1e-5)
    assert (weights(init_weights=None).log_weight == 0).all()
    assert torch.exp(weights(init_weights=torch.full((80,), 7.0)).log_weight.detach()).tolist() == pytest.approx([7.0] * 80)
    zeros = weights(init_weights=np.array([0.0] + [2.0] * 79))
    assert torch.exp(zeros.log_weight[0].detach()).item() == pytest.approx(1e-8)
    zeros.fit(DENSE, Y, **FIT)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"init_weights": np.ones(79)}, ProblemError, r"init_weights has shape \(79,\)"),
        ({"init_weights": np.ones((80, 1))}, ProblemError, "init_weights has shape"),
        ({"init_weights": -1.0}, ProblemError, "init_weights"),
        ({"init_weights": np.full(80, np.nan)}, ProblemError, "init_weights"),
        ({"init_weights": "many"}, ProblemError, "not a number"),
        ({"init_keep_prob": np.ones(3) / 2}, ProblemError, r"init_keep_prob has shape \(3,\)"),
        ({"init_keep_prob": 1.5}, ProblemError, "init_keep_prob.*from 0 to 1"),
        ({"init_keep_prob": np.full(80, np.nan)}, ProblemError, "init_keep_prob.*from 0 to 1"),
        ({"gamma": 0.1}, ConfigError, "stretch"),
        ({"beta": -1.0}, ConfigError, "temperature"),
        ({"seed": -1}, ConfigError, "seed"),
        ({"log_alpha_jitter_sd": -1.0}, ConfigError, "log_alpha_jitter_sd"),
    ],
)
def test_bad_construction_is_named(how, error, message):
    with pytest.raises(error, match=message) as caught:
        weights(**how)
    assert isinstance(caught.value, ValueError)


NAN_MATRIX, NAN_Y = DENSE.copy(), Y.copy()
NAN_MATRIX[2, 3], NAN_Y[1] = np.nan, np.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss_type": "relativ"}, "relative, mse, capped"),
        ({"M": NAN_MATRIX}, "target 3 and household 4 is nan"),
        ({"y": NAN_Y}, "position 2"),
        ({"M": DENSE[:, :79]}, "79 columns but there are 80"),
        ({"y": Y[:-1]}, "6 targets"),
        ({"lr": -1.0}, "learning_rate"),
        ({"lr": float("nan")}, "learning_rate"),
        ({"lambda_l0": -1.0}, "lambda_l0"),
        ({"epochs": 0}, "epochs"),
        ({"verbose_freq": 0}, "verbose_freq"),
        ({"group_multipliers": {1: 2.0}}, "needs target_groups"),
        ({"target_groups": [1, 1, 1, 2, 2, 2], "group_multipliers": {3: 2.0}}, "'3'"),
        ({"target_groups": [1, 1]}, "2 target groups for 6 places"),
    ],
)
def test_bad_fits_are_named_and_leave_the_module_alone(change, message):
    model = weights()
    before = parameters(model)
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(**{"M": DENSE, "y": Y, **FIT, **change})
    assert isinstance(caught.value, L0Error)
    assert (parameters(model) == before).all()


def test_prediction_refuses_bad_matrices():
    for M in (NAN_MATRIX, DENSE[:, :5], DENSE[0], DENSE * 1j):
        with pytest.raises(ProblemError):
            weights().predict(M)


def test_a_diverged_training_raises_and_leaves_the_module_alone():
    model = weights(init_weights=1e37)
    before = parameters(model)
    with pytest.raises(L0Error, match=r"no longer a finite number.*lower learning_rate"):
        model.fit(DENSE, Y, lr=10.0, epochs=100, loss_type="mse")
    assert (parameters(model) == before).all()
    assert model.get_extra_state()["steps"] == 0


def test_two_matrices_of_one_shape_do_not_mix():
    model, other = weights(init_keep_prob=0.7), DENSE[:, ::-1].copy()
    w = model.get_weights(deterministic=True).detach().numpy()
    for M in (sp.csr_array(DENSE), sp.csr_array(other), sp.csr_array(DENSE)):
        np.testing.assert_allclose(model.predict(M), M @ w, rtol=1e-5)


@pytest.mark.parametrize("y", [-1.0, -50.0, 1e-3])
def test_relative_loss_of_negative_and_small_targets(y):
    sign = np.sign(y)
    M = np.vstack([DENSE, sign * (np.arange(80) % 3 == 0)])
    values = np.append(Y, y)
    model = weights(use_gates=False).fit(M, values, **{**FIT, "epochs": 500, "lr": 0.05})
    assert torch.isfinite(model.get_weights()).all()
    before, after = weights(use_gates=False).predict(M), model.predict(M)
    assert abs(after[-1] - y) < 0.3 * abs(before[-1] - y)


class TestSeeds:
    def test_the_same_seed_seeds_everything(self):
        a, b = fitted(epochs=60), fitted(epochs=60)
        assert parameters(a).tobytes() == parameters(b).tobytes()
        for _ in range(3):
            assert torch.equal(a.get_weights(), b.get_weights())
        assert torch.equal(a(DENSE), b(DENSE))

    def test_draws_differ_from_call_to_call_and_seed_to_seed(self):
        model = weights()
        assert not torch.equal(model.get_weights(), model.get_weights())
        assert not torch.equal(weights(seed=1).get_weights(), weights(seed=2).get_weights())
        a, b = (weights(seed=s, log_alpha_jitter_sd=0.0).fit(DENSE, Y, **{**FIT, "epochs": 30}) for s in (1, 2))
        assert (parameters(a) != parameters(b)).any()

    def test_without_a_seed_entropy_is_drawn_and_the_global_generator_left_alone(self):
        before = torch.get_rng_state()
        a, b = (weights(seed=None) for _ in range(2))
        assert (a.log_alpha != b.log_alpha).any()
        a.fit(DENSE, Y, **{**FIT, "epochs": 5})
        assert not torch.equal(a.get_weights(), b.get_weights())
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(0)
        first = weights().get_weights()
        torch.manual_seed(1)
        assert torch.equal(weights().get_weights(), first)


class TestContinuing:
    def test_two_fits_are_one_long_fit(self):
        how = {**FIT, "lambda_l0": 1e-6}  # nothing is dropped
        whole = weights().fit(DENSE, Y, **{**how, "epochs": 80})
        parts = weights().fit(DENSE, Y, **{**how, "epochs": 30}).fit(DENSE, Y, **{**how, "epochs": 50})
        assert parameters(whole).tobytes() == parameters(parts).tobytes()
        reset = weights().fit(DENSE, Y, **{**how, "epochs": 30})
        reset._fitted_to = ""
        reset.fit(DENSE, Y, **{**how, "epochs": 50})
        assert (parameters(reset) != parameters(whole)).any()

    def test_saving_and_loading_in_between_changes_nothing(self):
        how = {**FIT, "epochs": 30}
        first = weights().fit(DENSE, Y, **how)
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        loaded = SparseCalibrationWeights(80, seed=3)
        loaded.load_state_dict(torch.load(file))
        twin = copy.deepcopy(first)
        results = [parameters(m.fit(DENSE, Y, **how)).tobytes() for m in (first, loaded, twin)]
        assert results[0] == results[1] == results[2]

    def test_another_loss_starts_with_fresh_moments(self):
        mse = weights().fit(DENSE, Y * 1e3, **{**FIT, "loss_type": "mse", "epochs": 50})
        start = parameters(mse)
        mse.fit(DENSE, Y, **{**FIT, "epochs": 5})
        moved = np.abs(parameters(mse) - start).max()
        assert moved > 0.1  # stale moments of the other loss would all but stop it

    def test_dropped_households_stay_shut_and_may_return(self):
        model = fitted(lambda_l0=0.05, epochs=300)
        assert model.get_sparsity() > 0.5
        shut = model.get_weights(deterministic=True) == 0
        assert (model.distribution.p_active(model.log_alpha.detach())[shut] < 0.6).all()
        kept = model.get_active_weights()["count"]
        model.fit(DENSE, Y, **{**FIT, "lambda_l0": 0.0, "epochs": 10})
        assert torch.isfinite(model.log_alpha).all()
        assert model.get_active_weights()["count"] >= kept


class TestWithoutGates:
    def test_no_gate_penalty_and_every_household_kept(self):
        a, b = (weights(use_gates=False).fit(DENSE, Y, **{**FIT, "lambda_l0": price}) for price in (0.0, 100.0))
        assert parameters(a).tobytes() == parameters(b).tobytes()
        assert a.get_l0_penalty() == 0
        assert (a.get_sparsity(), a.get_active_weights()["count"]) == (0.0, 80)
        assert torch.equal(a.get_weights(), torch.exp(a.log_weight))
        np.testing.assert_allclose(a.predict(DENSE), Y, rtol=0.01)

    def test_l2_counts_every_weight(self):
        model = weights(use_gates=False)
        assert model.get_l2_penalty().item() == pytest.approx((PROBLEM.base_weights**2).sum(), rel=1e-4)


def test_l2_does_not_count_shut_households():
    model = weights()
    with torch.no_grad():
        model.log_alpha[1:] = -30.0
        model.log_alpha[0] = 30.0
    assert model.get_l2_penalty().item() == pytest.approx(PROBLEM.base_weights[0] ** 2, rel=1e-4)


def test_l2_evens_out_weights():
    tops = [
        weights().fit(DENSE, Y, **{**FIT, "epochs": 100, "lambda_l2": price}).get_active_weights()["values"].max().item()
        for price in (0.0, 1e-5)
    ]
    assert tops[1] < tops[0]


class TestGroups:
    """Five targets of 100 and one of 300 on the same total s, which settles at sum(a / y) / sum(a / y^2)."""

    GROUPS = ("a", "a", "a", "a", "a", "b")

    def total(self, groups=GROUPS, **how):
        model = SparseCalibrationWeights(80, init_weights=2.0, use_gates=False)
        model.fit(np.ones((6, 80)), [100.0] * 5 + [300.0], **FIT, target_groups=groups, **how)
        return model.predict(np.ones((1, 80))).item()

    def test_averaged_within_groups(self):
        assert self.total() == pytest.approx((1 / 100 + 1 / 300) / (1 / 100**2 + 1 / 300**2), rel=1e-3)  # 120

    def test_not_averaged(self):
        expected = (5 / 100 + 1 / 300) / (5 / 100**2 + 1 / 300**2)  # 104.3
        assert self.total(normalize_groups=False) == pytest.approx(expected, rel=1e-3)
        assert self.total(None) == self.total(list("abcdef")) == pytest.approx(expected, rel=1e-3)

    NUMBERED = ([0, 0, 0, 0, 0, 1], np.array([0, 0, 0, 0, 0, 1]), torch.tensor([0, 0, 0, 0, 0, 1]), [0.0, 0, 0, 0, 0, 1.0])
    PAIRS = tuple(itertools.product(enumerate(NUMBERED), enumerate([1, np.int64(1), 1.0, "1"])))

    @pytest.mark.parametrize(
        ("groups", "key"),
        [*((g, k) for (i, g), (j, k) in PAIRS if i == (j + 1) % 4), *further(*((g, k) for (i, g), (j, k) in PAIRS if i != (j + 1) % 4))],
    )
    def test_multipliers_of_numbered_groups(self, groups, key):
        assert self.total(groups, group_multipliers={key: 9.0}) == pytest.approx(200.0, rel=1e-3)

    def test_multipliers_of_named_groups(self):
        assert self.total(group_multipliers={"b": 9.0}) == pytest.approx(200.0, rel=1e-3)


@pytest.mark.parametrize("stretch", [{}, {"gamma": -0.5, "zeta": 1.5}, {"gamma": -0.01, "zeta": 1.01}])
def test_the_training_has_the_stretch_and_temperature_of_the_module(stretch, caplog):
    with caplog.at_level(logging.INFO, "l0engine.calibration.weights"):
        model = weights(beta=0.4, **stretch).fit(DENSE, Y, **{**FIT, "epochs": 60}, verbose=True, verbose_freq=60)
    assert f"{model.get_active_weights()['count']} of 80 kept" in caplog.text


def test_dropped_households_keep_the_weight_they_came_with_and_a_shut_gate_however_often_states_are_saved(monkeypatch):
    how, models, alive = {**FIT, "lambda_l0": 0.5, "lr": 0.2, "epochs": 200}, [], []
    for share in (1, 50, 200):

        def sparing(problem, config, save, share=share, **how):
            return iterate(
                problem, config, save=lambda copied: (alive.append(copied().alive), copied().step % share or save(copied)), **how
            )

        monkeypatch.setattr(module, "iterate", sparing)
        models.append(weights(beta=0.4).fit(DENSE, Y, **how))
    assert len({parameters(m).tobytes() for m in models}) == 1
    dropped = np.setdiff1d(np.arange(80), alive[-1])
    assert len(dropped) > 10
    assert (parameters(models[0])[0] == parameters(weights())[0])[dropped].all()
    assert models[0].distribution.p_active(models[0].log_alpha.detach())[dropped].max() <= dead_below(0.5) * (1 + 1e-5)
    assert (models[0].get_weights(deterministic=True)[dropped] == 0).all()


def test_progress_is_logged_and_not_printed(caplog, capsys):
    with caplog.at_level(logging.INFO, "l0engine.calibration.weights"):
        fitted(epochs=40, verbose=True, verbose_freq=10)
        assert len(caplog.records) == 4
        assert "Step 10:" in caplog.text
        assert "Step 40:" in caplog.text
        caplog.clear()
        fitted(epochs=40)
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_unreachable_targets_and_empty_selections_are_logged(caplog):
    weights().fit(np.vstack([DENSE, np.ones(80)]), np.append(Y, -5.0), **{**FIT, "epochs": 2})
    assert "1 targets are out of reach" in caplog.text
    nothing = fitted(lambda_l0=1e4)
    assert "lower the price of a household" in caplog.text
    assert nothing.get_active_weights()["count"] == 0
    assert nothing.get_sparsity() == 1.0


def test_without_groups_gates_pay_the_same_price_as_with_one_group_each():
    without, each, two = (parameters(fitted(epochs=60, target_groups=groups)) for groups in (None, list("abcdef"), list("aaabbb")))
    assert without.tobytes() == each.tobytes()
    assert (without != two).any()


def test_double_and_bfloat16_modules_predict():
    for dtype, tolerance in ((torch.float64, 1e-5), (torch.bfloat16, 0.05)):
        model = weights(init_keep_prob=0.7).to(dtype)
        np.testing.assert_allclose(model.predict(DENSE), weights(init_keep_prob=0.7).predict(DENSE), rtol=tolerance)
        model.fit(DENSE, Y, **{**FIT, "epochs": 3})
        assert model.log_weight.dtype == dtype
        assert 0 <= model.get_sparsity() <= 1
