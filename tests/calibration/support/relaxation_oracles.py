"""Exact answers for a number of households: every support tried, or outer approximation by HiGHS. Nothing of the library is used."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, lsq_linear, milp, nnls


class Case(NamedTuple):
    """``1/2 sum_i (A w - b)_i^2 / hardness_i + price/2 ||w||^2`` with 0 <= w <= upper."""

    A: np.ndarray
    b: np.ndarray
    hardness: np.ndarray
    upper: np.ndarray
    price: float

    def value(self, w: np.ndarray) -> float:
        return float((((self.A @ w - self.b) ** 2) / self.hardness).sum() + self.price * (w @ w)) / 2

    def augmented(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least squares problem in ``v = w / sqrt(share)``."""
        row = 1 / np.sqrt(self.hardness)
        part = row[:, None] * self.A * np.sqrt(share)
        return np.vstack([part, np.sqrt(self.price) * np.eye(part.shape[1])]), np.append(row * self.b, np.zeros(part.shape[1]))


def random_case(seed: int, n: int) -> Case:
    """Every second with caps, every third with a row of the sum that must hold; prices from small to decisive."""
    rng = np.random.default_rng(seed)
    q = int(rng.integers(2, 7))
    A = rng.lognormal(0, 0.8, (q, n)) * (rng.random((q, n)) < 0.7)
    truth = rng.lognormal(0, 0.6, n) * (rng.random(n) < 0.4)
    b = (A @ truth + 0.1) * rng.uniform(0.8, 1.25, q)
    A, b, hardness = A / b[:, None], np.ones(q), np.ones(q)
    if seed % 3 == 0:
        A, b, hardness = np.vstack([A, np.ones(n) / (truth.sum() + 0.5)]), np.append(b, 1.0), np.append(hardness, 1e-6)
    upper = rng.uniform(0.5, 2.0, n) if seed % 2 else np.full(n, np.inf)
    return Case(A, b, hardness, upper, 10 ** rng.uniform(-4, -0.5))


def solved(case: Case, share: np.ndarray) -> tuple[float, np.ndarray]:
    """Least value for fixed shares z, of ``... + price/2 sum w^2 / z`` with w <= upper z, and the w."""
    on = np.flatnonzero(share > 0)
    w = np.zeros(len(share))
    if len(on):
        part = Case(case.A[:, on], case.b, case.hardness, case.upper[on], case.price)
        rows, target = part.augmented(share[on])
        v, norm = nnls(rows, target)
        top = part.upper * np.sqrt(share[on])
        if (v > top).any():
            found = lsq_linear(rows, target, (np.zeros(len(on)), top), method="bvls", tol=1e-13)
            v, norm = found.x, np.sqrt(2 * found.cost)
        w[on] = v * np.sqrt(share[on])
        return norm**2 / 2, w
    return float((case.b**2 / case.hardness).sum()) / 2, w


def best_of_all(case: Case, k: int) -> float:
    """The least value of k households, by trying all sets; more never do harm, so that only sets of k count."""
    n, free = case.A.shape[1], case._replace(upper=np.full(case.A.shape[1], np.inf))
    sets = [np.isin(np.arange(n), s).astype(float) for s in itertools.combinations(range(n), min(k, n))]
    below = np.array([solved(free, s)[0] for s in sets])
    best = np.inf
    for i in np.argsort(below):
        if below[i] >= best:
            break
        best = min(best, solved(case, sets[i])[0])
    return float(best)


def outer_approximation(case: Case, k: int, *, whole: bool, gap: float, rounds: int = 300) -> tuple[float, float]:
    """Bounds on the least value over z from below and above; z of 0 and 1 alone where `whole`, of 0 to 1 elsewhere.

    ``c(z)``, the value `solved`, is convex; with the residuals' theta its slope is ``-h_j``, ``h_j = max (A_j' theta) w - price/2 w^2``
    over 0 <= w <= upper_j. Each round adds a tangent. Source: Bertsimas, Pauphilet & Van Parys (2020).
    """
    n = case.A.shape[1]
    tangents, levels, above, below = [], [], np.inf, -np.inf

    def tangent(z: np.ndarray) -> None:
        nonlocal above
        value, w = solved(case, z)
        above = min(above, value)
        theta = (case.b - case.A @ w) / case.hardness
        pull = case.A.T @ theta
        best = np.clip(pull / case.price, 0, case.upper)
        h = pull * best - case.price / 2 * best**2
        tangents.append(np.append(h, 1.0))  # h'z + eta >= level
        levels.append(float(case.b @ theta - (case.hardness * theta) @ theta / 2))

    tangent(np.full(n, min(k / n, 1.0)))
    limits = Bounds(np.append(np.zeros(n), 0.0), np.append(np.ones(n), np.inf))
    for _ in range(rounds):
        rows = [LinearConstraint(np.array(tangents), np.array(levels), np.inf), LinearConstraint(np.append(np.ones(n), 0.0), 0, k)]
        integrality = np.append(np.full(n, int(whole)), 0)
        for presolve in (True, False):
            options = {"mip_rel_gap": 1e-7, "presolve": presolve}
            done = milp(np.append(np.zeros(n), 1.0), integrality=integrality, bounds=limits, constraints=rows, options=options)
            if done.status == 0:
                break
        else:  # HiGHS gives up: what is known so far
            break
        z = np.clip(np.round(done.x[:n]) if whole else done.x[:n], 0, 1)
        below = max(below, float(done.mip_dual_bound if whole and done.mip_dual_bound is not None else done.fun))
        tangent(z)
        if above - below <= gap * above:
            break
    return below, above
