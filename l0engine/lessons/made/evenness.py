"""The same totals met by four sets of weights: the survey's own, gated, refitted, and a corner of the linear programme."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.references import lp
from l0engine.calibration.frontier.references.method import Case
from l0engine.calibration.metrics import active, effective_sample_size, relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.lessons.made.households import config
from l0engine.lessons.made.toy import BASE, fit
from l0engine.lessons.shown.evenness import SOFT, EvennessAsk, EvennessPicture

#: Households and regions of the survey; each region has totals of households, persons and income.
HOUSEHOLDS, REGIONS = 120, 4


def survey(seed: int) -> Problem:
    """Households of twelve published totals, which base weights miss by up to a quarter."""
    rng = np.random.default_rng(seed)
    persons = 1.0 + rng.poisson(1.5, HOUSEHOLDS)
    income = np.round(np.exp(rng.normal(3.4, 0.7, HOUSEHOLDS)) * np.sqrt(persons), 1)
    region = rng.permutation(HOUSEHOLDS) % REGIONS
    matrix = np.vstack([np.where(region == r, values, 0.0) for values in (np.ones(HOUSEHOLDS), persons, income) for r in range(REGIONS)])
    off = 1 + rng.uniform(-0.25, 0.25, len(matrix))
    names = [f"{what}, region {r + 1}" for what in ("households", "persons", "income") for r in range(REGIONS)]
    return Problem.create(matrix, matrix.sum(1) * BASE * off, names=names, base_weights=np.full(HOUSEHOLDS, BASE))


def show(ask: EvennessAsk) -> EvennessPicture:
    """The survey at these settings."""
    problem = survey(ask.seed)
    chosen = replace(config(ask.price), mu=None if ask.soft == SOFT[0] else float(ask.soft))
    steps = fit(problem, chosen)
    weights = np.stack([problem.base_weights, steps.gated, steps.refitted, corner(ask.seed)])
    errors = np.stack([relative_errors(problem, w) for w in weights])
    return EvennessPicture(
        weights=weights,
        errors=errors,
        kept=active(weights).sum(1),
        medians=np.median(np.abs(errors), axis=1),
        worst=np.abs(errors).max(1),
        ess=np.array([effective_sample_size(w) for w in weights]),
        largest=weights.max(1) / BASE,
    )


@lru_cache(maxsize=100)
def corner(seed: int) -> np.ndarray:
    """Least absolute relative errors at a corner, shape (n,): at most one household a target."""
    problem, config = survey(seed), Config(device="cpu")
    system = ScaledSystem.build(problem, config)
    found = lp.choose(Case(system, config, problem.base_weights, problem.n_targets, lambda: False))
    out = np.zeros(problem.n_households)
    if found is not None:
        out[found.kept] = found.weights
    return out
