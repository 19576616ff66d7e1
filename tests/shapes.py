"""Random problems of many shapes, each from its seed alone, with totals that some weights meet, or that contradict each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse as sp

from l0engine.calibration.problem.problem import Problem

KINDS = ("categories", "continuous", "heavy", "signed", "rare")


class Shape(NamedTuple):
    """A problem, and what went into it."""

    problem: Problem
    feasible: bool
    about: str


def random_shape(
    seed: int, *, targets: tuple[int, int] = (1, 400), households: tuple[int, int] = (5, 20_000), entries: float = 2e6
) -> Shape:
    """The problem of a seed.

    Numbers of targets and households are drawn from these ranges, evenly in their logarithms; a matrix with more than so many
    entries gets fewer households.
    """
    rng = np.random.default_rng([seed, 10])
    q, n = (round(np.exp(rng.uniform(*np.log(ends)))) for ends in (targets, households))
    n = max(households[0], min(n, int(entries / q)))
    base, weights = _base(rng, n)
    kinds = rng.choice(KINDS, rng.integers(1, len(KINDS) + 1), replace=False)
    matrix, zero_margins, said = _matrix(rng, kinds, q, n)
    if rng.random() < 0.2 and n >= 10:  # households that are alike in all
        matrix, said = matrix[:, rng.integers(0, max(n // 5, 2), n)], [*said, "duplicates"]
    spread = rng.choice([0.0, 0.1, 0.3, 1.0])
    truth = base * rng.lognormal(0.0, spread, n) if spread else base * rng.uniform(0.8, 1.25)
    matrix = _without_margin(matrix, zero_margins, truth)
    keep = np.diff(matrix.indptr) > 0
    if not keep.any():
        return random_shape(seed + 1_000_000, targets=targets, households=households, entries=entries)
    matrix, zero_margins = matrix[keep], zero_margins[keep]
    values = np.where(zero_margins, 0.0, matrix @ truth)
    feasible = bool(rng.random() < 0.8)
    if not feasible:
        values = values * (1 + 0.05 * rng.standard_normal(len(values)))
        said.append("contradictory")
    if rng.random() < 0.4:
        scale = 10 ** rng.uniform(-9, 12, len(values))
        matrix, values, said = sp.csr_array(sp.diags_array(scale) @ matrix), values * scale, [*said, "scales"]
    importance = None
    if rng.random() < 0.25:
        importance, said = 10 ** rng.uniform(-3, 3, len(values)), [*said, "target weights"]
    problem = Problem.create(matrix, values, base_weights=base, target_weights=importance)
    return Shape(problem, feasible, f"seed {seed}: {len(values)} x {n}, {weights} base weights, {', '.join(said)}, spread {spread:g}")


def _base(rng: np.random.Generator, n: int) -> tuple[np.ndarray, str]:
    size = 10 ** rng.uniform(0, 4)
    kind = rng.choice(["equal", "lognormal", "wide"], p=[0.4, 0.4, 0.2])
    if kind == "equal":
        return np.full(n, size), kind
    return size * (rng.lognormal(0, 0.5, n) if kind == "lognormal" else 10 ** rng.uniform(-3, 3, n)), str(kind)


def _matrix(rng: np.random.Generator, kinds: np.ndarray, q: int, n: int) -> tuple[sp.csr_array, np.ndarray, list[str]]:
    """Rows of these kinds, q in all, and which of them may have the total 0."""
    blocks, zero, left = [], [], q
    while left > 0:
        kind = rng.choice(kinds)
        block = BLOCKS[kind](rng, n, left)
        blocks.append(block)
        zero += [kind == "signed" and rng.random() < 0.5 for _ in range(block.shape[0])]
        left -= block.shape[0]
    return sp.csr_array(sp.vstack(blocks)), np.array(zero), [str(k) for k in kinds]


def _categories(rng: np.random.Generator, n: int, left: int) -> sp.csr_array:
    k = int(rng.integers(1, min(left, 40) + 1))
    of = rng.choice(k, n, p=rng.dirichlet(np.full(k, 3.0)))
    return sp.csr_array((np.ones(n), (of, np.arange(n))), shape=(k, n))


def _continuous(rng: np.random.Generator, n: int, left: int) -> sp.csr_array:
    return sp.csr_array(rng.lognormal(rng.uniform(0, 10), rng.uniform(0.1, 1), n)[None])


def _heavy(rng: np.random.Generator, n: int, left: int) -> sp.csr_array:
    tail = rng.pareto(1.2, n) if rng.random() < 0.5 else rng.lognormal(5, 2.5, n)
    return sp.csr_array((tail * (rng.random(n) < rng.uniform(0.1, 1)))[None])


def _signed(rng: np.random.Generator, n: int, left: int) -> sp.csr_array:
    return sp.csr_array((rng.choice([-1.0, 1.0], n) if rng.random() < 0.5 else rng.normal(0.2, 1, n) * rng.lognormal(5, 1, n))[None])


def _rare(rng: np.random.Generator, n: int, left: int) -> sp.csr_array:
    row = np.zeros(n)
    row[rng.choice(n, min(n, int(rng.integers(1, 6))), replace=False)] = rng.choice([1.0, 3.0])
    return sp.csr_array(row[None])


BLOCKS = {"categories": _categories, "continuous": _continuous, "heavy": _heavy, "signed": _signed, "rare": _rare}


def _without_margin(matrix: sp.csr_array, zero_margins: np.ndarray, truth: np.ndarray) -> sp.csr_array:
    """The matrix with negative entries of some rows scaled so that the true weights give 0 there, up to rounding."""
    negative, positive = matrix.minimum(0), matrix.maximum(0)
    below, above = -(negative @ truth), positive @ truth
    factor = np.where(zero_margins & (below > 0) & (above > 0), above / np.where(below > 0, below, 1.0), 1.0)
    zero_margins &= (below > 0) & (above > 0)
    out = sp.csr_array(positive + sp.diags_array(factor) @ negative)
    out.eliminate_zeros()
    return out
