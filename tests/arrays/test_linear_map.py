import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import linear_map as lm

CPU = torch.device("cpu")
MAPS = [lm.DenseMap, lm.TorchCSRMap, lm.ScipyMap, lm.GatherMap]


def matrix(shape=(7, 30), density=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return sp.random_array(shape, density=density, rng=rng, dtype=np.float32).tocsc()


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (1, 1), (5, 400)])
def test_products_match_dense_algebra(kind, shape):
    if kind is lm.TorchCSRMap and not lm.has_mkl():
        pytest.skip("this torch multiplies no CSR tensors")
    m = matrix(shape)
    dense, rng = m.toarray().astype(np.float64), np.random.default_rng(1)
    w, r = rng.normal(size=shape[1]).astype(np.float32), rng.normal(size=shape[0]).astype(np.float32)
    map_ = kind(m, CPU)
    np.testing.assert_allclose(map_.matvec(torch.from_numpy(w)), dense @ w, atol=1e-4)
    np.testing.assert_allclose(map_.rmatvec(torch.from_numpy(r)), dense.T @ r, atol=1e-4)


@pytest.mark.parametrize("kind", MAPS)
def test_gradient_of_a_product_matches_finite_differences(kind):
    if kind is lm.TorchCSRMap and not lm.has_mkl():
        pytest.skip("this torch multiplies no CSR tensors")
    m = matrix()
    dense, rng = m.toarray().astype(np.float64), np.random.default_rng(1)
    w = rng.normal(size=30)
    weights = torch.tensor(w, dtype=torch.float32, requires_grad=True)
    (lm.product(kind(m, CPU), weights) ** 3).sum().backward()
    h = 1e-5
    expected = [(((dense @ (w + h * e)) ** 3).sum() - ((dense @ (w - h * e)) ** 3).sum()) / (2 * h) for e in np.eye(30)]
    np.testing.assert_allclose(weights.grad, expected, rtol=1e-3, atol=1e-4)


def test_empty_rows_and_columns():
    m = sp.csc_array((np.ones(1, np.float32), ([2], [3])), shape=(4, 6))
    for kind in MAPS:
        assert kind(m, CPU).matvec(torch.arange(6.0)).tolist() == [0, 0, 3, 0]


def test_the_fastest_map_is_taken(monkeypatch):
    sparse, dense = matrix(density=0.1), matrix(density=0.9)
    monkeypatch.setattr(lm, "has_mkl", lambda: True)
    assert isinstance(lm.linear_map(sparse, CPU), lm.TorchCSRMap)
    monkeypatch.setattr(lm, "has_mkl", lambda: False)
    assert isinstance(lm.linear_map(sparse, CPU), lm.ScipyMap)
    assert isinstance(lm.linear_map(sparse, torch.device("meta")), lm.GatherMap)
    assert isinstance(lm.linear_map(dense, CPU), lm.DenseMap)


def test_double_precision_matrices_are_taken():
    m = matrix(density=0.1).astype(np.float64)
    out = lm.linear_map(m, CPU).matvec(torch.ones(30))
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out, m.toarray().sum(1), rtol=1e-5)


def test_two_matrices_of_one_shape_do_not_mix():
    a = matrix(density=0.2)
    b = a * np.float32(3)
    w = torch.ones(30)
    first = lm.linear_map(a, CPU).matvec(w)
    np.testing.assert_allclose(lm.linear_map(b, CPU).matvec(w), 3 * first, rtol=1e-5)
