"""Answers for a number of households: proven values, losses that do not rise with more, and who beats whom."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import oracles
import pytest
import reported
from further import further
from relaxation_oracles import Case, best_of_all
from scipy.optimize import nnls

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.path import frontier
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.results import Certificate
from l0engine.calibration.support import choosing as module
from l0engine.calibration.support import relaxing
from l0engine.calibration.support.choosing import Chooser
from l0engine.calibration.support.raking import Softness
from l0engine.calibration.support.relaxing import EVENNESS, HARD, is_small, relaxes
from l0engine.calibration.training.iteration import fit
from l0engine.heeding import Abandoned, heeding
from l0engine.selection.cube import flight

PROBLEM = oracles.random_problem(1, targets=10, households=150)
CONFIG = Config(lambda_l0=1e-3, epochs=100)
KINDS = {
    "plain": {},
    "capped": {"max_ratio": 20.0},
    "exact sum": {"total": "exact"},
    "chi-square": {"anchor": "chi-square"},
    "mse": {"loss": "mse", "lambda_l0": None},
}


def system_by_hand(problem, config):
    """Targets of 1, or as they are for 'mse', with a row for the sum where it must hold; dense."""
    A, b = problem.matrix.toarray(), problem.values
    scale = np.ones(len(b)) if config.loss == "mse" else np.maximum(b, (A * problem.base_weights).max(axis=1))
    A, b, hardness = A / scale[:, None], b / scale, np.ones(len(b))
    if config.total == "exact":
        A, b = np.vstack([A, np.full(A.shape[1], 1 / problem.base_weights.sum())]), np.append(b, 1.0)
        hardness = np.append(hardness, HARD)  # what certificates say of a sum that holds
    return A, b, hardness


@pytest.fixture(scope="module", params=["capped", "exact sum", *further("plain", "chi-square", "mse")])
def answered(request):
    config = replace(CONFIG, **KINDS[request.param])
    found = {}
    for p in frontier(PROBLEM, fit(PROBLEM, config), [60, 12, 9, 3]):
        found[p.budget] = p  # one that was made anew replaces the first
    return config, [found[k] for k in sorted(found)]


def test_no_answer_is_below_its_proven_bound(answered):
    config, points = answered
    A, b, hardness = system_by_hand(PROBLEM, config)
    certified = [p for p in points if p.certificate is not None]
    assert len(certified) >= 3
    for p in certified:
        c, w = p.certificate, p.full(150)
        assert c.k == p.budget
        value = (((A @ w - b) ** 2) / hardness).sum() / 2 + c.price / 2 * (w @ w)
        assert c.value == pytest.approx(value, rel=1e-6)
        assert 0 <= c.bound <= c.value
        assert c.price == pytest.approx(EVENNESS * (b @ b) * p.budget / PROBLEM.base_weights.sum() ** 2, rel=1e-9)
        assert c.gap == pytest.approx(c.value / c.bound - 1 if c.bound > 0 else np.inf)


def test_more_households_never_have_a_larger_loss(answered):
    config, points = answered
    A, b, _ = system_by_hand(PROBLEM, config)
    losses = [float(((A @ p.full(150) - b) ** 2).sum()) for p in points]
    met = module.MET**2 * (b @ b)  # a loss as good as none
    for fewer, more in pairwise(losses):
        assert more <= max(fewer * (1 + module.SAME) * (1 + 1e-9), met), losses


def test_a_larger_size_stays_even_where_a_smaller_one_has_hardly_less_loss(monkeypatch):
    """Of the US problem: 12,000 households lost half their effective sample size for a loss smaller by a ten-thousandth."""
    result, made = fit(PROBLEM, CONFIG), []
    monkeypatch.setattr(Chooser, "as_good", lambda self, larger, smaller: made.append(smaller) or smaller)
    plain = Chooser.at

    def losing(part):
        return lambda self, k: replace(plain(self, k), loss=1.0 - part * (k == 30))

    for part, anew in ((module.SAME / 2, 0), (2 * module.SAME, 1)):
        monkeypatch.setattr(Chooser, "at", losing(part))
        list(frontier(PROBLEM, result, [60, 30]))
        assert len(made) == anew


def test_answers_keep_their_caps_and_their_sum(answered):
    config, points = answered
    for p in points:
        assert p.measures.kept == p.budget == len(p.households)
        if config.max_ratio is not None:
            assert (p.weights <= 20.0 * PROBLEM.base_weights[p.households] * (1 + 1e-12)).all()
        if config.total == "exact":
            assert p.weights.sum() == pytest.approx(PROBLEM.base_weights.sum(), rel=1e-6)


def test_certificates_hold_against_all_supports():
    """On tiny problems, where the optimum is known."""
    gaps = []
    for seed in range(3):
        problem = oracles.planted_problem(seed, targets=(4, 6), households=(8, 10), truth=(2, 4), noise=0.15)
        config = Config(lambda_l2=0.0, epochs=30)
        A, b, hardness = system_by_hand(problem, config)
        for p in frontier(problem, fit(problem, config), [4, 3, 2]):
            if (c := p.certificate) is not None:
                best = best_of_all(Case(A, b, hardness, np.full(A.shape[1], np.inf), c.price), p.budget)
                assert c.bound <= best * (1 + 1e-9) and best <= c.value * (1 + 1e-9)
                gaps.append(c.value / best - 1)
    assert len(gaps) >= 8
    assert np.median(gaps) < 0.1, gaps


def test_a_certificate_says_how_near():
    assert Certificate(3, 1.0, 1.5, 1.0).gap == pytest.approx(0.5)
    assert Certificate(3, 1.0, 1.5, 1.0).useful and not Certificate(3, 1.0, 2.5, 1.0).useful
    assert Certificate(3, 1.0, 1.5, 0.0).gap == np.inf


def answer(loss, error, ess):
    """An answer with so much loss and evenness; all that `better` looks at."""

    class Answer:
        pass

    out = Answer()
    out.loss, out.found = loss, Softness(1.0, np.ones(1), np.full(5, error), ess)
    return out


def test_the_smaller_loss_wins_and_between_equals_evenness():
    system = ScaledSystem.build(PROBLEM, CONFIG)
    unit = system.nothing
    small, large = answer(0.1 * unit, 0.1, 10.0), answer(0.2 * unit, 0.1, 100.0)
    assert module.better(small, large, system) and not module.better(large, small, system)
    met, even = answer(1e-9 * unit, 1e-6, 10.0), answer(1e-8 * unit, 1e-6, 100.0)  # nobody sees either error
    assert module.better(even, met, system) and not module.better(met, even, system)


def test_small_problems_get_as_near_as_non_negative_least_squares():
    A, b, _ = system_by_hand(PROBLEM, CONFIG)
    exact = nnls(A, b)[1] ** 2
    chooser = Chooser(PROBLEM, ScaledSystem.build(PROBLEM, CONFIG), CONFIG, np.zeros(150))
    found = chooser.at(10)  # a vertex of the solutions has no more than there are targets
    assert found.loss <= exact + module.MET**2 * (b @ b)
    assert found.measures.kept == 10


def test_who_relaxes_and_what_is_small(monkeypatch):
    system = ScaledSystem.build(PROBLEM, CONFIG)
    assert relaxes(system, CONFIG) and is_small(system)
    assert not relaxes(system, replace(CONFIG, relax=False))
    capped = replace(CONFIG, loss="capped", estimator="sampled")
    assert not relaxes(ScaledSystem.build(PROBLEM, capped), capped)
    monkeypatch.setattr(relaxing, "RELAXED_ENTRIES", 100)
    monkeypatch.setattr(relaxing, "FEW_ENTRIES", 100)
    assert not relaxes(system, CONFIG) and not is_small(system)


@pytest.mark.parametrize("gated", ["none", *further("few")])
def test_there_is_an_answer_whatever_the_gates_kept(gated):
    weights = np.zeros(150)
    if gated == "few":
        weights[:3] = PROBLEM.base_weights[:3]
    for relax in (True, False):
        config = replace(CONFIG, relax=relax)
        chooser = Chooser(PROBLEM, ScaledSystem.build(PROBLEM, config), config, weights)
        assert [chooser.at(k).measures.kept for k in (150, 50, 1)] == [150, 50, 1]


def test_a_stop_is_heeded_while_shares_are_drawn(monkeypatch):
    problem, drawing = reported.heavy_tails(2, 40_000), []

    def watched(*args, **more):
        drawing.append(True)
        left = flight(*args, **more)
        drawing.clear()  # what follows would heed it as well
        return left

    monkeypatch.setattr(relaxing, "flight", watched)
    chooser = Chooser(problem, ScaledSystem.build(problem, Config()), Config(), problem.base_weights.copy())
    with heeding(lambda: bool(drawing)), pytest.raises(Abandoned):
        chooser.at(200)
