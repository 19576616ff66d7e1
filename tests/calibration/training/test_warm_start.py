"""A fit that goes out from a previous answer: its price of change, where it starts, and that nothing changes without one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from further import further
from scipy.optimize import nnls
from scipy.special import expit

from l0engine.calibration import Config, fit, iterate
from l0engine.calibration.frontier.path import frontier
from l0engine.calibration.problem.previous import Previous, placed
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import CPU, ScaledSystem
from l0engine.calibration.training.objective import Objective
from l0engine.draining import drain
from l0engine.hard_concrete import HardConcreteDistribution

OLD = [0, 3, 5, 8]


def problem(seed: int = 0, n: int = 12, targets: int = 3) -> Problem:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 4, (targets, n)) + 1.0
    return Problem.create(matrix, matrix @ rng.uniform(5, 20, n), base_weights=np.full(n, 10.0), household_ids=[f"h{i}" for i in range(n)])


def old(p: Problem, kept: list[int] = OLD, weight: float = 30.0) -> Previous:
    weights = np.zeros(p.n_households)
    weights[kept] = weight
    return Previous.of(p, weights)


def terms(p: Problem, config: Config, previous: Previous, parameters: torch.Tensor, alive: np.ndarray) -> tuple[float, np.ndarray]:
    system = ScaledSystem.build(p, config, CPU, placed(p, config, previous))
    objective, out = Objective(system, config, alive, CPU), torch.zeros_like(parameters)
    forward = objective.gradient(parameters, HardConcreteDistribution(config.temperature), 0, out)
    return float(objective.terms(forward)[1]), out.numpy().copy()


@pytest.mark.parametrize("alive", [np.arange(12), np.array([0, 1, 3, 7, 11])])
def test_the_penalty_is_the_expected_number_of_changes(alive: np.ndarray) -> None:
    """By drawing gates from uniform noise, with the paper's formula, and by differences of the penalty for its gradient."""
    p, config, rng = problem(), Config(price_l0=0.0, price_change=0.7, price_l2=0.0), np.random.default_rng(1)
    log_alpha = rng.normal(0, 1.5, 12)
    parameters = torch.tensor(np.stack([np.zeros(12), log_alpha])[:, alive], dtype=torch.float32)
    priced, gradient = terms(p, config, old(p), parameters, alive)
    _, free = terms(p, replace(config, price_change=0.0, price_l0=1e-30), old(p), parameters, alive)

    beta, gamma, zeta = config.temperature, -0.1, 1.1
    u = rng.uniform(size=(400_000, 12))
    opened = expit((np.log(u / (1 - u)) + log_alpha) / beta) * (zeta - gamma) + gamma > 0
    opened[:, np.setdiff1d(np.arange(12), alive)] = False  # who is dropped has left
    was = np.isin(np.arange(12), OLD)
    changes = (opened != was).sum(axis=1)
    nothing = ScaledSystem.build(p, config).nothing
    each = 0.7 * nothing / max(12, 100 * 3)
    assert priced == pytest.approx(each * changes.mean(), abs=5 * each * changes.std() / 400_000**0.5)

    def count(x: np.ndarray) -> float:
        chance = expit(x - beta * np.log(-gamma / zeta))
        return float(np.where(was, 1 - chance, chance)[alive].sum())

    step = 1e-5
    slopes = [(count(log_alpha + step * np.eye(12)[i]) - count(log_alpha - step * np.eye(12)[i])) / (2 * step) for i in alive]
    np.testing.assert_allclose((gradient - free)[1], each * np.array(slopes), rtol=2e-3, atol=1e-6 * each)
    np.testing.assert_allclose(gradient[0], free[0], rtol=1e-6)


def best(p: Problem, config: Config, k: int, change: float) -> set[int]:
    """The best k households by trying all sets: the least squared relative error, and a price for each that enters or leaves."""
    system = ScaledSystem.build(p, config)
    a = p.matrix.toarray() / system.scales[:, None]
    each = change * system.nothing / max(p.n_households, 100 * p.n_targets)

    def cost(kept: tuple[int, ...]) -> float:
        return nnls(a[:, list(kept)], system.target)[1] ** 2 + each * len(set(kept) ^ set(OLD))

    return set(min(itertools.combinations(range(p.n_households), k), key=cost))


@pytest.mark.parametrize(("seed", "budgets"), [(0, (4,)), *further((0, (3, 6)), (1, (3, 4, 6)), (2, (3, 4, 6)))])
def test_with_a_large_price_the_old_set_stays_and_with_none_it_is_free(seed: int, budgets: tuple[int, ...]) -> None:
    p = problem(seed, targets=6)
    for budget in budgets:  # a frontier has the others, below
        config = Config(budget=budget, price_change=50.0, epochs=60)
        kept = set(np.flatnonzero(fit(p, config, old(p)).weights).tolist())
        assert kept <= set(OLD) if budget <= 4 else kept >= set(OLD)
        if budget == 4:
            assert kept == set(OLD) == best(p, config, 4, 50.0)
    priced = fit(p, Config(price_change=50.0, epochs=60), old(p))
    assert set(np.flatnonzero(priced.weights)) == set(OLD)
    assert priced.overlap is not None
    assert (priced.overlap.stayed, priced.overlap.entered, priced.overlap.left) == (4, 0, 0)
    free = set(np.flatnonzero(fit(p, Config(budget=4, epochs=60), old(p)).weights).tolist())
    assert free == set(np.flatnonzero(fit(p, Config(budget=4, epochs=60)).weights).tolist()) == best(p, Config(), 4, 0.0)


def test_without_a_previous_answer_nothing_changes() -> None:
    p, config = problem(3, n=40, targets=5), Config(epochs=60)
    one, other = fit(p, config), fit(p, config, None)
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.overlap is None


def test_a_warm_start_begins_at_the_old_totals() -> None:
    """The first snapshot of a fit of the same problem is nearly as good as the answer it goes out from."""
    p = problem(4, n=60, targets=5)
    first = fit(p, Config(price_l0=0.01))
    again = next(iterate(p, Config(price_l0=0.01, jitter=0.0), previous=Previous.of(p, first.weights)))
    cold = next(iterate(p, Config(price_l0=0.01, jitter=0.0)))
    assert again.data_loss < 0.5 * cold.data_loss


@pytest.mark.parametrize("estimator", ["expected", "sampled"])
def test_a_resumed_run_takes_the_same_steps(estimator: str) -> None:
    p = problem(5, n=80, targets=6)
    config, previous = Config(price_change=0.02, price_l0=0.02, epochs=90, estimator=estimator), old(p, list(range(0, 80, 3)), 25.0)
    states: list = []
    whole = drain(iterate(p, config, previous=previous, save=lambda copy: states.append(copy())))
    middle = next(s for s in states if int(s.step) >= 40)
    resumed = drain(iterate(p, config, previous=Previous.from_arrays(previous.to_arrays()), resume=middle))
    assert whole.weights.tobytes() == resumed.weights.tobytes()
    assert whole.gated_weights.tobytes() == resumed.gated_weights.tobytes()


def test_a_frontier_keeps_to_the_old_set_where_change_has_a_price() -> None:
    p = problem(6, targets=6)
    config = Config(price_change=50.0, epochs=60)
    points = list(frontier(p, fit(p, config, old(p)), [6, 4, 3], previous=old(p)))
    assert [len(set(pt.households) ^ set(OLD)) for pt in points] == [2, 0, 1]


def test_what_did_not_match_is_in_the_message() -> None:
    p = problem()
    previous = Previous.create(["h0", "h3", "gone"], [20.0, 20.0, 5.0], "weights.csv")
    found = fit(p, Config(epochs=30), previous)
    assert "Of 3 households of weights.csv 2 are in this problem; 1 are not" in found.message
    assert found.overlap is not None
    assert found.overlap.gone == 1
