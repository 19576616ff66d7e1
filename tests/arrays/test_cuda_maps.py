"""Products on a GPU against SciPy's in double precision."""

import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import linear_map as lm
from l0engine.arrays.indexing import scale, take

pytestmark = pytest.mark.cuda

SHAPES = {"wide": (7, 3000), "tall": (3000, 7), "one": (1, 1), "square": (400, 500)}


def matrix(shape, density=0.2, seed=0):
    m = sp.random_array(shape, density=density, rng=np.random.default_rng(seed), dtype=np.float32)
    return sp.csc_array(m)


#: How rows are multiplied: as a GPU does by default, dense, and each by itself.
KINDS = {"own": None, "dense": None, "torch": lm.TorchRows, "segments": lm.SegmentRows, "gather": lm.GatherRows}


def mapped(m, kind, device, dtype, monkeypatch):
    if kind == "dense":
        monkeypatch.setattr(lm, "DENSE_FROM", -1.0)
    elif kind != "own":
        monkeypatch.setattr(lm, "_kinds", lambda _: (KINDS[kind], KINDS[kind]))
    return lm.linear_map(m, torch.device(device), dtype)


def products_are_scipy_s(map_, m, device, dtype, share):
    exact, rng = m.astype(np.float64), np.random.default_rng(1)
    w, r = (torch.from_numpy(rng.normal(size=n)).to(device, dtype) for n in (m.shape[1], m.shape[0]))
    for found, times, x in ((map_.matvec(w), exact, w), (map_.rmatvec(r), exact.T, r)):
        assert (found.device.type, found.dtype) == (device, dtype)
        x = x.cpu().double().numpy()
        np.testing.assert_allclose(found.cpu(), times @ x, rtol=0, atol=share * (abs(times) @ abs(x)).max(initial=0.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 0.9])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_products_are_scipy_s(device, kind, shape, density, monkeypatch):
    m = matrix(shape, density)
    for given in (m, m.tocsr()):
        for dtype, share in ((torch.float32, 1e-6), (torch.float64, 1e-14)):
            products_are_scipy_s(mapped(given, kind, device, dtype, monkeypatch), m, device, dtype, share)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_of_a_map_is_scipy_s(device, kind, monkeypatch):
    m, rng = matrix((40, 900), 0.1), np.random.default_rng(2)
    dense, double = m.toarray().astype(np.float64), {"device": device, "dtype": torch.float64, "share": 1e-14}
    map_, chosen = mapped(m, kind, device, torch.float64, monkeypatch), np.flatnonzero(rng.random(900) < 0.3)
    part = map_.columns(torch.tensor(chosen, device=device))
    products_are_scipy_s(part, m[:, chosen], **double)
    products_are_scipy_s(map_.squared(), m.astype(np.float64).power(2), **double)
    products_are_scipy_s(map_.dense(), m, **double)
    np.testing.assert_array_equal(part.host().toarray(), dense[:, chosen])
    rows, columns = rng.uniform(0.5, 2.0, 40), rng.uniform(0.0, 3.0, 900) * (rng.random(900) < 0.7)
    monkeypatch.setattr(lm, "BLOCK", 40 * 128)  # in blocks of 128 households
    found = map_.gram(*(torch.from_numpy(f).to(device) for f in (rows, columns)), torch.float64)
    np.testing.assert_allclose(found.cpu(), rows[:, None] * (dense * columns) @ dense.T * rows, rtol=1e-12, atol=1e-12)


def test_a_large_product_repeats_bit_for_bit(device):
    m, rng = matrix((2000, 50_000), 0.01), np.random.default_rng(1)
    map_ = lm.linear_map(m, torch.device(device))
    w, r = (torch.from_numpy(rng.normal(size=n)).float().to(device) for n in (50_000, 2000))
    assert torch.equal(map_.matvec(w), map_.matvec(w))
    assert torch.equal(map_.rmatvec(r), map_.rmatvec(r))


def test_the_gradient_of_a_product_is_that_of_the_cpu(device):
    m, gradients = matrix((20, 300)), []
    for name in ("cpu", device):
        weights = torch.linspace(-1, 1, 300, device=name, requires_grad=True)
        (lm.product(lm.linear_map(m, torch.device(name)), weights) ** 3).sum().backward()
        gradients.append(weights.grad.cpu())
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Sparse")  # torch calls its CSR tensors beta
@pytest.mark.parametrize("layout", ["strided", "coo", "csr"])
@pytest.mark.parametrize("dim", [0, 1])
def test_slices_are_those_of_the_cpu(device, layout, dim):
    dense = torch.from_numpy(matrix((12, 9), 0.4).toarray())
    data = {"strided": dense, "coo": dense.to_sparse_coo(), "csr": dense.to_sparse_csr()}[layout]
    at, factors = torch.tensor([0, 3, 8]), torch.linspace(0, 2, dense.shape[dim])
    for act, how in ((take, at), (scale, factors)):
        here, there = act(data, how, dim), act(data.to(device), how.to(device), dim)
        assert (there.device.type, there.layout) == (device, data.layout)
        torch.testing.assert_close(there.to_dense().cpu(), here.to_dense())
