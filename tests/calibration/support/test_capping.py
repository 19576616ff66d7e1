"""Few households under caps: against bounded least squares, all supports, random ones, and the way from gates."""

import itertools

import numpy as np
import oracles
import pytest
from further import further
from scipy.optimize import lsq_linear
from solving import double

from l0engine.calibration.config import Config
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support import relaxing
from l0engine.calibration.support.capping import Capping
from l0engine.calibration.support.choosing import Chooser
from l0engine.calibration.support.relaxation import Relaxation
from l0engine.calibration.support.relaxing import caps, relaxes
from l0engine.calibration.training.iteration import fit


def case(seed, targets=4, households=11, cap=2.5):
    """Targets of 1 that weights near the base weights meet; matrix, base weights and caps."""
    rng = np.random.default_rng(seed)
    A = rng.random((targets, households)) * (rng.random((targets, households)) < 0.6)
    A[:, 0] += 0.1
    base = rng.uniform(0.5, 2.0, households)
    return A / (A @ (base * rng.uniform(0.5, 1.5, households)))[:, None], base, cap * base


def missed(A, upper, kept):
    """The least squared error with some households, and their weights."""
    found = lsq_linear(A[:, kept], np.ones(len(A)), (0, upper[kept]), tol=1e-12)
    return 2 * found.cost, found.x


@pytest.mark.parametrize("seed", [0, *further(*range(1, 20))])
def test_tiny_problems_against_all_supports_and_random_ones(seed):
    (A, base, upper), k = case(seed, households=9), 3
    b, price = np.ones(4), 1e-4 * 2 * k / base.sum() ** 2
    support, theta = Capping(double(A), b, b, base, upper, base).down_to(k, price)
    assert len(support.kept) == k and (np.diff(support.kept) > 0).all()
    assert (support.start > 0).all() and (support.start <= upper[support.kept]).all()
    best = min(missed(A, upper, list(s))[0] for s in itertools.combinations(range(9), k))
    rng = np.random.default_rng(seed)
    random = np.median([missed(A, upper, rng.choice(9, k, replace=False))[0] for _ in range(50)])
    least, _ = missed(A, upper, support.kept)
    assert best <= least + 1e-12 < random
    reached = ((A[:, support.kept] @ support.start - 1) ** 2).sum()
    assert least - 1e-12 <= reached <= least + 0.05 * random
    assert Relaxation(double(A), b, b, upper).bound(theta, k, price).value <= best / 2 + price / 2 * (upper**2).sum()


def test_sizes_come_one_after_the_other():
    A, base, upper = case(3, targets=10, households=200)
    b = np.ones(10)
    capping, losses = Capping(double(A), b, b, base, upper, base), []
    for k in (150, 90, 70, 50):
        support, _ = capping.down_to(k, 1e-4 * 5 * k / base.sum() ** 2)
        assert len(support.kept) == k and (support.start <= upper[support.kept]).all()
        losses.append(missed(A, upper, support.kept)[0])
    assert max(losses[:3]) < 1e-12 and losses[3] > 1e-3  # 50 households at 2.5 times their weight are too few: the caps decide


def test_where_every_household_stands_at_its_cap_the_heaviest_are_kept():
    base = np.random.default_rng(0).uniform(0.5, 2.0, 40)
    A, b, k = np.full((1, 40), 1 / base.sum()), np.ones(1), 10
    support, _ = Capping(double(A), b, b, base, 2 * base, base).down_to(k, 1e-6)
    heaviest = np.sort(base)[::-1][:k].sum()
    assert 2 * heaviest < base.sum()  # the total cannot be met
    assert support.start.sum() == pytest.approx(2 * base[support.kept].sum())
    assert base[support.kept].sum() >= 0.95 * heaviest


@pytest.mark.parametrize("how", [{"max_ratio": 4.0}, *further({"max_weight": 60.0})], ids=["ratio", "weight"])
def test_it_is_no_worse_than_the_way_from_gates(how, monkeypatch):
    monkeypatch.setattr(relaxing, "FEW_ENTRIES", 100)  # else the problem is small, and every candidate is tried
    problem, config = oracles.random_problem(5, targets=25, households=900), Config(epochs=100, refit=False, **how)
    system = ScaledSystem.build(problem, config)
    assert caps(system, config) and relaxes(system, config)
    gated = fit(problem, config).gated_weights
    with_it = [Chooser(problem, system, config, gated).at(k) for k in (360, 240)]
    monkeypatch.setattr(relaxing, "caps", lambda *of: False)
    without = [Chooser(problem, system, config, gated).at(k) for k in (360, 240)]
    for one, other in zip(with_it, without, strict=True):
        upper = np.minimum(how.get("max_ratio", np.inf) * problem.base_weights, how.get("max_weight", np.inf))
        assert one.measures.kept == other.measures.kept and (one.weights <= upper * (1 + 1e-9)).all()
        assert one.loss <= other.loss + 1e-6 * system.nothing
        assert one.certificate is not None and 0 <= one.certificate.bound <= one.certificate.value
        assert other.certificate is None


def test_without_a_largest_weight_there_are_no_caps(monkeypatch):
    monkeypatch.setattr(relaxing, "FEW_ENTRIES", 100)
    problem = oracles.random_problem(1)
    for config, capped, relaxed in [
        (Config(), False, True),
        (Config(min_weight=1.0), False, False),
        (Config(min_weight=1.0, max_ratio=9.0), True, True),
        (Config(max_weight=9.0, relax=False), True, False),
    ]:
        system = ScaledSystem.build(problem, config)
        assert (caps(system, config), relaxes(system, config)) == (capped, relaxed)
