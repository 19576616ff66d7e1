import copy
import itertools
import logging
import pickle

import numpy as np
import oracles
import pandas as pd
import pytest
import torch
from further import further
from scipy import sparse as sp
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, lasso_path
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from l0engine import SparseL0Linear
from l0engine.errors import ConfigError, ProblemError

DIABETES = load_diabetes(return_X_y=True)


def _planted(seed, n=200, p=60, k=5, snr=5.0, density=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * (rng.uniform(size=(n, p)) < density)
    beta = np.zeros(p)
    beta[rng.choice(p, k, replace=False)] = rng.choice([-1.0, 1.0], k)
    signal = X @ beta
    return X, signal + rng.normal(size=n) * np.sqrt(signal.var() / snr) + 7.0, beta


def _f1(chosen, true):
    return 2 * len(chosen & true) / (len(chosen) + len(true))


def _best_subset(X, y, price):
    """The least ``mean squared error + price * features`` by trying every subset."""
    p = X.shape[1]
    subsets = (s for k in range(p + 1) for s in itertools.combinations(range(p), k))

    def value(s):
        A = np.column_stack([np.ones(len(y)), X[:, list(s)]])
        return np.mean((y - A @ np.linalg.lstsq(A, y)[0]) ** 2) + price * len(s)

    return min((value(s), s) for s in subsets)


@pytest.mark.parametrize("share", [0.03, *further(0.002, 0.01, 0.1)])
@pytest.mark.parametrize("data", ["diabetes", "planted"])
def test_it_comes_close_to_the_best_subset(data, share):
    X, y = DIABETES if data == "diabetes" else _planted(3, n=80, p=9, k=3)[:2]
    price = share * y.var()
    best, _ = _best_subset(X, y, price)
    m = SparseL0Linear(seed=0).fit(X, y, lambda_reg=price)
    reached = np.mean((y - m.predict(X)) ** 2) + price * np.count_nonzero(m.coef_)
    assert reached == pytest.approx(best, rel=1e-6) and m.converged_


@pytest.mark.parametrize("seed", [0, *further(*range(1, 6))])
def test_a_price_that_is_small_beside_the_variance_leaves_no_gate_half_open(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 10))
    y = 3 * X[:, 1] - 2 * X[:, 4] + 0.1 * rng.normal(size=200)
    best, chosen = _best_subset(X, y, 0.001)
    m = SparseL0Linear(lambda_reg=0.001, seed=seed).fit(X, y)
    assert tuple(m.get_selected_features().tolist()) == chosen
    assert np.mean((y - m.predict(X)) ** 2) + 0.001 * len(chosen) == pytest.approx(best, rel=1e-9)
    assert set(m.get_deterministic_gates().tolist()) == {0.0, 1.0} and m.converged_


@pytest.mark.parametrize("seeds", [10, *further(60)])
def test_random_small_problems_end_at_the_best_subset(seeds):
    """Rows fewer and more than columns, units from 1e-4 to 1e4, columns that hardly differ; noise and price from tiny to large."""
    reached = []
    for seed in range(seeds):
        rng = np.random.default_rng(1000 + seed)
        n, p, shared = int(rng.choice([6, 12, 30, 100])), int(rng.integers(3, 8)), rng.choice([0, 0.5, 0.9, 0.99])
        X = np.sqrt(1 - shared) * rng.normal(size=(n, p)) + np.sqrt(shared) * rng.normal(size=(n, 1))
        signal = X @ (rng.normal(size=p) * (rng.random(p) < 0.5))
        y = (signal + rng.choice([0.01, 0.3, 2]) * rng.normal(size=n) + 1) * 10.0 ** rng.integers(-5, 6)
        X = X * 10.0 ** rng.integers(-4, 5, size=p)
        price = y.var() * 10.0 ** rng.uniform(-5, -0.3)
        m = SparseL0Linear(lambda_reg=price, seed=seed, epochs=100).fit(X, y)
        standard = (X - X.mean(0)) / X.std(0)
        reached.append((np.mean((y - m.predict(X)) ** 2) + price * np.count_nonzero(m.coef_)) / _best_subset(standard, y, price)[0] - 1)
        assert m.converged_
    assert min(reached) > -1e-6 and np.mean(np.array(reached) < 0.01) >= 0.95


def test_many_columns_are_searched_by_part():
    X, y, beta = _planted(7, n=150, p=2500, k=6)
    m = SparseL0Linear(lambda_reg=0.05 * y.var(), seed=0, epochs=0).fit(X, y)  # every gate half open at the start of the search
    assert m.get_selected_features().tolist() == np.flatnonzero(beta).tolist() and m.converged_


def test_a_fit_that_does_not_settle_says_so(monkeypatch):
    X, y, _ = _planted(7, n=150, p=60, k=30)
    monkeypatch.setattr("l0engine.sparse_linear.fit.POOL", 5)
    with pytest.warns(ConvergenceWarning, match="raise lambda_reg"):
        m = SparseL0Linear(lambda_reg=0.001, seed=0, epochs=50).fit(X, y)
    assert not m.converged_ and np.isfinite(m.predict(X)).all()


@pytest.mark.parametrize("unit", [1e-200, 1e305, *further(1e200)])
def test_values_whose_squares_are_infinite(unit):
    X, y, _ = _planted(0, n=100, p=6, k=2)
    plain, goal = SparseL0Linear(seed=0, lambda_reg=0.02 * y.var(), epochs=100).fit(X, y), np.where(np.arange(6) % 2, unit, 1.0)
    for data in (X * goal, sp.csr_array(X * goal)):
        m = SparseL0Linear(seed=0, lambda_reg=0.02 * y.var(), epochs=100).fit(data, y)
        np.testing.assert_allclose(m.predict(data), plain.predict(X), rtol=1e-6)
    m = SparseL0Linear(seed=0, lambda_reg=0.0, epochs=100).fit(X, y * unit)
    np.testing.assert_allclose(m.predict(X) / unit, LinearRegression().fit(X, y).predict(X), rtol=1e-6)


def test_without_a_price_it_is_least_squares():
    X, y = DIABETES
    ours, theirs = SparseL0Linear(X.shape[1], seed=0, epochs=200).fit(X, y, lambda_reg=0.0), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-10)
    ours, theirs = (
        SparseL0Linear(fit_intercept=False, seed=0, epochs=200).fit(X, y, lambda_reg=0.0),
        LinearRegression(fit_intercept=False).fit(X, y),
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)
    assert ours.intercept_ == 0 and ours.bias is None


@pytest.mark.parametrize("seed", [0, *further(1, 2)])
def test_planted_support_at_least_as_well_as_the_best_of_the_lasso_path(seed):
    X, y, beta = _planted(seed, n=300, p=400, k=8)
    true = set(np.flatnonzero(beta).tolist())
    _, path, _ = lasso_path(X - X.mean(0), y - y.mean())
    best = max(_f1(set(np.flatnonzero(c).tolist()), true) for c in path.T)
    m = SparseL0Linear(lambda_reg=0.02 * y.var(), seed=seed).fit(X, y)
    assert _f1(set(m.get_selected_features().tolist()), true) >= max(best, 0.9)
    s = np.flatnonzero(m.coef_)
    np.testing.assert_allclose(m.coef_[s], LinearRegression().fit(X[:, s], y).coef_, rtol=1e-7)


def test_sparse_and_dense_input_of_every_kind_agree():
    X, y, _ = _planted(1, density=0.2)
    m = SparseL0Linear(lambda_reg=0.02 * y.var(), seed=0, epochs=100)
    dense = m.fit(X, y).coef_.copy()
    kinds = [sp.csr_array(X), sp.csc_matrix(X), sp.coo_array(X), pd.DataFrame(X), torch.from_numpy(X), torch.from_numpy(X).to_sparse_coo()]
    goals = [torch.from_numpy(y), pd.Series(y), y.tolist()]
    for data, goal in [*((data, y) for data in kinds), *zip(kinds[-3:], goals, strict=True)]:
        np.testing.assert_allclose(m.fit(data, goal).coef_[dense != 0], dense[dense != 0], rtol=1e-6)
        predictions = m.predict(data)
        assert isinstance(predictions, torch.Tensor if isinstance(data, torch.Tensor) else np.ndarray)
        np.testing.assert_allclose(predictions, X @ m.coef_ + m.intercept_, rtol=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_units_and_offsets_do_not_matter(sparse):
    X, y, _ = _planted(2, density=0.5)
    units, offset = np.logspace(-6, 6, X.shape[1]), 0.0 if sparse else 1e5
    a = SparseL0Linear(seed=0, epochs=200).fit(X, y, lambda_reg=0.02 * y.var())
    moved = (X + offset) * units
    b = SparseL0Linear(seed=0, epochs=200).fit(sp.csr_array(moved) if sparse else moved, 1000 * y - 5, lambda_reg=0.02 * y.var() * 1e6)
    assert np.flatnonzero(a.coef_).tolist() == np.flatnonzero(b.coef_).tolist()
    np.testing.assert_allclose(b.coef_ * units / 1000, a.coef_, rtol=1e-5)
    np.testing.assert_allclose(b.predict(moved), 1000 * a.predict(X) - 5, rtol=1e-5)


def test_the_logged_objective_is_the_expected_one(monkeypatch):
    """At step 2, where Adam has moved every parameter by its learning rate once, against sampled gates."""
    X, y, _ = _planted(5, n=60, p=8, k=3)
    logger, messages = logging.getLogger("l0engine.sparse_linear.estimator"), []
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "handle", lambda record: messages.append(record.getMessage()))
    SparseL0Linear(seed=0).fit(X, y, lambda_reg=0.3, lr=0.1, epochs=2, verbose=True, verbose_freq=2)
    assert len(messages) == 1
    Z, goal = (X - X.mean(0)) / X.std(0), y - y.mean()
    c = 0.1 * np.sign(Z.T @ goal) * y.std()
    log_alpha = SparseL0Linear(8, seed=0).log_alpha.detach().numpy() - 0.1  # no coefficient speaks for a gate yet: its price shuts it
    gates = np.array(
        [[oracles.gate(u, a) for u, a in zip(row, log_alpha, strict=True)] for row in np.random.default_rng(0).uniform(size=(20_000, 8))]
    )
    losses = ((goal - (gates * c) @ Z.T) ** 2).mean(1) + 0.3 * (gates > 0).sum(1)
    logged = float(messages[0].split("objective ")[1].rstrip("."))
    assert logged == pytest.approx(losses.mean(), abs=5 * losses.std() / 20_000**0.5 + 0.0005 * logged)


def test_constant_columns_are_left_out():
    X, y, _ = _planted(0, p=6, k=2)
    X[:, 0], X[:, 3] = 3.3, 0.0
    for data in (X, sp.csr_array(X)):
        m = SparseL0Linear(seed=0, epochs=100).fit(data, y, lambda_reg=0.0)
        assert not {0, 3} & set(m.get_selected_features().tolist())
        assert np.isfinite(m.predict(data)).all()
    m = SparseL0Linear(seed=0, epochs=100).fit(X, np.full(len(X), 2.5))
    np.testing.assert_allclose(m.predict(X), 2.5)
    assert m.score(X, np.full(len(X), 2.5)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (3, 10)])
def test_small_data(shape):
    rng = np.random.default_rng(0)
    m = SparseL0Linear(seed=0, epochs=200).fit(rng.normal(size=shape), rng.normal(size=shape[0]))
    assert np.isfinite(m.predict(rng.normal(size=shape))).all()


def test_it_is_a_torch_module():
    X, y, _ = _planted(0)
    m = SparseL0Linear(60, seed=0, lambda_reg=0.02 * y.var(), epochs=300).fit(X, y)
    np.testing.assert_allclose(m(X, deterministic=True).detach(), m.predict(X), rtol=1e-9)
    np.testing.assert_allclose(m(sp.csr_array(X), deterministic=True).detach(), m.predict(X), rtol=1e-9)
    other = SparseL0Linear(60)
    other.load_state_dict(m.state_dict())
    for twin in (other, copy.deepcopy(m), pickle.loads(pickle.dumps(m))):  # noqa: S301
        np.testing.assert_array_equal(twin.predict(X), m.predict(X))
    keep = np.array([oracles.gate_moments(a, m.beta, m.gamma, m.zeta)[2] for a in m.log_alpha.tolist()])
    assert float(m.get_l0_penalty().detach()) == pytest.approx(keep.sum(), rel=1e-6)
    assert float(m.get_l2_penalty().detach()) == pytest.approx((keep * m.weight.detach().numpy() ** 2).sum(), rel=1e-6)
    assert m.get_sparsity() == np.mean(m.coef_ == 0)
    fresh = SparseL0Linear(60, seed=3)
    with torch.no_grad():
        fresh.weight.fill_(1.0)
    draws = np.stack([fresh(X).detach().numpy() for _ in range(800)])
    mean = oracles.gate_moments(float(fresh.log_alpha.detach().mean()), fresh.beta, fresh.gamma, fresh.zeta)[0]
    np.testing.assert_allclose(draws.mean(0), mean * X.sum(1), atol=6 * draws.std(0).max() / 800**0.5)
    fresh(X).sum().backward()
    assert fresh.log_alpha.grad.abs().sum() > 0


def test_seeds():
    X, y, _ = _planted(0)
    state = torch.random.get_rng_state()
    a, b = (SparseL0Linear(seed=5, epochs=100).fit(X, y) for _ in range(2))
    assert torch.equal(a.log_alpha, b.log_alpha) and torch.equal(a(X), b(X))
    assert torch.equal(a.fit(X, y).log_alpha, b.log_alpha)  # a fit starts from the start
    assert not torch.equal(SparseL0Linear(60, seed=6).log_alpha, SparseL0Linear(60, seed=5).log_alpha)
    assert torch.equal(state, torch.random.get_rng_state())


def test_scikit_learn_conventions():
    X, y = DIABETES
    m = SparseL0Linear(lambda_reg=50.0, epochs=400, seed=0)
    assert is_regressor(m)
    assert clone(m).get_params() == m.get_params()
    assert m.set_params(lr=0.02).lr == 0.02
    with pytest.raises(ConfigError, match="no parameter 'alpha': choose from n_features"):
        m.set_params(alpha=1)
    with pytest.raises(NotFittedError):
        check_is_fitted(m)
    with pytest.raises(ProblemError, match="call fit first"):
        m.predict(X)
    with pytest.raises(AttributeError):
        _ = m.coef_
    assert m.fit(X, y) is m
    check_is_fitted(m)
    assert m.n_features_in_ == 10
    assert np.count_nonzero(clone(m).set_params(lambda_reg=1e6).fit(X, y).coef_) == 0


@pytest.mark.slow
def test_pipelines_and_cross_validation():
    X, y = DIABETES
    m = SparseL0Linear(lambda_reg=20.0, epochs=300, seed=0)
    pipe = make_pipeline(StandardScaler(), m)
    scores = cross_val_score(pipe, X, y, cv=4)
    theirs = cross_val_score(LinearRegression(), X, y, cv=4)
    np.testing.assert_allclose(scores, theirs, atol=0.05)
    assert cross_val_score(m, sp.csr_array(X), y, cv=3, scoring="neg_mean_squared_error").shape == (3,)
    assert cross_val_predict(pipe, X, y, cv=3).shape == y.shape
    search = GridSearchCV(pipe, {"sparsel0linear__lambda_reg": [1.0, 1e6]}, cv=3).fit(X, y)
    assert search.best_params_ == {"sparsel0linear__lambda_reg": 1.0}
    assert search.predict(X).shape == y.shape


def test_names_of_columns_are_held():
    X, y, _ = _planted(0, p=3, k=1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    m = SparseL0Linear(seed=0, epochs=50).fit(frame, y)
    assert m.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ProblemError, match="another order"):
        m.predict(frame[["b", "a", "c"]])
    assert not hasattr(m.fit(X, y), "feature_names_in_")


BAD_TABLE = np.array([[1.0, 2], [np.nan, 1], [0, 1]])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (BAD_TABLE, np.ones(3), "Column 0 of X holds a missing"),
        (sp.csr_array(BAD_TABLE), np.ones(3), "Column 0 of X holds a missing"),
        (pd.DataFrame(BAD_TABLE, columns=["age", "b"]), np.ones(3), "Column 'age' of X"),
        (np.array([[1.0, np.inf]]), np.ones(1), "Column 1 of X"),
        (pd.DataFrame({"a": ["x", "y"]}), np.ones(2), "not a real number"),
        (np.ones((2, 2)) * 1j, np.ones(2), "not a real number"),
        (np.ones(3), np.ones(3), "X has 1 axes"),
        (np.ones((0, 3)), np.ones(0), "shape .0, 3.: give at least one row"),
        (sp.csr_array((3, 0)), np.ones(3), "at least one row and one column"),
        (np.ones((3, 2)), np.ones(2), "y has shape .2,. but X has 3 rows"),
        (np.ones((3, 2)), np.ones((3, 1)), "y has shape .3, 1."),
        (np.ones((3, 2)), [1, 2, np.nan], "y holds a missing"),
        (np.ones((3, 2)), ["a", "b", "c"], "y holds something"),
    ],
)
def test_bad_data_is_refused_in_one_sentence(X, y, message):
    with pytest.raises(ProblemError, match=message):
        SparseL0Linear().fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lambda_reg": -1.0}, "lambda_reg is -1"),
        ({"lambda_reg": float("nan")}, "lambda_reg is nan"),
        ({"lr": float("inf")}, "lr is inf: set it to a number from 0 to 10"),
        ({"epochs": -1}, "epochs is -1"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"verbose_freq": 0}, "verbose_freq is 0"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(ConfigError, match=message):
        SparseL0Linear().fit(np.ones((3, 2)), np.ones(3), **settings)


def test_other_refusals():
    for make in (lambda: SparseL0Linear(0), lambda: SparseL0Linear(2, beta=0.0), lambda: SparseL0Linear(2, init_keep_prob=1.0)):
        with pytest.raises(ConfigError):
            make()
    with pytest.raises(ProblemError, match="3 columns but n_features is 2"):
        SparseL0Linear(2).fit(np.ones((4, 3)), np.ones(4))
    m = SparseL0Linear(2)
    for X in (np.ones((4, 3)), torch.ones(4, 3), torch.ones(2)):
        with pytest.raises(ProblemError):
            m(X)
