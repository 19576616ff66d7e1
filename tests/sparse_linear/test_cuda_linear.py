"""`SparseL0Linear` on a GPU against the CPU: after the search least squares are solved in double precision, so they agree to the end."""

import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine import SparseL0Linear

pytestmark = pytest.mark.cuda


def planted(seed, n=200, p=60, k=5, density=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * (rng.uniform(size=(n, p)) < density)
    beta = np.zeros(p)
    beta[rng.choice(p, k, replace=False)] = rng.choice([-1.0, 1.0], k)
    return X, X @ beta + 0.5 * rng.normal(size=n) + 7.0, beta


@pytest.mark.parametrize("kind", ["array", "sparse", "tensor"])
def test_the_fit_is_that_of_the_cpu(device, kind):
    X, y, beta = planted(0, density=1.0 if kind == "array" else 0.3)
    data = {"array": X, "sparse": sp.csr_array(X), "tensor": torch.from_numpy(X).to(device)}[kind]
    here = SparseL0Linear(seed=0, lambda_reg=0.02, epochs=300).fit(X, y)
    there = SparseL0Linear(seed=0, lambda_reg=0.02, epochs=300, device=device).fit(data, y)
    assert there.weight.device.type == there.bias.device.type == device
    assert set(np.flatnonzero(beta)) <= set(np.flatnonzero(here.coef_))
    np.testing.assert_array_equal(there.get_selected_features().cpu(), here.get_selected_features())
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-7, atol=1e-9)
    assert there.intercept_ == pytest.approx(here.intercept_, rel=1e-8)
    predictions = there.predict(data)
    if kind == "tensor":
        assert predictions.device.type == device
        predictions = predictions.cpu()
    np.testing.assert_allclose(predictions, here.predict(X), rtol=1e-7)
    assert there.score(data, y) == pytest.approx(here.score(X, y))


def test_predictions_are_differentiable_and_states_move(device):
    X, y, _ = planted(1)
    there = SparseL0Linear(60, seed=0, epochs=50, device=device).fit(X, y, lambda_reg=0.02)
    there(torch.from_numpy(X).to(device)).square().sum().backward()
    assert there.weight.grad.isfinite().all() and there.weight.grad.any()
    here = SparseL0Linear(60)
    here.load_state_dict(there.state_dict())
    np.testing.assert_array_equal(here.coef_, there.coef_)
