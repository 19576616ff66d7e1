"""Toy surveys, small enough to be seen whole, and fits of them kept step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.calibration.support.refit import refit
from l0engine.calibration.training.checkpoint import TrainingState
from l0engine.calibration.training.iteration import iterate
from l0engine.draining import drain
from l0engine.hard_concrete import HardConcreteDistribution

#: Each household stands for so many at the start.
BASE = 100.0


class Toy(NamedTuple):
    """A problem, and what its households are: persons and income, in thousands, each of shape (n,)."""

    problem: Problem
    persons: np.ndarray
    income: np.ndarray


class Steps(NamedTuple):
    """A fit, step by step.

    Attributes
    ----------
    steps : ndarray of int, shape (n_steps,)
    gates, weights : ndarray, shape (n_steps, n)
        Mean gates, 0 for those dropped, and weights times mean gates: what the objective sees.
    gated, refitted : ndarray, shape (n,)
        Weights times test-time gates at the end, and what the refit makes of them.
    """

    steps: np.ndarray
    gates: np.ndarray
    weights: np.ndarray
    gated: np.ndarray
    refitted: np.ndarray


def survey(seed: int, households: int = 60) -> Toy:
    """Households of three published totals, which their base weights miss by 4 to 15 %."""
    rng = np.random.default_rng(seed)
    persons = 1.0 + rng.poisson(1.5, households)
    income = np.round(np.exp(rng.normal(3.4, 0.6, households)) * np.sqrt(persons), 1)
    matrix = np.stack([np.ones(households), persons, income])
    off = 1 + rng.choice([-1, 1], 3) * rng.uniform(0.04, 0.15, 3)
    names = ("households", "persons", "income")
    problem = Problem.create(matrix, matrix.sum(1) * BASE * off, names=names, base_weights=np.full(households, BASE))
    return Toy(problem, persons, income)


def fit(problem: Problem, config: Config) -> Steps:
    """Fit, keep every snapshot's gates and weights, and refit the households behind the open gates."""
    states: list[TrainingState] = []
    result = drain(iterate(problem, replace(config, refit=False), save=lambda state: states.append(state())))
    dist, n = HardConcreteDistribution(config.temperature), problem.n_households
    gates, weights = np.zeros((2, len(states) + 1, n))
    gates[0] = dist.moments(dist.log_alpha_for(config.init_keep_prob)).mean
    weights[0] = problem.base_weights * gates[0]
    for i, state in enumerate(states, 1):
        opened = dist.moments(torch.from_numpy(state.parameters[1])).mean.numpy()
        gates[i, state.alive], weights[i, state.alive] = opened, opened * np.exp(state.parameters[0])
    gated = result.gated_weights
    refitted = refit(ScaledSystem.build(problem, config), gated, config) if gated.any() else gated
    return Steps(np.array([0, *(int(s.step) for s in states)]), gates, weights, gated, refitted)
