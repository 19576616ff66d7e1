"""Households drawn with probability proportional to their base weight; protected ones are certain."""

from __future__ import annotations

import numpy as np

from l0engine.calibration.frontier.references.method import Case, Choice


def choose(case: Case) -> Choice:
    base = case.system.base_weights
    pi = inclusion_probabilities(base, case.budget, case.system.rules.protected)
    kept = systematic_sample(pi, np.random.default_rng(case.config.seed))
    return Choice(kept, base[kept] / pi[kept])


def inclusion_probabilities(size: np.ndarray, k: int, certain: np.ndarray | None = None) -> np.ndarray:
    """Probabilities proportional to positive sizes, at most 1, of sum k, shape (n,); 1 for some that are certain, shape (n,) of bool.

    Where one would be above 1 the unit is certain and the others share the rest. Source: Tille (2006), Sampling Algorithms,
    section 2.10.
    """
    certain = np.zeros(len(size), dtype=bool) if certain is None else certain
    pi = np.ones(len(size))
    while (left := k - int(certain.sum())) > 0:
        pi[~certain] = left * size[~certain] / size[~certain].sum()
        more = ~certain & (pi >= 1 - 1e-9)
        if not more.any():
            break
        pi[more], certain = 1.0, certain | more
    if left == 0:
        pi[~certain] = 0.0
    return pi


def systematic_sample(pi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Units drawn with probabilities of whole sum, in exactly that number, ascending.

    Systematic sampling in random order. Source: Madow (1949), On the theory of systematic sampling, II; Hartley & Rao (1962),
    Sampling with unequal probabilities and without replacement, for the order.
    """
    certain, order = np.flatnonzero(pi >= 1), rng.permutation(np.flatnonzero(pi < 1))
    k = round(pi.sum()) - len(certain)
    if k == 0:
        return certain
    edges = np.cumsum(pi[order])
    drawn = order[np.searchsorted(edges * (k / edges[-1]), rng.random() + np.arange(k), side="right")]
    return np.sort(np.concatenate([certain, drawn]))
