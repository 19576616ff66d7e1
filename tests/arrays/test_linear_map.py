import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import by_rows
from l0engine.arrays import linear_map as lm

CPU = torch.device("cpu")
#: How rows are multiplied; None is the dense map.
KINDS = [None, by_rows.TorchRows, by_rows.ScipyRows, by_rows.SegmentRows, by_rows.GatherRows]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param is by_rows.TorchRows and not by_rows.has_mkl():
        pytest.skip("this torch multiplies no CSR tensors")
    return request.param


def matrix(shape=(7, 30), density=0.3, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return sp.random_array(shape, density=density, rng=rng, dtype=dtype).tocsc()


def mapped(m, kind, monkeypatch, dtype=torch.float32, **how):
    monkeypatch.setattr(lm, "DENSE_FROM", -1.0 if kind is None else 1.0)
    monkeypatch.setattr(lm, "kinds", lambda _: (kind, kind))
    map_ = lm.linear_map(m, CPU, dtype, **how)
    assert isinstance(map_, lm.SparseMap if kind else lm.DenseMap)
    return map_


def products_match(map_, dense, tolerance):
    rng, dtype = np.random.default_rng(1), torch.float32 if tolerance > 1e-6 else torch.float64
    w, r = rng.normal(size=dense.shape[1]), rng.normal(size=dense.shape[0])
    assert map_.shape == dense.shape
    np.testing.assert_allclose(map_.matvec(torch.tensor(w, dtype=dtype)), dense @ w, atol=tolerance)
    np.testing.assert_allclose(map_.rmatvec(torch.tensor(r, dtype=dtype)), dense.T @ r, atol=tolerance)


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (1, 1), (5, 400)])
def test_products_match_dense_algebra(kind, shape, monkeypatch):
    m = matrix(shape)
    dense = m.toarray().astype(np.float64)
    for given in (m, m.tocsr()):
        products_match(mapped(given, kind, monkeypatch), dense, 1e-4)
        products_match(mapped(given, kind, monkeypatch, torch.float64), dense, 1e-12)


def test_what_is_made_of_a_map_matches_dense_algebra(kind, monkeypatch):
    m, rng = matrix(dtype=np.float64), np.random.default_rng(2)
    dense, factors = m.toarray(), rng.uniform(0.5, 2.0, 7)
    map_ = mapped(m, kind, monkeypatch, torch.float64)
    chosen = np.array([0, 3, 4, 17, 29])
    products_match(map_.columns(torch.from_numpy(chosen)), dense[:, chosen], 1e-12)
    products_match(map_.columns(torch.tensor([], dtype=torch.int64)), dense[:, []], 1e-12)
    products_match(map_.squared(), dense**2, 1e-12)
    products_match(map_.to(torch.float32), dense, 1e-4)
    products_match(map_.scaled(torch.from_numpy(factors)), dense * factors[:, None], 1e-12)
    products_match(map_.dense(), dense, 1e-12)
    rows = np.array([1, 2, 6])
    products_match(mapped(m.tocsr(), kind, monkeypatch, torch.float64, chosen=rows), dense[rows], 1e-12)
    np.testing.assert_array_equal(map_.host().toarray(), dense)
    np.testing.assert_array_equal(map_.columns(torch.from_numpy(chosen)).host().toarray(), dense[:, chosen])


def test_what_is_weighted_and_squared_matches_dense_algebra(kind, monkeypatch):
    m, rng = matrix(dtype=np.float64), np.random.default_rng(2)
    rows, columns = rng.uniform(0.5, 2.0, 7), rng.uniform(0.0, 3.0, 30) * (rng.random(30) < 0.7)
    expected = rows[:, None] * m.toarray() * columns
    map_ = mapped(m, kind, monkeypatch, torch.float64).weighted(torch.from_numpy(rows), torch.from_numpy(columns))
    products_match(map_, expected, 1e-12)
    np.testing.assert_allclose(map_.outer(), expected @ expected.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(map_.inner(), expected.T @ expected, rtol=1e-12, atol=1e-12)
    if kind is not None:
        monkeypatch.setattr(by_rows, "BLOCK", 7 * 11)  # blocks of 11 households
        np.testing.assert_allclose(by_rows.squared_by_blocks(map_.by_columns), expected @ expected.T, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(by_rows.squared_by_blocks(map_.by_rows), expected.T @ expected, rtol=1e-12, atol=1e-12)


def test_a_transpose_by_sorting_is_that_of_scipy(monkeypatch):
    half = lm.linear_map(matrix().tocsr(), CPU).by_rows
    expected, found = half.array().tocsc(), by_rows.sorted_by_columns(half, by_rows.ScipyRows)
    for a, b in zip((expected.indptr, expected.indices, expected.data), (found.pointers, found.indices, found.data), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradient_of_a_product_matches_finite_differences(kind, monkeypatch):
    m = matrix()
    dense, rng = m.toarray().astype(np.float64), np.random.default_rng(1)
    w = rng.normal(size=30)
    weights = torch.tensor(w, dtype=torch.float32, requires_grad=True)
    (lm.product(mapped(m, kind, monkeypatch), weights) ** 3).sum().backward()
    h = 1e-5
    expected = [(((dense @ (w + h * e)) ** 3).sum() - ((dense @ (w - h * e)) ** 3).sum()) / (2 * h) for e in np.eye(30)]
    np.testing.assert_allclose(weights.grad, expected, rtol=1e-3, atol=1e-4)


def test_empty_rows_and_columns(kind, monkeypatch):
    m = sp.csc_array((np.ones(1, np.float32), ([2], [3])), shape=(4, 6))
    map_ = mapped(m, kind, monkeypatch)
    assert map_.matvec(torch.arange(6.0)).tolist() == [0, 0, 3, 0]
    assert map_.columns(torch.tensor([1, 3])).matvec(torch.ones(2)).tolist() == [0, 0, 1, 0]
    assert map_.columns(torch.tensor([0, 1])).matvec(torch.ones(2)).tolist() == [0, 0, 0, 0]


def test_the_fastest_products_are_taken(monkeypatch):
    monkeypatch.setattr(by_rows, "has_mkl", lambda: True)
    assert isinstance(lm.linear_map(matrix(density=0.1), CPU).by_rows, by_rows.TorchRows)
    monkeypatch.setattr(by_rows, "has_mkl", lambda: False)
    assert isinstance(lm.linear_map(matrix(density=0.1), CPU).by_rows, by_rows.ScipyRows)
    assert isinstance(lm.linear_map(matrix(density=0.9), CPU), lm.DenseMap)
    assert by_rows.kinds(torch.device("meta")) == (by_rows.GatherRows, by_rows.GatherRows)
    assert by_rows.kinds(torch.device("cuda")) == (by_rows.SegmentRows, by_rows.TorchRows)


def test_two_matrices_of_one_shape_do_not_mix():
    a = matrix(density=0.2)
    b = a * np.float32(3)
    w = torch.ones(30)
    first = lm.linear_map(a, CPU).matvec(w)
    np.testing.assert_allclose(lm.linear_map(b, CPU).matvec(w), 3 * first, rtol=1e-5)
