"""Problems on which people found the engine wrong, and their kind at other seeds and sizes."""

from __future__ import annotations

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem


def one_hot(category: np.ndarray, k: int | None = None) -> sp.csr_array:
    """A row for each category, 1 for the households in it."""
    n = len(category)
    return sp.csr_array((np.ones(n), (category, np.arange(n))), shape=(k or int(category.max()) + 1, n))


def rows(*parts: sp.csr_array | np.ndarray) -> sp.csr_array:
    return sp.csr_array(sp.vstack([sp.csr_array(np.atleast_2d(p)) if isinstance(p, np.ndarray) else p for p in parts]))


def one_important(importance: float) -> Problem:
    """A total that counts far more than the other two; all three can be met."""
    m = np.array([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0]])
    return Problem.create(m, [100, 70, 40], base_weights=np.full(4, 25.0), target_weights=[importance, 1, 1])


def zero_margin(seed: int, n: int) -> Problem:
    """Ten regions, and net flows of 1 and -1 that cancel."""
    rng = np.random.default_rng(seed)
    m, base = rows(one_hot(rng.integers(0, 10, n), 10), rng.choice([-1.0, 1.0], n)), rng.uniform(50, 150, n)
    values = m @ (base * rng.uniform(0.6, 1.4, n))
    values[-1] = 0.0
    return Problem.create(m, values, base_weights=base)


def gross_and_net(seed: int, n: int) -> Problem:
    """Five regions, gross flows, and net flows a thousandth of them."""
    rng = np.random.default_rng(seed)
    flow, base = rng.normal(0, 1, n) * rng.lognormal(9, 1, n), rng.uniform(50, 150, n)
    m = rows(one_hot(rng.integers(0, 5, n), 5), np.abs(flow), flow)
    values = m @ (base * rng.uniform(0.8, 1.2, n))
    values[-1] = 1e-3 * values[-2]
    return Problem.create(m, values, base_weights=base)


def thin(seed: int, n: int, carriers: int = 3) -> Problem:
    """Six regions, and a total that a few households carry."""
    rng = np.random.default_rng(seed)
    few = np.zeros(n)
    region = rng.integers(0, 6, n)
    few[rng.choice(n, carriers, replace=False)] = 1.0
    m, base = rows(one_hot(region, 6), few), rng.uniform(50, 150, n)
    return Problem.create(m, m @ (base * rng.uniform(0.6, 1.4, n)), base_weights=base)


def alike(n: int, total: float, base: float) -> Problem:
    """One total, households that are all the same."""
    return Problem.create(np.ones((1, n)), [total], base_weights=np.full(n, base))


def equal_categories(seed: int, sizes: tuple[int, ...], n: int, growth: float = 1.1, spread: float = 0.0) -> Problem:
    """Categories of a few variables, equal base weights, and totals of these times `growth`, uneven by `spread`."""
    rng = np.random.default_rng(seed)
    m = rows(*(one_hot(rng.integers(0, k, n), k) for k in sizes))
    return Problem.create(m, m @ (10 * growth * rng.uniform(1 - spread, 1 + spread, n)), base_weights=np.full(n, 10.0))


def income(seed: int, n: int) -> Problem:
    """Four categories, and an income of heavy tail."""
    rng = np.random.default_rng(seed)
    m = rows(one_hot(rng.integers(0, 4, n), 4), rng.lognormal(10, 1, n))
    base = rng.uniform(50, 200, n)
    return Problem.create(m, m @ (base * rng.uniform(0.5, 1.5, n)), base_weights=base)


def net_income(seed: int, n: int) -> Problem:
    """Two variables of categories, and an income that may be negative."""
    rng = np.random.default_rng(seed)
    m = rows(one_hot(rng.integers(0, 5, n), 5), one_hot(rng.integers(0, 4, n), 4), rng.normal(0, 1, n) * rng.lognormal(9, 1, n))
    base = rng.uniform(50, 200, n)
    return Problem.create(m, m @ (base * rng.uniform(0.9, 1.1, n)), base_weights=base)


def dense_columns(seed: int, q: int = 400, n: int = 4000) -> Problem:
    """Totals in which every household has a part, much alike."""
    rng = np.random.default_rng(seed)
    m = rng.lognormal(1.5, 0.25, (q, n))
    return Problem.create(m, m @ rng.lognormal(2, 1, n), base_weights=np.ones(n))


def respondents(seed: int, population: float, n: int = 10_000) -> Problem:
    """Respondents of weight 1, and 16 shares of a population, in its own unit."""
    rng = np.random.default_rng(seed)
    m = rows(*(one_hot(rng.choice(4, n, p=p), 4) for p in rng.dirichlet(np.full(4, 5.0), 4)))
    weights = rng.lognormal(0, 0.3, n)
    return Problem.create(m, m @ (weights * (population / weights.sum())), base_weights=np.ones(n))


def in_units(problem: Problem, targets: float, weights: float) -> Problem:
    """The same problem with its totals and base weights in other units."""
    return Problem.create(
        problem.matrix, problem.values * targets, base_weights=problem.base_weights * weights, target_weights=problem.target_weights
    )


def heavy_tails(seed: int, n: int, q: int = 21) -> Problem:
    """Counts and amounts of heavy tail, a third of the households in each, in classes that lie within each other."""
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(9, 1.5, n)
    classes = [amount * (amount > np.quantile(amount, s)) for s in np.linspace(0, 0.999, q // 3)]
    counts = [(amount > np.quantile(amount, s)).astype(float) for s in np.linspace(0, 0.999, q // 3)]
    others = [rng.pareto(1.3, n) * (rng.random(n) < 0.3) for _ in range(q - 2 * (q // 3))]
    m, base = rows(*(np.array(r) for r in (*classes, *counts, *others))), rng.lognormal(5, 0.7, n)
    return Problem.create(m, m @ (base * rng.lognormal(0, 0.5, n)), base_weights=base)
