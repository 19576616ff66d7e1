"""Products on a GPU, and what is made of a matrix there, against SciPy in double precision."""

import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import by_rows
from l0engine.arrays import linear_map as lm
from l0engine.arrays.indexing import scale, take

pytestmark = pytest.mark.cuda

SHAPES = {"wide": (7, 3000), "tall": (3000, 7), "one": (1, 1), "square": (400, 500)}
#: How rows are multiplied; None is what the device is given by itself, a dense map included.
KINDS = [None, by_rows.TorchRows, by_rows.SegmentRows, by_rows.GatherRows]


def matrix(shape, density=0.2, seed=0, dtype=np.float32):
    return sp.csc_array(sp.random_array(shape, density=density, rng=np.random.default_rng(seed), dtype=dtype))


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    if request.param is not None:
        monkeypatch.setattr(lm, "kinds", lambda _: (request.param, request.param))
    return request.param


def products_match(map_, exact, device, dtype=torch.float32):
    """Both products, to a share of the sum of absolute terms."""
    rng = np.random.default_rng(1)
    share = 1e-6 if dtype is torch.float32 else 1e-14
    for act, m in ((map_.matvec, exact), (map_.rmatvec, exact.T)):
        x = torch.tensor(rng.normal(size=m.shape[1]), dtype=dtype, device=device)
        found, x = act(x), x.cpu().double().numpy()
        assert (found.device.type, found.dtype) == (device, dtype)
        np.testing.assert_allclose(found.cpu(), m @ x, rtol=0, atol=share * (abs(m) @ abs(x)).max(initial=0.0))


@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 0.9])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_products_are_scipy_s(device, kind, shape, density):
    m = matrix(shape, density)
    for given in (m, m.tocsr()):
        for dtype in (torch.float32, torch.float64):
            products_match(lm.linear_map(given, torch.device(device), dtype), m.astype(np.float64), device, dtype)


@pytest.mark.parametrize("density", [0.2, 0.9])
def test_what_is_made_of_a_map_is_scipy_s(device, kind, density, monkeypatch):
    m, rng = matrix((40, 300), density, dtype=np.float64), np.random.default_rng(2)
    map_, exact = lm.linear_map(m, torch.device(device), torch.float64), m.tocsr()
    chosen, rows, factors = np.flatnonzero(rng.random(300) < 0.3), np.array([1, 2, 17, 39]), rng.uniform(0.5, 2.0, 40)
    factors_there = torch.tensor(factors, device=device)
    made = {
        "columns": (map_.columns(torch.tensor(chosen, device=device)), exact[:, chosen]),
        "scaled": (map_.scaled(factors_there), sp.csr_array(sp.diags_array(factors) @ exact)),
        "squared": (map_.squared(), exact.power(2)),
        "dense": (map_.dense(), exact),
        "rows": (lm.linear_map(exact, torch.device(device), torch.float64, chosen=rows), exact[rows]),
    }
    for found, wanted in made.values():
        assert found.shape == wanted.shape
        products_match(found, wanted, device, torch.float64)
        np.testing.assert_allclose(found.host().toarray(), wanted.toarray(), rtol=1e-15)
    products_match(map_.to(torch.float32), exact, device)
    columns = rng.uniform(0.0, 3.0, 300) * (rng.random(300) < 0.7)
    monkeypatch.setattr(by_rows, "BLOCK", 40 * 64)  # in blocks of 64 households
    weighted, dense = map_.weighted(factors_there, torch.tensor(columns, device=device)), factors[:, None] * m.toarray() * columns
    np.testing.assert_allclose(weighted.outer().cpu(), dense @ dense.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weighted.inner().cpu(), dense.T @ dense, rtol=1e-12, atol=1e-12)


def test_a_large_product_repeats_bit_for_bit(device):
    m, rng = matrix((2000, 50_000), 0.01), np.random.default_rng(1)
    map_ = lm.linear_map(m, torch.device(device))
    w, r = (torch.from_numpy(rng.normal(size=n)).float().to(device) for n in (50_000, 2000))
    for _ in range(5):
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
