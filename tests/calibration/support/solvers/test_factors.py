import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import areas as areas_module
from l0engine.arrays.areas import Areas
from l0engine.arrays.linear_map import SparseMap, linear_map
from l0engine.calibration.support.raking import Raking
from l0engine.calibration.support.solvers import dual
from l0engine.calibration.support.solvers.factors import ByAreas, Thin, Whole

CPU = torch.device("cpu")


def by_state(seed, n=240, national=4):
    """A system of totals by state and of all, n households, and its map with its areas."""
    rng = np.random.default_rng(seed)
    home, state = rng.integers(0, 5, n), np.append(np.repeat(np.arange(5), [1, 4, 6, 9, 3]), np.full(national, -1))
    dense = rng.uniform(0.2, 1.0, (len(state), n)) * (rng.random((len(state), n)) < 0.4)
    dense[state >= 0] *= state[state >= 0][:, None] == home
    dense[[0, 1, 5, 11, 20]] = np.arange(5)[:, None] == home
    map_ = linear_map(sp.csc_array(dense), CPU, torch.float64)
    assert isinstance(map_, SparseMap)
    return dense, SparseMap(map_.by_rows, map_.by_columns, Areas(state))


@pytest.mark.parametrize("national", [4, 0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-3)])
def test_factors_solve_as_dense_algebra_does(dtype, tolerance, national):
    rng = np.random.default_rng(1)
    dense, b = by_state(2, national=national)
    rest, v = rng.uniform(0.1, 1.0, len(dense)), rng.normal(size=len(dense))
    exact = np.linalg.solve(dense @ dense.T + np.diag(rest), v)
    for kind in (Whole, ByAreas):
        factor = kind.of(b, torch.tensor(rest), dtype)
        np.testing.assert_allclose(factor.solve(torch.tensor(v)), exact, rtol=tolerance, atol=tolerance * np.abs(exact).max())
    np.testing.assert_allclose(Thin.of(b, torch.tensor(rest)).solve(torch.tensor(v)), exact, rtol=1e-9)


@pytest.mark.parametrize("where", [2, -1])
def test_what_is_not_definite_has_no_factor(where):
    dense, b = by_state(3)
    rest = torch.ones(len(dense), dtype=torch.float64)
    rest[where] = -1e6
    assert Whole.of(b, rest, torch.float64) is None
    assert ByAreas.of(b, rest, torch.float64) is None


def test_weights_are_the_same_by_areas_and_without(monkeypatch):
    monkeypatch.setattr(dual, "SMALL_WORK", 0)
    monkeypatch.setattr(areas_module, "FEW_ROWS", 0)
    dense, b = by_state(4)
    rng = np.random.default_rng(5)
    start, y = rng.uniform(1.0, 3.0, dense.shape[1]), dense @ rng.uniform(1.0, 3.0, dense.shape[1])
    made = []
    monkeypatch.setattr(dual.ByAreas, "of", lambda *given, of=ByAreas.of: made.append(of(*given)) or made[-1])
    plain = Raking(SparseMap(b.by_rows, b.by_columns), y, start).weights(1e-4)
    assert not made
    np.testing.assert_allclose(Raking(b, y, start).weights(1e-4), plain, rtol=1e-6)
    assert made
    assert None not in made
