"""Non-negative least squares in rounds against SciPy in one call, and against the conditions of an optimum."""

import numpy as np
import pytest
from scipy import sparse as sp
from scipy.optimize import nnls

from l0engine.calibration.support.solvers import nonnegative as room
from l0engine.calibration.support.solvers.nonnegative import nonnegative
from l0engine.heeding import Abandoned, heeding


def system(seed: int, rows: int = 30, columns: int = 400, share: float = 0.3, off: float = 0.5) -> tuple[sp.csc_array, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.random((rows, columns)) * (rng.random((rows, columns)) < share)
    b = a @ rng.gamma(2, 1, columns) * rng.uniform(1 - off, 1 + off, rows) + 1e-3
    return sp.csc_array(a / b[:, None]), np.ones(rows)


@pytest.fixture
def rounds(monkeypatch):
    monkeypatch.setattr(room, "AT_ONCE", 0)


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(30, 400), (60, 90), (20, 20), (40, 15)])
@pytest.mark.parametrize("longest", [30, 50, 10**9], ids=["one by one", "after some rounds", "rounds"])
def test_rounds_and_columns_one_by_one_end_in_the_optimum(seed, shape, longest, monkeypatch):
    solved = room._solved
    monkeypatch.setattr(room, "_solved", lambda part, b: solved(part, b) if part.shape[1] <= longest else None)
    a, b = system(seed, *shape, share=(0.1, 0.3, 1.0)[seed % 3])
    if seed == 7:  # columns that stand twice, one of nothing, and targets of nothing
        a, b = sp.csc_array(sp.hstack([a, a, sp.csc_array((shape[0], 1))])), b * (np.arange(shape[0]) % 3 > 0)
    weights, missing = nonnegative(a, b, patient=True)
    assert (weights >= 0).all()
    assert missing == pytest.approx(np.linalg.norm(a @ weights - b), abs=1e-12)
    assert missing == pytest.approx(nnls(a.toarray(), b)[1], rel=1e-7, abs=1e-9)
    assert np.count_nonzero(weights) <= a.shape[0]
    pull = a.T @ (b - a @ weights)
    assert pull.max() <= 1e-6  # no household would lower the loss
    np.testing.assert_allclose(pull[weights > 0], 0, atol=1e-9)


@pytest.mark.usefixtures("rounds")
def test_weights_are_zero_where_nothing_pulls():
    a, b = system(0)
    for patient in (False, True):
        weights, missing = nonnegative(a, -b, patient=patient)
        assert not weights.any()
    assert missing == pytest.approx(np.sqrt(len(b)))
    weights, _ = nonnegative(sp.csc_array((3, 4)), np.ones(3))
    assert not weights.any()


@pytest.mark.usefixtures("rounds")
def test_a_round_too_long_ends_it_unless_it_is_patient(monkeypatch):
    monkeypatch.setattr(room, "WORK", 1)
    assert nonnegative(*system(1)) is None
    assert nonnegative(*system(1), patient=True) is not None


@pytest.mark.usefixtures("rounds")
def test_a_request_is_heard_between_rounds():
    asked = iter([False, True])
    with heeding(lambda: next(asked)), pytest.raises(Abandoned):
        nonnegative(*system(2))


def test_a_request_is_heard_between_columns(monkeypatch):
    monkeypatch.setattr(room, "_solved", lambda part, b: None)
    asked = iter([False] * 5 + [True])
    with heeding(lambda: next(asked)), pytest.raises(Abandoned):
        nonnegative(*system(2), patient=True)
