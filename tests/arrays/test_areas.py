import numpy as np
import pytest
import torch
from scipy import sparse as sp

from l0engine.arrays import areas as module
from l0engine.arrays import by_rows
from l0engine.arrays import linear_map as lm
from l0engine.arrays.areas import Areas


@pytest.fixture(autouse=True)
def _few_rows_have_areas_too(monkeypatch):
    monkeypatch.setattr(module, "FEW_ROWS", 0)


def by_region(seed, regions=6, local=7, national=5, n=600):
    """Totals by region in any order, some rare ones among them; rows and columns that are empty; the region of each row, -1 for all."""
    rng = np.random.default_rng(seed)
    home = rng.integers(0, regions, n)
    region = rng.permutation(np.append(np.repeat(np.arange(regions), local), np.full(national, -1)))
    dense = rng.uniform(0.5, 2.0, (len(region), n)) * (rng.random((len(region), n)) < rng.choice([0.03, 0.3, 0.9], len(region))[:, None])
    dense[region >= 0] *= region[region >= 0][:, None] == home
    first = [np.flatnonzero(region == r)[0] for r in range(regions)]
    dense[first] = np.arange(regions)[:, None] == home  # the population
    dense[:, rng.integers(0, n, 3)] = 0.0
    return dense, region


def areas_of(dense):
    return Areas.of(sp.csr_array(dense), sp.csc_array(dense))


def never_meet(dense, areas):
    for column in dense.T:
        met = areas.area[column != 0]
        assert len(set(met[met >= 0])) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_regions_are_found_whatever_the_order(seed):
    dense, region = by_region(seed)
    areas = areas_of(dense)
    never_meet(dense, areas)
    many = (dense != 0).sum(axis=1) > 30
    assert (areas.area[many & (region < 0)] == -1).all()
    for r in range(6):
        assert len(set(areas.area[many & (region == r)]) - {-1}) == 1


@pytest.mark.parametrize("seed", range(4))
def test_no_household_is_in_two_areas_where_a_sample_shows_too_little(monkeypatch, seed):
    monkeypatch.setattr(module, "SAMPLE", 90)
    monkeypatch.setattr(module, "WORTH", np.inf)
    dense, _ = by_region(seed)
    never_meet(dense, areas_of(dense))


@pytest.mark.parametrize("seed", range(5))
def test_no_household_is_in_two_areas_where_nothing_was_planted(monkeypatch, seed):
    monkeypatch.setattr(module, "WORTH", np.inf)
    rng = np.random.default_rng(seed)
    dense = rng.random((40, 300)) * (rng.random((40, 300)) < rng.uniform(0.002, 0.2, 40)[:, None])
    areas = areas_of(dense)
    if areas is not None:
        never_meet(dense, areas)


def test_no_areas_where_all_rows_meet_or_rows_are_few(monkeypatch):
    rng = np.random.default_rng(0)
    assert areas_of(rng.random((30, 200))) is None
    assert areas_of(np.zeros((30, 200))) is None
    monkeypatch.setattr(module, "FEW_ROWS", 1000)
    assert areas_of(by_region(0)[0]) is None


def test_the_work_is_that_of_the_blocks_and_the_border():
    areas = Areas(np.array([0, 1, -1, 1, -1, 0, 1]))
    assert areas.work == pytest.approx((8 + 27) / 3 + (4 + 9) * 2 + (2 + 3) * 4 / 2 + 8 / 3)
    assert areas.local.tolist() == [0, 5, 1, 3, 6]
    assert areas.slots.tolist() == [0, 1, 3, 4, 5]
    assert areas.border.tolist() == [2, 4]


@pytest.mark.parametrize("kind", [by_rows.TorchRows, by_rows.ScipyRows])
@pytest.mark.parametrize("national", [5, 0])
def test_inner_products_by_area_are_those_of_dense_algebra(monkeypatch, kind, national):
    if kind is by_rows.TorchRows and not by_rows.has_mkl():
        pytest.skip("this torch multiplies no CSR tensors")
    monkeypatch.setattr(lm, "kinds", lambda _: (kind, kind))
    dense, _ = by_region(3, national=national)
    areas = areas_of(dense)
    whole = lm.linear_map(sp.csc_array(dense), torch.device("cpu"), torch.float64)
    chosen = np.arange(0, 600, 2)
    map_ = lm.SparseMap(whole.by_rows, whole.by_columns, areas).columns(torch.from_numpy(chosen)).scaled(torch.full((len(dense),), 2.0))
    local, border = (t.numpy() for t in map_.outer_by_areas())
    products = 4 * dense[:, chosen] @ dense[:, chosen].T
    last = areas.border.numpy()
    np.testing.assert_allclose(border, products[np.ix_(last, last)], rtol=1e-12)
    for number, block in enumerate(local):
        rows = np.flatnonzero(areas.area == number)
        n, largest = len(rows), areas.sizes.max()
        np.testing.assert_allclose(block[:n, :n], products[np.ix_(rows, rows)], rtol=1e-12)
        np.testing.assert_allclose(block[:n, largest:], products[np.ix_(rows, last)], rtol=1e-12)
        assert not block[n:].any()
        assert not block[:, n:largest].any()


def test_rows_that_nearly_all_meet_are_not_listed(monkeypatch):
    """50 households and 20,000 totals took 3.5 GB and a quarter of a minute to find that there is no area."""
    listed = []
    monkeypatch.setattr(module, "_seeds", lambda columns: listed.append(columns) or np.array([], int))
    matrix = sp.random_array((20_000, 50), density=0.33, rng=np.random.default_rng(0), format="csr")
    assert Areas.of(matrix, matrix.tocsc()) is None and not listed
    Areas.of(matrix[:2000], matrix[:2000].tocsc())
    assert len(listed) == 1
