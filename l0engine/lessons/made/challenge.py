"""An attempt at the challenge, and what the engine's frontier reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from l0engine.calibration.config import Config
from l0engine.calibration.frontier.path import frontier
from l0engine.calibration.metrics import active, effective_sample_size, relative_errors
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.training.iteration import fit as fit_whole
from l0engine.lessons.made.evenness import survey
from l0engine.lessons.made.households import config
from l0engine.lessons.made.toy import fit
from l0engine.lessons.shown.challenge import Attempt, ChallengeAsk, FrontierAsk, FrontierPicture

#: Numbers of households of the frontier, and the softness of its refits: as even as the challenge asks, where that can be.
BUDGETS, SOFT = (60, 50, 40, 34, 30, 27, 24, 22, 20, 18, 16, 14, 12, 10, 8), 0.03


def attempt(ask: ChallengeAsk) -> Attempt:
    """What these settings achieve."""
    problem = survey(ask.seed)
    chosen = replace(config(ask.price), price_l2=ask.uneven, temperature=ask.temperature, mu=ask.soft)
    return measured(problem, fit(problem, chosen).refitted)


def measured(problem: Problem, weights: np.ndarray) -> Attempt:
    """Weights, shape (n,), with what counts of them."""
    errors = relative_errors(problem, weights)
    off = np.abs(errors)
    return Attempt(weights, errors, int(active(weights).sum()), float(np.median(off)), float(off.max()), effective_sample_size(weights))


def frontier_of(ask: FrontierAsk) -> FrontierPicture:
    """Weights for each of `BUDGETS`, from one fit."""
    problem = survey(ask.seed)
    result = fit_whole(problem, Config(device="cpu", mu=SOFT, epochs=150))
    found = {point.budget: point.full(problem.n_households) for point in frontier(problem, result, BUDGETS)}
    return FrontierPicture(tuple(measured(problem, found[budget]) for budget in sorted(found, reverse=True)))
