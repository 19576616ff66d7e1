"""Paths of L0, L1 and L2 against brute force, optimality conditions and dense algebra."""

from itertools import combinations

import numpy as np
import pytest

from l0engine import SparseL0Linear
from l0engine.lessons.made import truth
from l0engine.lessons.shown.truth import TruthAsk


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 7))
    x = (x - x.mean(0)) / x.std(0)
    y = x @ [1.0, -0.7, 0, 0, 0.4, 0, 0] + 0.5 * rng.standard_normal(40)
    return x, y - y.mean()


def test_l0_is_the_best_of_all_subsets(small):
    x, y = small
    subsets = [list(s) for k in range(8) for s in combinations(range(7), k)]
    squares = [np.mean((y - x[:, s] @ np.linalg.lstsq(x[:, s], y, rcond=None)[0]) ** 2) for s in subsets]
    penalties, found = truth.l0_path(x, y)
    for penalty, w in zip(penalties, found, strict=True):
        best = min(q + penalty * len(s) for q, s in zip(squares, subsets, strict=True))
        assert np.mean((y - x @ w) ** 2) + penalty * np.count_nonzero(w) == pytest.approx(best, rel=1e-6)
    assert not found[0].any() and found[-1].any()


def test_l0_is_what_the_estimator_ends_in(small):
    x, y = small
    penalties, found = truth.l0_path(x, y)
    for i in (5, 15):
        model = SparseL0Linear(lambda_reg=float(penalties[i]), epochs=0, seed=0, fit_intercept=False).fit(x, y)
        np.testing.assert_allclose(model.coef_, found[i], atol=1e-6)


def test_l1_and_l2_are_optimal(small):
    x, y = small
    for penalty, w in zip(*truth.l1_path(x, y), strict=True):
        pull = x.T @ (y - x @ w) / len(y)
        assert (np.abs(pull) <= penalty * 1.001).all()
        np.testing.assert_allclose(pull[w != 0], penalty * np.sign(w[w != 0]), rtol=2e-3)
    for penalty, w in zip(*truth.l2_path(x, y), strict=True):
        np.testing.assert_allclose(w, np.linalg.solve(x.T @ x / len(y) + penalty * np.eye(7), x.T @ y / len(y)), atol=1e-9)


def test_what_is_said_of_them():
    ask = TruthAsk(rows=60, seed=2)
    shown = truth.show(ask)
    true = set(np.flatnonzero(shown.truth))
    assert len(true) == 5
    for m in range(3):
        for i in (0, 9, 20, 30):
            found = set(np.flatnonzero(shown.coefficients[m, i]))
            hits = found & true
            assert shown.precision[m, i] == pytest.approx(len(hits) / len(found) if found else 1.0)
            assert shown.recall[m, i] == pytest.approx(len(hits) / 5)
            ratios = [abs(shown.coefficients[m, i, j]) / abs(shown.truth[j]) for j in hits]
            assert (np.isnan(shown.shrinkage[m, i]) and not hits) or shown.shrinkage[m, i] == pytest.approx(np.mean(ratios))
    _, _, _, more, goal = truth.data(ask)
    at = shown.best[0]
    assert shown.errors[0, at] == pytest.approx(np.mean((goal - more @ shown.coefficients[0, at]) ** 2) / np.var(goal))
    assert shown.errors[0].min() == shown.errors[0, at]


def test_correlation_and_noise_are_as_asked():
    _, x, _, more, goal = truth.data(TruthAsk(correlation=0.9, rows=400))
    assert np.corrcoef(more[:, 3], more[:, 4])[0, 1] == pytest.approx(0.9, abs=0.03)
    np.testing.assert_allclose([x.mean(0), x.std(0)], [np.zeros(20), np.ones(20)], atol=1e-9)
    shown = truth.show(TruthAsk(noise=2.0))
    w, _, _, more, goal = truth.data(TruthAsk(noise=2.0))
    assert shown.snr == pytest.approx((more @ w).var() / (goal - more @ w).var(), rel=0.15)
