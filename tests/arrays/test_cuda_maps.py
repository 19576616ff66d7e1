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


@pytest.mark.parametrize("kind", [lm.linear_map, lm.DenseMap, lm.TorchCSRMap, lm.GatherMap])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 0.9])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_products_are_scipy_s(device, kind, shape, density):
    m, rng = matrix(shape, density), np.random.default_rng(1)
    map_, exact = kind(m, torch.device(device)), m.astype(np.float64)
    w, r = (torch.from_numpy(rng.normal(size=n)).float().to(device) for n in (shape[1], shape[0]))
    for found, times, x in ((map_.matvec(w), exact, w), (map_.rmatvec(r), exact.T, r)):
        assert (found.device.type, found.dtype) == (device, torch.float32)
        x = x.cpu().double().numpy()
        np.testing.assert_allclose(found.cpu(), times @ x, rtol=0, atol=1e-6 * (abs(times) @ abs(x)).max())


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
